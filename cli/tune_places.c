/* SPDX-License-Identifier: Apache-2.0 */
/* Places are found when the command line is read and given their parameter's number when all of it is known, since a
 * parameter may be declared behind its first place. */
#include "cli/tune_places.h"

#include "autolog/cmdline.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACE_UNKNOWN = -5, TEMPLATE_MAX = 16 << 20, NAME_MAX_BYTES = 1024 };

/* ---- texts ---- */

static mlf_status add_piece(struct mlf__tune_text *text, int place, const char *at, size_t len)
{
    mlf_status status =
        mlf__grow((void **)&text->pieces, &text->cap, text->n + 1, sizeof(*text->pieces));
    char *copy = status == MLF_OK ? mlf__alloc(len + 1) : NULL;

    if (copy == NULL)
        return MLF_ERR_NOMEM;
    memcpy(copy, at, len);
    copy[len] = '\0';
    text->pieces[text->n++] = (struct mlf__tune_piece){place, copy, len};
    return MLF_OK;
}

static mlf_status add_literal(struct mlf__tune_text *text, const char *at, size_t len)
{
    return len > 0 ? add_piece(text, MLF__PLACE_LITERAL, at, len) : MLF_OK;
}

void mlf__tune_text_free(struct mlf__tune_text *text)
{
    for (size_t i = 0; i < text->n; i++)
        mlf__free(text->pieces[i].text);
    mlf__free(text->pieces);
    *text = (struct mlf__tune_text){0};
}

static mlf_status wrong(const char *what, const char *text, const char *at, const char *why)
{
    return mlf__fail(MLF_ERR_INVAL, "%s, '%s': at character %zu: %s", what, text,
                     (size_t)(at - text) + 1, why);
}

/* {name} or {name=SPEC}: |at| is the first byte behind the brace, |len| up to the closing one. */
static mlf_status add_place(struct mlf__tune_text *out, struct mlf__tune_space *space,
                            const char *at, size_t len)
{
    const char *equals = memchr(at, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - at) : len;
    mlf_status status = add_piece(out, PLACE_UNKNOWN, at, name_len);

    if (status != MLF_OK || equals == NULL)
        return status;
    char *spec = mlf__strndup(equals + 1, len - name_len - 1);
    if (spec == NULL)
        return MLF_ERR_NOMEM;
    status = mlf__tune_space_add(space, out->pieces[out->n - 1].text, spec);
    mlf__free(spec);
    return status;
}

mlf_status mlf__tune_text_parse(const char *text, const char *what, struct mlf__tune_space *space,
                                struct mlf__tune_text *out)
{
    const char *at = text;
    mlf_status status = MLF_OK;

    while (status == MLF_OK && *at != '\0') {
        size_t len = strcspn(at, "{}");
        if (len > 0) {
            status = add_literal(out, at, len);
            at += len;
        } else if (at[1] == at[0]) {
            status = add_literal(out, at, 1);
            at += 2;
        } else if (*at == '}') {
            return wrong(what, text, at, "this brace closes nothing; }} is a brace that is meant");
        } else {
            len = strcspn(at + 1, "{}");
            if (at[1 + len] != '}')
                return wrong(what, text, at,
                             "this brace is not closed; {{ is a brace that is "
                             "meant");
            if (len == 0 || at[1] == '=')
                return wrong(what, text, at, "a name is missing; {{ is a brace that is meant");
            status = add_place(out, space, at + 1, len);
            at += len + 2;
        }
    }
    return status;
}

/* MLF__PLACE_…, a parameter's number, or PLACE_UNKNOWN. */
static int find_place(const struct mlf__tune_space *space, const char *name)
{
    if (strcmp(name, "trial") == 0)
        return MLF__PLACE_TRIAL;
    if (strcmp(name, "slot") == 0)
        return MLF__PLACE_SLOT;
    if (strcmp(name, "workdir") == 0)
        return MLF__PLACE_WORKDIR;
    int param = mlf__tune_space_find(space, name);
    return param >= 0 ? param : PLACE_UNKNOWN;
}

/* The place at |at|, a brace; PLACE_UNKNOWN when it is none. |*len| is its name's length. */
static int place_in_file(const struct mlf__tune_space *space, const char *at, const char *end,
                         size_t *len)
{
    char name[NAME_MAX_BYTES];

    for (*len = 0; at + 1 + *len < end && *len + 1 < sizeof(name); (*len)++) {
        char c = at[1 + *len];
        if (c == '}') {
            name[*len] = '\0';
            return find_place(space, name);
        }
        if (c == '{' || c == '\n' || c == '\0')
            break;
        name[*len] = c;
    }
    return PLACE_UNKNOWN;
}

mlf_status mlf__tune_text_parse_file(const char *text, size_t len,
                                     const struct mlf__tune_space *space,
                                     struct mlf__tune_text *out)
{
    const char *end = text + len, *literal = text;
    mlf_status status = MLF_OK;

    for (const char *at = text; status == MLF_OK && at < end; at++) {
        size_t name_len;
        if (*at != '{')
            continue;
        int place = place_in_file(space, at, end, &name_len);
        if (place == PLACE_UNKNOWN)
            continue;
        const char *behind = at + name_len + 2;
        bool doubled = at > literal && at[-1] == '{' && behind < end && *behind == '}';
        if (doubled) { /* {{name}}: without the outer braces */
            status = add_literal(out, literal, (size_t)(at - 1 - literal));
            if (status == MLF_OK)
                status = add_literal(out, at, name_len + 2);
            behind++;
        } else {
            status = add_literal(out, literal, (size_t)(at - literal));
            if (status == MLF_OK)
                status = add_piece(out, place, at + 1, name_len);
        }
        literal = behind;
        at = behind - 1;
    }
    return status == MLF_OK ? add_literal(out, literal, (size_t)(end - literal)) : status;
}

/* |text| as one word of a shell. */
static void add_quoted(struct mlf__buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:,+=@%^";

    if (*text != '\0' && text[strspn(text, plain)] == '\0') {
        mlf__buf_puts(out, text);
        return;
    }
    mlf__buf_puts(out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            mlf__buf_puts(out, "'\\''");
        else
            mlf__buf_add(out, text, 1);
    }
    mlf__buf_puts(out, "'");
}

void mlf__tune_text_render(const struct mlf__tune_text *text, const struct mlf__tune_values *values,
                           bool quote, struct mlf__buf *out)
{
    for (size_t i = 0; i < text->n; i++) {
        const struct mlf__tune_piece *piece = &text->pieces[i];
        const char *value = "";
        if (piece->place == MLF__PLACE_LITERAL) {
            mlf__buf_add(out, piece->text, piece->len);
            continue;
        }
        if (piece->place == MLF__PLACE_TRIAL) {
            mlf__buf_printf(out, "%" PRId64, values->trial);
            continue;
        }
        if (piece->place == MLF__PLACE_SLOT) {
            mlf__buf_printf(out, "%d", values->slot);
            continue;
        }
        value = piece->place == MLF__PLACE_WORKDIR ? values->workdir : values->params[piece->place];
        if (quote)
            add_quoted(out, value);
        else
            mlf__buf_puts(out, value);
    }
    mlf__buf_puts(out, "");
}

/* ---- what is given ---- */

static mlf_status add_text(struct mlf__tune_text **texts, size_t *n, size_t *cap,
                           struct mlf__tune_text **out)
{
    mlf_status status = mlf__grow((void **)texts, cap, *n + 1, sizeof(**texts));

    if (status != MLF_OK)
        return status;
    *out = &(*texts)[(*n)++];
    **out = (struct mlf__tune_text){0};
    return MLF_OK;
}

mlf_status mlf__tune_command_add_word(struct mlf__tune_command *command,
                                      struct mlf__tune_space *space, const char *word)
{
    char what[40] = "the command";
    struct mlf__tune_text *text;
    mlf_status status = add_text(&command->words, &command->n_words, &command->cap_words, &text);

    if (status != MLF_OK)
        return status;
    if (command->n_words > 1)
        snprintf(what, sizeof(what), "argument %zu", command->n_words - 1);
    return mlf__tune_text_parse(word, what, space, text);
}

mlf_status mlf__tune_command_add_env(struct mlf__tune_command *command,
                                     struct mlf__tune_space *space, const char *pair)
{
    struct mlf__tune_text *text;
    const char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair || memchr(pair, '{', (size_t)(equals - pair)) != NULL)
        return mlf__fail(MLF_ERR_INVAL, "--env takes NAME=TEXT, not '%s'", pair);
    mlf_status status = add_text(&command->env, &command->n_env, &command->cap_env, &text);
    return status == MLF_OK ? mlf__tune_text_parse(pair, "--env", space, text) : status;
}

mlf_status mlf__tune_command_add_template(struct mlf__tune_command *command,
                                          struct mlf__tune_space *space, const char *pair)
{
    const char *colon = strchr(pair, ':');

    if (colon == NULL || colon == pair || colon[1] == '\0')
        return mlf__fail(MLF_ERR_INVAL, "--template takes IN:OUT, two files, not '%s'", pair);
    mlf_status status = mlf__grow((void **)&command->templates, &command->cap_templates,
                                  command->n_templates + 1, sizeof(*command->templates));
    if (status != MLF_OK)
        return status;
    struct mlf__tune_template *template = &command->templates[command->n_templates++];
    *template = (struct mlf__tune_template){.in = mlf__strndup(pair, (size_t)(colon - pair))};
    if (template->in == NULL)
        return MLF_ERR_NOMEM;
    return mlf__tune_text_parse(colon + 1, "--template", space, &template->out);
}

void mlf__tune_command_free(struct mlf__tune_command *command)
{
    for (size_t i = 0; i < command->n_words; i++)
        mlf__tune_text_free(&command->words[i]);
    for (size_t i = 0; i < command->n_env; i++)
        mlf__tune_text_free(&command->env[i]);
    for (size_t i = 0; i < command->n_templates; i++) {
        mlf__free(command->templates[i].in);
        mlf__tune_text_free(&command->templates[i].content);
        mlf__tune_text_free(&command->templates[i].out);
    }
    mlf__free(command->words);
    mlf__free(command->env);
    mlf__free(command->templates);
    *command = (struct mlf__tune_command){0};
}

/* ---- places and spaces ---- */

struct check {
    struct mlf__tune_space *space;
    struct mlf__tune_command *command;
    struct mlf__buf unknown; /* "{a}, {b}" */
};

static void note_unknown(struct check *check, const char *name)
{
    struct mlf__buf word = {0};

    mlf__buf_printf(&word, "{%s}", name);
    if (!word.failed &&
        (check->unknown.data == NULL || strstr(check->unknown.data, word.data) == NULL))
        mlf__buf_printf(&check->unknown, "%s%s", check->unknown.len > 0 ? ", " : "", word.data);
    mlf__buf_free(&word);
}

static void check_text(struct check *check, struct mlf__tune_text *text)
{
    for (size_t i = 0; i < text->n; i++) {
        struct mlf__tune_piece *piece = &text->pieces[i];
        if (piece->place == PLACE_UNKNOWN)
            piece->place = find_place(check->space, piece->text);
        if (piece->place == PLACE_UNKNOWN)
            note_unknown(check, piece->text);
        else if (piece->place == MLF__PLACE_WORKDIR)
            check->command->uses_workdir = true;
        else if (piece->place >= 0)
            check->space->params[piece->place].used = true;
    }
}

static bool begins_absolute(const struct mlf__tune_text *path)
{
    return path->n > 0 &&
           (path->pieces[0].place == MLF__PLACE_WORKDIR ||
            (path->pieces[0].place == MLF__PLACE_LITERAL && path->pieces[0].text[0] == '/'));
}

static mlf_status check_template(struct check *check, struct mlf__tune_template *template)
{
    char *text;
    size_t len;
    mlf_status status = mlf__tune_read_file(template->in, TEMPLATE_MAX, &text, &len);

    if (status != MLF_OK)
        return status;
    status = mlf__tune_text_parse_file(text, len, check->space, &template->content);
    mlf__free(text);
    check_text(check, &template->content);
    check_text(check, &template->out);
    if (!begins_absolute(&template->out))
        check->command->uses_workdir = true;
    return status;
}

static mlf_status complain(const struct check *check)
{
    struct mlf__buf text = {0};
    bool first = true;

    if (check->unknown.len > 0)
        mlf__buf_printf(&text,
                        "there is no space for %s (-p NAME=SPEC gives one; {{ and }} are "
                        "braces that are meant)",
                        check->unknown.data);
    for (size_t i = 0; i < check->space->n; i++) {
        if (check->space->params[i].used)
            continue;
        if (first)
            mlf__buf_printf(&text, "%sthere is no place in the command for ",
                            text.len > 0 ? "; " : "");
        mlf__buf_printf(&text, "%s{%s}", first ? "" : ", ", check->space->params[i].name);
        first = false;
    }
    mlf_status status = text.failed ? MLF_ERR_NOMEM : MLF_OK;
    if (text.len > 0 && !text.failed)
        status = mlf__fail(MLF_ERR_INVAL, "%s", text.data);
    mlf__buf_free(&text);
    return status;
}

mlf_status mlf__tune_command_check(struct mlf__tune_command *command, struct mlf__tune_space *space)
{
    struct check check = {.space = space, .command = command};
    mlf_status status = MLF_OK;

    for (size_t i = 0; i < command->n_words; i++)
        check_text(&check, &command->words[i]);
    for (size_t i = 0; i < command->n_env; i++)
        check_text(&check, &command->env[i]);
    for (size_t i = 0; status == MLF_OK && i < command->n_templates; i++)
        status = check_template(&check, &command->templates[i]);
    if (status == MLF_OK)
        status = complain(&check);
    mlf__buf_free(&check.unknown);
    return status;
}

bool mlf__tune_command_is_fixed(const struct mlf__tune_command *command)
{
    const struct mlf__tune_text *word = &command->words[0];

    for (size_t i = 0; i < word->n; i++)
        if (word->pieces[i].place != MLF__PLACE_LITERAL)
            return false;
    return true;
}

/* ---- one trial's ---- */

static char **render_all(const struct mlf__tune_text *texts, size_t n,
                         const struct mlf__tune_values *values)
{
    char **words = mlf__zalloc(n + 1, sizeof(char *));

    for (size_t i = 0; words != NULL && i < n; i++) {
        struct mlf__buf word = {0};
        mlf__tune_text_render(&texts[i], values, false, &word);
        words[i] = mlf__buf_take(&word);
        if (words[i] == NULL) {
            mlf__argv_free(words);
            return NULL;
        }
    }
    return words;
}

static char **render_shell(const struct mlf__tune_command *command,
                           const struct mlf__tune_values *values)
{
    char **argv = mlf__zalloc(4, sizeof(char *));
    struct mlf__buf line = {0};

    for (size_t i = 0; i < command->n_words; i++) {
        mlf__buf_puts(&line, i > 0 ? " " : "");
        mlf__tune_text_render(&command->words[i], values, true, &line);
    }
    if (argv == NULL) {
        mlf__buf_free(&line);
        return NULL;
    }
    /* The vector ends before the first that could not be made. */
    argv[0] = mlf__strdup("/bin/sh");
    argv[1] = argv[0] != NULL ? mlf__strdup("-c") : NULL;
    argv[2] = argv[1] != NULL ? mlf__buf_take(&line) : NULL;
    mlf__buf_free(&line);
    if (argv[2] == NULL) {
        mlf__argv_free(argv);
        return NULL;
    }
    return argv;
}

mlf_status mlf__tune_command_render(const struct mlf__tune_command *command,
                                    const struct mlf__tune_values *values,
                                    struct mlf__tune_rendered *out)
{
    *out = (struct mlf__tune_rendered){0};
    out->argv = command->shell ? render_shell(command, values)
                               : render_all(command->words, command->n_words, values);
    out->argc = command->shell ? 3 : command->n_words;
    out->env = render_all(command->env, command->n_env, values);
    if (out->argv == NULL || out->env == NULL) {
        mlf__tune_rendered_free(out);
        return MLF_ERR_NOMEM;
    }
    return MLF_OK;
}

void mlf__tune_rendered_free(struct mlf__tune_rendered *rendered)
{
    mlf__argv_free(rendered->argv);
    mlf__argv_free(rendered->env);
    *rendered = (struct mlf__tune_rendered){0};
}

/* ---- a trial's folder and files ---- */

/* Makes the folders that lead to |path|; |path| itself too when |whole|. */
static mlf_status make_folders(char *path, bool whole)
{
    for (char *at = path + 1;; at++) {
        char c = *at;
        if (c != '/' && (c != '\0' || !whole)) {
            if (c == '\0')
                return MLF_OK;
            continue;
        }
        *at = '\0';
        int err = mkdir(path, 0777) != 0 && errno != EEXIST ? errno : 0;
        *at = c;
        if (err != 0)
            return mlf__fail_errno(err, "the folder %s cannot be made", path);
        if (c == '\0')
            return MLF_OK;
    }
}

static mlf_status write_file(char *path, const struct mlf__buf *text)
{
    mlf_status status = make_folders(path, false);

    if (status != MLF_OK)
        return status;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return mlf__fail_errno(errno, "%s cannot be written", path);
    for (size_t at = 0; at < text->len && status == MLF_OK;) {
        ssize_t n = write(fd, text->data + at, text->len - at);
        if (n < 0 && errno != EINTR)
            status = mlf__fail_errno(errno, "%s cannot be written", path);
        at += n > 0 ? (size_t)n : 0;
    }
    if (close(fd) != 0 && status == MLF_OK)
        status = mlf__fail_errno(errno, "%s cannot be written", path);
    return status;
}

static mlf_status write_template(const struct mlf__tune_template *template,
                                 const struct mlf__tune_values *values)
{
    struct mlf__buf path = {0}, text = {0};
    mlf_status status = MLF_ERR_NOMEM;

    if (!begins_absolute(&template->out))
        mlf__buf_printf(&path, "%s/", values->workdir);
    mlf__tune_text_render(&template->out, values, false, &path);
    mlf__tune_text_render(&template->content, values, false, &text);
    if (!path.failed && !text.failed)
        status = write_file(path.data, &text);
    mlf__buf_free(&path);
    mlf__buf_free(&text);
    return status;
}

mlf_status mlf__tune_command_write(const struct mlf__tune_command *command,
                                   const struct mlf__tune_values *values)
{
    mlf_status status = MLF_OK;

    if (command->uses_workdir) {
        char *path = mlf__strdup(values->workdir);
        status = path != NULL ? make_folders(path, true) : MLF_ERR_NOMEM;
        mlf__free(path);
    }
    for (size_t i = 0; status == MLF_OK && i < command->n_templates; i++)
        status = write_template(&command->templates[i], values);
    return status;
}

const char *mlf__tune_command_common_file(const struct mlf__tune_command *command)
{
    for (size_t i = 0; i < command->n_templates; i++) {
        const struct mlf__tune_text *out = &command->templates[i].out;
        bool common = begins_absolute(out);
        for (size_t j = 0; j < out->n; j++)
            common =
                common && (out->pieces[j].place == MLF__PLACE_LITERAL || out->pieces[j].place >= 0);
        if (common)
            return command->templates[i].in;
    }
    return NULL;
}
