/* SPDX-License-Identifier: Apache-2.0 */
/* A word that could mean several things is an error that names them; nothing is guessed. */
#include "cli/runs_pick.h"

#include "core/buf.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

enum { ID_LENGTH = 32, CANDIDATES = 5 };

/* ---- experiments ---- */

mlf_status mlf__experiment_pick(struct mlf__store *store, const char *word, mlf_experiment *out)
{
    mlf_status status = store->ops->experiment_by_name(store, word, out);

    if (status != MLF_ERR_NOT_FOUND || *word == '\0' || word[strspn(word, "0123456789")] != '\0')
        return status;
    return store->ops->experiment_get(store, word, out);
}

void mlf__experiment_ids_free(char **ids)
{
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++)
        mlf__free(ids[i]);
    mlf__free(ids);
}

mlf_status mlf__experiment_ids(struct mlf__store *store, const char *const *words, size_t n,
                               char ***ids)
{
    *ids = NULL;
    if (n == 0)
        return MLF_OK;
    *ids = mlf__zalloc(n + 1, sizeof(**ids));
    mlf_status status = *ids != NULL ? MLF_OK : MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < n; i++) {
        mlf_experiment experiment = {0};
        status = mlf__experiment_pick(store, words[i], &experiment);
        if (status == MLF_OK) {
            (*ids)[i] = experiment.id;
            experiment.id = NULL;
        }
        mlf_experiment_free(&experiment);
    }
    if (status != MLF_OK) {
        mlf__experiment_ids_free(*ids);
        *ids = NULL;
    }
    return status;
}

/* ---- runs ---- */

static mlf_status take_latest(struct mlf__store *store, const char *experiment_id, mlf_view view,
                              char **id)
{
    mlf_search_options search = MLF_SEARCH_OPTIONS_INIT;
    const char *const ids[] = {experiment_id};
    mlf_run_list list = {0};

    if (view == MLF_VIEW_DELETED_ONLY) {
        search.experiment_ids = experiment_id != NULL ? ids : NULL;
        search.n_experiment_ids = experiment_id != NULL;
        search.view = view;
        search.max_results = 1;
    }
    mlf_status status = view == MLF_VIEW_DELETED_ONLY
                            ? store->ops->run_search(store, &search, &list)
                            : store->ops->run_list(store, experiment_id, 1, &list);
    if (status == MLF_OK && list.n_runs == 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "there is no %srun%s",
                           view == MLF_VIEW_DELETED_ONLY ? "deleted " : "",
                           experiment_id != NULL ? " in this experiment" : " yet");
    if (status == MLF_OK) {
        *id = list.runs[0].run_id;
        list.runs[0].run_id = NULL;
    }
    mlf_run_list_free(&list);
    return status;
}

static mlf_status fail_candidates(const char *prefix, const mlf_run_list *list)
{
    struct mlf__buf names = {0};

    for (size_t i = 0; i < list->n_runs && i < CANDIDATES; i++)
        mlf__buf_printf(&names, "%s%s", i > 0 ? ", " : "", list->runs[i].run_id);
    mlf_status status =
        mlf__fail(MLF_ERR_INVAL, "'%s' is the beginning of several runs: %s%s", prefix,
                  names.failed ? "" : names.data, list->n_runs > CANDIDATES ? " …" : "");
    mlf__buf_free(&names);
    return status;
}

/* The deleted run whose id begins with |prefix|; |only_deleted| when others were not looked at. */
static mlf_status find_deleted(struct mlf__store *store, const char *prefix, bool only_deleted,
                               char **id)
{
    mlf_search_options search = MLF_SEARCH_OPTIONS_INIT;
    mlf_run_list list = {0};
    char filter[80];

    if (prefix[strspn(prefix, "0123456789abcdef")] != '\0' || strlen(prefix) > ID_LENGTH)
        return mlf__fail(MLF_ERR_NOT_FOUND, "no run's id begins with '%s'", prefix);
    snprintf(filter, sizeof(filter), "attributes.run_id LIKE '%s%%'", prefix);
    search.filter = filter;
    search.view = MLF_VIEW_DELETED_ONLY;
    search.max_results = CANDIDATES + 1;
    mlf_status status = store->ops->run_search(store, &search, &list);
    if (status == MLF_OK && list.n_runs == 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "no %srun's id begins with '%s'",
                           only_deleted ? "deleted " : "", prefix);
    else if (status == MLF_OK && list.n_runs > 1)
        status = fail_candidates(prefix, &list);
    if (status == MLF_OK) {
        *id = list.runs[0].run_id;
        list.runs[0].run_id = NULL;
    }
    mlf_run_list_free(&list);
    return status;
}

static mlf_status find_run(struct mlf__store *store, const char *word, mlf_view view, char **id)
{
    mlf_status status = MLF_ERR_NOT_FOUND;

    if (view != MLF_VIEW_DELETED_ONLY)
        status = store->ops->run_find(store, word, id);
    if (status != MLF_ERR_NOT_FOUND || view == MLF_VIEW_ACTIVE_ONLY)
        return status;
    return find_deleted(store, word, view == MLF_VIEW_DELETED_ONLY, id);
}

static mlf_status check_experiment(struct mlf__store *store, const char *run_id,
                                   const mlf_experiment *experiment)
{
    mlf_run_record run = {0};
    mlf_status status = store->ops->run_get(store, run_id, &run);

    if (status == MLF_OK && strcmp(run.experiment_id, experiment->id) != 0)
        status = mlf__fail(MLF_ERR_NOT_FOUND, "run %s is not in experiment '%s'", run_id,
                           experiment->name);
    mlf_run_record_free(&run);
    return status;
}

mlf_status mlf__run_pick(struct mlf__store *store, const char *word, const char *experiment,
                         mlf_view view, char **id)
{
    mlf_experiment where = {0};
    mlf_status status = MLF_OK;

    *id = NULL;
    if (word != NULL && *word == '\0')
        return mlf__fail(MLF_ERR_INVAL, "a run's id is empty: give some of its first characters, "
                                        "or 'latest'");
    if (experiment != NULL)
        status = mlf__experiment_pick(store, experiment, &where);
    if (status == MLF_OK && (word == NULL || strcmp(word, "latest") == 0))
        status = take_latest(store, where.id, view, id);
    else if (status == MLF_OK) {
        status = find_run(store, word, view, id);
        if (status == MLF_OK && experiment != NULL)
            status = check_experiment(store, *id, &where);
    }
    mlf_experiment_free(&where);
    if (status != MLF_OK) {
        mlf__free(*id);
        *id = NULL;
    }
    return status;
}

mlf_status mlf__runs_read(struct mlf__store *store, char *const *words, size_t n, mlf_view view,
                          mlf_run_list *out)
{
    size_t count = n > 0 ? n : 1;
    mlf_status status = MLF_OK;

    *out = (mlf_run_list){.runs = mlf__zalloc(count, sizeof(*out->runs))};
    if (out->runs == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; status == MLF_OK && i < count; i++) {
        char *id;
        status = mlf__run_pick(store, n > 0 ? words[i] : NULL, NULL, view, &id);
        if (status == MLF_OK)
            status = store->ops->run_get(store, id, &out->runs[i]);
        out->n_runs += status == MLF_OK;
        mlf__free(id);
    }
    if (status != MLF_OK)
        mlf_run_list_free(out);
    return status;
}
