/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of samplers and pruners as a text: NAME[:KEY=VALUE[,KEY=VALUE]...][+INNER…], where INNER is the same again
 * for what wraps another one ("patient:patience=3+median:warmup=5"). A table tells which keys there are and
 * where in a struct their values go. */
#ifndef MLF_TUNER_SETTINGS_H
#define MLF_TUNER_SETTINGS_H

#include "core/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mlf__setting_kind {
    MLF__SETTING_INT,    /* int64_t */
    MLF__SETTING_FLOAT,  /* double */
    MLF__SETTING_BOOL,   /* bool: on, off, true, false */
    MLF__SETTING_CHOICE, /* int: index in |choices| */
    MLF__SETTING_TEXT    /* char *, owned by the struct's user: mlf__settings_free() */
};

/* A key. The table ends with a NULL name. */
struct mlf__setting {
    const char *name;
    enum mlf__setting_kind kind;
    size_t offset;
    double low, high;    /* of numbers */
    double fallback;     /* also of BOOL and CHOICE; TEXT: NULL */
    const char *choices; /* "off|ipop|bipop" */
};

/* Splits |text| at the first '+' that is not of a number: its first part's name to |name|, the rest, if any, to |*inner| (borrowed from |text|, NULL:
 * none). MLF_ERR_INVAL for an empty or too long name. */
mlf_status mlf__settings_name(const char *text, char name[32], const char **inner);
/* Fills in |out| by |table| (NULL: no keys): the fallbacks, then what |text| says. MLF_ERR_INVAL names the key or value and what
 * there is. */
mlf_status mlf__settings_parse(const char *text, const struct mlf__setting *table, void *out);
void mlf__settings_free(const struct mlf__setting *table, void *settings);

#endif
