/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks by efficient non-dominated sorting with binary search (Zhang, Tian, Cheng, Jin, IEEE TEC 19(2), 2015);
 * hypervolume by a sweep in two dimensions, by slices in three, and by exclusive volumes beyond (While, Bradstreet,
 * Barone, IEEE TEC 16(1), 2012). */
#include "tuner/pareto.h"

#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEEP_POINTS_MAX = 4096 };    /* of the recursion beyond three dimensions */
static const double work_max = 4e8; /* comparisons of numbers, some seconds */

struct rows {
    const double *points;
    size_t m;
};

bool mlf__pareto_dominates(const double *a, const double *b, size_t m)
{
    bool better = false;
    for (size_t i = 0; i < m; i++) {
        if (a[i] > b[i])
            return false;
        better = better || a[i] < b[i];
    }
    return better;
}

static int compare_points(const double *a, const double *b, size_t m)
{
    for (size_t i = 0; i < m; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int compare_rows(const void *left, const void *right, void *user)
{
    const struct rows *rows = user;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    int order = compare_points(rows->points + a * rows->m, rows->points + b * rows->m, rows->m);
    return order != 0 ? order : (a > b) - (a < b);
}

/* The rows in lexicographic order, equal ones by their number. */
static uint32_t *sorted_rows(const double *points, size_t n, size_t m)
{
    struct rows rows = {points, m};
    uint32_t *order = mlf__alloc(n * sizeof(*order));
    if (order == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, n, sizeof(*order), compare_rows, &rows);
    return order;
}

/* ---- ranks ---- */

/* Fronts as chains: of each front its last member, of each member the one before it. */
struct fronts {
    const double *points;
    size_t m;
    uint32_t *last, *before;
    size_t n;
};

/* Rows come in lexicographic order, so that a later row dominates no earlier one. With two objectives the last member
 * of a front has the least second one, and speaks for all. */
static bool front_dominates(const struct fronts *fronts, size_t front, const double *point)
{
    uint32_t at = fronts->last[front];
    do {
        if (mlf__pareto_dominates(fronts->points + at * fronts->m, point, fronts->m))
            return true;
        at = fronts->before[at];
    } while (at != UINT32_MAX && fronts->m > 2);
    return false;
}

/* The first front that does not dominate |point|: what a front dominates, all fronts before it do too. */
static size_t find_front(const struct fronts *fronts, const double *point)
{
    size_t low = 0, high = fronts->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (front_dominates(fronts, middle, point))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t rank_sorted(struct fronts *fronts, const uint32_t *order, size_t n, uint32_t *ranks)
{
    size_t n_unique = 0;
    for (size_t i = 0; i < n; i++) {
        const double *point = fronts->points + order[i] * fronts->m;
        if (i > 0 &&
            compare_points(fronts->points + order[i - 1] * fronts->m, point, fronts->m) == 0) {
            ranks[order[i]] = ranks[order[i - 1]];
            continue;
        }
        size_t front = find_front(fronts, point);
        fronts->before[order[i]] = front < fronts->n ? fronts->last[front] : UINT32_MAX;
        fronts->last[front] = order[i];
        fronts->n += front == fronts->n;
        ranks[order[i]] = (uint32_t)front;
        n_unique++;
    }
    return n_unique;
}

/* Fronts that begin behind the first |n_exact| different points become one. */
static mlf_status merge_late_fronts(const struct fronts *fronts, const uint32_t *order, size_t n,
                                    size_t n_exact, uint32_t *ranks)
{
    size_t *sizes = mlf__zalloc(fronts->n, sizeof(*sizes));
    if (sizes == NULL)
        return MLF_ERR_NOMEM;
    for (size_t front = 0; front < fronts->n; front++)
        for (uint32_t at = fronts->last[front]; at != UINT32_MAX; at = fronts->before[at])
            sizes[front]++;
    uint32_t limit = 0;
    for (size_t seen = 0; limit < fronts->n && seen < n_exact; limit++)
        seen += sizes[limit];
    for (size_t i = 0; i < n; i++)
        if (ranks[order[i]] > limit)
            ranks[order[i]] = limit;
    mlf__free(sizes);
    return MLF_OK;
}

static mlf_status rank_feasible(const double *points, size_t m, const uint32_t *order, size_t n,
                                size_t n_rows, size_t n_exact, uint32_t *ranks)
{
    struct fronts fronts = {points, m, NULL, NULL, 0};
    mlf_status status = MLF_ERR_NOMEM;

    fronts.last = mlf__alloc(n_rows * sizeof(*fronts.last));
    fronts.before = mlf__alloc(n_rows * sizeof(*fronts.before));
    if (fronts.last == NULL || fronts.before == NULL)
        goto out;
    size_t n_unique = rank_sorted(&fronts, order, n, ranks);
    status = n_exact > 0 && n_exact < n_unique && m > 1
                 ? merge_late_fronts(&fronts, order, n, n_exact, ranks)
                 : MLF_OK;
out:
    mlf__free(fronts.last);
    mlf__free(fronts.before);
    return status;
}

/* Infeasible rows: a rank for each different violation, from |first| on. */
static mlf_status rank_infeasible(const double *violations, size_t n, uint32_t first,
                                  uint32_t *ranks)
{
    uint32_t *order = sorted_rows(violations, n, 1);
    double before = 0;
    if (order == NULL)
        return MLF_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        double violation = violations[order[i]];
        if (!(violation > 0))
            continue;
        first += before > 0 && violation > before;
        ranks[order[i]] = first;
        before = violation;
    }
    mlf__free(order);
    return MLF_OK;
}

mlf_status mlf__pareto_ranks(const double *points, size_t n, size_t m, const double *violations,
                             size_t n_exact, uint32_t *ranks)
{
    if (n == 0)
        return MLF_OK;
    uint32_t *order = sorted_rows(points, n, m);
    if (order == NULL)
        return MLF_ERR_NOMEM;

    size_t n_feasible = 0;
    for (size_t i = 0; i < n; i++)
        if (violations == NULL || !(violations[order[i]] > 0))
            order[n_feasible++] = order[i];
    mlf_status status = rank_feasible(points, m, order, n_feasible, n, n_exact, ranks);
    uint32_t first = 0;
    for (size_t i = 0; status == MLF_OK && i < n_feasible; i++)
        if (ranks[order[i]] >= first)
            first = ranks[order[i]] + 1;
    if (status == MLF_OK && n_feasible < n)
        status = rank_infeasible(violations, n, first, ranks);
    mlf__free(order);
    return status;
}

/* ---- hypervolume ---- */

struct volume {
    const double *reference;
    size_t m;
    double work; /* done so far */
    mlf_status status;
};

static double box(const struct volume *volume, const double *point)
{
    double size = 1;
    for (size_t i = 0; i < volume->m; i++)
        size *= volume->reference[i] - point[i];
    return size;
}

/* |points| in lexicographic order: a staircase that goes down to the right. |stride| numbers a point. */
static double area(const double *const *points, size_t n, const double *reference)
{
    double sum = 0, y = reference[1];
    for (size_t i = 0; i < n; i++) {
        if (points[i][1] >= y)
            continue;
        sum += (reference[0] - points[i][0]) * (y - points[i][1]);
        y = points[i][1];
    }
    return sum;
}

static int compare_third(const void *left, const void *right)
{
    const double *a = *(const double *const *)left, *b = *(const double *const *)right;
    return (a[2] > b[2]) - (a[2] < b[2]);
}

/* Upwards along the third objective, the staircase of all points below. */
static double slices(struct volume *volume, const double **points, size_t n)
{
    const double **stairs = mlf__alloc((n + 1) * sizeof(*stairs));
    double sum = 0;
    if (stairs == NULL) {
        volume->status = MLF_ERR_NOMEM;
        return 0;
    }
    qsort(points, n, sizeof(*points), compare_third);
    volume->work += (double)n * (double)n;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && compare_points(stairs[at - 1], points[i], 2) > 0; at--)
            stairs[at] = stairs[at - 1];
        stairs[at] = points[i];
        double above = i + 1 < n ? points[i + 1][2] : volume->reference[2];
        if (above > points[i][2])
            sum += area(stairs, i + 1, volume->reference) * (above - points[i][2]);
    }
    mlf__free(stairs);
    return sum;
}

/* Drops rows that another one is nowhere worse than. Returns how many are left. */
static size_t keep_front(struct volume *volume, double *points, size_t n)
{
    size_t kept = 0, m = volume->m;
    for (size_t i = 0; i < n; i++) {
        const double *point = points + i * m;
        bool beaten = false;
        for (size_t j = 0; j < kept && !beaten; j++) {
            beaten = true;
            for (size_t k = 0; k < m && beaten; k++)
                beaten = points[j * m + k] <= point[k];
        }
        if (!beaten)
            memmove(points + kept++ * m, point, m * sizeof(*point));
    }
    volume->work += (double)n * (double)kept * (double)m / 2;
    return kept;
}

static double measure(struct volume *volume, const double *points, size_t n);

/* The sum of what each point adds to those behind it. Depth: at most |n|, and less than DEEP_POINTS_MAX. */
static double exclusive_volumes(struct volume *volume, const double *points, size_t n)
{
    size_t m = volume->m;
    double sum = 0;
    double *limited = mlf__alloc(n * m * sizeof(*limited));
    if (limited == NULL) {
        volume->status = MLF_ERR_NOMEM;
        return 0;
    }
    for (size_t i = 0; i < n && volume->status == MLF_OK; i++) {
        size_t rest = n - i - 1;
        for (size_t j = 0; j < rest; j++)
            for (size_t k = 0; k < m; k++)
                limited[j * m + k] = fmax(points[i * m + k], points[(i + 1 + j) * m + k]);
        rest = keep_front(volume, limited, rest);
        if (volume->work > work_max)
            volume->status = MLF_ERR_UNSUPPORTED;
        sum += box(volume, points + i * m) - measure(volume, limited, rest);
    }
    mlf__free(limited);
    return sum;
}

static double measure(struct volume *volume, const double *points, size_t n)
{
    if (n == 0 || volume->status != MLF_OK)
        return 0;
    if (n == 1)
        return box(volume, points);
    if (volume->m > 3)
        return exclusive_volumes(volume, points, n);

    uint32_t *order = sorted_rows(points, n, volume->m);
    const double **sorted = mlf__alloc(n * sizeof(*sorted));
    double size = 0;
    if (order == NULL || sorted == NULL) {
        volume->status = MLF_ERR_NOMEM;
    } else {
        for (size_t i = 0; i < n; i++)
            sorted[i] = points + order[i] * volume->m;
        if (volume->m == 1)
            size = volume->reference[0] - sorted[0][0];
        else if (volume->m == 2)
            size = area(sorted, n, volume->reference);
        else
            size = slices(volume, sorted, n);
    }
    mlf__free(order);
    mlf__free(sorted);
    return size;
}

static bool is_finite(const double *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(numbers[i]))
            return false;
    return true;
}

mlf_status mlf__pareto_hypervolume(const double *points, size_t n, size_t m,
                                   const double *reference, double *out)
{
    struct volume volume = {reference, m, 0, MLF_OK};

    *out = 0;
    if (n == 0)
        return MLF_OK;
    if (!is_finite(reference, m) || !is_finite(points, n * m)) {
        *out = INFINITY;
        return MLF_OK;
    }
    if (m > 3 && n > DEEP_POINTS_MAX)
        return mlf__fail(MLF_ERR_UNSUPPORTED, "the hypervolume of %zu points in %zu dimensions", n,
                         m);
    double *front = mlf__alloc(n * m * sizeof(*front));
    if (front == NULL)
        return MLF_ERR_NOMEM;
    memcpy(front, points, n * m * sizeof(*front));
    size_t n_front = m > 3 ? keep_front(&volume, front, n) : n;
    *out = measure(&volume, front, n_front);
    mlf__free(front);
    if (volume.status == MLF_ERR_UNSUPPORTED)
        return mlf__fail(MLF_ERR_UNSUPPORTED, "the hypervolume of %zu points in %zu dimensions", n,
                         m);
    return volume.status;
}

/* ---- the subset ---- */

struct candidate {
    uint32_t row;
    double own;  /* the volume it dominates alone */
    double gain; /* what it adds to those chosen, or an upper bound of that */
    bool exact, taken;
};

/* What |point| adds to the |n| points of |chosen|: its own volume but for what these dominate of it. */
static mlf_status exact_gain(struct volume *volume, const double *point, const double *chosen,
                             size_t n, double *limited)
{
    size_t m = volume->m;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            limited[i * m + k] = fmax(point[k], chosen[i * m + k]);
    size_t kept = keep_front(volume, limited, n);
    limited[n * m] = box(volume, point) - measure(volume, limited, kept);
    return volume->status;
}

/* The most promising one: of equal gains those first that are not known exactly. */
static size_t most_gain(const struct candidate *candidates, size_t n)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        const struct candidate *candidate = &candidates[i];
        if (candidate->taken)
            continue;
        if (best == SIZE_MAX || candidate->gain > candidates[best].gain ||
            (candidate->gain == candidates[best].gain && candidates[best].exact &&
             !candidate->exact))
            best = i;
    }
    return best;
}

/* By submodularity a gain only shrinks as others are chosen, so that old gains are upper bounds. */
static void lower_bounds(struct volume *volume, const double *points, struct candidate *candidates,
                         size_t n, const double *chosen)
{
    size_t m = volume->m;
    for (size_t i = 0; i < n; i++) {
        const double *point = points + candidates[i].row * m;
        double common = 1;
        for (size_t k = 0; k < m; k++)
            common *= volume->reference[k] - fmax(point[k], chosen[k]);
        candidates[i].gain = fmin(candidates[i].gain, candidates[i].own - common);
        candidates[i].exact = false;
    }
}

static mlf_status choose_greedily(struct volume *volume, const double *points,
                                  struct candidate *candidates, size_t n, size_t k,
                                  uint32_t *chosen)
{
    size_t m = volume->m;
    double *rows = mlf__alloc((k + 1) * m * sizeof(*rows));
    double *limited = mlf__alloc(((k + 1) * m + 1) * sizeof(*limited));
    mlf_status status = rows == NULL || limited == NULL ? MLF_ERR_NOMEM : MLF_OK;

    for (size_t done = 0; done < k && status == MLF_OK;) {
        struct candidate *best = &candidates[most_gain(candidates, n)];
        const double *point = points + best->row * m;
        if (!best->exact && done > 0 && volume->work < work_max) {
            status = exact_gain(volume, point, rows, done, limited);
            if (status == MLF_OK)
                best->gain = limited[done * m];
            else if (status == MLF_ERR_UNSUPPORTED)
                status = volume->status = MLF_OK;
            best->exact = true;
            continue;
        }
        best->taken = true;
        memcpy(rows + done * m, point, m * sizeof(*point));
        chosen[done++] = best->row;
        lower_bounds(volume, points, candidates, n, point);
    }
    mlf__free(rows);
    mlf__free(limited);
    return status;
}

/* The first of each group of equal rows, in lexicographic order. */
static size_t first_of_equals(struct volume *volume, const double *points, const uint32_t *order,
                              size_t n, struct candidate *out)
{
    size_t n_unique = 0, m = volume->m;
    for (size_t i = 0; i < n; i++) {
        const double *point = points + order[i] * m;
        if (i > 0 && compare_points(points + order[i - 1] * m, point, m) == 0)
            continue;
        double own = box(volume, point);
        out[n_unique++] = (struct candidate){order[i], own, own, false, false};
    }
    return n_unique;
}

/* All different rows, then equal ones in the order of rows. */
static void fill_with_equals(const struct candidate *unique, size_t n_unique, size_t n, size_t k,
                             bool *used, uint32_t *chosen)
{
    size_t done = 0;
    for (size_t i = 0; i < n_unique; i++) {
        chosen[done++] = unique[i].row;
        used[unique[i].row] = true;
    }
    for (size_t i = 0; i < n && done < k; i++)
        if (!used[i])
            chosen[done++] = (uint32_t)i;
}

mlf_status mlf__pareto_subset(const double *points, size_t n, size_t m, const double *reference,
                              size_t k, uint32_t *chosen)
{
    struct volume volume = {reference, m, 0, MLF_OK};
    mlf_status status = MLF_ERR_NOMEM;

    if (k >= n) {
        for (size_t i = 0; i < n; i++)
            chosen[i] = (uint32_t)i;
        return MLF_OK;
    }
    uint32_t *order = sorted_rows(points, n, m);
    struct candidate *unique = mlf__alloc(n * sizeof(*unique));
    bool *used = mlf__zalloc(n, sizeof(*used));
    if (order == NULL || unique == NULL || used == NULL)
        goto out;

    size_t n_unique = first_of_equals(&volume, points, order, n, unique);
    status = MLF_OK;
    if (n_unique <= k)
        fill_with_equals(unique, n_unique, n, k, used, chosen);
    else if (is_finite(reference, m) && is_finite(points, n * m))
        status = choose_greedily(&volume, points, unique, n_unique, k, chosen);
    else
        for (size_t i = 0; i < k; i++)
            chosen[i] = unique[i].row;
out:
    mlf__free(order);
    mlf__free(unique);
    mlf__free(used);
    return status;
}
