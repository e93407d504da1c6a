/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines read by guesswork: no program's options are known here, so the forms that programs
 * commonly use are told apart by their looks. Where a program's own option parsing is seen (getopt,
 * an adapter), that wins over what is found here. */
#include "autolog/cmdline.h"

#include "autolog/presets.h"
#include "core/buf.h"
#include "core/mem.h"
#include "tracking/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_LAYERS = 16, MAX_WORDS = 4096 };

static const char masked[] = "***";

/* ---- shells ---- */

static const char *const shells[] = {"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The text behind a shell's -c, NULL when |words| is no such command. */
static const char *shell_text(size_t n, const char *const *words)
{
    bool is_shell = false;

    for (size_t i = 0; i < MLF__ARRAY_LEN(shells); i++)
        is_shell = is_shell || strcmp(shells[i], base_name(words[0])) == 0;
    for (size_t i = 1; is_shell && i + 1 < n; i++) {
        if (words[i][0] != '-' && strcmp(words[i], "sh") != 0)
            return NULL;
        if (words[i][0] == '-' && words[i][1] != '-' && strchr(words[i], 'c') != NULL)
            return words[i + 1];
    }
    return NULL;
}

/* ---- options ---- */

static bool is_number(const char *text)
{
    double value;
    return mlf__parse_double(text, &value);
}

/* Can |text| be the value of the option before it? A negative number can, another option cannot. */
static bool is_value(const char *text)
{
    if (text[0] == '-' && text[1] != '\0')
        return is_number(text);
    return true;
}

/* Length of the name in "name=value", 0 when |word| is not of that form. */
static size_t name_before_equals(const char *word)
{
    size_t len = 0;

    if (!isalpha((unsigned char)word[0]) && word[0] != '_')
        return 0;
    while (isalnum((unsigned char)word[len]) || (word[len] != '\0' && strchr("_.-[]", word[len])))
        len++;
    return word[len] == '=' ? len : 0;
}

struct parse {
    const char *directory;
    mlf__option_fn *fn;
    void *user;
    const char *labelled; /* of the program's preset, or "" */
    size_t positionals;
    mlf_status status;
};

static void emit(struct parse *parse, const char *name, size_t name_len, const char *value)
{
    char *key = mlf__normalise_name(name, name_len);
    char *open = mlf__mask_secrets(value, strlen(value));
    char *clean = open != NULL ? mlf__clean_value(open, strlen(open), MLF__PARAM_VALUE_MAX) : NULL;

    if (key == NULL || clean == NULL)
        parse->status = MLF_ERR_NOMEM;
    else if (*key != '\0')
        parse->fn(key, mlf__is_secret_name(name, name_len) ? masked : clean, parse->user);
    mlf__free(clean);
    mlf__free(open);
    mlf__free(key);
}

static bool exists(const char *directory, const char *path)
{
    char full[4096];
    struct stat info;
    int len = path[0] == '/' ? snprintf(full, sizeof(full), "%s", path)
                             : snprintf(full, sizeof(full), "%s/%s", directory, path);
    return len > 0 && (size_t)len < sizeof(full) && stat(full, &info) == 0;
}

/* A path, or a name with an ending: a file, though it may not be there yet. "0.5" is none. */
static bool looks_like_file(const char *word)
{
    double number;
    return !mlf__parse_double(word, &number) && strpbrk(word, "/.") != NULL;
}

/* Positionals are numbered by their place, so that a name means the same in every run, whether or not
 * the files before it are there. */
static void emit_positional(struct parse *parse, const char *word)
{
    char name[32];
    size_t index = parse->positionals++;

    if (*word == '\0' || strcmp(word, "-") == 0 || looks_like_file(word) ||
        exists(parse->directory, word))
        return;
    int len = snprintf(name, sizeof(name), "arg%zu", index);
    emit(parse, name, (size_t)len, word);
}

/* Reads one option word and perhaps its value from |next| (NULL: none left). Returns the number of
 * words used. */
static size_t parse_option(struct parse *parse, const char *word, const char *next)
{
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    const char *equals = strchr(name, '=');

    if (equals != NULL) {
        emit(parse, name, (size_t)(equals - name), equals + 1);
        return 1;
    }
    if (!is_long && name[1] != '\0' && strchr(parse->labelled, name[0]) != NULL &&
        is_number(name + 1)) /* -w1 5 */
        return next != NULL ? 2 : 1;
    if (!is_long && name[1] != '\0' && is_number(name + 1)) { /* -c3 */
        emit(parse, name, 1, name + 1);
        return 1;
    }
    size_t len = strlen(name);
    /* What follows a secret's option is not shown, even if it begins like an option itself. */
    bool takes = next != NULL && (is_value(next) ||
                                  (mlf__is_secret_name(name, len) && strncmp(next, "--", 2) != 0));
    emit(parse, name, len, takes ? next : "true");
    return takes ? 2 : 1;
}

mlf_status mlf__cmdline_parse(size_t argc, const char *const *argv, const char *directory,
                              mlf__option_fn *fn, void *user)
{
    const struct mlf__preset *preset = argc > 0 ? mlf__preset_find(base_name(argv[0])) : NULL;
    struct parse parse = {.directory = directory,
                          .fn = fn,
                          .user = user,
                          .labelled =
                              preset != NULL && preset->labelled != NULL ? preset->labelled : ""};
    bool options = true;

    /* A shell's text is a program of its own, not an option. */
    if (argc > 0 && shell_text(argc, argv) != NULL)
        return MLF_OK;
    for (size_t i = 1; i < argc;) {
        const char *word = argv[i];
        size_t used = 1;
        size_t name_len = name_before_equals(word);
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && word[0] == '-' && word[1] != '\0' && !is_number(word))
            used = parse_option(&parse, word, i + 1 < argc ? argv[i + 1] : NULL);
        else if (options && word[0] == '+' && name_before_equals(word + 1) > 0)
            emit(&parse, word + 1, name_before_equals(word + 1), strchr(word, '=') + 1);
        else if (options && name_len > 0 && !exists(directory, word))
            emit(&parse, word, name_len, word + name_len + 1);
        else
            emit_positional(&parse, word);
        i += used;
    }
    return parse.status;
}

/* ---- wrappers ---- */

struct wrapper {
    const char *name;
    const char *valued; /* options whose next word is their value, between spaces */
    int positionals;    /* words of its own before the command */
    bool assignments;   /* NAME=VALUE before the command */
};

static const struct wrapper wrappers[] = {
    {"env", " -u --unset -C --chdir ", 0, true},
    {"nice", " -n --adjustment ", 0, false},
    {"ionice", " -c --class -n --classdata ", 0, false},
    {"nohup", "", 0, false},
    {"setsid", "", 0, false},
    {"time", " -f --format -o --output ", 0, false},
    {"timeout", " -s --signal -k --kill-after ", 1, false},
    {"stdbuf", " -i --input -o --output -e --error ", 0, false},
    {"taskset", "", 1, false},
    {"chrt", " -T -P -D ", 1, false},
    {"numactl",
     " -i -m -N -C -p -P -l --interleave --membind --cpunodebind --physcpubind --preferred ", 0,
     false},
    {"mpirun",
     " -n -np --n --np -c -N -H -host --host -hostfile --hostfile -machinefile --machinefile -x "
     "-wdir --wdir -wd -bind-to --bind-to -map-by --map-by -rank-by --rank-by -f -ppn -env ",
     0, false},
    {"mpiexec",
     " -n -np --n --np -c -N -H -host --host -hostfile --hostfile -machinefile --machinefile -x "
     "-wdir --wdir -wd -bind-to --bind-to -map-by --map-by -rank-by --rank-by -f -ppn -env ",
     0, false},
    {"srun",
     " -n --ntasks -N --nodes -c --cpus-per-task -p --partition -t --time -J --job-name -A "
     "--account -w --nodelist -x --exclude -o --output -e --error -i --input --mem --gres -G "
     "--gpus -D --chdir --mpi --qos -C --constraint ",
     0, false},
};

static bool is_listed(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(list, word); len > 0 && at != NULL; at = strstr(at + 1, word)) {
        if (at > list && at[-1] == ' ' && at[len] == ' ')
            return true;
    }
    return false;
}

/* Index of the command's first word behind |wrapper|; |n| when there is none. */
static size_t skip_wrapper(const struct wrapper *wrapper, size_t n, char *const *words)
{
    size_t i = 1;

    while (i < n && words[i][0] == '-' && words[i][1] != '\0') {
        if (strcmp(words[i], "--") == 0) {
            i++;
            break;
        }
        i += is_listed(wrapper->valued, words[i]) ? 2 : 1;
    }
    while (wrapper->assignments && i < n && name_before_equals(words[i]) > 0)
        i++;
    return i + (size_t)wrapper->positionals < n ? i + (size_t)wrapper->positionals : n;
}

/* A growing vector of owned words. */
struct words {
    char **items;
    size_t n, cap;
};

static mlf_status add_word(struct words *words, const char *text, size_t len)
{
    char *copy = mlf__strndup(text, len);
    if (copy == NULL)
        return MLF_ERR_NOMEM;
    if (mlf__grow((void **)&words->items, &words->cap, words->n + 2, sizeof(char *)) != MLF_OK) {
        mlf__free(copy);
        return MLF_ERR_NOMEM;
    }
    words->items[words->n++] = copy;
    words->items[words->n] = NULL;
    return MLF_OK;
}

/* Reads one quoted part that begins at |text|, which is a quote. Returns its length with both quotes,
 * 0 when the shell would do more than drop the quotes. */
static size_t read_quoted(const char *text, struct mlf__buf *out)
{
    char quote = text[0];
    size_t at = 1;

    for (; text[at] != quote; at++) {
        if (text[at] == '\0')
            return 0;
        if (quote == '"' && (text[at] == '$' || text[at] == '`'))
            return 0;
        if (quote == '"' && text[at] == '\\' && text[at + 1] != '\0' &&
            strchr("\"\\$`\n", text[at + 1]) != NULL)
            at++;
        mlf__buf_add(out, text + at, 1);
    }
    return at + 1;
}

/* Reads one word of shell text. Returns its length, 0 at other shell syntax. */
static size_t read_shell_word(const char *text, struct mlf__buf *out)
{
    size_t at = 0;

    mlf__buf_puts(out, "");
    while (text[at] != '\0' && strchr(" \t", text[at]) == NULL) {
        if (text[at] == '\'' || text[at] == '"') {
            size_t used = read_quoted(text + at, out);
            if (used == 0)
                return 0;
            at += used;
            continue;
        }
        if (strchr("|&;<>()$`\n*?[]{}!#", text[at]) != NULL || (at == 0 && text[at] == '~'))
            return 0;
        if (text[at] == '\\') {
            at++;
            if (text[at] == '\0' || text[at] == '\n')
                return 0;
        }
        mlf__buf_add(out, text + at, 1);
        at++;
    }
    return at;
}

static void free_words(struct words *words)
{
    mlf__argv_free(words->items);
    *words = (struct words){0};
}

/* Splits shell text that is one plain command. |words| stays empty when it is more than that. */
static mlf_status split_shell(const char *text, struct words *words)
{
    mlf_status status = MLF_OK;

    for (;;) {
        struct mlf__buf word = {0};
        text += strspn(text, " \t");
        if (*text == '\0')
            return MLF_OK;
        size_t used = words->n < MAX_WORDS ? read_shell_word(text, &word) : 0;
        if (word.failed)
            status = MLF_ERR_NOMEM;
        else if (used > 0)
            status = add_word(words, word.data, word.len);
        mlf__buf_free(&word);
        if (used == 0 || status != MLF_OK) {
            free_words(words);
            return status;
        }
        text += used;
    }
}

/* Number of words before a shell's command: assignments and "exec". */
static size_t skip_shell_prefix(const struct words *words)
{
    size_t i = 0;

    while (i < words->n && name_before_equals(words->items[i]) > 0)
        i++;
    if (i < words->n && strcmp(words->items[i], "exec") == 0)
        i++;
    return i;
}

static void drop_first(struct words *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mlf__free(words->items[i]);
    memmove(words->items, words->items + count, (words->n - count + 1) * sizeof(char *));
    words->n -= count;
}

/* Strips one layer; |*changed| says whether there was one. */
static mlf_status strip_layer(struct words *words, bool *changed)
{
    const char *text = shell_text(words->n, (const char *const *)words->items);

    *changed = false;
    if (text != NULL) {
        struct words inner = {0};
        mlf_status status = split_shell(text, &inner);
        size_t prefix = skip_shell_prefix(&inner);
        if (status != MLF_OK || prefix >= inner.n) {
            free_words(&inner);
            return status;
        }
        drop_first(&inner, prefix);
        free_words(words);
        *words = inner;
        *changed = true;
        return MLF_OK;
    }
    for (size_t i = 0; i < MLF__ARRAY_LEN(wrappers); i++) {
        if (strcmp(wrappers[i].name, base_name(words->items[0])) != 0)
            continue;
        size_t skip = skip_wrapper(&wrappers[i], words->n, words->items);
        if (skip < words->n) {
            drop_first(words, skip);
            *changed = true;
        }
        return MLF_OK;
    }
    return MLF_OK;
}

mlf_status mlf__cmdline_strip(size_t argc, const char *const *argv, char ***out, size_t *n_out)
{
    struct words words = {0};
    mlf_status status = MLF_OK;
    bool changed = argc > 0;

    *out = NULL;
    *n_out = 0;
    if (argc == 0)
        return mlf__fail(MLF_ERR_INVAL, "an empty command line");
    for (size_t i = 0; i < argc && status == MLF_OK; i++)
        status = add_word(&words, argv[i], strlen(argv[i]));
    for (int layer = 0; layer < MAX_LAYERS && changed && status == MLF_OK; layer++)
        status = strip_layer(&words, &changed);
    if (status != MLF_OK) {
        free_words(&words);
        return status;
    }
    *out = words.items;
    *n_out = words.n;
    return MLF_OK;
}

void mlf__argv_free(char **argv)
{
    for (char **word = argv; argv != NULL && *word != NULL; word++)
        mlf__free(*word);
    mlf__free(argv);
}

/* ---- as text ---- */

static void add_quoted(struct mlf__buf *out, const char *word)
{
    static const char plain[] = "_@%+=:,./-";
    bool needs_quotes = *word == '\0';

    for (const char *at = word; *at != '\0'; at++)
        needs_quotes = needs_quotes || (!isalnum((unsigned char)*at) && strchr(plain, *at) == NULL);
    if (!needs_quotes) {
        mlf__buf_puts(out, word);
        return;
    }
    mlf__buf_puts(out, "'");
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            mlf__buf_puts(out, "'\\''");
        else
            mlf__buf_add(out, at, 1);
    }
    mlf__buf_puts(out, "'");
}

/* Is |word| an option whose value is a secret and comes as the next word? */
static bool announces_secret(const char *word, size_t len)
{
    size_t dashes = 0;

    while (dashes < len && word[dashes] == '-')
        dashes++;
    return dashes > 0 && dashes < len && memchr(word, '=', len) == NULL &&
           mlf__is_secret_name(word + dashes, len - dashes);
}

/* |word| with its secrets masked, owned. A word may be a whole shell text, so that options and values
 * inside it are looked at as well. */
static char *mask_word(const char *word)
{
    struct mlf__buf text = {0};
    bool secret = false;

    mlf__buf_puts(&text, "");
    for (const char *at = word; *at != '\0';) {
        size_t space = strspn(at, " \t\n");
        mlf__buf_add(&text, at, space);
        at += space;
        size_t len = strcspn(at, " \t\n");
        if (secret && len > 0)
            mlf__buf_puts(&text, masked);
        else
            mlf__buf_add(&text, at, len);
        secret = len > 0 && !secret && announces_secret(at, len);
        at += len;
    }
    char *result = text.failed ? NULL : mlf__mask_secrets(text.data, text.len);
    mlf__buf_free(&text);
    return result;
}

char *mlf__cmdline_text(size_t argc, const char *const *argv)
{
    struct mlf__buf out = {0};
    bool secret = false;

    mlf__buf_puts(&out, "");
    for (size_t i = 0; i < argc; i++) {
        const char *word = argv[i];
        const char *name = word + strspn(word, "-+");
        const char *equals = strchr(name, '=');
        if (i > 0)
            mlf__buf_puts(&out, " ");
        if (secret && strncmp(word, "--", 2) != 0) {
            mlf__buf_puts(&out, masked);
        } else if (equals != NULL && equals > name &&
                   strcspn(name, " \t\n\"';|&") >= (size_t)(equals - name) &&
                   mlf__is_secret_name(name, (size_t)(equals - name))) {
            mlf__buf_add(&out, word, (size_t)(equals - word) + 1);
            mlf__buf_puts(&out, masked);
        } else {
            char *shown = mask_word(word);
            if (shown != NULL)
                add_quoted(&out, shown);
            else
                out.failed = true;
            mlf__free(shown);
        }
        secret = announces_secret(word, strlen(word));
    }
    if (out.failed) {
        mlf__buf_free(&out);
        return NULL;
    }
    return mlf__buf_take(&out);
}
