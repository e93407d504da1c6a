/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of --stop-when: what holds by which values, and what is said about a text that is none. */
#include "cli/stop_when.h"
#include "tests/support/tap.h"

#include <math.h>

struct point {
    const char *key;
    double value;
};

/* Does |text| hold when |points| were seen, the last one last? */
static void holds(const char *text, bool want, const struct point *points, size_t n)
{
    struct mlf__stop_when *condition = NULL;
    struct mlf__stop_values values = {0};
    bool got = false;

    if (!OK(mlf__stop_when_parse(text, &condition) == MLF_OK, "%s is a condition", text)) {
        printf("# %s\n", mlf__errmsg());
        return;
    }
    for (size_t i = 0; i < n; i++)
        got = mlf__stop_when_see(condition, &values, points[i].key, points[i].value);
    OK(got == want, "%s %s", text, want ? "holds" : "does not hold");
    mlf__stop_when_free(condition);
}

static void says(const char *text, const char *part)
{
    struct mlf__stop_when *condition = NULL;

    OK(mlf__stop_when_parse(text, &condition) == MLF_ERR_INVAL && condition == NULL,
       "'%s' is refused", text);
    if (!OK(strstr(mlf__errmsg(), part) != NULL, "the message says '%s'", part))
        printf("# %s\n", mlf__errmsg());
}

static void comparisons(void)
{
    struct point loss[] = {{"loss", 0.5}}, nothing[] = {{"loss", NAN}},
                 endless[] = {{"loss", INFINITY}};

    holds("loss < 1", true, loss, 1);
    holds("loss<1", true, loss, 1);
    holds("loss < 0.5", false, loss, 1);
    holds("loss <= 0.5", true, loss, 1);
    holds("loss > 1e-3", true, loss, 1);
    holds("loss>=.5", true, loss, 1);
    holds("loss == 0.5", true, loss, 1);
    holds("loss = 0.5", true, loss, 1);
    holds("loss != 0.5", false, loss, 1);
    holds("loss > -1", true, loss, 1);
    holds("LOSS < 1", true, loss, 1);
    holds("loss is nan", false, loss, 1);
    holds("loss is finite", true, loss, 1);
    holds("loss is not nan", true, loss, 1);
    holds("loss is nan", true, nothing, 1);
    holds("loss IS NaN", true, nothing, 1);
    holds("loss < 1 or loss >= 1", false, nothing, 1);
    holds("loss is inf", true, endless, 1);
    holds("loss > 1e308", true, endless, 1);
    holds("loss is finite", false, endless, 1);
}

static void joined(void)
{
    struct point both[] = {{"epoch", 4}, {"loss", 0.5}};
    struct point words[] = {{"cross_validation_accuracy", 86}};
    struct point later[] = {{"loss", 0.5}, {"loss", 2}};
    struct point other[] = {{"loss", 0.5}, {"accuracy", 1}};

    holds("loss < 1 and epoch > 3", true, both, 2);
    holds("loss < 1 && epoch > 4", false, both, 2);
    holds("loss > 1 or epoch > 3", true, both, 2);
    holds("loss > 1 || epoch > 4", false, both, 2);
    holds("not loss > 1", true, both, 2);
    holds("!(loss > 1 or epoch > 4)", true, both, 2);
    holds("loss > 1 or loss > 0 and epoch > 9", false, both, 2);
    holds("(loss > 1 or loss > 0) and epoch > 3", true, both, 2);
    holds("\"Cross Validation Accuracy\" >= 85", true, words, 1);
    holds("loss > 1", true, later, 2);
    holds("loss < 1", false, later, 2);
    holds("loss < 1", false, other,
          2); /* it held before, and a point of another metric says nothing */
}

static void unseen(void)
{
    struct point loss[] = {{"loss", 0.5}};

    holds("not error > 1 and loss < 1", false, loss, 1);
    holds("error > 1 or loss < 1", true, loss, 1);
    holds("not (error > 1 and loss > 1)", true, loss, 1);
    holds("error != 1 and loss < 1", false, loss, 1);
}

static void refused(void)
{
    char deep[200] = "", wide[4000] = "";

    says("", "at character 1: the name of a metric is missing");
    says("loss", "at character 5: one of <, <=, >, >=, ==, != or `is` is missing");
    says("loss <", "at character 7: a number is missing");
    says("loss < abc", "at character 8: this is no number");
    says("loss < nan", "use `is nan`");
    says("loss is broken", "`is` takes nan, inf or finite");
    says("(loss < 1", "a closing bracket is missing");
    says("loss < 1)", "at character 9");
    says("loss < 1 error > 2", "at character 10");
    says("loss < 1 and", "the name of a metric is missing");
    says("\"loss < 1", "the quote is not closed");
    says("\"\" < 1", "no metric has such a name");
    for (int i = 0; i < 100; i++)
        strcat(deep, "(");
    says(deep, "nested too deeply");
    for (int i = 0; i < 17; i++)
        snprintf(wide + strlen(wide), sizeof(wide) - strlen(wide), "%sm%d<1", i > 0 ? " or " : "",
                 i);
    says(wide, "too many different metrics");
    wide[0] = '\0';
    for (int i = 0; i < 200; i++)
        snprintf(wide + strlen(wide), sizeof(wide) - strlen(wide), "%sm<1", i > 0 ? " or " : "");
    says(wide, "the condition is too long");
}

int main(void)
{
    comparisons();
    joined();
    unseen();
    refused();
    return tap_done();
}
