/* SPDX-License-Identifier: Apache-2.0 */
/* Reading studies of a store: which there are, and a study's history from its runs' tags. Runs come in the order of their start,
 * which is nearly that of the trials' numbers: what fits goes into the history at once, the rest waits. */
#include "tuner/study_log_parts.h"

#include "core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WHERE_SIZE = 160,
    GAP_EACH = 16, /* numbers without a run that are believed, per run that is there */
    GAP_MAX = 1000,
    EAGER_MAX =
        256 /* trials that wait for their place in the order; with more the order is made at the end */
};

static const char header_tag[] = "mlf.study", trial_tag[] = "mlf.trial";

/* ---- a study's own tags ---- */

static const char *tag_of(const mlf_run_record *run, const char *key)
{
    for (size_t i = 0; i < run->n_tags; i++)
        if (strcmp(run->tags[i].key, key) == 0)
            return run->tags[i].value;
    return NULL;
}

void mlf__study_info_free(struct mlf__study_info *info)
{
    mlf__free(info->name);
    mlf__free(info->experiment_id);
    mlf__free(info->sampler);
    mlf__free(info->pruner);
    for (size_t i = 0; i < MLF__OBJECTIVES_MAX; i++)
        mlf__free(info->metrics[i]);
    *info = (struct mlf__study_info){0};
}

static mlf_status read_info(const mlf_run_record *run, struct mlf__study_info *out)
{
    char where[WHERE_SIZE], *text = NULL;
    *out = (struct mlf__study_info){
        .run_status = run->status, .start_ms = run->start_time_ms, .end_ms = run->end_time_ms};
    snprintf(where, sizeof(where), "run %s: tag %s", run->run_id, header_tag);
    mlf_status status = mlf__study_tag_text(run, header_tag, &text);
    if (status == MLF_OK)
        status = mlf__study_header_read(text, where, out);
    mlf__free(text);
    out->name = mlf__strdup(run->name != NULL ? run->name : "");
    out->experiment_id = mlf__strdup(run->experiment_id != NULL ? run->experiment_id : "");
    mlf__copy_text(out->run_id, sizeof(out->run_id), run->run_id);
    if (status == MLF_OK && (out->name == NULL || out->experiment_id == NULL))
        status = MLF_ERR_NOMEM;
    if (status != MLF_OK)
        mlf__study_info_free(out);
    return status;
}

/* ---- which there are ---- */

typedef mlf_status study_fn(const mlf_run_record *run, void *user);

static mlf_status see_page(const mlf_run_list *page, study_fn *see, void *user)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < page->n_runs && status == MLF_OK; i++)
        status = see(&page->runs[i], user);
    return status;
}

/* The parent runs, the latest first. */
static mlf_status each_study(struct mlf__store *store, const char *experiment_id, study_fn *see,
                             void *user)
{
    const char *order = "attributes.start_time DESC";
    mlf_search_options options = MLF_SEARCH_OPTIONS_INIT;
    char *token = NULL;
    mlf_status status;
    options.experiment_ids = experiment_id != NULL ? &experiment_id : NULL;
    options.n_experiment_ids = experiment_id != NULL;
    options.filter = "tags.`mlf.study` != ''";
    options.order_by = &order;
    options.n_order_by = 1;
    do {
        mlf_run_list page = {0};
        options.page_token = token;
        status = store->ops->run_search(store, &options, &page);
        if (status == MLF_OK)
            status = see_page(&page, see, user);
        mlf__free(token);
        token = page.next_page_token;
        page.next_page_token = NULL;
        mlf_run_list_free(&page);
    } while (status == MLF_OK && token != NULL);
    mlf__free(token);
    return status;
}

struct info_list {
    struct mlf__study_info *infos;
    size_t n, cap;
};

static mlf_status add_info(const mlf_run_record *run, void *user)
{
    struct info_list *list = user;
    struct mlf__study_info info;
    mlf_status status = mlf__grow((void **)&list->infos, &list->cap, list->n + 1, sizeof(info));
    if (status == MLF_OK)
        status = read_info(run, &info);
    if (status == MLF_OK)
        list->infos[list->n++] = info;
    /* One that cannot be read is none of those that can be chosen. */
    return status == MLF_ERR_NOMEM ? status : MLF_OK;
}

mlf_status mlf__study_list(struct mlf__store *store, const char *experiment_id,
                           struct mlf__study_info **out, size_t *n)
{
    struct info_list list = {0};
    mlf_status status = each_study(store, experiment_id, add_info, &list);
    *out = list.infos;
    *n = list.n;
    if (status == MLF_OK)
        return MLF_OK;
    for (size_t i = 0; i < list.n; i++)
        mlf__study_info_free(&list.infos[i]);
    mlf__free(list.infos);
    *out = NULL;
    *n = 0;
    return status;
}

/* What |which| may stand for. */
struct choice {
    const char *which, *experiment_id; /* NULL: any */
    char by_name[MLF__ID_SIZE], by_id[MLF__ID_SIZE];
    size_t n_ids;
    char second[MLF__ID_SIZE];
};

static mlf_status consider(const mlf_run_record *run, void *user)
{
    struct choice *choice = user;
    bool in_place =
        choice->experiment_id == NULL || strcmp(choice->experiment_id, run->experiment_id) == 0;
    bool named =
        choice->which[0] == '\0' || (run->name != NULL && strcmp(choice->which, run->name) == 0);
    if (in_place && named && choice->by_name[0] == '\0')
        mlf__copy_text(choice->by_name, sizeof(choice->by_name), run->run_id);
    if (choice->which[0] != '\0' &&
        strncmp(choice->which, run->run_id, strlen(choice->which)) == 0 && choice->n_ids++ < 2)
        mlf__copy_text(choice->n_ids == 1 ? choice->by_id : choice->second, sizeof(choice->by_id),
                       run->run_id);
    return MLF_OK;
}

mlf_status mlf__study_find(struct mlf__store *store, const char *which, const char *experiment_id,
                           char run_id[MLF__ID_SIZE])
{
    struct choice choice = {.which = which != NULL ? which : "", .experiment_id = experiment_id};
    mlf_status status = each_study(store, NULL, consider, &choice);
    run_id[0] = '\0';
    if (status != MLF_OK)
        return status;
    if (choice.by_name[0] != '\0')
        mlf__copy_text(run_id, MLF__ID_SIZE, choice.by_name);
    else if (choice.n_ids == 1)
        mlf__copy_text(run_id, MLF__ID_SIZE, choice.by_id);
    else if (choice.n_ids > 1)
        return mlf__fail(MLF_ERR_INVAL, "'%s' is the beginning of several studies: %s, %s%s", which,
                         choice.by_id, choice.second, choice.n_ids > 2 ? " …" : "");
    else if (choice.which[0] == '\0')
        return mlf__fail(MLF_ERR_NOT_FOUND, "there is no study");
    else
        return mlf__fail(MLF_ERR_NOT_FOUND,
                         "there is no study '%s': neither a run's id nor a name in the experiment",
                         which);
    return MLF_OK;
}

/* ---- a trial's run ---- */

/* What is known of a trial's run beside its tag. */
struct origin {
    char run_id[33];
    int status; /* 0: none, the trial waits */
    bool deleted;
    int64_t start_ms, end_ms;
};

/* A trial that does not come in turn. */
struct waiting {
    int64_t number;
    int rank; /* of several with one number the lowest counts: 0 a run, 1 one that tells little, 2 the queue */
    struct origin origin;
    char *text; /* NULL: nothing is known but its number */
};

/* A trial that has finished and waits for its place in the order. */
struct finished {
    int64_t told;
    struct mlf__trial *trial;
    mlf_trial_state state;
    size_t n_values;
    double value;
    double *values; /* of several */
};

struct scan {
    struct mlf__study_reading *reading;
    struct mlf__store *store;
    struct waiting *waiting;
    size_t n_waiting, cap_waiting;
    struct finished *finished;
    size_t n_finished, cap_finished;
    size_t n_runs;
    struct origin *in_parts; /* runs whose tag goes on in others */
    size_t n_in_parts, cap_in_parts;
};

static mlf_status add_waiting(struct scan *scan, int64_t number, int rank,
                              const struct origin *origin, const char *text)
{
    mlf_status status = mlf__grow((void **)&scan->waiting, &scan->cap_waiting, scan->n_waiting + 1,
                                  sizeof(*scan->waiting));
    char *copy = NULL;
    if (status == MLF_OK && text != NULL && (copy = mlf__strdup(text)) == NULL)
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        scan->waiting[scan->n_waiting++] =
            (struct waiting){.number = number, .rank = rank, .origin = *origin, .text = copy};
    return status;
}

/* ---- the order of finishing ---- */

static mlf_status finish_trial(struct scan *scan, struct finished *finished)
{
    const double *values = finished->values != NULL ? finished->values : &finished->value;
    mlf_status status = mlf__history_finish(scan->reading->history, finished->trial,
                                            finished->state, values, finished->n_values);
    mlf__free(finished->values);
    finished->values = NULL;
    return status;
}

/* Finishes those whose turn it is. */
static mlf_status finish_next(struct scan *scan)
{
    const struct mlf__history *history = scan->reading->history;
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < scan->n_finished && scan->n_finished <= EAGER_MAX && status == MLF_OK;) {
        if (scan->finished[i].told != (int64_t)history->n_told) {
            i++;
            continue;
        }
        struct finished next = scan->finished[i];
        scan->finished[i] = scan->finished[--scan->n_finished];
        status = finish_trial(scan, &next);
        i = 0;
    }
    return status;
}

static mlf_status add_finished(struct scan *scan, struct mlf__trial *trial, mlf_trial_state state,
                               const struct mlf__trial_text *text)
{
    struct finished finished = {.told = text != NULL && text->told >= 0 ? text->told : INT64_MAX,
                                .trial = trial,
                                .state = state};
    mlf_status status = mlf__grow((void **)&scan->finished, &scan->cap_finished,
                                  scan->n_finished + 1, sizeof(finished));
    if (status != MLF_OK)
        return status;
    if (state == MLF_TRIAL_COMPLETE) {
        finished.n_values = text->n_values;
        finished.value = text->values[0];
    }
    if (finished.n_values > 1) {
        size_t size = finished.n_values * sizeof(double);
        if ((finished.values = mlf__alloc(size)) == NULL)
            return MLF_ERR_NOMEM;
        memcpy(finished.values, text->values, size);
    }
    scan->finished[scan->n_finished++] = finished;
    return finish_next(scan);
}

static int compare_told(const void *a, const void *b)
{
    const struct finished *x = a, *y = b;
    if (x->told != y->told)
        return x->told < y->told ? -1 : 1;
    return x->trial->number < y->trial->number ? -1 : x->trial->number > y->trial->number;
}

static mlf_status finish_rest(struct scan *scan)
{
    mlf_status status = MLF_OK;
    if (scan->n_finished > 1)
        qsort(scan->finished, scan->n_finished, sizeof(*scan->finished), compare_told);
    for (size_t i = 0; i < scan->n_finished && status == MLF_OK; i++)
        status = finish_trial(scan, &scan->finished[i]);
    return status;
}

/* ---- a trial of the history ---- */

static mlf_status add_loose(struct mlf__study_reading *reading, const struct mlf__trial *trial,
                            bool was_running)
{
    mlf_status status = mlf__grow((void **)&reading->loose, &reading->cap_loose,
                                  reading->n_loose + 1, sizeof(*reading->loose));
    if (status == MLF_OK)
        reading->loose[reading->n_loose++] =
            (struct mlf__study_loose){(uint32_t)trial->number, was_running};
    return status;
}

static bool is_finished_state(mlf_trial_state state)
{
    return state == MLF_TRIAL_COMPLETE || state == MLF_TRIAL_PRUNED || state == MLF_TRIAL_FAIL;
}

/* Decides what becomes of a trial whose run is known. */
static mlf_status settle_trial(struct scan *scan, struct mlf__trial *trial,
                               const struct mlf__trial_text *text, const struct origin *origin)
{
    struct mlf__study_reading *reading = scan->reading;
    bool ended = text != NULL && is_finished_state(text->state);
    mlf_status status = MLF_OK;
    if (origin->deleted)
        return add_finished(scan, trial, MLF_TRIAL_FAIL, text);
    if (!ended && !reading->take_over && origin->status == MLF_RUN_RUNNING)
        return MLF_OK;
    if (!ended) {
        if (reading->take_over)
            status = add_loose(reading, trial, true);
        return status == MLF_OK ? add_finished(scan, trial, MLF_TRIAL_FAIL, NULL) : status;
    }
    int wanted = text->state == MLF_TRIAL_FAIL ? MLF_RUN_FAILED : MLF_RUN_FINISHED;
    if (reading->take_over && origin->status != wanted)
        status = add_loose(reading, trial, false);
    return status == MLF_OK ? add_finished(scan, trial, text->state, text) : status;
}

/* The trial with the next number. |text| NULL: nothing is known of it. */
static mlf_status add_trial(struct scan *scan, const struct mlf__trial_text *text,
                            const char *where, const struct origin *origin)
{
    struct mlf__history *history = scan->reading->history;
    struct mlf__trial *trial;
    bool waits = origin->status == 0 && text != NULL;
    mlf_status status =
        mlf__history_add(history, waits ? MLF_TRIAL_WAITING : MLF_TRIAL_RUNNING, &trial);
    if (status != MLF_OK)
        return status;
    if (text != NULL)
        status = mlf__study_trial_fill(text, where, history, trial);
    mlf__copy_text(trial->run_id, sizeof(trial->run_id), origin->run_id);
    trial->start_ms = origin->start_ms;
    trial->end_ms = origin->end_ms;
    if (status != MLF_OK || waits)
        return status;
    return settle_trial(scan, trial, text, origin);
}

static void say_where(const struct origin *origin, char out[WHERE_SIZE])
{
    snprintf(out, WHERE_SIZE, "run %s: tag %s", origin->run_id, trial_tag);
}

/* A trial with its whole text: into the history when it comes in turn. */
static mlf_status see_text(struct scan *scan, const struct origin *origin, const char *text)
{
    struct mlf__history *history = scan->reading->history;
    struct mlf__trial_text trial;
    char where[WHERE_SIZE];
    say_where(origin, where);
    mlf_status status = mlf__study_trial_read(text, where, history, &trial);
    if (status != MLF_OK)
        return status;
    if (trial.number == (int64_t)history->n_trials && !origin->deleted)
        status = add_trial(scan, &trial, where, origin);
    else
        status = add_waiting(scan, trial.number, origin->deleted ? 1 : 0, origin, text);
    mlf__trial_text_free(&trial);
    return status;
}

/* Its process died between the beginning of the run and its tag. */
static bool number_of_name(const char *name, int64_t *out)
{
    return strncmp(name, "trial_", 6) == 0 && mlf__parse_i64(name + 6, out) && *out >= 0 &&
           *out <= INT32_MAX;
}

static mlf_status keep_for_parts(struct scan *scan, const struct origin *origin)
{
    mlf_status status = mlf__grow((void **)&scan->in_parts, &scan->cap_in_parts,
                                  scan->n_in_parts + 1, sizeof(*scan->in_parts));
    if (status == MLF_OK)
        scan->in_parts[scan->n_in_parts++] = *origin;
    return status;
}

static mlf_status see_child(const struct mlf__child *child, void *user)
{
    struct scan *scan = user;
    struct origin origin = {.status = child->status,
                            .deleted = child->deleted,
                            .start_ms = child->start_time_ms,
                            .end_ms = child->end_time_ms};
    int64_t number;
    if (!mlf__copy_text(origin.run_id, sizeof(origin.run_id), child->run_id) || origin.status == 0)
        return MLF_OK;
    scan->n_runs++;
    if (child->tag == NULL)
        return number_of_name(child->name, &number) ? add_waiting(scan, number, 1, &origin, NULL)
                                                    : MLF_OK;
    /* No other operation while runs are listed. */
    if (mlf__study_n_parts(child->tag) != 1)
        return keep_for_parts(scan, &origin);
    return see_text(scan, &origin, child->tag);
}

static mlf_status see_parts(struct scan *scan)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < scan->n_in_parts && status == MLF_OK; i++) {
        mlf_run_record run = {0};
        char *text = NULL;
        status = scan->store->ops->run_get(scan->store, scan->in_parts[i].run_id, &run);
        if (status == MLF_OK)
            status = mlf__study_tag_text(&run, trial_tag, &text);
        if (status == MLF_OK)
            status = see_text(scan, &scan->in_parts[i], text);
        mlf__free(text);
        mlf_run_record_free(&run);
    }
    return status;
}

/* ---- those that did not come in turn ---- */

static int compare_waiting(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->rank - y->rank;
}

/* Trials whose runs are gone for good keep their number, as failed ones. */
static mlf_status fill_gap(struct scan *scan, const struct waiting *waiting)
{
    static const struct origin nothing = {.status = MLF_RUN_FAILED, .start_ms = -1, .end_ms = -1};
    const struct mlf__history *history = scan->reading->history;
    uint64_t most = GAP_MAX + (uint64_t)GAP_EACH * scan->n_runs;
    mlf_status status = MLF_OK;
    if ((uint64_t)waiting->number > most)
        return mlf__fail(MLF_ERR_CORRUPT,
                         "run %s: tag %s: trial %" PRId64 " of a study of %zu runs",
                         waiting->origin.run_id, trial_tag, waiting->number, scan->n_runs);
    while ((int64_t)history->n_trials < waiting->number && status == MLF_OK)
        status = add_trial(scan, NULL, "", &nothing);
    return status;
}

static mlf_status add_in_turn(struct scan *scan, const struct waiting *waiting)
{
    const struct mlf__history *history = scan->reading->history;
    struct mlf__trial_text text;
    char where[WHERE_SIZE];
    if (waiting->number < (int64_t)history->n_trials) {
        const struct mlf__trial *there = history->trials[waiting->number];
        return waiting->rank > 0
                   ? MLF_OK
                   : mlf__fail(MLF_ERR_CORRUPT,
                               "run %s: tag %s: trial %" PRId64 " is run %s already; "
                               "delete one of them",
                               waiting->origin.run_id, trial_tag, waiting->number, there->run_id);
    }
    mlf_status status = fill_gap(scan, waiting);
    if (status != MLF_OK)
        return status;
    if (waiting->text == NULL)
        return add_trial(scan, NULL, "", &waiting->origin);
    say_where(&waiting->origin, where);
    status = mlf__study_trial_read(waiting->text, where, history, &text);
    if (status != MLF_OK)
        return status;
    status = add_trial(scan, &text, where, &waiting->origin);
    mlf__trial_text_free(&text);
    return status;
}

static mlf_status add_rest(struct scan *scan)
{
    mlf_status status = MLF_OK;
    if (scan->n_waiting > 1)
        qsort(scan->waiting, scan->n_waiting, sizeof(*scan->waiting), compare_waiting);
    for (size_t i = 0; i < scan->n_waiting && status == MLF_OK; i++) {
        status = add_in_turn(scan, &scan->waiting[i]);
        mlf__free(scan->waiting[i].text);
        scan->waiting[i].text = NULL;
    }
    return status;
}

static void free_scan(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_waiting; i++)
        mlf__free(scan->waiting[i].text);
    for (size_t i = 0; i < scan->n_finished; i++)
        mlf__free(scan->finished[i].values);
    mlf__free(scan->waiting);
    mlf__free(scan->finished);
    mlf__free(scan->in_parts);
}

/* ---- a study ---- */

static mlf_status read_space(const mlf_run_record *run, struct mlf__study_reading *reading)
{
    char key[64], where[WHERE_SIZE], *text;
    mlf_status status = MLF_OK;
    for (;; reading->n_spaces++) {
        snprintf(key, sizeof(key), "mlf.study.space.%zu", reading->n_spaces);
        if (tag_of(run, key) == NULL)
            return MLF_OK;
        snprintf(where, sizeof(where), "run %s: tag %s", run->run_id, key);
        status = mlf__study_tag_text(run, key, &text);
        if (status == MLF_OK)
            status = mlf__study_space_read(text, where, reading->history);
        mlf__free(text);
        if (status != MLF_OK)
            return status;
    }
}

static mlf_status read_queue(const mlf_run_record *run, struct scan *scan)
{
    static const char prefix[] = "mlf.study.queue.";
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < run->n_tags && status == MLF_OK; i++) {
        const char *key = run->tags[i].key, *number = key + sizeof(prefix) - 1;
        char where[WHERE_SIZE], *text = NULL;
        struct mlf__trial_text trial = {0};
        struct origin origin = {.start_ms = -1, .end_ms = -1};
        /* A second dot belongs to a part. */
        if (strncmp(key, prefix, sizeof(prefix) - 1) != 0 ||
            number[strspn(number, "0123456789")] != '\0')
            continue;
        snprintf(where, sizeof(where), "run %s: tag %.60s", run->run_id, key);
        status = mlf__study_tag_text(run, key, &text);
        if (status == MLF_OK)
            status = mlf__study_trial_read(text, where, scan->reading->history, &trial);
        if (status == MLF_OK)
            status = add_waiting(scan, trial.number, 2, &origin, text);
        mlf__trial_text_free(&trial);
        mlf__free(text);
        scan->n_runs++;
    }
    return status;
}

static mlf_status read_parent(const mlf_run_record *run, struct mlf__study_reading *reading)
{
    struct mlf__history *history = reading->history;
    const char *owner = tag_of(run, "mlf.study.owner");
    if (run->deleted)
        return mlf__fail(MLF_ERR_STATE, "study %s is deleted", run->run_id);
    mlf_status status = read_info(run, &reading->info);
    if (status != MLF_OK)
        return status;
    history->n_objectives = reading->info.n_objectives;
    memcpy(history->directions, reading->info.directions, sizeof(history->directions));
    if (owner != NULL && (reading->owner = mlf__strdup(owner)) == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < run->n_params; i++)
        if (strcmp(run->params[i].key, "best_child_run_id") == 0)
            mlf__copy_text(reading->best_run, sizeof(reading->best_run), run->params[i].value);
    return read_space(run, reading);
}

static mlf_status read_trials(const mlf_run_record *run, struct scan *scan)
{
    mlf_status status =
        scan->store->ops->run_children(scan->store, run->run_id, trial_tag, see_child, scan);
    if (status == MLF_OK)
        status = see_parts(scan);
    if (status == MLF_OK)
        status = read_queue(run, scan);
    if (status == MLF_OK)
        status = add_rest(scan);
    return status == MLF_OK ? finish_rest(scan) : status;
}

mlf_status mlf__study_reading_run(struct mlf__study_reading *reading, struct mlf__store *store,
                                  const char *run_id)
{
    mlf_run_record run = {0};
    struct scan scan = {.reading = reading, .store = store};
    mlf_status status = store->ops->run_get(store, run_id, &run);
    if (status == MLF_OK)
        status = read_parent(&run, reading);
    if (status == MLF_OK)
        status = read_trials(&run, &scan);
    free_scan(&scan);
    mlf_run_record_free(&run);
    return status;
}

void mlf__study_reading_free(struct mlf__study_reading *reading)
{
    mlf__study_info_free(&reading->info);
    mlf__free(reading->owner);
    mlf__free(reading->loose);
    reading->owner = NULL;
    reading->loose = NULL;
}

mlf_status mlf__study_read(struct mlf__store *store, const char *which, const char *experiment_id,
                           struct mlf__study_info *info, struct mlf__history *history)
{
    struct mlf__study_reading reading = {.history = history};
    char run_id[MLF__ID_SIZE];
    *info = (struct mlf__study_info){0};
    mlf_status status = mlf__study_find(store, which, experiment_id, run_id);
    if (status == MLF_OK)
        status = mlf__study_reading_run(&reading, store, run_id);
    if (status == MLF_OK) {
        *info = reading.info;
        reading.info = (struct mlf__study_info){0};
    }
    mlf__study_reading_free(&reading);
    return status;
}
