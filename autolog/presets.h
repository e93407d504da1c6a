/* SPDX-License-Identifier: Apache-2.0 */
/* Presets: what known programs print, and what their short options mean. One entry per program in
 * presets.c; nothing else knows programs by name. */
#ifndef MLF_AUTOLOG_PRESETS_H
#define MLF_AUTOLOG_PRESETS_H

#include <stddef.h>

enum { MLF__PRESET_KEYS = 8 };

enum mlf__preset_step {
    MLF__STEP_NONE, /* one value per run: step 0 */
    MLF__STEP_NEXT, /* the line begins the next step; the first is 0 */
    MLF__STEP_SAME  /* the line belongs to the step that began last */
};

struct mlf__preset_rule {
    const char *pattern; /* PCRE2; groups named k1 … k8 give the metrics of |keys| in that order */
    const char *keys[MLF__PRESET_KEYS];
    enum mlf__preset_step step;
    /* "v b=1": options (as on the command line, with a value where one is given) that silence the
     * rule, since the lines then come from trainings that are no part of the result; or NULL */
    const char *unless;
};
struct mlf__preset {
    const char *const *programs; /* names of executables, NULL-terminated */
    const char *library;         /* the adapter that sees the same values, or NULL */
    const char *aliases;         /* "c=C g=gamma q=": option names; nothing behind '=': no param */
    const char *labelled;        /* letters of options like -w1 5, whose name ends in a label and
                                  * which are no params of their own */
    const struct mlf__preset_rule *rules;
    size_t n_rules;
};

/* The preset of the program called |name| (a path's last part), NULL when there is none. */
const struct mlf__preset *mlf__preset_find(const char *name);

#endif
