/* SPDX-License-Identifier: Apache-2.0 */
/* The command of `mlf tune` with its places: {name} in arguments, in values of environment variables and in config
 * files, {name=SPEC} in arguments and values, and {trial}, {slot}, {workdir}; {{ and }} are braces. In a config file only {name}
 * of a parameter or of ours is a place, all other braces are the file's own, and {{name}} is {name}. */
#ifndef MLF_CLI_TUNE_PLACES_H
#define MLF_CLI_TUNE_PLACES_H

#include "cli/tune_spec.h"

/* What stands in a place that is no parameter's. */
enum {
    MLF__PLACE_LITERAL = -1,
    MLF__PLACE_TRIAL = -2,
    MLF__PLACE_SLOT = -3,
    MLF__PLACE_WORKDIR = -4
};

struct mlf__tune_piece {
    int place;  /* a parameter's number, or one of the above; -5 and less: not found yet */
    char *text; /* the literal, or the place's name */
    size_t len;
};

/* A text with places. Zeroed to begin. */
struct mlf__tune_text {
    struct mlf__tune_piece *pieces;
    size_t n, cap;
};

/* What fills the places of one trial. */
struct mlf__tune_values {
    const char *const *params; /* texts, by the parameters' numbers */
    int64_t trial;
    int slot;
    const char *workdir;
};

struct mlf__tune_template {
    char *in;                      /* path */
    struct mlf__tune_text content; /* of the file */
    struct mlf__tune_text out;     /* path; relative to {workdir} */
};

/* The command as it was given. */
struct mlf__tune_command {
    bool shell; /* the words are one line for /bin/sh */
    struct mlf__tune_text *words;
    size_t n_words, cap_words;
    struct mlf__tune_text *env; /* NAME=TEXT */
    size_t n_env, cap_env;
    struct mlf__tune_template *templates;
    size_t n_templates, cap_templates;
    bool uses_workdir;
};

/* The command of one trial; all owned. */
struct mlf__tune_rendered {
    char **argv, **env;
    size_t argc;
};

/* Reads |text|; |what| is for messages ("argument 3"). Specs in place are declared in |space|. */
mlf_status mlf__tune_text_parse(const char *text, const char *what, struct mlf__tune_space *space,
                                struct mlf__tune_text *out);
/* Reads a config file's text, once all parameters are declared. */
mlf_status mlf__tune_text_parse_file(const char *text, size_t len,
                                     const struct mlf__tune_space *space,
                                     struct mlf__tune_text *out);
/* Appends the text with its places filled in; |quote|: as words of a shell. */
void mlf__tune_text_render(const struct mlf__tune_text *text, const struct mlf__tune_values *values,
                           bool quote, struct mlf__buf *out);
void mlf__tune_text_free(struct mlf__tune_text *text);

mlf_status mlf__tune_command_add_word(struct mlf__tune_command *command,
                                      struct mlf__tune_space *space, const char *word);
mlf_status mlf__tune_command_add_env(struct mlf__tune_command *command,
                                     struct mlf__tune_space *space, const char *pair);
/* "IN:OUT". The file is read by mlf__tune_command_check(). */
mlf_status mlf__tune_command_add_template(struct mlf__tune_command *command,
                                          struct mlf__tune_space *space, const char *pair);
/* All has been given: finds each place's parameter. MLF_ERR_INVAL lists the places without a space and the spaces without a
 * place. */
mlf_status mlf__tune_command_check(struct mlf__tune_command *command,
                                   struct mlf__tune_space *space);
/* Has the word that names the program no place? */
bool mlf__tune_command_is_fixed(const struct mlf__tune_command *command);

/* A config file that is written to one and the same path for all trials, so that two at once would disturb each other;
 * NULL: there is none. */
const char *mlf__tune_command_common_file(const struct mlf__tune_command *command);

/* The words and variables of a trial, which |values| give. Makes nothing. */
mlf_status mlf__tune_command_render(const struct mlf__tune_command *command,
                                    const struct mlf__tune_values *values,
                                    struct mlf__tune_rendered *out);
/* Makes the trial's folder and writes its config files. */
mlf_status mlf__tune_command_write(const struct mlf__tune_command *command,
                                   const struct mlf__tune_values *values);
void mlf__tune_rendered_free(struct mlf__tune_rendered *rendered);
void mlf__tune_command_free(struct mlf__tune_command *command);

#endif
