/* SPDX-License-Identifier: Apache-2.0 */
/* Axes of plots: positions, round ticks and their texts over ranges of every size; and escaping. */
#include "cli/plot.h"
#include "tests/support/tap.h"

#include <float.h>
#include <math.h>
#include <string.h>

static bool ticks_are_in_order(const struct plot_axis *axis)
{
    for (size_t i = 0; i < axis->n_ticks; i++) {
        double at = (axis->ticks[i] - axis->min) / (axis->max - axis->min);
        if (!(at > -1e-9 && at < 1 + 1e-9) || (i > 0 && !(axis->ticks[i] > axis->ticks[i - 1])))
            return false;
    }
    return true;
}

static void ticks_of_every_size(void)
{
    size_t few = 0, wrong = 0, unread = 0;

    for (int exponent = -300; exponent <= 300; exponent += 7) {
        for (int digit = 1; digit < 100; digit += 9) {
            double size = digit * pow(10, exponent);
            struct plot_axis axis = {.min = -size / 3, .max = size};
            mlf__plot_set_ticks(&axis, 7);
            few += axis.n_ticks < 3 || axis.n_ticks > 7;
            wrong += !ticks_are_in_order(&axis);
            for (size_t i = 0; i < axis.n_ticks; i++) {
                char label[MLF__NUMBER_SIZE];
                double back;
                mlf__plot_tick_label(&axis, i, label);
                unread +=
                    !mlf__parse_double(label, &back) || fabs(back - axis.ticks[i]) > size * 1e-5;
            }
        }
    }
    struct plot_axis widest = {.min = -DBL_MAX, .max = DBL_MAX};
    mlf__plot_set_ticks(&widest, 7);
    OK(widest.n_ticks >= 3 && fabs(mlf__plot_tick_position(&widest, 1) - 0.5) < 0.5,
       "ticks of a range that no double can say");
    OK(few == 0, "3 to 7 ticks for every range");
    OK(wrong == 0, "ticks rise and lie on the axis");
    OK(unread == 0, "labels say where the ticks are");
}

static void round_ticks(void)
{
    struct plot_axis axis = {.min = 0.13, .max = 1.02};
    char label[MLF__NUMBER_SIZE];

    mlf__plot_set_ticks(&axis, 6);
    mlf__plot_tick_label(&axis, 0, label);
    STR(label, "0.2", "the first round number");
    axis = (struct plot_axis){.min = -0.3, .max = 0.3};
    mlf__plot_set_ticks(&axis, 7);
    bool zero = false;
    for (size_t i = 0; i < axis.n_ticks; i++) {
        mlf__plot_tick_label(&axis, i, label);
        zero = zero || strcmp(label, "0") == 0;
    }
    OK(zero, "zero is called 0");
    axis = (struct plot_axis){.min = -3.5, .max = 2.5, .log = true};
    mlf__plot_set_ticks(&axis, 7);
    mlf__plot_tick_label(&axis, 0, label);
    STR(label, "0.001", "powers of ten on a logarithmic axis");
    axis = (struct plot_axis){.min = 1, .max = 1};
    mlf__plot_set_ticks(&axis, 7);
    OK(axis.n_ticks == 0, "no ticks on an axis without a length");
}

static void positions(void)
{
    struct plot_axis axis = {.min = -DBL_MAX, .max = DBL_MAX};

    OK(fabs(mlf__plot_position(&axis, 0) - 0.5) < 1e-12, "the largest range has a middle");
    axis = (struct plot_axis){.min = 0, .max = 2, .log = true};
    OK(fabs(mlf__plot_position(&axis, 10) - 0.5) < 1e-12, "logarithmic positions");
    axis.log = false;
    OK(isnan(mlf__plot_position(&axis, NAN)), "NaN has none");
}

static void escaping(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {{"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
                 {"\x01\x1b\x7f\n", "????"},
                 {"\xef\xbf\xbe|\xef\xbf\xbf|\xef\xbf\xbd", "?|?|\xef\xbf\xbd"},
                 {"\xef\xbf", "\xef\xbf"},
                 {"ü漢", "ü漢"}};

    for (size_t i = 0; i < MLF__ARRAY_LEN(cases); i++) {
        struct mlf__buf out = {0};
        mlf__plot_add_escaped(&out, cases[i].text);
        STR(out.data, cases[i].want, "escaped");
        mlf__buf_free(&out);
    }
}

int main(void)
{
    ticks_of_every_size();
    round_ticks();
    positions();
    escaping();
    return tap_done();
}
