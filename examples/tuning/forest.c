/* SPDX-License-Identifier: Apache-2.0 */
#include "forest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BINS = 256, MIN_ROWS_TO_SPLIT = 2, MAX_COLUMNS = 4096 };

/* ---- tables ---- */

static size_t count_columns(const char *line)
{
    size_t n = 1;
    for (; *line != '\0'; line++)
        n += *line == ',';
    return n;
}

static bool read_row(struct table *table, const char *line, size_t *cap)
{
    size_t n = table->n_rows, width = table->n_features;
    if (n == *cap) {
        *cap = *cap == 0 ? 256 : *cap * 2;
        double *x = realloc(table->x, *cap * width * sizeof(double));
        table->x = x != NULL ? x : table->x;
        double *y = realloc(table->y, *cap * sizeof(double));
        table->y = y != NULL ? y : table->y;
        if (x == NULL || y == NULL)
            return false;
    }
    for (size_t j = 0; j <= width; j++) {
        char *end;
        double value = strtod(line, &end);
        if (end == line || (*end != ',' && j < width))
            return false;
        *(j < width ? &table->x[n * width + j] : &table->y[n]) = value;
        line = end + 1;
    }
    table->n_rows++;
    return true;
}

bool table_read(const char *path, struct table *out)
{
    char line[65536];
    size_t cap = 0;
    FILE *file = fopen(path, "r");

    *out = (struct table){0};
    bool good = file != NULL && fgets(line, sizeof(line), file) != NULL;
    size_t n_columns = good ? count_columns(line) : 0;
    good = n_columns >= 2 && n_columns <= MAX_COLUMNS;
    if (good)
        out->n_features = n_columns - 1;
    while (good && fgets(line, sizeof(line), file) != NULL)
        good = read_row(out, line, &cap);
    if (file != NULL)
        fclose(file);
    if (!good || out->n_rows < 2)
        fprintf(stderr, "%s: cannot be read as a table of numbers (row %zu)\n", path,
                out->n_rows + 2);
    return good && out->n_rows >= 2;
}

bool table_split(const struct table *all, struct table *train, struct table *test)
{
    enum { EVERY = 5 };
    size_t width = all->n_features;

    *train = *test = (struct table){.n_features = width};
    struct table *parts[] = {train, test};
    for (size_t p = 0; p < 2; p++) {
        parts[p]->x = malloc(all->n_rows * width * sizeof(double));
        parts[p]->y = malloc(all->n_rows * sizeof(double));
        if (parts[p]->x == NULL || parts[p]->y == NULL)
            return false;
    }
    for (size_t i = 0; i < all->n_rows; i++) {
        struct table *part = parts[i % EVERY == EVERY - 1];
        memcpy(&part->x[part->n_rows * width], &all->x[i * width], width * sizeof(double));
        part->y[part->n_rows++] = all->y[i];
    }
    return true;
}

void table_free(struct table *table)
{
    free(table->x);
    free(table->y);
    *table = (struct table){0};
}

/* ---- growing ---- */

struct grower {
    const struct table *train;
    const struct forest_options *options;
    struct forest *forest;
    double (*edges)[MAX_BINS]; /* of each feature: the upper edges of its bins, ascending */
    size_t *n_bins;
    uint8_t *bins; /* of each row and feature */
    uint32_t *rows, *spare;
    uint32_t *features; /* an order of them, shuffled in part at each split */
    uint64_t state;
};

/* splitmix64 (Steele, Lea, Flood, 2014) */
static uint64_t next_random(struct grower *grower)
{
    uint64_t z = (grower->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Edges halfway between neighbouring values, or between quantiles where there are too many. */
static void make_bins(struct grower *grower, size_t feature, double *sorted)
{
    const struct table *train = grower->train;
    size_t n = train->n_rows, width = train->n_features, n_distinct = 1, n_bins = 0;
    double *edges = grower->edges[feature];

    for (size_t i = 0; i < n; i++)
        sorted[i] = train->x[i * width + feature];
    qsort(sorted, n, sizeof(double), compare_doubles);
    for (size_t i = 1; i < n; i++)
        if (sorted[i] != sorted[n_distinct - 1])
            sorted[n_distinct++] = sorted[i];
    size_t wanted = n_distinct < MAX_BINS ? n_distinct : MAX_BINS;
    for (size_t b = 1; b < wanted; b++) {
        size_t at = b * n_distinct / wanted;
        edges[n_bins++] = (sorted[at - 1] + sorted[at]) / 2;
    }
    grower->n_bins[feature] = n_bins + 1;
    for (size_t i = 0; i < n; i++) {
        size_t bin = 0;
        while (bin < n_bins && train->x[i * width + feature] > edges[bin])
            bin++;
        grower->bins[i * width + feature] = (uint8_t)bin;
    }
}

struct split {
    double gain;
    uint32_t feature;
    size_t bin; /* up to this one goes left */
};

/* The best split of |n| rows by |feature|: the one that leaves the smallest sum of squared errors. */
static void try_feature(const struct grower *grower, const uint32_t *rows, size_t n,
                        uint32_t feature, struct split *best)
{
    double sums[MAX_BINS] = {0}, total = 0, left = 0;
    uint32_t counts[MAX_BINS] = {0};
    size_t width = grower->train->n_features, n_left = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t bin = grower->bins[rows[i] * width + feature];
        sums[bin] += grower->train->y[rows[i]];
        counts[bin]++;
    }
    for (size_t b = 0; b < grower->n_bins[feature]; b++)
        total += sums[b];
    for (size_t b = 0; b + 1 < grower->n_bins[feature]; b++) {
        left += sums[b];
        n_left += counts[b];
        if (counts[b] == 0 || n_left == n)
            continue;
        double right = total - left;
        double gain = left * left / (double)n_left + right * right / (double)(n - n_left) -
                      total * total / (double)n;
        if (gain > best->gain)
            *best = (struct split){gain, feature, b};
    }
}

static bool find_split(struct grower *grower, const uint32_t *rows, size_t n, struct split *best)
{
    size_t width = grower->train->n_features;
    size_t tries = (size_t)fmax(1, grower->options->max_features * (double)width);

    *best = (struct split){.gain = 1e-12};
    for (size_t k = 0; k < width; k++) {
        size_t other = k + next_random(grower) % (width - k);
        uint32_t feature = grower->features[other];
        grower->features[other] = grower->features[k];
        grower->features[k] = feature;
        try_feature(grower, rows, n, feature, best);
        /* More features are looked at only while none of them can split. */
        if (k + 1 >= tries && best->gain > 1e-12)
            break;
    }
    return best->gain > 1e-12;
}

static bool add_nodes(struct forest *forest, size_t n, size_t *first)
{
    if (forest->n_nodes + n > forest->cap_nodes) {
        size_t cap = forest->cap_nodes * 2 + 1024;
        struct node *nodes = realloc(forest->nodes, cap * sizeof(*nodes));
        if (nodes == NULL)
            return false;
        forest->nodes = nodes;
        forest->cap_nodes = cap;
    }
    *first = forest->n_nodes;
    forest->n_nodes += n;
    return true;
}

/* Puts the rows that go left first, in their order; returns how many. */
static size_t partition(struct grower *grower, uint32_t *rows, size_t n, const struct split *split)
{
    size_t n_left = 0, n_right = 0, width = grower->train->n_features;

    for (size_t i = 0; i < n; i++) {
        if (grower->bins[rows[i] * width + split->feature] <= split->bin)
            rows[n_left++] = rows[i];
        else
            grower->spare[n_right++] = rows[i];
    }
    memcpy(rows + n_left, grower->spare, n_right * sizeof(*rows));
    return n_left;
}

/* As deep as the options allow, and 64 at most. */
static bool grow(struct grower *grower, size_t node, uint32_t *rows, size_t n, int64_t depth)
{
    struct forest *forest = grower->forest;
    struct split split;
    size_t children;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += grower->train->y[rows[i]];
    forest->nodes[node] = (struct node){-1, 0, sum / (double)n};
    if (n < MIN_ROWS_TO_SPLIT || depth >= grower->options->max_depth || depth >= 64 ||
        !find_split(grower, rows, n, &split))
        return true;
    if (!add_nodes(forest, 2, &children))
        return false;
    size_t n_left = partition(grower, rows, n, &split);
    forest->nodes[node] = (struct node){(int32_t)split.feature, (int32_t)children,
                                        grower->edges[split.feature][split.bin]};
    return grow(grower, children, rows, n_left, depth + 1) &&
           grow(grower, children + 1, rows + n_left, n - n_left, depth + 1);
}

static bool grow_trees(struct grower *grower)
{
    struct forest *forest = grower->forest;
    size_t n = grower->train->n_rows;

    for (size_t t = 0; t < forest->n_trees; t++) {
        size_t root;
        if (!add_nodes(forest, 1, &root))
            return false;
        forest->trees[t] = root;
        for (size_t i = 0; i < n; i++)
            grower->rows[i] = (uint32_t)(next_random(grower) % n);
        if (!grow(grower, root, grower->rows, n, 0))
            return false;
    }
    return true;
}

bool forest_fit(const struct table *train, const struct forest_options *options, struct forest *out)
{
    size_t n = train->n_rows, width = train->n_features;
    double *sorted = malloc(n * sizeof(double));
    struct grower grower = {.train = train,
                            .options = options,
                            .forest = out,
                            .edges = malloc(width * sizeof(*grower.edges)),
                            .n_bins = malloc(width * sizeof(size_t)),
                            .bins = malloc(n * width),
                            .rows = malloc(n * sizeof(uint32_t)),
                            .spare = malloc(n * sizeof(uint32_t)),
                            .features = malloc(width * sizeof(uint32_t)),
                            .state = options->seed};

    *out = (struct forest){.n_features = width, .n_trees = (size_t)options->n_estimators};
    out->trees = malloc(out->n_trees * sizeof(size_t));
    bool good = sorted != NULL && grower.edges != NULL && grower.n_bins != NULL &&
                grower.bins != NULL && grower.rows != NULL && grower.spare != NULL &&
                grower.features != NULL && out->trees != NULL;
    for (size_t j = 0; good && j < width; j++) {
        grower.features[j] = (uint32_t)j;
        make_bins(&grower, j, sorted);
    }
    good = good && grow_trees(&grower);
    if (!good)
        forest_free(out);
    free(sorted);
    free(grower.edges);
    free(grower.n_bins);
    free(grower.bins);
    free(grower.rows);
    free(grower.spare);
    free(grower.features);
    return good;
}

/* ---- using it ---- */

double forest_predict(const struct forest *forest, const double *row)
{
    double sum = 0;

    for (size_t t = 0; t < forest->n_trees; t++) {
        const struct node *node = &forest->nodes[forest->trees[t]];
        while (node->feature >= 0)
            node = &forest->nodes[node->left + (row[node->feature] > node->value)];
        sum += node->value;
    }
    return sum / (double)forest->n_trees;
}

double forest_mean_squared_error(const struct forest *forest, const struct table *table)
{
    double sum = 0;

    for (size_t i = 0; i < table->n_rows; i++) {
        double error = forest_predict(forest, &table->x[i * table->n_features]) - table->y[i];
        sum += error * error;
    }
    return sum / (double)table->n_rows;
}

bool forest_save(const struct forest *forest, const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return false;
    fprintf(file, "forest %zu %zu %zu\n", forest->n_features, forest->n_trees, forest->n_nodes);
    for (size_t t = 0; t < forest->n_trees; t++)
        fprintf(file, "%zu\n", forest->trees[t]);
    for (size_t i = 0; i < forest->n_nodes; i++)
        fprintf(file, "%d %d %.17g\n", (int)forest->nodes[i].feature, (int)forest->nodes[i].left,
                forest->nodes[i].value);
    bool good = ferror(file) == 0;
    return fclose(file) == 0 && good;
}

void forest_free(struct forest *forest)
{
    free(forest->trees);
    free(forest->nodes);
    *forest = (struct forest){0};
}
