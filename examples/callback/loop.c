/* SPDX-License-Identifier: Apache-2.0 */
/* A training loop of one's own that takes callbacks: it fits a line by gradient descent and does not know who listens.
 *     cc loop.c $(pkg-config --cflags --libs mlf) -o loop */
#include <mlf/mlf.h>
#include <stdio.h>

enum { N_TRAIN = 40, N_TEST = 10, N_STEPS = 200 };

struct line {
    double slope, intercept;
};

/* y = 3 x - 1, shaken by a sequence that is the same on every machine. */
static void make_points(double *x, double *y, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1103515245u + 12345u;
        double noise = (double)(seed >> 16 & 0x7fff) / 0x7fff - 0.5;
        x[i] = (double)i / (double)n;
        y[i] = 3 * x[i] - 1 + 0.1 * noise;
    }
}

static double mean_square(const struct line *line, const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double error = line->slope * x[i] + line->intercept - y[i];
        sum += error * error;
    }
    return sum / (double)n;
}

static int save(const struct line *line, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return -1;
    fprintf(file, "slope %.17g\nintercept %.17g\n", line->slope, line->intercept);
    return fclose(file);
}

static void train(struct line *line, const double *x, const double *y, size_t n, double rate,
                  const mlf_callback *callback)
{
    for (int64_t step = 1; step <= N_STEPS; step++) {
        double by_slope = 0, by_intercept = 0;
        for (size_t i = 0; i < n; i++) {
            double error = line->slope * x[i] + line->intercept - y[i];
            by_slope += 2 * error * x[i] / (double)n;
            by_intercept += 2 * error / (double)n;
        }
        line->slope -= rate * by_slope;
        line->intercept -= rate * by_intercept;
        const mlf_metric_value loss = {"loss", mean_square(line, x, y, n)};
        if (callback != NULL && callback->on_step != NULL)
            callback->on_step(callback->user, step, &loss, 1);
    }
}

/* What the line says of the test points, as a table. */
static void predict(const struct line *line, const double *x, const double *y, size_t n,
                    const mlf_callback *callback)
{
    static const char *const columns[] = {"x", "actual", "predicted"};
    static const bool is_number[] = {true, true, true};
    char texts[N_TEST * 3][32];
    const char *cells[N_TEST * 3];
    mlf_table table = MLF_TABLE_INIT;

    for (size_t i = 0; i < n; i++) {
        const double row[] = {x[i], y[i], line->slope * x[i] + line->intercept};
        for (size_t k = 0; k < 3; k++) {
            snprintf(texts[3 * i + k], sizeof(texts[0]), "%.4f", row[k]);
            cells[3 * i + k] = texts[3 * i + k];
        }
    }
    table.columns = columns;
    table.is_number = is_number;
    table.n_columns = 3;
    table.cells = cells;
    table.n_rows = n;
    callback->on_predict(callback->user, &table);
}

int main(void)
{
    double x[N_TRAIN], y[N_TRAIN], test_x[N_TEST], test_y[N_TEST];
    struct line line = {0};
    mlf_callback_options options = MLF_CALLBACK_OPTIONS_INIT;

    make_points(x, y, N_TRAIN, 1);
    make_points(test_x, test_y, N_TEST, 2);
    options.log_every_n_steps = 50;
    mlf_set_experiment("Callbacks");
    mlf_start_run(NULL, NULL);
    mlf_callback *log = mlf_callbacks(&options);
    if (log == NULL)
        return fprintf(stderr, "mlf_callbacks: %s\n", mlf_errmsg()), 1;

    const mlf_key_value params[] = {{"learning_rate", "0.5"}, {"n_steps", "200"}};
    log->on_train_begin(log->user, params, 2);
    train(&line, x, y, N_TRAIN, 0.5, log);
    const mlf_metric_value held_out = {"loss", mean_square(&line, test_x, test_y, N_TEST)};
    log->on_evaluate(log->user, N_STEPS, "test", &held_out, 1);
    if (save(&line, "line.txt") == 0)
        log->on_model(log->user, "line", "line.txt", N_STEPS);
    predict(&line, test_x, test_y, N_TEST, log);
    log->on_train_end(log->user, MLF_RUN_FINISHED);

    printf("y = %.3f x %+.3f, test loss %.6f\n", line.slope, line.intercept, held_out.value);
    mlf_callbacks_free(log);
    mlf_end_run(MLF_RUN_FINISHED);
    return 0;
}
