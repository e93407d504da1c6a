/* SPDX-License-Identifier: Apache-2.0 */
/* A program logs few metrics and many points: a row of keys is searched from its front. */
#include "cli/tune_objective.h"

#include "core/mem.h"
#include "tracking/names.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { METRICS_MAX = 10000 };

static struct mlf__tune_metric *find(const struct mlf__tune_measured *measured, const char *key)
{
    for (size_t i = 0; i < measured->n; i++)
        if (strcmp(measured->metrics[i].key, key) == 0)
            return &measured->metrics[i];
    return NULL;
}

mlf_status mlf__tune_measured_see(struct mlf__tune_measured *measured, const char *key,
                                  double value)
{
    struct mlf__tune_metric *metric = find(measured, key);

    if (metric == NULL) {
        if (measured->n == METRICS_MAX)
            return mlf__fail(MLF_ERR_FULL, "the trial logs more than %d metrics", METRICS_MAX);
        mlf_status status = mlf__grow((void **)&measured->metrics, &measured->cap, measured->n + 1,
                                      sizeof(*measured->metrics));
        char *copy = status == MLF_OK ? mlf__strdup(key) : NULL;
        if (copy == NULL)
            return MLF_ERR_NOMEM;
        metric = &measured->metrics[measured->n++];
        *metric = (struct mlf__tune_metric){.key = copy, .of = {NAN, NAN, NAN}};
    }
    metric->of[MLF__VALUE_LAST] = value;
    /* fmin() and fmax() pass over what is no number. */
    metric->of[MLF__VALUE_MIN] = fmin(metric->of[MLF__VALUE_MIN], value);
    metric->of[MLF__VALUE_MAX] = fmax(metric->of[MLF__VALUE_MAX], value);
    return MLF_OK;
}

bool mlf__tune_is_called(const char *key, const char *name)
{
    if (strcasecmp(key, name) == 0)
        return true;
    char *normal = mlf__normalise_name(name, strlen(name));
    bool same = normal != NULL && strcasecmp(key, normal) == 0;
    mlf__free(normal);
    return same;
}

bool mlf__tune_measured_value(const struct mlf__tune_measured *measured, const char *name,
                              enum mlf__tune_value which, double *out)
{
    const struct mlf__tune_metric *metric = find(measured, name);

    for (size_t i = 0; metric == NULL && i < measured->n; i++)
        if (mlf__tune_is_called(measured->metrics[i].key, name))
            metric = &measured->metrics[i];
    if (metric == NULL)
        return false;
    *out = metric->of[which];
    return true;
}

void mlf__tune_measured_list(const struct mlf__tune_measured *measured, struct mlf__buf *out)
{
    for (size_t i = 0; i < measured->n; i++)
        mlf__buf_printf(out, "%s%s", i > 0 ? ", " : "", measured->metrics[i].key);
    mlf__buf_puts(out, "");
}

void mlf__tune_measured_free(struct mlf__tune_measured *measured)
{
    for (size_t i = 0; i < measured->n; i++)
        mlf__free(measured->metrics[i].key);
    mlf__free(measured->metrics);
    *measured = (struct mlf__tune_measured){0};
}

size_t mlf__tune_objective_of(const struct mlf__tune_options *options, const char *key)
{
    for (size_t i = 0; i < options->n_objectives; i++)
        if (mlf__tune_is_called(key, options->metrics[i]))
            return i;
    return SIZE_MAX;
}

bool mlf__tune_is_measured_by_us(const char *name)
{
    static const char *const ours[] = {"exit_code", "wall_time", "max_rss"};

    for (size_t i = 0; i < MLF__ARRAY_LEN(ours); i++)
        if (strcasecmp(ours[i], name) == 0)
            return true;
    return false;
}
