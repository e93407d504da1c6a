/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks plugged into a library's own: FANN reports each epoch of a training to fann_set_callback(), which
 * hands it on. A net of three hidden neurons learns XOR.
 *     cc fann.c $(pkg-config --cflags --libs mlf fann) -o fann */
#include <fann.h>
#include <mlf/mlf.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_ROWS = 4, MAX_EPOCHS = 500, SEED = 7 };

static const float INPUTS[N_ROWS][2] = {{-1, -1}, {-1, 1}, {1, -1}, {1, 1}};
static const float OUTPUTS[N_ROWS] = {-1, 1, 1, -1};

static void give_row(unsigned row, unsigned n_inputs, unsigned n_outputs, fann_type *input,
                     fann_type *output)
{
    for (unsigned i = 0; i < n_inputs; i++)
        input[i] = INPUTS[row][i];
    for (unsigned i = 0; i < n_outputs; i++)
        output[i] = OUTPUTS[row];
}

/* The net's user data: who hears of its training, and which epoch was the last. */
struct training {
    mlf_callback *log;
    int64_t epoch;
};

/* FANN's callback. */
static int FANN_API each_epoch(struct fann *net, struct fann_train_data *data, unsigned max_epochs,
                               unsigned between_reports, float desired_error, unsigned epoch)
{
    struct training *training = fann_get_user_data(net);
    const mlf_metric_value metrics[] = {{"mse", fann_get_MSE(net)},
                                        {"bit_fail", fann_get_bit_fail(net)}};
    (void)data, (void)max_epochs, (void)between_reports, (void)desired_error;
    training->epoch = epoch;
    training->log->on_step(training->log->user, epoch, metrics, 2);
    return 0; /* -1 would end the training */
}

static void predict(struct fann *net, const mlf_callback *log)
{
    static const char *const columns[] = {"a", "b", "a_xor_b", "predicted"};
    static const bool is_number[] = {true, true, true, true};
    char texts[N_ROWS][4][16];
    const char *cells[N_ROWS * 4];
    mlf_table table = MLF_TABLE_INIT;

    for (size_t i = 0; i < N_ROWS; i++) {
        float input[] = {INPUTS[i][0], INPUTS[i][1]};
        const float row[] = {input[0], input[1], OUTPUTS[i], fann_run(net, input)[0]};
        for (size_t k = 0; k < 4; k++) {
            snprintf(texts[i][k], sizeof(texts[i][k]), "%.3f", row[k]);
            cells[4 * i + k] = texts[i][k];
        }
        printf("%2.0f xor %2.0f = %2.0f, predicted %2.0f\n", input[0], input[1], row[2], row[3]);
    }
    table.columns = columns;
    table.is_number = is_number;
    table.n_columns = 4;
    table.cells = cells;
    table.n_rows = N_ROWS;
    log->on_predict(log->user, &table);
}

int main(void)
{
    struct fann *net = fann_create_standard(3, 2, 3, 1);
    struct fann_train_data *data = fann_create_train_from_callback(N_ROWS, 2, 1, give_row);
    mlf_callback *log = mlf_callbacks(NULL);
    struct training training = {.log = log};
    if (net == NULL || data == NULL || log == NULL)
        return fprintf(stderr, "out of memory\n"), 1;
    mlf_set_experiment("Callbacks");
    mlf_start_run(NULL, NULL);

    fann_set_activation_function_hidden(net, FANN_SIGMOID_SYMMETRIC);
    fann_set_activation_function_output(net, FANN_SIGMOID_SYMMETRIC);
    srand(SEED); /* the same weights to begin with in every start */
    fann_randomize_weights(net, -1, 1);
    fann_set_user_data(net, &training);
    fann_set_callback(net, each_epoch);
    const mlf_key_value params[] = {{"training_algorithm", "rprop"}, {"hidden_neurons", "3"}};
    log->on_train_begin(log->user, params, 2);
    fann_train_on_data(net, data, MAX_EPOCHS, 1, 0.001f);
    if (fann_save(net, "xor.net") == 0)
        log->on_model(log->user, "xor", "xor.net", training.epoch);
    predict(net, log);
    log->on_train_end(log->user, MLF_RUN_FINISHED);

    mlf_callbacks_free(log);
    mlf_end_run(MLF_RUN_FINISHED);
    fann_destroy_train(data);
    fann_destroy(net);
    return 0;
}
