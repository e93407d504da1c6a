/* SPDX-License-Identifier: Apache-2.0 */
/* Presets: what known programs print, and what their short options mean. One entry per program in
 * presets.c; nothing else knows programs by name. */
#ifndef MLF_AUTOLOG_PRESETS_H
#define MLF_AUTOLOG_PRESETS_H

#include <stddef.h>

enum { MLF__PRESET_KEYS = 8, MLF__PRESETS_MAX = 32 /* and rules of one: bits of a word */ };

enum mlf__preset_step {
    MLF__STEP_NONE, /* one value per run: step 0 */
    MLF__STEP_NEXT, /* the line begins the next step; the first is 0 */
    MLF__STEP_SAME, /* the line belongs to the step that began last */
    MLF__STEP_LINE, /* the group named step, or epoch with at and of; the step of lines that follow as well */
    MLF__STEP_LAST,    /* the step that a line told last */
    MLF__STEP_IMPLIED, /* counted for each key */
    MLF__STEP_SILENT   /* nothing is logged: the line says nothing about the result */
};

struct mlf__preset_rule {
    const char *contains; /* a text that is in every line the pattern matches; saves trying it */
    const char *pattern; /* PCRE2; groups named k1 … k8 give the metrics of |keys| in that order */
    const char *keys[MLF__PRESET_KEYS];
    /* PCRE2, matched again and again behind what |pattern| has matched: groups key and value, and set, which
     * goes before the key with a slash; or NULL */
    const char *pairs;
    enum mlf__preset_step step;
    /* "v b=1": options (as on the command line, with a value where one is given) that silence the
     * rule, since the lines then come from trainings that are no part of the result; or NULL */
    const char *unless;
};
struct mlf__preset {
    const char *name;
    const char *const *programs; /* names of executables, NULL-terminated */
    const char *library;         /* the adapter that sees the same values, or NULL */
    const char *aliases;         /* "c=C g=gamma q=": option names; nothing behind '=': no param */
    const char *labelled;        /* letters of options like -w1 5, whose name ends in a label and
                                  * which are no params of their own */
    /* The line that tells the program: begins with |prefix|, contains |contains| and matches |signature|
     * (the latter two may be NULL). |prefix| may begin with '#': a digit. */
    const char *prefix, *contains, *signature;
    int json; /* objects on lines of their own: read as JSON, without rules */
    const struct mlf__preset_rule *rules;
    size_t n_rules;
};

/* All of them; |*n| is their number. */
const struct mlf__preset *mlf__presets(size_t *n);
/* The preset of the program called |name| (a path's last part), NULL when there is none. */
const struct mlf__preset *mlf__preset_find(const char *name);
/* The preset called |name|, or of the program of that name. */
const struct mlf__preset *mlf__preset_named(const char *name);
/* The adapter that logs a metric called |key|, NULL when none does. */
const char *mlf__preset_library(const char *key);

#endif
