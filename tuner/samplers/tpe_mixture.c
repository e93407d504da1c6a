/* SPDX-License-Identifier: Apache-2.0 */
/* Observations come and go; what they change is put right when the mixture is settled. */
#include "tuner/samplers/tpe_mixture.h"

#include "core/mem.h"
#include "tuner/samplers/tpe_truncnorm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_VALUES_MAX = 256,
    DIVISOR_MAX = 100,
    NEWEST = 25 /* observations of full weight */
};
static const double log_sqrt_2pi = 0.91893853320467274178;
static const double scott_magnitude = 0.2;

/* ---- parameters ---- */

void mlf__tpe_dim_init(struct mlf__tpe_dim *dim, uint32_t name, uint32_t dist,
                       const struct mlf__dist *range)
{
    *dim = (struct mlf__tpe_dim){.name = name, .dist = dist, .range = *range};
    dim->range.choices = NULL;
    uint64_t n_values = mlf__dist_count(range);
    if (range->kind == MLF__DIST_CATEGORICAL)
        dim->kind = MLF__TPE_CHOICE;
    else if (n_values == 0)
        dim->kind = MLF__TPE_CONTINUOUS;
    else
        dim->kind = n_values <= TABLE_VALUES_MAX ? MLF__TPE_TABLE : MLF__TPE_WIDE;
    if (dim->kind == MLF__TPE_TABLE || dim->kind == MLF__TPE_CHOICE)
        dim->n_values = n_values;
    if (dim->kind == MLF__TPE_CHOICE)
        return;
    double half = range->step / 2;
    dim->low = range->log ? log(range->low - half) : range->low - half;
    dim->high = range->log ? log(range->high + half) : range->high + half;
    dim->prior_mass = mlf__tpe_log_mass(-0.5, 0.5);
}

void mlf__tpe_dim_interval(const struct mlf__tpe_dim *dim, double value, double *low, double *high)
{
    double half = dim->range.step / 2;
    if (dim->kind == MLF__TPE_CHOICE) {
        *low = *high = value;
        return;
    }
    *low = dim->range.log ? log(value - half) : value - half;
    *high = half == 0 ? *low : dim->range.log ? log(value + half) : value + half;
}

size_t mlf__tpe_dim_index(const struct mlf__tpe_dim *dim, double value)
{
    double index =
        dim->kind == MLF__TPE_CHOICE ? value : round((value - dim->range.low) / dim->range.step);
    return index > 0 ? (size_t)fmin(index, (double)dim->n_values - 1) : 0;
}

/* ---- room ---- */

static bool grow_array(void *array, size_t n, size_t size)
{
    void **ptr = array;
    void *grown = mlf__realloc(*ptr, n * size);
    if (grown != NULL)
        *ptr = grown;
    return grown != NULL;
}

static bool grow_column(struct mlf__tpe_column *column, enum mlf__tpe_kind kind, size_t room)
{
    if (!grow_array(&column->mu, room, sizeof(double)))
        return false;
    if (kind == MLF__TPE_CHOICE)
        return true;
    return grow_array(&column->inverse, room, sizeof(double)) &&
           grow_array(&column->term, room, sizeof(double)) &&
           grow_array(&column->order, room, sizeof(uint32_t)) &&
           (kind != MLF__TPE_TABLE || grow_array(&column->class_of, room, sizeof(uint32_t)));
}

/* Slots that are not in use must be harmless in arithmetic on whole blocks. */
static void blank_slots(struct mlf__tpe_mixture *mixture, size_t from, size_t to)
{
    for (size_t slot = from; slot < to; slot++) {
        mixture->numbers[slot] = UINT32_MAX;
        mixture->constants[slot] = -INFINITY;
        mixture->weights[slot] = 0;
    }
    for (size_t d = 0; d < mixture->n_dims; d++) {
        struct mlf__tpe_column *column = &mixture->columns[d];
        memset(column->mu + from, 0, (to - from) * sizeof(double));
        if (mixture->dims[d].kind == MLF__TPE_CHOICE)
            continue;
        memset(column->inverse + from, 0, (to - from) * sizeof(double));
        memset(column->term + from, 0, (to - from) * sizeof(double));
        if (mixture->dims[d].kind == MLF__TPE_TABLE)
            memset(column->class_of + from, 0, (to - from) * sizeof(uint32_t));
    }
}

/* By half of what there is, since most of a large study's memory is here. */
static mlf_status grow_room(struct mlf__tpe_mixture *mixture, size_t need)
{
    size_t room = mixture->n_room + mixture->n_room / 2;
    room = ((room > need ? room : need) + 31) / 32 * 32;
    bool grown = grow_array(&mixture->numbers, room, sizeof(uint32_t)) &&
                 grow_array(&mixture->constants, room, sizeof(double)) &&
                 grow_array(&mixture->weights, room, sizeof(double)) &&
                 grow_array(&mixture->by_number, room, sizeof(uint32_t)) &&
                 grow_array(&mixture->free_slots, room, sizeof(uint32_t));
    for (size_t d = 0; d < mixture->n_dims && grown; d++)
        grown = grow_column(&mixture->columns[d], mixture->dims[d].kind, room);
    if (!grown)
        return MLF_ERR_NOMEM;
    blank_slots(mixture, mixture->n_room, room);
    mixture->n_room = room;
    return MLF_OK;
}

mlf_status mlf__tpe_mixture_init(struct mlf__tpe_mixture *mixture, const struct mlf__tpe_dim *dims,
                                 size_t n_dims, bool ramped, bool scott)
{
    *mixture = (struct mlf__tpe_mixture){.dims = dims,
                                         .n_dims = n_dims,
                                         .ramped = ramped,
                                         .scott = scott,
                                         .changed = true,
                                         .stale = true};
    mixture->columns = mlf__zalloc(n_dims, sizeof(*mixture->columns));
    return mixture->columns == NULL ? MLF_ERR_NOMEM : grow_room(mixture, 1);
}

void mlf__tpe_mixture_free(struct mlf__tpe_mixture *mixture)
{
    for (size_t d = 0; d < mixture->n_dims && mixture->columns != NULL; d++) {
        struct mlf__tpe_column *column = &mixture->columns[d];
        mlf__free(column->mu);
        mlf__free(column->inverse);
        mlf__free(column->term);
        mlf__free(column->class_of);
        mlf__free(column->order);
        mlf__tpe_table_free(&column->table);
    }
    mlf__free(mixture->columns);
    mlf__free(mixture->numbers);
    mlf__free(mixture->constants);
    mlf__free(mixture->weights);
    mlf__free(mixture->by_number);
    mlf__free(mixture->free_slots);
    mlf__free(mixture->touched);
}

/* ---- sorted orders ---- */

static size_t place_by_number(const struct mlf__tpe_mixture *mixture, uint32_t trial)
{
    size_t low = 0, high = mixture->n;
    if (high > 0 && mixture->numbers[mixture->by_number[high - 1]] < trial)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mixture->numbers[mixture->by_number[middle]] < trial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where an observation with centre |mu| of |trial| is among |n| ones, or would be. */
static size_t place_by_mu(const struct mlf__tpe_mixture *mixture,
                          const struct mlf__tpe_column *column, size_t n, double mu, uint32_t trial)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t slot = column->order[middle];
        if (column->mu[slot] < mu || (column->mu[slot] == mu && mixture->numbers[slot] < trial))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert_at(uint32_t *order, size_t n, size_t place, uint32_t slot)
{
    memmove(order + place + 1, order + place, (n - place) * sizeof(*order));
    order[place] = slot;
}

static void remove_at(uint32_t *order, size_t n, size_t place)
{
    memmove(order + place, order + place + 1, (n - place - 1) * sizeof(*order));
}

/* The list of what to compute again is bounded: beyond, everything is. */
static mlf_status touch(struct mlf__tpe_mixture *mixture, size_t dim, uint32_t slot)
{
    if (mixture->stale || mixture->n_touched > mixture->n * mixture->n_dims) {
        mixture->stale = true;
        return MLF_OK;
    }
    mlf_status status = mlf__grow((void **)&mixture->touched, &mixture->cap_touched,
                                  mixture->n_touched + 1, sizeof(*mixture->touched));
    if (status == MLF_OK)
        mixture->touched[mixture->n_touched++] = (struct mlf__tpe_touch){(uint32_t)dim, slot};
    return status;
}

/* Touches those at |place| and beside it, of |n|. */
static mlf_status touch_around(struct mlf__tpe_mixture *mixture, size_t dim, size_t place, size_t n)
{
    const uint32_t *order = mixture->columns[dim].order;
    mlf_status status = MLF_OK;
    for (size_t i = place > 0 ? place - 1 : 0; i <= place + 1 && i < n && status == MLF_OK; i++)
        status = touch(mixture, dim, order[i]);
    return status;
}

mlf_status mlf__tpe_mixture_add(struct mlf__tpe_mixture *mixture, uint32_t trial,
                                const double *values)
{
    mlf_status status = MLF_OK;
    if (mixture->n_free == 0 && mixture->n_slots == mixture->n_room)
        status = grow_room(mixture, mixture->n_room + 1);
    if (status != MLF_OK)
        return status;
    uint32_t slot =
        mixture->n_free > 0 ? mixture->free_slots[--mixture->n_free] : (uint32_t)mixture->n_slots++;
    size_t n = mixture->n;

    mixture->numbers[slot] = trial;
    insert_at(mixture->by_number, n, place_by_number(mixture, trial), slot);
    for (size_t d = 0; d < mixture->n_dims; d++) {
        struct mlf__tpe_column *column = &mixture->columns[d];
        column->mu[slot] = mixture->dims[d].range.log ? log(values[d]) : values[d];
        if (mixture->dims[d].kind == MLF__TPE_CHOICE)
            continue;
        column->inverse[slot] = 0;
        size_t place = place_by_mu(mixture, column, n, column->mu[slot], trial);
        insert_at(column->order, n, place, slot);
        if (status == MLF_OK)
            status = touch_around(mixture, d, place, n + 1);
    }
    mixture->n++;
    mixture->changed = true;
    return status == MLF_OK ? touch(mixture, mixture->n_dims, slot) : status;
}

struct by_mu {
    double mu;
    uint32_t slot;
};

/* Slots were given out in the order of trials. */
static int compare_mu(const void *left, const void *right)
{
    const struct by_mu *a = left, *b = right;
    if (a->mu != b->mu)
        return a->mu < b->mu ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

mlf_status mlf__tpe_mixture_fill(struct mlf__tpe_mixture *mixture, const uint32_t *trials, size_t n,
                                 const double *values)
{
    size_t n_dims = mixture->n_dims;
    mlf_status status = mixture->n_room < n ? grow_room(mixture, n) : MLF_OK;
    if (status != MLF_OK)
        return status;
    struct by_mu *sorted = mlf__alloc(n * sizeof(*sorted));
    if (sorted == NULL)
        return MLF_ERR_NOMEM;
    for (size_t d = 0; d < n_dims; d++) {
        struct mlf__tpe_column *column = &mixture->columns[d];
        for (size_t i = 0; i < n; i++) {
            double value = values[i * n_dims + d];
            column->mu[i] = mixture->dims[d].range.log ? log(value) : value;
            sorted[i] = (struct by_mu){column->mu[i], (uint32_t)i};
        }
        if (mixture->dims[d].kind == MLF__TPE_CHOICE)
            continue;
        qsort(sorted, n, sizeof(*sorted), compare_mu);
        for (size_t i = 0; i < n; i++)
            column->order[i] = sorted[i].slot;
    }
    for (size_t i = 0; i < n; i++) {
        mixture->numbers[i] = trials[i];
        mixture->by_number[i] = (uint32_t)i;
    }
    mixture->n = mixture->n_slots = n;
    mixture->changed = mixture->stale = true;
    mlf__free(sorted);
    return MLF_OK;
}

mlf_status mlf__tpe_mixture_remove(struct mlf__tpe_mixture *mixture, uint32_t trial)
{
    size_t place = place_by_number(mixture, trial), n = mixture->n;
    mlf_status status = MLF_OK;
    uint32_t slot = mixture->by_number[place];

    remove_at(mixture->by_number, n, place);
    for (size_t d = 0; d < mixture->n_dims; d++) {
        struct mlf__tpe_column *column = &mixture->columns[d];
        if (mixture->dims[d].kind == MLF__TPE_CHOICE)
            continue;
        place = place_by_mu(mixture, column, n, column->mu[slot], trial);
        remove_at(column->order, n, place);
        if (status == MLF_OK)
            status = touch_around(mixture, d, place, n - 1);
    }
    blank_slots(mixture, slot, (size_t)slot + 1);
    mixture->free_slots[mixture->n_free++] = slot;
    mixture->n--;
    mixture->changed = true;
    return status;
}

/* ---- widths ---- */

/* The distance to the farther neighbour; those at the ends have one neighbour, or the range's ends when they are alone. */
static double gap_at(const struct mlf__tpe_mixture *mixture, size_t dim, size_t place)
{
    const struct mlf__tpe_dim *range = &mixture->dims[dim];
    const struct mlf__tpe_column *column = &mixture->columns[dim];
    double mu = column->mu[column->order[place]];
    size_t n = mixture->n;

    double left = place > 0 ? mu - column->mu[column->order[place - 1]] : mu - range->low;
    double right = place + 1 < n ? column->mu[column->order[place + 1]] - mu : range->high - mu;
    if (n >= 2 && place == 0)
        return right;
    if (n >= 2 && place + 1 == n)
        return left;
    return fmax(left, right);
}

static double width_at(const struct mlf__tpe_mixture *mixture, size_t dim, size_t place)
{
    double range = mixture->dims[dim].high - mixture->dims[dim].low;
    double n = (double)mixture->n;
    double width = mixture->scott ? scott_magnitude * range *
                                        pow(fmax(n, 1), -1 / ((double)mixture->n_dims + 4))
                                  : gap_at(mixture, dim, place);
    return fmin(fmax(width, range / mixture->divisor), range);
}

static mlf_status set_width(struct mlf__tpe_mixture *mixture, size_t dim, size_t place,
                            bool *changed)
{
    const struct mlf__tpe_dim *range = &mixture->dims[dim];
    struct mlf__tpe_column *column = &mixture->columns[dim];
    uint32_t slot = column->order[place];
    double width = width_at(mixture, dim, place), inverse = 1 / width, mu = column->mu[slot];

    *changed = inverse != column->inverse[slot] || mixture->stale;
    if (!*changed)
        return MLF_OK;
    column->inverse[slot] = inverse;
    double term = -mlf__tpe_log_mass((range->low - mu) * inverse, (range->high - mu) * inverse);
    if (range->kind == MLF__TPE_TABLE) {
        column->term[slot] = term;
        return mlf__tpe_table_class(&column->table, range, mu, width, &column->class_of[slot]);
    }
    column->term[slot] = term + log(inverse) - log_sqrt_2pi;
    return MLF_OK;
}

static void sum_terms(struct mlf__tpe_mixture *mixture, uint32_t slot)
{
    double sum = 0;
    for (size_t d = 0; d < mixture->n_dims; d++)
        if (mixture->dims[d].kind != MLF__TPE_CHOICE)
            sum += mixture->columns[d].term[slot];
    mixture->constants[slot] = sum;
}

static mlf_status settle_all(struct mlf__tpe_mixture *mixture)
{
    mlf_status status = MLF_OK;
    bool changed;
    for (size_t d = 0; d < mixture->n_dims; d++) {
        if (mixture->dims[d].kind == MLF__TPE_CHOICE)
            continue;
        mlf__tpe_table_clear(&mixture->columns[d].table);
        for (size_t i = 0; i < mixture->n && status == MLF_OK; i++)
            status = set_width(mixture, d, i, &changed);
    }
    for (size_t i = 0; i < mixture->n; i++)
        sum_terms(mixture, mixture->by_number[i]);
    return status;
}

static mlf_status settle_touched(struct mlf__tpe_mixture *mixture)
{
    mlf_status status = MLF_OK;
    for (size_t i = 0; i < mixture->n_touched && status == MLF_OK; i++) {
        struct mlf__tpe_touch at = mixture->touched[i];
        bool changed = at.dim == mixture->n_dims;
        if (mixture->numbers[at.slot] == UINT32_MAX)
            continue;
        if (!changed) {
            const struct mlf__tpe_column *column = &mixture->columns[at.dim];
            size_t place = place_by_mu(mixture, column, mixture->n, column->mu[at.slot],
                                       mixture->numbers[at.slot]);
            status = set_width(mixture, at.dim, place, &changed);
        }
        if (changed)
            sum_terms(mixture, at.slot);
    }
    return status;
}

double mlf__tpe_weight(size_t i, size_t n)
{
    if (n < NEWEST || i + NEWEST >= n)
        return 1;
    size_t n_old = n - NEWEST;
    double first = 1 / (double)n;
    return n_old == 1 ? first : first + (double)i * ((1 - first) / (double)(n_old - 1));
}

static void set_weights(struct mlf__tpe_mixture *mixture)
{
    double total = 1;
    for (size_t i = 0; i < mixture->n; i++) {
        double weight = mixture->ramped ? mlf__tpe_weight(i, mixture->n) : 1;
        mixture->weights[mixture->by_number[i]] = weight;
        total += weight;
    }
    mixture->total_weight = total;
}

mlf_status mlf__tpe_mixture_settle(struct mlf__tpe_mixture *mixture)
{
    if (!mixture->changed)
        return MLF_OK;
    double divisor = fmin(DIVISOR_MAX, (double)mixture->n + 2);
    if (divisor != mixture->divisor || mixture->scott)
        mixture->stale = true;
    mixture->divisor = divisor;
    mlf_status status = mixture->stale ? settle_all(mixture) : settle_touched(mixture);
    if (status != MLF_OK) {
        mixture->stale = true;
        return status;
    }
    mixture->n_touched = 0;
    mixture->stale = mixture->changed = false;
    set_weights(mixture);
    return MLF_OK;
}
