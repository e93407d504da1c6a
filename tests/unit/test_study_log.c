/* SPDX-License-Identifier: Apache-2.0 */
/* A study's tags: what is written is read again as it was; a study is put together from runs in any order; who drives a study.
 * The store is written here by hand, as other versions and people may have written it. */
#include "tuner/study_log_parts.h"

#include "test_tracking_store.h"

#include <math.h>
#include <sys/wait.h>

static struct mlf__store *store;
static const char study_id[] = "5eed0000000000000000000000000000";

/* ---- a store by hand ---- */

static void add_run(const char *id, const char *name, const char *parent, int64_t start_ms)
{
    const mlf_key_value tag = {"mlflow.parentRunId", parent};
    const struct mlf__run_create run = {.run_id = id,
                                        .experiment_id = "0",
                                        .name = name,
                                        .user = "ann",
                                        .start_time_ms = start_ms,
                                        .tags = &tag,
                                        .n_tags = parent != NULL};
    OK(store->ops->run_create(store, &run) == MLF_OK, "run %s", name);
}

static void set(const char *id, const char *key, const char *value)
{
    if (store->ops->set_tag(store, id, key, value) != MLF_OK)
        OK(false, "tag %s: %s", key, mlf__errmsg());
}

/* Trial |number| in run |number|, told as the |told|-th. */
static void add_trial(int number, int told, int64_t start_ms)
{
    char id[40], name[32], text[200];
    snprintf(id, sizeof(id), "%032x", number + 1);
    snprintf(name, sizeof(name), "trial_%d", number);
    snprintf(text, sizeof(text),
             "{\"number\":%d,\"state\":\"COMPLETE\",\"values\":[%d.5],\"params\":[[0,0,0.25]],"
             "\"told\":%d}",
             number, number, told);
    add_run(id, name, study_id, start_ms);
    set(id, "mlf.trial", text);
    store->ops->run_update(store, id, MLF_RUN_FINISHED, start_ms + 10);
}

static void make_study(void)
{
    add_run(study_id, "study", NULL, 1000);
    set(study_id, "mlf.study",
        "{\"version\":1,\"metrics\":[\"loss\"],\"directions\":[\"minimize\"],\"sampler\":\"tpe\","
        "\"pruner\":\"none\",\"seed\":\"18446744073709551615\"}");
    set(study_id, "mlf.study.space.0",
        "{\"names\":[\"lr\"],\"distributions\":[{\"name\":\"FloatDistribution\",\"attributes\":"
        "{\"step\":null,\"low\":0,\"high\":1,\"log\":false}}]}");
}

/* ---- reading ---- */

static void order_of_runs(void)
{
    struct mlf__history history = {0};
    struct mlf__study_info info;
    make_study();
    add_trial(2, 0, 1010); /* started before the others, by its clock, and finished first */
    add_trial(0, 2, 1020);
    add_trial(1, 1, 1030);
    add_run("00000000000000000000000000000099", "other", study_id, 1001);
    IS(mlf__study_read(store, "study", "0", &info, &history), MLF_OK,
       "a study is read by its name");
    STR(info.run_id, study_id, "it has its run's id");
    OK(info.seed == UINT64_MAX, "and its seed, whole");
    IS(history.n_trials, 3, "runs inside that are no trials are left out");
    OK(history.trials[1]->number == 1 && history.trials[1]->value == 1.5, "trials are by number");
    OK(history.n_told == 3 && history.told[0] == 2 && history.told[1] == 1 && history.told[2] == 0,
       "they finished in their own order");
    IS(history.trials[2]->start_ms, 1010, "a trial has its run's time");
    OK(mlf__history_best(&history) == history.trials[0], "the best one is known");
    mlf__study_info_free(&info);
    mlf__history_free(&history);
}

static void gaps(void)
{
    struct mlf__history history = {0};
    struct mlf__study_info info;
    add_trial(5, 3, 1040);
    add_run("00000000000000000000000000000098", "trial_4", study_id, 1035);
    IS(mlf__study_read(store, NULL, NULL, &info, &history), MLF_OK, "the latest study is read");
    IS(history.n_trials, 6, "numbers without a run are kept");
    IS(history.trials[3]->state, MLF_TRIAL_FAIL, "as failed trials");
    IS(history.trials[4]->state, MLF_TRIAL_RUNNING, "a run that only began is its name's trial");
    STR(history.trials[4]->run_id, "00000000000000000000000000000098", "and has its id");
    IS(history.n_running, 1, "it is going on");
    mlf__study_info_free(&info);
    mlf__history_free(&history);
    set("00000000000000000000000000000006", "mlf.trial", "{\"number\":4000,\"state\":\"FAIL\"}");
    IS(mlf__study_read(store, "study", NULL, &info, &history), MLF_ERR_CORRUPT,
       "a number far beyond the runs is refused");
    OK(says("00000000000000000000000000000006") && says("4000"), "with run and number");
    mlf__study_info_free(&info);
    mlf__history_free(&history);
}

static void choosing(void)
{
    struct mlf__study_info *infos;
    char id[MLF__ID_SIZE];
    size_t n;
    add_run("5eed1111111111111111111111111111", "5eed0", NULL, 2000);
    set("5eed1111111111111111111111111111", "mlf.study",
        "{\"version\":1,\"metrics\":[\"a\",\"b\"],\"directions\":[\"minimize\",\"maximize\"],"
        "\"sampler\":\"\",\"pruner\":\"\",\"seed\":\"0\"}");
    IS(mlf__study_find(store, "5eed", "0", id), MLF_ERR_INVAL, "a beginning of two ids is refused");
    OK(says(study_id), "with the ids");
    mlf__study_find(store, "5eed00", "0", id);
    STR(id, study_id, "one of one id is enough");
    mlf__study_find(store, "5eed0", "0", id);
    STR(id, "5eed1111111111111111111111111111", "a name goes before a beginning");
    IS(mlf__study_find(store, "5eed0", "7", id), MLF_OK, "in another experiment it is a beginning");
    STR(id, study_id, "of that id");
    IS(mlf__study_find(store, "it's \"x\"", "0", id), MLF_ERR_NOT_FOUND,
       "a name may have any characters");
    IS(mlf__study_list(store, NULL, &infos, &n), MLF_OK, "studies are listed");
    IS(n, 2, "each of them");
    STR(infos[0].name, "5eed0", "the latest first");
    OK(infos[0].n_objectives == 2 && infos[0].directions[1] == MLF_MAXIMIZE, "with objectives");
    for (size_t i = 0; i < n; i++)
        mlf__study_info_free(&infos[i]);
    mlf__free(infos);
}

/* ---- texts ---- */

static struct mlf__trial *rich_trial(struct mlf__history *history)
{
    static const char *const texts[] = {"a", "größe \"q\""};
    struct mlf__dist dist;
    struct mlf__trial *trial;
    struct mlf__trial_extra *extra;
    uint32_t name, number;
    history->n_objectives = 2;
    mlf__history_add(history, MLF_TRIAL_RUNNING, &trial);
    mlf__dist_float("lr", 1e-5, 0.1, 0, true, &dist);
    mlf__history_name(history, "lr", &name);
    mlf__history_dist(history, &dist, &number);
    mlf__trial_set_param(trial, name, number, 0.1 + 0.2);
    mlf__dist_free(&dist);
    mlf__dist_categorical("kind", texts, 2, &dist);
    mlf__history_name(history, "kind", &name);
    mlf__history_dist(history, &dist, &number);
    mlf__trial_set_param(trial, name, number, 1);
    mlf__dist_free(&dist);
    mlf__trial_add_intermediate(trial, 7, NAN);
    mlf__trial_add_intermediate(trial, 9007199254740991, -INFINITY);
    mlf__trial_add_constraint(trial, "c", 1.5);
    mlf__trial_add_constraint(trial, "d", -1);
    extra = mlf__trial_extra(trial);
    mlf__pairs_set(&extra->attrs, &extra->n_attrs, &extra->cap_attrs, "note", "line\n\"two\"\xff");
    mlf__pairs_set(&extra->fixed, &extra->n_fixed, &extra->cap_fixed, "lr", "0.3");
    trial->generation = 4;
    mlf__history_finish(history, trial, MLF_TRIAL_COMPLETE, (const double[]){INFINITY, 0.1}, 2);
    return trial;
}

static void round_trip(void)
{
    struct mlf__history from = {0}, to = {0};
    struct mlf__trial_text text;
    struct mlf__trial *trial;
    const struct mlf__trial *source = rich_trial(&from);
    char *space = mlf__study_space_write(&from, 0, 0), *written = mlf__study_trial_write(source);
    to.n_objectives = 2;
    IS(mlf__study_space_read(space, "here", &to), MLF_OK, "a space is read as it was written");
    OK(to.n_names == 2 && to.n_dists == 2 && mlf__dist_equal(&to.dists[0], &from.dists[0]) &&
           mlf__dist_equal(&to.dists[1], &from.dists[1]),
       "it is the same");
    mlf__history_add(&to, MLF_TRIAL_RUNNING, &trial);
    IS(mlf__study_trial_read(written, "here", &to, &text), MLF_OK, "so is a trial");
    IS(mlf__study_trial_fill(&text, "here", &to, trial), MLF_OK, "with all it has");
    OK(text.n_values == 2 && isinf(text.values[0]) && text.values[1] == 0.1 && text.told == 0,
       "values, also infinite ones");
    OK(trial->n_params == 2 && trial->params[0].value == 0.1 + 0.2 && trial->params[1].value == 1,
       "params, to the last bit");
    OK(trial->n_intermediate == 2 && isnan(trial->intermediate[0].value) &&
           trial->intermediate[1].step == 9007199254740991 && isinf(trial->intermediate[1].value),
       "reported values");
    OK(trial->constrained && trial->violation == 1.5 && trial->generation == 4, "constraints");
    STR(trial->extra->attrs[0].value, "line\n\"two\"\xef\xbf\xbd", "attributes, made valid");
    STR(trial->extra->fixed[0].value, "0.3", "and what it was given");
    IS(mlf__study_space_read(space, "here", &to), MLF_ERR_CORRUPT, "a name is there once only");
    mlf__trial_text_free(&text);
    mlf__free(space);
    mlf__free(written);
    mlf__history_free(&from);
    mlf__history_free(&to);
}

struct parts {
    size_t n, longest;
    bool head_last;
};

static mlf_status put_part(const char *key, const char *part, void *user)
{
    struct parts *parts = user;
    set("5eed1111111111111111111111111111", key, part);
    parts->n++;
    parts->longest = strlen(part) > parts->longest ? strlen(part) : parts->longest;
    parts->head_last = strcmp(key, "long") == 0;
    return MLF_OK;
}

/* Characters of three bytes, so that no piece may end just anywhere. */
static void long_texts(void)
{
    enum { CHARACTERS = 20000 };
    struct parts parts = {0};
    struct mlf__buf text = {0};
    mlf_run_record run;
    char *again = NULL;
    mlf__buf_puts(&text, "{\"a\":\"");
    for (int i = 0; i < CHARACTERS; i++)
        mlf__buf_puts(&text, "\xe2\x82\xac");
    mlf__buf_puts(&text, "\"}");
    IS(mlf__study_parts("long", text.data, put_part, &parts), MLF_OK, "a long text is cut");
    OK(parts.n == 8 && parts.longest <= MLF__TAG_PART && parts.head_last,
       "the first part comes last");
    store->ops->run_get(store, "5eed1111111111111111111111111111", &run);
    IS(mlf__study_tag_text(&run, "long", &again), MLF_OK, "and put together");
    OK(again != NULL && strstr(again, text.data + 1) != NULL, "to the same text");
    mlf__free(again);
    mlf_run_record_free(&run);
    store->ops->delete_tag(store, "5eed1111111111111111111111111111", "long.3");
    store->ops->run_get(store, "5eed1111111111111111111111111111", &run);
    IS(mlf__study_tag_text(&run, "long", &again), MLF_ERR_CORRUPT, "without a part it is refused");
    OK(says("long.3"), "which is named");
    mlf_run_record_free(&run);
    mlf__buf_free(&text);
}

/* ---- the driver ---- */

static char beat_text[1024];

static void keep_beat(const char *text, void *user)
{
    (void)user;
    mlf__copy_text(beat_text, sizeof(beat_text), text);
}

static void drivers(void)
{
    struct mlf__study_owner *owner = NULL, *second = NULL;
    char pid[16];
    setenv("MLF_SPOOL", in_folder("spool"), 1);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    IS(mlf__study_owner_lock(study_id, &owner), MLF_OK, "a study is taken");
    IS(mlf__study_owner_start(owner, keep_beat, NULL), MLF_OK, "and announced");
    OK(strstr(beat_text, pid) != NULL, "with the process");
    IS(mlf__study_owner_lock(study_id, &second), MLF_ERR_BUSY, "nobody else takes it");
    OK(says(pid) && says(study_id), "and is told who has it");
    pid_t child = fork();
    if (child == 0) {
        mlf_status free_one = mlf__study_owner_check(study_id, NULL);
        mlf_status driven = mlf__study_owner_check(study_id, beat_text);
        mlf_status locked = mlf__study_owner_lock(study_id, &second);
        _exit(free_one == MLF_OK && driven == MLF_ERR_BUSY && locked == MLF_ERR_BUSY ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    IS(status, 0, "not in another process either, with or without the lock");
    mlf__study_owner_release(owner);
    IS(mlf__study_owner_lock(study_id, &second), MLF_OK, "it is free again");
    mlf__study_owner_release(second);
    OK(access(in_folder("spool/study-5eed0000000000000000000000000000.lock"), F_OK) != 0,
       "and nothing is left");
    IS(mlf__study_owner_check(study_id, "{\"host\":[]}"), MLF_OK, "a damaged tag stops nobody");
}

static mlf_status see_none(const struct mlf__child *child, void *user)
{
    int *n = user;
    *n += child->tag != NULL;
    return *n == 2 ? MLF_ERR_BUSY : MLF_OK;
}

static void store_operations(void)
{
    int n = 0;
    char *stored = NULL;
    const char *run = "5eed1111111111111111111111111111";
    IS(store->ops->run_children(store, study_id, "mlf.trial", see_none, &n), MLF_ERR_BUSY,
       "whoever looks at runs inside another may end it");
    IS(store->ops->run_children(store, "no run", "mlf.trial", see_none, &n), MLF_OK,
       "a run that is not there has none");
    IS(store->ops->replace_param(store, run, "p", "1"), MLF_OK, "a param that is new");
    IS(store->ops->replace_param(store, run, "p", "2"), MLF_OK, "and its replacement");
    IS(store->ops->log_param(store, run, "p", "1", &stored), MLF_ERR_CONFLICT, "is the value");
    STR(stored, "2", "from then on");
    IS(store->ops->replace_param(store, "none", "p", "2"), MLF_ERR_NOT_FOUND,
       "of a run that is there");
    IS(store->ops->replace_param(store, run, "p*", "2"), MLF_ERR_INVAL, "under a name that can be");
    mlf__free(stored);
}

/* Each allocation fails once: reading says so, and leaves nothing behind. */
static void memory_runs_out(void)
{
    enum { MOST = 20000 };
    mlf_status status = MLF_ERR_NOMEM;
    long n = 0;
    set("00000000000000000000000000000006", "mlf.trial",
        "{\"number\":5,\"state\":\"COMPLETE\",\"values\":[0],\"told\":3,"
        "\"attributes\":{\"a\":\"b\"},\"constraints\":{\"c\":1}}");
    while (status != MLF_OK && n < MOST) {
        struct mlf__history history = {0};
        struct mlf__study_info info;
        mlf__alloc_fail_after(++n);
        status = mlf__study_read(store, study_id, NULL, &info, &history);
        mlf__alloc_fail_after(0);
        if (status != MLF_OK && status != MLF_ERR_NOMEM)
            OK(false, "allocation %ld: %s", n, mlf__errmsg());
        mlf__study_info_free(&info);
        mlf__history_free(&history);
    }
    OK(status == MLF_OK && n > 20, "reading stands any allocation that fails (%ld)", n);
}

int main(void)
{
    folder_make();
    store = open_store(uri_of("study.db"), MLF__STORE_WRITE);
    order_of_runs();
    gaps();
    choosing();
    round_trip();
    long_texts();
    store_operations();
    memory_runs_out();
    drivers();
    mlf__store_close(store);
    folder_remove();
    return tap_done();
}
