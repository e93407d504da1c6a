/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of samplers and pruners: what a text sets, and what is refused with which words. */
#include "tuner/settings.h"

#include "tuner/pruner.h"
#include "tuner/sampler.h"

#include "../support/tap.h"

struct values {
    int64_t count;
    double rate;
    bool flag;
    int choice;
    char *text;
};

static const struct mlf__setting TABLE[] = {
    {"count", MLF__SETTING_INT, offsetof(struct values, count), 1, 100, 10, NULL},
    {"rate", MLF__SETTING_FLOAT, offsetof(struct values, rate), 0, 1, 0.5, NULL},
    {"flag", MLF__SETTING_BOOL, offsetof(struct values, flag), 0, 0, 1, NULL},
    {"choice", MLF__SETTING_CHOICE, offsetof(struct values, choice), 0, 0, 1, "off|ipop|bipop"},
    {"text", MLF__SETTING_TEXT, offsetof(struct values, text), 0, 0, 0, NULL},
    {NULL, MLF__SETTING_INT, 0, 0, 0, 0, NULL}};

static void values(void)
{
    struct values out;
    OK(mlf__settings_parse("x", TABLE, &out) == MLF_OK && out.count == 10 && out.rate == 0.5 &&
           out.flag && out.choice == 1 && out.text == NULL,
       "a name alone has the fallbacks");
    OK(mlf__settings_parse("x:count=7,rate=1e-3,flag=off,choice=bipop,text=a b", TABLE, &out) ==
               MLF_OK &&
           out.count == 7 && out.rate == 1e-3 && !out.flag && out.choice == 2 &&
           strcmp(out.text, "a b") == 0,
       "each kind of value is set");
    mlf__settings_free(TABLE, &out);
    OK(out.text == NULL, "freed texts are gone");
    OK(mlf__settings_parse("x:count=7+inner:count=8", TABLE, &out) == MLF_OK && out.count == 7,
       "what is wrapped is not looked at");
    OK(mlf__settings_parse("x:rate=1e-1,count=1e+1", TABLE, &out) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "count=1e+1:") != NULL,
       "a number is read with its +");
}

static void refused(void)
{
    static const struct {
        const char *text, *why;
    } BAD[] = {
        {"x:", "is not KEY=VALUE"},
        {"x:count", "\"count\" in \"x:count\" is not KEY=VALUE"},
        {"x:size=3", "x has no setting \"size\": it has count, rate, flag, choice, text"},
        {"x:count=3,count=4", "has count twice"},
        {"x:count=0", "count=0: an integer from 1 to 100"},
        {"x:count=3.5", "count=3.5: an integer"},
        {"x:rate=nan", "rate=nan: a number from 0 to 1"},
        {"x:rate=", "rate=: a number"},
        {"x:flag=maybe", "flag=maybe: on or off"},
        {"x:choice=op", "choice=op: one of off|ipop|bipop"},
        {"x:text=a,,count=3", "\"\" in"},
    };
    for (size_t i = 0; i < MLF__ARRAY_LEN(BAD); i++) {
        struct values out;
        mlf_status status = mlf__settings_parse(BAD[i].text, TABLE, &out);
        OK(status == MLF_ERR_INVAL && strstr(mlf__errmsg(), BAD[i].why) != NULL && out.text == NULL,
           "%s is refused: %s", BAD[i].text, mlf__errmsg());
    }
    struct values out;
    OK(mlf__settings_parse("x:a=3", NULL, &out) == MLF_ERR_INVAL &&
           strstr(mlf__errmsg(), "it has none") != NULL,
       "without a table there are no settings");
}

static void names(void)
{
    char name[32];
    const char *inner;
    OK(mlf__settings_name("patient:patience=3+median:warmup=5", name, &inner) == MLF_OK &&
           strcmp(name, "patient") == 0 && strcmp(inner, "median:warmup=5") == 0,
       "a text is split into name and inner text");
    OK(mlf__settings_name("threshold:upper=1e+05+median", name, &inner) == MLF_OK &&
           strcmp(inner, "median") == 0,
       "the + of a number splits nothing");
    OK(mlf__settings_name("", name, &inner) == MLF_ERR_INVAL, "an empty name is refused");
    OK(mlf__settings_name(":a=3", name, &inner) == MLF_ERR_INVAL, "so is one before a colon");
    OK(mlf__settings_name("a123456789012345678901234567890123", name, &inner) == MLF_ERR_INVAL,
       "so is one that is too long");
}

static void registries(void)
{
    const struct mlf__history history = {.n_objectives = 1};
    struct mlf__sampler *sampler;
    struct mlf__pruner *pruner;
    OK(mlf__sampler_open("rnd", &history, 1, &sampler) == MLF_ERR_INVAL && sampler == NULL &&
           strstr(mlf__errmsg(), "there is no sampler \"rnd\": there are ") != NULL &&
           strstr(mlf__errmsg(), "random") != NULL,
       "an unknown sampler is refused with those there are");
    OK(mlf__sampler_open("random:a=1", &history, 1, &sampler) == MLF_ERR_INVAL,
       "a setting that a sampler does not have is refused");
    OK(mlf__sampler_open("random+random", &history, 1, &sampler) == MLF_ERR_INVAL,
       "a sampler wraps none");
    OK(mlf__pruner_open("no", &history, "s", &pruner) == MLF_ERR_INVAL && pruner == NULL &&
           strstr(mlf__errmsg(), "there is no pruner \"no\"") != NULL,
       "an unknown pruner is refused");
    OK(mlf__pruner_open("none+none", &history, "s", &pruner) == MLF_ERR_INVAL,
       "a pruner that wraps none is given none");
    OK(mlf__pruner_open("none+", &history, "s", &pruner) == MLF_ERR_INVAL,
       "nothing is no inner pruner");
}

int main(void)
{
    values();
    refused();
    names();
    registries();
    return tap_done();
}
