/* SPDX-License-Identifier: Apache-2.0 */
/* mlf runs diff: why two runs came out as they did. Causes stand before effects: the command, the data, the commit,
 * the environment, the params, and last the metrics, those that are furthest apart first. What is measured of the
 * machine (metrics under system/) differs always and says nothing. */
#include "cli/runs_actions.h"

#include "cli/json.h"
#include "cli/runs_pick.h"
#include "cli/runs_show.h"
#include "cli/table.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/artifact_uri.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 8 << 20, DEPTH_MAX = 32 };
static const char environment_file[] = "mlf/environment.json";

/* Something that both or one of the runs have. */
struct fact {
    const char *kind;
    char *name;
    char *values[2];
    double weight; /* of metrics: how far they are apart */
};

struct facts {
    struct fact *facts;
    size_t n, cap;
    mlf_status status;
    bool has_environment[2]; /* of each run: could its file be read? */
    bool
        guessed_libraries; /* of one run they are those that its file asks for, not those that it had */
};

static const char kind_arguments[] = "arguments", kind_data[] = "data", kind_commit[] = "commit",
                  kind_environment[] = "environment", kind_params[] = "params",
                  kind_metrics[] = "metrics";
/* Most telling first. */
static const struct {
    const char *kind, *title;
} kinds[] = {{kind_arguments, "ARGUMENTS"},     {kind_data, "DATA"},     {kind_commit, "COMMIT"},
             {kind_environment, "ENVIRONMENT"}, {kind_params, "PARAMS"}, {kind_metrics, "METRICS"}};

/* ---- collecting ---- */

/* Says that run |side| has |value| for |name|. */
static void add_fact(struct facts *facts, int side, const char *kind, const char *name,
                     const char *value)
{
    struct fact *fact = NULL;

    /* Which files of mlf were loaded is nothing that a result comes from. */
    if (facts->status != MLF_OK || value == NULL || strstr(name, "libmlf_") != NULL ||
        (kind == kind_environment && strstr(value, "libmlf_") != NULL))
        return;
    /* Only the second run meets facts of the first. */
    for (size_t i = 0; side == 1 && fact == NULL && i < facts->n; i++)
        if (facts->facts[i].kind == kind && facts->facts[i].values[1] == NULL &&
            strcmp(facts->facts[i].name, name) == 0)
            fact = &facts->facts[i];
    if (fact == NULL) {
        facts->status =
            mlf__grow((void **)&facts->facts, &facts->cap, facts->n + 1, sizeof(*facts->facts));
        if (facts->status != MLF_OK)
            return;
        fact = &facts->facts[facts->n++];
        *fact = (struct fact){.kind = kind, .name = mlf__strdup(name)};
    }
    fact->values[side] = mlf__strdup(value);
    if (fact->name == NULL || fact->values[side] == NULL)
        facts->status = MLF_ERR_NOMEM;
}

static void add_tags(struct facts *facts, int side, const mlf_run_record *run)
{
    static const struct {
        const char *key, *kind, *name;
    } telling[] = {{"mlf.command", kind_arguments, "command"},
                   {"mlflow.source.name", kind_arguments, "program"},
                   {"mlf.cwd", kind_arguments, "directory"},
                   {"mlflow.source.git.commit", kind_commit, "commit"},
                   {"mlf.git.dirty", kind_commit, "changed since"},
                   {"mlf.version", kind_environment, "mlf"},
                   {"mlf.hostname", kind_environment, "host"}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(telling); i++)
        for (size_t t = 0; t < run->n_tags; t++)
            if (strcmp(run->tags[t].key, telling[i].key) == 0)
                add_fact(facts, side, telling[i].kind, telling[i].name, run->tags[t].value);
}

static void add_inputs(struct facts *facts, int side, const mlf_run_record *run)
{
    for (size_t i = 0; i < run->n_inputs; i++) {
        const mlf_input_record *input = &run->inputs[i];
        struct mlf__buf name = {0};
        mlf__buf_puts(&name, input->name);
        for (size_t t = 0; t < input->n_tags; t++)
            if (strcmp(input->tags[t].key, "mlflow.data.context") == 0)
                mlf__buf_printf(&name, " (%s)", input->tags[t].value);
        if (name.failed)
            facts->status = MLF_ERR_NOMEM;
        else
            add_fact(facts, side, kind_data, name.data, input->digest);
        mlf__buf_free(&name);
    }
}

static void add_metrics(struct facts *facts, int side, const mlf_run_record *run)
{
    char number[MLF__NUMBER_SIZE];

    for (size_t i = 0; i < run->n_metrics; i++) {
        if (mlf__is_machine_metric(run->metrics[i].key))
            continue;
        mlf__format_double(number, run->metrics[i].value);
        add_fact(facts, side, kind_metrics, run->metrics[i].key, number);
    }
}

/* ---- the environment ---- */

/* What tells an element of a list from the others: its name, else its path, else its place. */
static const char *element_name(const cJSON *item, size_t index, char *number, size_t size)
{
    static const char *const names[] = {"name", "soname", "path", "key"};

    for (size_t i = 0; i < MLF__ARRAY_LEN(names); i++) {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, names[i]);
        if (cJSON_IsString(name))
            return name->valuestring;
    }
    snprintf(number, size, "%zu", index);
    return number;
}

static void add_json_value(struct facts *facts, int side, const char *name, const cJSON *item)
{
    char number[MLF__NUMBER_SIZE];

    if (cJSON_IsString(item)) {
        add_fact(facts, side, kind_environment, name, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        mlf__format_double(number, item->valuedouble);
        add_fact(facts, side, kind_environment, name, number);
    } else if (!cJSON_IsNull(item)) {
        add_fact(facts, side, kind_environment, name, cJSON_IsTrue(item) ? "true" : "false");
    }
}

/* What is no fact of its own: the name that the others stand under, and whether a library was seen in the process or
 * only in its file, which tells when mlf looked. */
static bool is_fact(struct facts *facts, const cJSON *item)
{
    if (item->string == NULL)
        return true;
    if (strcmp(item->string, "loaded") == 0) {
        facts->guessed_libraries = facts->guessed_libraries || !cJSON_IsTrue(item);
        return false;
    }
    return strcmp(item->string, "name") != 0;
}

/* Each value of a JSON text under the names that lead to it: "libraries.libsvm.so.3.build_id". */
static void add_json(struct facts *facts, int side, const char *prefix, const cJSON *parent,
                     int depth)
{
    size_t index = 0;
    const cJSON *item;

    cJSON_ArrayForEach(item, parent)
    {
        char number[24];
        struct mlf__buf name = {0};
        if (!is_fact(facts, item))
            continue;
        const char *own = cJSON_IsArray(parent)
                              ? element_name(item, index++, number, sizeof(number))
                              : item->string;
        mlf__buf_printf(&name, "%s%s%s", prefix, *prefix != '\0' ? "." : "", own);
        if (name.failed)
            facts->status = MLF_ERR_NOMEM;
        else if (!cJSON_IsObject(item) && !cJSON_IsArray(item))
            add_json_value(facts, side, name.data, item);
        else if (depth < DEPTH_MAX)
            add_json(facts, side, name.data, item, depth + 1);
        mlf__buf_free(&name);
    }
}

/* The file's text; NULL when it is not there, or too large to be ours. */
static char *read_text(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= ENVIRONMENT_MAX)
        text = mlf__alloc((size_t)st.st_size + 1);
    ssize_t n = text != NULL ? read(fd, text, (size_t)st.st_size) : -1;
    close(fd);
    if (n < 0) {
        mlf__free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

/* Of a run that has none, or whose artifacts are elsewhere, nothing is known. */
static void add_environment(struct facts *facts, int side, struct mlf__store *store,
                            const mlf_run_record *run)
{
    struct mlf__buf uri = {0};
    char *path = NULL;

    mlf__buf_printf(&uri, "runs:/%s/%s", run->run_id, environment_file);
    if (!uri.failed && mlf__artifact_uri_resolve(store, uri.data, &path) == MLF_OK) {
        char *text = read_text(path);
        cJSON *root = text != NULL ? cJSON_Parse(text) : NULL;
        facts->has_environment[side] = cJSON_IsObject(root);
        add_json(facts, side, "", root, 0);
        cJSON_Delete(root);
        mlf__free(text);
    }
    mlf__free(path);
    mlf__buf_free(&uri);
}

/* ---- what differs ---- */

static bool equal_values(const struct fact *fact)
{
    double one, other;

    if (fact->values[0] == NULL || fact->values[1] == NULL)
        return false;
    if (strcmp(fact->values[0], fact->values[1]) == 0)
        return true;
    /* 1e-3 and 0.001 are one learning rate; a digest or a version is no number. */
    return fact->kind == kind_params && mlf__parse_double(fact->values[0], &one) &&
           mlf__parse_double(fact->values[1], &other) && one == other;
}

/* How far two metrics are apart, relative to the larger one. */
static double distance(const struct fact *fact)
{
    double one, other;

    if (fact->values[0] == NULL || fact->values[1] == NULL ||
        !mlf__parse_double(fact->values[0], &one) || !mlf__parse_double(fact->values[1], &other))
        return INFINITY;
    double size = fmax(fabs(one), fabs(other)), apart = fabs(one - other);
    return isfinite(apart) && size > 0 ? apart / size : INFINITY;
}

static size_t rank_of(const char *kind)
{
    size_t rank = 0;
    while (rank < MLF__ARRAY_LEN(kinds) && kinds[rank].kind != kind)
        rank++;
    return rank;
}

static int by_interest(const void *a, const void *b)
{
    const struct fact *one = a, *other = b;

    if (one->kind != other->kind)
        return rank_of(one->kind) < rank_of(other->kind) ? -1 : 1;
    if (one->weight != other->weight)
        return one->weight > other->weight ? -1 : 1;
    return strcmp(one->name, other->name);
}

static void free_fact(struct fact *fact)
{
    mlf__free(fact->name);
    mlf__free(fact->values[0]);
    mlf__free(fact->values[1]);
}

/* What only one run has, for no reason of its own: something of its environment when that of the other is not known, or
 * a library. The first two are what our own hooks ask for. */
static bool is_lone_guess(const struct facts *facts, const struct fact *fact)
{
    static const char prefix[] = "libraries.";
    const char *name = fact->name + sizeof(prefix) - 1;

    if (fact->kind != kind_environment || (fact->values[0] != NULL && fact->values[1] != NULL))
        return false;
    if (!facts->has_environment[0] || !facts->has_environment[1])
        return true;
    if (strncmp(fact->name, prefix, sizeof(prefix) - 1) != 0)
        return false;
    return facts->guessed_libraries || strncmp(name, "libdl.so.", 9) == 0 ||
           strncmp(name, "libpthread.so.", 14) == 0;
}

static void keep_differences(struct facts *facts)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n; i++) {
        if (equal_values(&facts->facts[i]) || is_lone_guess(facts, &facts->facts[i])) {
            free_fact(&facts->facts[i]);
            continue;
        }
        facts->facts[kept] = facts->facts[i];
        if (facts->facts[kept].kind == kind_metrics)
            facts->facts[kept].weight = distance(&facts->facts[kept]);
        kept++;
    }
    facts->n = kept;
    if (kept > 0)
        qsort(facts->facts, kept, sizeof(*facts->facts), by_interest);
}

static void collect(struct mlf__store *store, const mlf_run_list *runs, struct facts *out)
{
    for (int side = 0; side < 2; side++) {
        const mlf_run_record *run = &runs->runs[side];
        add_tags(out, side, run);
        add_inputs(out, side, run);
        add_environment(out, side, store, run);
        for (size_t i = 0; i < run->n_params; i++)
            add_fact(out, side, kind_params, run->params[i].key, run->params[i].value);
        add_metrics(out, side, run);
    }
    keep_differences(out);
}

/* ---- printing ---- */

static mlf_status print_people(const mlf_run_list *runs, const struct facts *facts)
{
    struct mlf__table table = {.n_columns = 3, .share = true};
    const char *kind = NULL;

    if (facts->n == 0)
        return MLF_OK;
    mlf__table_add(&table, "RUN");
    for (int side = 0; side < 2; side++)
        mlf__table_addf(&table, "%.8s", runs->runs[side].run_id);
    mlf__table_add(&table, "name");
    for (int side = 0; side < 2; side++)
        mlf__table_add(&table, runs->runs[side].name);
    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->facts[i];
        if (fact->kind != kind) {
            mlf__table_add(&table, kinds[rank_of(fact->kind)].title);
            mlf__table_add(&table, " ");
            mlf__table_add(&table, " ");
        }
        kind = fact->kind;
        mlf__table_add(&table, fact->name);
        mlf__table_add(&table, fact->values[0]);
        mlf__table_add(&table, fact->values[1]);
    }
    return mlf__table_print(&table);
}

static bool add_json_fact(cJSON *array, const struct fact *fact)
{
    cJSON *object = cJSON_CreateObject();

    return mlf__json_append(array, object) && mlf__json_text(object, "kind", fact->kind) &&
           mlf__json_text(object, "name", fact->name) &&
           mlf__json_text(object, "a", fact->values[0]) &&
           mlf__json_text(object, "b", fact->values[1]);
}

static mlf_status print_json(const mlf_run_list *runs, const struct facts *facts)
{
    cJSON *root = cJSON_CreateObject();
    bool ok = root != NULL && mlf__json_text(root, "a", runs->runs[0].run_id) &&
              mlf__json_text(root, "b", runs->runs[1].run_id);
    cJSON *array = ok ? cJSON_AddArrayToObject(root, "differences") : NULL;

    for (size_t i = 0; array != NULL && ok && i < facts->n; i++)
        ok = add_json_fact(array, &facts->facts[i]);
    if (array != NULL && ok)
        return mlf__json_print(root);
    cJSON_Delete(root);
    return mlf__json_print(NULL);
}

int mlf__runs_diff(struct mlf__store *store, const struct mlf__args *args)
{
    struct facts facts = {0};
    mlf_run_list runs = {0};
    mlf_status status = mlf__runs_read(store, args->words, args->n_words, MLF_VIEW_ALL, &runs);

    if (status == MLF_OK) {
        collect(store, &runs, &facts);
        status = facts.status;
    }
    if (status == MLF_OK)
        status = args->json ? print_json(&runs, &facts) : print_people(&runs, &facts);
    int code = facts.n > 0 ? MLF__RUNS_DIFFER : MLF__EXIT_OK;
    for (size_t i = 0; i < facts.n; i++)
        free_fact(&facts.facts[i]);
    mlf__free(facts.facts);
    mlf_run_list_free(&runs);
    return status == MLF_OK ? code : mlf__action_fail(args);
}
