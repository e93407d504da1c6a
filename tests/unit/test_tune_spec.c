/* SPDX-License-Identifier: Apache-2.0 */
/* Specs and places of `mlf tune`: what a text means, where it is wrong, and what a command becomes. */
#include "autolog/cmdline.h"
#include "cli/tune_places.h"
#include "core/mem.h"
#include "tests/support/tap.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void range(const char *spec, enum mlf__dist_kind kind, double low, double high, double step,
                  bool log)
{
    struct mlf__dist dist;

    if (!OK(mlf__tune_spec_parse("x", spec, &dist) == MLF_OK, "%s is a space", spec)) {
        printf("# %s\n", mlf__errmsg());
        return;
    }
    bool same = dist.kind == kind && dist.low == low && dist.high == high && dist.step == step &&
                dist.log == log;
    if (!OK(same, "%s is understood", spec))
        printf("# kind %d, %g to %g by %g, log %d\n", dist.kind, dist.low, dist.high, dist.step,
               dist.log);
    mlf__dist_free(&dist);
}

static void choices(const char *spec, const char *joined)
{
    struct mlf__dist dist;
    char text[200] = "";

    if (!OK(mlf__tune_spec_parse("x", spec, &dist) == MLF_OK, "%s is a space", spec)) {
        printf("# %s\n", mlf__errmsg());
        return;
    }
    for (size_t i = 0; i < dist.n_choices; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%s]", dist.choices[i]);
    OK(dist.kind == MLF__DIST_CATEGORICAL, "%s is a choice", spec);
    STR(text, joined, "with these texts");
    mlf__dist_free(&dist);
}

static void says(mlf_status status, const char *part)
{
    OK(status == MLF_ERR_INVAL, "refused: %s", part);
    if (!OK(strstr(mlf__errmsg(), part) != NULL, "the message says so"))
        printf("#   got  %s\n#   want %s\n", mlf__errmsg(), part);
}

static void bad_spec(const char *spec, const char *part)
{
    struct mlf__dist dist;
    says(mlf__tune_spec_parse("lr", spec, &dist), part);
}

static void specs(void)
{
    range("1:10", MLF__DIST_INT, 1, 10, 1, false);
    range("-5:+5", MLF__DIST_INT, -5, 5, 1, false);
    range("50:300:10", MLF__DIST_INT, 50, 300, 10, false);
    range("1:1024:log", MLF__DIST_INT, 1, 1024, 1, true);
    range("1:10:4", MLF__DIST_INT, 1, 9, 4, false);
    range("0:1.0", MLF__DIST_FLOAT, 0, 1, 0, false);
    range("1e-5:1e-1:log", MLF__DIST_FLOAT, 1e-5, 1e-1, 0, true);
    range("0.2:1:0.2", MLF__DIST_FLOAT, 0.2, 1, 0.2, false);
    range("float:1:10", MLF__DIST_FLOAT, 1, 10, 0, false);
    range("float:1:10:0.5", MLF__DIST_FLOAT, 1, 10, 0.5, false);
    range("int:3:3", MLF__DIST_INT, 3, 3, 1, false);
    choices("linear,rbf", "[linear][rbf]");
    choices("rbf", "[rbf]");
    choices("1,2,4", "[1][2][4]");
    choices("0:1,2:3", "[0:1][2:3]");
}

static void bad_specs(void)
{
    bad_spec("", "'lr=': at character 4: the range or the choices are missing");
    bad_spec("1e-5:x:log", "'lr=1e-5:x:log': at character 9: this is no number");
    bad_spec("1:", "at character 6: a number is missing");
    bad_spec(":1", "at character 4: a number is missing");
    bad_spec("1:10:0.5", "at character 9: this is no integer");
    bad_spec("int:1.5:3", "at character 8: this is no integer");
    bad_spec("int:5", "a range is low:high");
    bad_spec("1:2:3:4", "at character 10: only `log` can stand behind the step");
    bad_spec("1:2:3:log:5", "at character 14");
    bad_spec("0.0:1:-1", "at character 10: the step has to be greater than 0");
    bad_spec("0.0:1:0", "at character 10: the step has to be greater than 0");
    bad_spec("1:3:10", "at character 8: the step is larger than the range");
    bad_spec("0.0:1:1.5", "at character 10: the step is larger than the range");
    bad_spec("1:9:-2", "at character 8: the step has to be greater than 0");
    bad_spec("99999999999999999999:1", "at character 4: this integer is out of range");
    bad_spec("a,,b", "at character 6: a choice is empty");
    bad_spec("a,b,", "at character 8: a choice is empty");
    /* What the bounds mean is the distributions' matter: the name is in what they say. */
    bad_spec("10:1", "lr");
    bad_spec("0:1:log", "lr");
    bad_spec("0.0:1:log", "lr");
    bad_spec("0.1:1:0.1:log", "lr");
    bad_spec("0.0:inf", "lr");
    bad_spec("nan:1", "lr");
    bad_spec("a,b,a", "lr");
    struct mlf__dist dist;
    OK(mlf__tune_spec_parse("lr", "@/nonexistent/choices", &dist) == MLF_ERR_NOT_FOUND,
       "a file of choices that is not there");
    OK(strstr(mlf__errmsg(), "/nonexistent/choices") != NULL, "it is named");
}

static void write_text(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fwrite(text, 1, len, file);
        fclose(file);
    }
}

static void choices_files(const char *folder)
{
    char path[200], spec[201];

    snprintf(path, sizeof(path), "%s/choices", folder);
    snprintf(spec, sizeof(spec), "@%s", path);
    write_text(path, "a,b\r\n\nc d\nlast", 14);
    choices(spec, "[a,b][c d][last]");
    write_text(path, "\n\n", 2);
    bad_spec(spec, "there is no choice in the file");
    write_text(path, "a\0b\n", 4);
    bad_spec(spec, "the file is no text");
    write_text(path, "a\xff\n", 3);
    bad_spec(spec, "the file is no text");
    unlink(path);
}

/* ---- places ---- */

/* The command of |words| with the parameters |lr| = 0.1 and |name| = "a b", joined by blanks. */
static void becomes(bool shell, const char *const *words, const char *want)
{
    const char *params[] = {"0.1", "a 'b'"};
    struct mlf__tune_values values = {params, 7, 2, "/tmp/w7"};
    struct mlf__tune_space space = {0};
    struct mlf__tune_command command = {.shell = shell};
    struct mlf__tune_rendered rendered = {0};
    struct mlf__buf text = {0};
    mlf_status status = mlf__tune_space_add(&space, "lr", "0.0:1");

    if (status == MLF_OK)
        status = mlf__tune_space_add(&space, "name", "a,b");
    for (size_t i = 0; status == MLF_OK && words[i] != NULL; i++)
        status = mlf__tune_command_add_word(&command, &space, words[i]);
    if (status == MLF_OK)
        status = mlf__tune_command_check(&command, &space);
    if (status == MLF_OK)
        status = mlf__tune_command_render(&command, &values, &rendered);
    if (!OK(status == MLF_OK, "%s … is a command", words[0]))
        printf("# %s\n", mlf__errmsg());
    for (size_t i = 0; i < rendered.argc; i++)
        mlf__buf_printf(&text, "%s[%s]", i > 0 ? " " : "", rendered.argv[i]);
    STR(text.data, want, "and becomes");
    mlf__buf_free(&text);
    mlf__tune_rendered_free(&rendered);
    mlf__tune_command_free(&command);
    mlf__tune_space_free(&space);
}

static void commands(void)
{
    becomes(false, (const char *[]){"train", "--lr={lr}", "{name}", NULL},
            "[train] [--lr=0.1] [a 'b']");
    becomes(false, (const char *[]){"train", "{lr}{name}{trial}-{slot}", "{workdir}/m", NULL},
            "[train] [0.1a 'b'7-2] [/tmp/w7/m]");
    becomes(false, (const char *[]){"awk", "{{print {lr}}}", "{name}", NULL},
            "[awk] [{print 0.1}] [a 'b']");
    becomes(false, (const char *[]){"{name}", "", "{lr}", NULL}, "[a 'b'] [] [0.1]");
    becomes(true, (const char *[]){"train {lr} {name} | tee {workdir}/log", NULL},
            "[/bin/sh] [-c] [train 0.1 'a '\\''b'\\''' | tee /tmp/w7/log]");
    becomes(true, (const char *[]){"echo", "{lr}", ">", "{name}", NULL},
            "[/bin/sh] [-c] [echo 0.1 > 'a '\\''b'\\''']");
}

/* What is wrong with a command of |words|, given a space for |lr|. */
static mlf_status check(const char *const *words)
{
    struct mlf__tune_space space = {0};
    struct mlf__tune_command command = {0};
    mlf_status status = mlf__tune_space_add(&space, "lr", "0.0:1");

    for (size_t i = 0; status == MLF_OK && words[i] != NULL; i++)
        status = mlf__tune_command_add_word(&command, &space, words[i]);
    if (status == MLF_OK)
        status = mlf__tune_command_check(&command, &space);
    mlf__tune_command_free(&command);
    mlf__tune_space_free(&space);
    return status;
}

static void bad_commands(void)
{
    says(check((const char *[]){"train", "{depth}", "{depth}{size}", NULL}),
         "there is no space for {depth}, {size}");
    says(check((const char *[]){"train", "{depth}", NULL}),
         "there is no place in the command for {lr}");
    says(check((const char *[]){"train", NULL}), "there is no place in the command for {lr}");
    says(check((const char *[]){"train", "{lr", NULL}),
         "argument 1, '{lr': at character 1: this brace is not closed");
    says(check((const char *[]){"train", "-x", "a{b{lr}", NULL}),
         "argument 2, 'a{b{lr}': at character 2: this brace is not closed");
    says(check((const char *[]){"train", "{lr}}", NULL}),
         "at character 5: this brace closes nothing");
    says(check((const char *[]){"train", "{}", NULL}), "at character 1: a name is missing");
    says(check((const char *[]){"train", "{=1:2}", NULL}), "a name is missing");
    says(check((const char *[]){"train", "{lr=1:2}", NULL}),
         "'lr' is given twice, as 'lr=0.0:1' and as 'lr=1:2'");
    says(check((const char *[]){"train", "{lr}", "{trial=1:2}", NULL}),
         "{trial} is filled in by mlf");
    says(check((const char *[]){"train", "{lr}", "{depth=2:x}", NULL}),
         "'depth=2:x': at character 9: this is no number");
}

static void in_place(void)
{
    struct mlf__tune_space space = {0};
    struct mlf__tune_command command = {0};

    IS(mlf__tune_command_add_word(&command, &space, "train"), MLF_OK, "a word");
    IS(mlf__tune_command_add_word(&command, &space, "{d}{d=2:32}"), MLF_OK,
       "a place before its spec");
    IS(mlf__tune_command_add_env(&command, &space, "MODE={mode=fast,slow}"), MLF_OK, "a variable");
    IS(mlf__tune_command_check(&command, &space), MLF_OK, "each place has its space");
    IS(space.n, 2, "parameters declared in place");
    IS(mlf__tune_space_find(&space, "mode"), 1, "in the order of declaration");
    OK(mlf__tune_command_is_fixed(&command), "the program is the same for all trials");
    OK(!command.uses_workdir, "no folder is needed");
    says(mlf__tune_command_add_env(&command, &space, "{mode}=x"), "--env takes NAME=TEXT");
    says(mlf__tune_command_add_env(&command, &space, "MODE"), "--env takes NAME=TEXT");
    mlf__tune_command_free(&command);
    mlf__tune_space_free(&space);
}

/* ---- config files ---- */

static void file_becomes(const char *text, const char *want)
{
    const char *params[] = {"0.1"};
    struct mlf__tune_values values = {params, 7, 2, "/tmp/w7"};
    struct mlf__tune_space space = {0};
    struct mlf__tune_text parsed = {0};
    struct mlf__buf out = {0};

    mlf__tune_space_add(&space, "lr", "0.0:1");
    IS(mlf__tune_text_parse_file(text, strlen(text), &space, &parsed), MLF_OK, "a config file");
    mlf__tune_text_render(&parsed, &values, false, &out);
    STR(out.data, want, "becomes");
    mlf__buf_free(&out);
    mlf__tune_text_free(&parsed);
    mlf__tune_space_free(&space);
}

static void config_files(void)
{
    file_becomes("{\"lr\": {lr}, \"in\": {\"n\": {trial}}}", "{\"lr\": 0.1, \"in\": {\"n\": 7}}");
    file_becomes("{{lr}} {other} {lr} {", "{lr} {other} 0.1 {");
    file_becomes("{{\"a\": {lr}}}", "{{\"a\": 0.1}}");
    file_becomes("${HOME}/{workdir}\n{l\nr}", "${HOME}//tmp/w7\n{l\nr}");
    file_becomes("", "");
    file_becomes("{lr}{lr}", "0.10.1");
}

static void templates(const char *folder)
{
    char in[200], pair[300], out[300], workdir[250];
    const char *params[] = {"0.1"};
    struct mlf__tune_values values = {params, 7, 2, workdir};
    struct mlf__tune_space space = {0};
    struct mlf__tune_command command = {0};
    char *text = NULL;
    size_t len;

    snprintf(in, sizeof(in), "%s/in.cfg", folder);
    snprintf(pair, sizeof(pair), "%s:conf/out-{trial}.cfg", in);
    snprintf(workdir, sizeof(workdir), "%s/study/trial_7", folder);
    write_text(in, "lr = {lr}\n", 10);
    mlf__tune_space_add(&space, "lr", "0.0:1");
    mlf__tune_command_add_word(&command, &space, "train");
    IS(mlf__tune_command_add_template(&command, &space, pair), MLF_OK, "a template");
    IS(mlf__tune_command_check(&command, &space), MLF_OK, "the place in the file is one");
    OK(command.uses_workdir, "a relative path needs the trial's folder");
    OK(mlf__tune_command_common_file(&command) == NULL, "each trial has its own file");
    IS(mlf__tune_command_write(&command, &values), MLF_OK, "it is written");
    snprintf(out, sizeof(out), "%s/conf/out-7.cfg", workdir);
    IS(mlf__tune_read_file(out, 100, &text, &len), MLF_OK, "into the trial's folder");
    STR(text, "lr = 0.1\n", "with the value");
    mlf__free(text);
    mlf__tune_command_free(&command);

    snprintf(pair, sizeof(pair), "%s:%s/out.cfg", in, folder);
    mlf__tune_command_add_template(&command, &space, pair);
    mlf__tune_command_check(&command, &space);
    STR(mlf__tune_command_common_file(&command), in, "a path without a trial's part is common");
    mlf__tune_command_free(&command);
    says(mlf__tune_command_add_template(&command, &space, "in.cfg"), "--template takes IN:OUT");
    mlf__tune_command_add_template(&command, &space, "/nonexistent/in:out");
    OK(mlf__tune_command_check(&command, &space) == MLF_ERR_NOT_FOUND,
       "a template that is not there");
    mlf__tune_command_free(&command);
    mlf__tune_space_free(&space);
}

int main(void)
{
    char folder[] = "/tmp/mlf-test-tune-XXXXXX", command[100];

    specs();
    bad_specs();
    commands();
    bad_commands();
    in_place();
    config_files();
    if (!OK(mkdtemp(folder) != NULL, "a folder"))
        return tap_done();
    choices_files(folder);
    templates(folder);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    OK(system(command) == 0, "the folder is removed");
    return tap_done();
}
