/* SPDX-License-Identifier: Apache-2.0 */
/* Reading curves. A metric's history is read twice, page by page: for its range, then for its points. A long one
 * is put into as many buckets as a picture has columns, each with its first, lowest, highest and last point, which is all
 * that can be seen of it. */
#include "cli/plot.h"

#include "core/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 20000, KEEP = 4096, BUCKETS = 1200 };

/* ---- walking through a history ---- */

/* The points that a curve is made of, smoothed. */
struct walk {
    const struct plot_options *options;
    int64_t start_ms;
    double *window; /* the last |smooth| values */
    size_t filled, next;
    double sum;
};

typedef void walk_fn(struct plot_point point, void *user);

/* The mean of the last values. It is summed anew once per round, so that errors do not pile up. */
static double smooth(struct walk *walk, double y)
{
    size_t size = (size_t)walk->options->smooth;

    if (walk->window == NULL || isnan(y))
        return y;
    if (walk->filled == size)
        walk->sum -= walk->window[walk->next];
    else
        walk->filled++;
    walk->window[walk->next] = y;
    walk->sum += y;
    walk->next = (walk->next + 1) % size;
    if (walk->next == 0) {
        walk->sum = 0;
        for (size_t i = 0; i < walk->filled; i++)
            walk->sum += walk->window[i];
    }
    return walk->sum / (double)walk->filled;
}

/* What cannot be drawn is a gap: NaN, infinities (stored as the largest number), and what has no logarithm. */
static struct plot_point make_point(struct walk *walk, const mlf_metric_record *metric)
{
    const struct plot_options *options = walk->options;
    double y = fabs(metric->value) >= DBL_MAX ? (double)NAN : metric->value;

    y = smooth(walk, y);
    if (options->log_y && !(y > 0))
        y = (double)NAN;
    double x = options->by_time ? (double)(metric->timestamp_ms - walk->start_ms) / 1000
                                : (double)metric->step;
    return (struct plot_point){x, y};
}

static mlf_status walk_history(struct mlf__store *store, const mlf_run_record *run,
                               const struct plot_options *options, walk_fn *fn, void *user)
{
    struct walk walk = {.options = options, .start_ms = run->start_time_ms};
    mlf_metric_list before = {0};
    mlf_status status = MLF_OK;

    if (options->smooth > 1) {
        walk.window = mlf__zalloc((size_t)options->smooth, sizeof(double));
        status = walk.window != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    bool more = status == MLF_OK;
    while (more) {
        mlf_metric_list page = {0};
        const mlf_metric_record *after =
            before.n_metrics > 0 ? &before.metrics[before.n_metrics - 1] : NULL;
        status =
            store->ops->metric_history(store, run->run_id, options->metric, after, PAGE, &page);
        for (size_t i = 0; status == MLF_OK && i < page.n_metrics; i++)
            fn(make_point(&walk, &page.metrics[i]), user);
        mlf_metric_list_free(&before);
        before = page;
        more = status == MLF_OK && page.n_metrics == PAGE;
    }
    mlf_metric_list_free(&before);
    mlf__free(walk.window);
    return status;
}

/* ---- range ---- */

struct range {
    double x_min, x_max, y_min, y_max;
    int64_t n;
};

static const struct range no_range = {INFINITY, -INFINITY, INFINITY, -INFINITY, 0};

static void widen(struct plot_point point, void *user)
{
    struct range *range = user;

    range->n++;
    range->x_min = fmin(range->x_min, point.x);
    range->x_max = fmax(range->x_max, point.x);
    if (isnan(point.y))
        return;
    range->y_min = fmin(range->y_min, point.y);
    range->y_max = fmax(range->y_max, point.y);
}

/* ---- points ---- */

/* What can be seen of the points of one column. */
struct bucket {
    struct plot_point first, low, high, last;
    bool any, gap;
};

struct thinning {
    struct range range;
    struct bucket *buckets; /* NULL: all points are kept */
    struct plot_point *points;
    size_t n_points, cap;
};

static void put_in_bucket(struct thinning *to, struct plot_point point)
{
    double width = to->range.x_max - to->range.x_min;
    double place = width > 0 ? (point.x - to->range.x_min) / width * BUCKETS : 0;
    struct bucket *bucket = &to->buckets[place < BUCKETS ? (size_t)place : BUCKETS - 1];

    if (isnan(point.y)) {
        bucket->gap = true;
        return;
    }
    if (!bucket->any)
        *bucket = (struct bucket){point, point, point, point, true, bucket->gap};
    if (point.x < bucket->first.x)
        bucket->first = point;
    if (point.x >= bucket->last.x)
        bucket->last = point;
    if (point.y < bucket->low.y)
        bucket->low = point;
    if (point.y > bucket->high.y)
        bucket->high = point;
}

static void keep_point(struct plot_point point, void *user)
{
    struct thinning *to = user;

    /* More may have been logged since they were counted. */
    if (to->buckets != NULL)
        put_in_bucket(to, point);
    else if (to->points != NULL && to->n_points < to->cap)
        to->points[to->n_points++] = point;
}

/* A stable order by x: of equal ones the history's order stays. */
static void sort_points(struct plot_point *points, size_t n)
{
    /* They nearly always are in order; what is not is moved down step by step. */
    for (size_t i = 1; i < n; i++) {
        struct plot_point point = points[i];
        size_t k = i;
        for (; k > 0 && points[k - 1].x > point.x; k--)
            points[k] = points[k - 1];
        points[k] = point;
    }
}

static void add_point(struct thinning *to, struct plot_point point)
{
    const struct plot_point *last = to->n_points > 0 ? &to->points[to->n_points - 1] : NULL;
    bool again = last != NULL && last->x == point.x && last->y == point.y;

    if (!again && to->points != NULL && to->n_points < to->cap)
        to->points[to->n_points++] = point;
}

static void empty_buckets(struct thinning *to)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        const struct bucket *bucket = &to->buckets[i];
        double right =
            to->range.x_min + (to->range.x_max - to->range.x_min) * ((double)i + 1) / BUCKETS;
        if (bucket->any) {
            bool low_first = bucket->low.x <= bucket->high.x;
            add_point(to, bucket->first);
            add_point(to, low_first ? bucket->low : bucket->high);
            add_point(to, low_first ? bucket->high : bucket->low);
            add_point(to, bucket->last);
        }
        /* A column that has nothing but gaps breaks the curve; among points a gap is too narrow to see. */
        if (bucket->gap && !bucket->any)
            add_point(to, (struct plot_point){right, (double)NAN});
    }
}

static mlf_status read_points(struct mlf__store *store, const mlf_run_record *run,
                              const struct plot_options *options, const struct range *range,
                              struct plot_series *out)
{
    struct thinning to = {.range = *range};
    mlf_status status = MLF_OK;

    if (range->n > KEEP) {
        to.buckets = mlf__zalloc(BUCKETS, sizeof(*to.buckets));
        status = to.buckets != NULL ? MLF_OK : MLF_ERR_NOMEM;
    }
    to.cap = range->n > KEEP ? (size_t)5 * BUCKETS : (size_t)range->n;
    if (status == MLF_OK)
        to.points = mlf__zalloc(to.cap, sizeof(*to.points));
    if (status == MLF_OK && to.points == NULL)
        status = MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = walk_history(store, run, options, keep_point, &to);
    if (status == MLF_OK && to.buckets != NULL)
        empty_buckets(&to);
    else if (status == MLF_OK)
        sort_points(to.points, to.n_points);
    mlf__free(to.buckets);
    out->points = to.points;
    out->n_points = to.n_points;
    out->n_read = range->n;
    return status;
}

/* ---- axes ---- */

void mlf__plot_set_range(struct plot_axis *axis, double min, double max, bool log)
{
    *axis = (struct plot_axis){.log = log};
    if (!(min <= max)) { /* nothing to draw */
        min = log ? 1 : 0;
        max = log ? 10 : 1;
    }
    axis->min = log ? log10(min) : min;
    axis->max = log ? log10(max) : max;
    if (axis->min == axis->max) {
        double size = log ? 0.5 : fabs(min) * 0.5;
        axis->min -= size > 0 ? size : 0.5;
        axis->max += size > 0 ? size : 0.5;
    }
}

/* Halves: the difference of two large numbers may be no number any more. */
static double place_of(const struct plot_axis *axis, double at)
{
    return (at / 2 - axis->min / 2) / (axis->max / 2 - axis->min / 2);
}

double mlf__plot_position(const struct plot_axis *axis, double value)
{
    return place_of(axis, axis->log ? log10(value) : value);
}

double mlf__plot_tick_position(const struct plot_axis *axis, size_t tick)
{
    return place_of(axis, axis->ticks[tick]);
}

void mlf__plot_set_ticks(struct plot_axis *axis, size_t max)
{
    static const double steps[] = {1, 2, 5, 10};

    axis->n_ticks = 0;
    if (max > MLF__ARRAY_LEN(axis->ticks))
        max = MLF__ARRAY_LEN(axis->ticks);
    if (max < 2)
        return;
    /* Of 1e308 and -1e308 the difference is no number any more, but a part of it is. */
    double part = axis->max / (double)max - axis->min / (double)max;
    if (!isfinite(part) || part <= 0)
        return;
    double power = pow(10, floor(log10(part))), step = power;
    for (size_t i = 0; i < MLF__ARRAY_LEN(steps); i++) {
        step = power * steps[i];
        if (floor(axis->max / step) - ceil(axis->min / step) + 1 <= (double)max)
            break;
    }
    /* Only whole exponents are round. */
    if (axis->log && step < 1)
        step = part * (double)max >= 1 ? 1 : step;
    double first = ceil(axis->min / step);
    while (axis->n_ticks < max && (first + (double)axis->n_ticks) * step <= axis->max) {
        axis->ticks[axis->n_ticks] = (first + (double)axis->n_ticks) * step;
        axis->n_ticks++;
    }
}

void mlf__plot_tick_label(const struct plot_axis *axis, size_t tick, char out[MLF__NUMBER_SIZE])
{
    double value = axis->ticks[tick];
    double step = axis->n_ticks > 1 ? axis->ticks[1] - axis->ticks[0] : fabs(value);

    if (axis->log)
        value = pow(10, value);
    else if (fabs(value) < step / 1000)
        value = 0; /* not 1e-17 */
    snprintf(out, MLF__NUMBER_SIZE, "%.*g", axis->log ? 3 : 6, value);
}

const char *mlf__plot_x_title(const struct plot *plot)
{
    if (plot->x_title != NULL)
        return plot->x_title;
    return plot->by_time ? "seconds since the run's start" : "step";
}

/* ---- all curves ---- */

static bool has_metric(const mlf_run_record *run, const char *key)
{
    for (size_t i = 0; i < run->n_metrics; i++)
        if (strcmp(run->metrics[i].key, key) == 0)
            return true;
    return false;
}

static mlf_status fail_unknown(const mlf_run_list *runs, const char *metric)
{
    struct mlf__buf names = {0};

    for (size_t r = 0; r < runs->n_runs; r++) {
        for (size_t i = 0; i < runs->runs[r].n_metrics; i++) {
            const char *key = runs->runs[r].metrics[i].key;
            bool seen = false;
            for (size_t before = 0; before < r && !seen; before++)
                seen = has_metric(&runs->runs[before], key);
            if (!seen)
                mlf__buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", key);
        }
    }
    mlf_status status =
        mlf__fail(MLF_ERR_NOT_FOUND, "there is no metric '%s'; there %s%s", metric,
                  names.len > 0 ? "are " : "is none at all", names.data != NULL ? names.data : "");
    mlf__buf_free(&names);
    return status;
}

static mlf_status read_series(struct mlf__store *store, const mlf_run_record *run,
                              const struct plot_options *options, struct range *whole,
                              struct plot_series *out)
{
    struct range range = no_range;
    struct mlf__buf name = {0};

    mlf__buf_printf(&name, "%s (%.8s)", run->name != NULL ? run->name : "run", run->run_id);
    out->name = mlf__buf_take(&name);
    mlf_status status = out->name != NULL ? MLF_OK : MLF_ERR_NOMEM;
    if (status == MLF_OK)
        status = walk_history(store, run, options, widen, &range);
    if (status == MLF_OK)
        status = read_points(store, run, options, &range, out);
    whole->n += range.n;
    whole->x_min = fmin(whole->x_min, range.x_min);
    whole->x_max = fmax(whole->x_max, range.x_max);
    whole->y_min = fmin(whole->y_min, range.y_min);
    whole->y_max = fmax(whole->y_max, range.y_max);
    return status;
}

mlf_status mlf__plot_read(struct mlf__store *store, const mlf_run_list *runs,
                          const struct plot_options *options, struct plot *out)
{
    struct range range = no_range;
    mlf_status status = MLF_OK;

    *out = (struct plot){.metric = options->metric, .by_time = options->by_time};
    out->series = mlf__zalloc(runs->n_runs, sizeof(*out->series));
    if (out->series == NULL)
        return MLF_ERR_NOMEM;
    for (size_t r = 0; status == MLF_OK && r < runs->n_runs; r++) {
        if (!has_metric(&runs->runs[r], options->metric))
            continue;
        status = read_series(store, &runs->runs[r], options, &range, &out->series[out->n_series]);
        out->n_series++;
    }
    if (status == MLF_OK && out->n_series == 0)
        status = fail_unknown(runs, options->metric);
    if (status != MLF_OK) {
        mlf__plot_free(out);
        return status;
    }
    mlf__plot_set_range(&out->x, range.x_min, range.x_max, false);
    mlf__plot_set_range(&out->y, range.y_min, range.y_max, options->log_y);
    return MLF_OK;
}

void mlf__plot_free(struct plot *plot)
{
    for (size_t i = 0; i < plot->n_series; i++) {
        mlf__free(plot->series[i].name);
        mlf__free(plot->series[i].points);
    }
    mlf__free(plot->series);
    plot->series = NULL;
    plot->n_series = 0;
}

void mlf__plot_add_escaped(struct mlf__buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        switch (byte) {
        case '&':
            mlf__buf_puts(out, "&amp;");
            break;
        case '<':
            mlf__buf_puts(out, "&lt;");
            break;
        case '>':
            mlf__buf_puts(out, "&gt;");
            break;
        case '"':
            mlf__buf_puts(out, "&quot;");
            break;
        case '\'':
            mlf__buf_puts(out, "&#39;");
            break;
        default: {
            /* XML has no way to write control characters, nor U+FFFE and U+FFFF. */
            bool none = byte < 0x20 || byte == 0x7f ||
                        (byte == 0xef && (unsigned char)text[1] == 0xbf &&
                         ((unsigned char)text[2] & 0xfe) == 0xbe);
            if (none)
                mlf__buf_puts(out, "?");
            else
                mlf__buf_add(out, text, 1);
            text += none && byte == 0xef ? 2 : 0;
        }
        }
    }
}
