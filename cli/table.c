/* SPDX-License-Identifier: Apache-2.0 */
/* Texts are measured as UTF-8 whatever the locale is, since that is what the stores hold. */
#include "cli/table.h"

#include "cli/cli.h"
#include "core/buf.h"
#include "core/mem.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { CELL_WIDTH = 40, GAP = 2 };

/* ---- width of text ---- */

/* The code point at |text|, and its length in bytes. Stray bytes are one of their own. */
static unsigned long decode(const char *text, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = at[0] < 0xc0 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    unsigned long point = n == 1 ? at[0] : at[0] & (0x7fu >> n);

    for (*len = 1; *len < n; (*len)++) {
        if ((at[*len] & 0xc0) != 0x80)
            return '?';
        point = point << 6 | (at[*len] & 0x3f);
    }
    return point;
}

static size_t point_width(unsigned long point, locale_t utf8)
{
    if (point < 0x300 || utf8 == (locale_t)0)
        return 1;
    locale_t before = uselocale(utf8);
    int width = wcwidth((wchar_t)point);
    uselocale(before);
    return width < 0 ? 1 : (size_t)width;
}

/* Bytes of |text| that fit into |width| columns; |*used| is how many columns they take. */
static size_t fit(const char *text, size_t width, size_t *used)
{
    locale_t utf8 = (locale_t)0;
    const char *at = text;

    *used = 0;
    while (*at != '\0') {
        size_t len;
        unsigned long point = decode(at, &len);
        if (point >= 0x300 && utf8 == (locale_t)0)
            utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        /* What is harmful is printed as one '?'. */
        size_t columns = mlf__cli_harmful(at) > 0 ? 1 : point_width(point, utf8);
        if (*used + columns > width)
            break;
        *used += columns;
        at += len;
    }
    if (utf8 != (locale_t)0)
        freelocale(utf8);
    return (size_t)(at - text);
}

size_t mlf__text_width(const char *text)
{
    size_t used;
    fit(text, SIZE_MAX, &used);
    return used;
}

size_t mlf__text_fit(const char *text, size_t width)
{
    size_t used;
    return fit(text, width, &used);
}

size_t mlf__terminal_width(void)
{
    struct winsize size = {0};
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* ---- cells ---- */

void mlf__table_add(struct mlf__table *table, const char *text)
{
    if (table->failed || mlf__grow((void **)&table->cells, &table->cap, table->n_cells + 1,
                                   sizeof(*table->cells)) != MLF_OK) {
        table->failed = true;
        return;
    }
    char *copy = mlf__strdup(text != NULL && *text != '\0' ? text : "-");
    table->failed = copy == NULL;
    if (copy != NULL)
        table->cells[table->n_cells++] = copy;
}

void mlf__table_addf(struct mlf__table *table, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mlf__table_add(table, text);
}

void mlf__table_free(struct mlf__table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        mlf__free(table->cells[i]);
    mlf__free(table->cells);
    *table = (struct mlf__table){.n_columns = table->n_columns,
                                 .indent = table->indent,
                                 .max_width = table->max_width,
                                 .share = table->share};
}

/* ---- printing ---- */

static size_t column_width(const struct mlf__table *table, size_t column, size_t limit)
{
    size_t width = 0;

    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t cell = mlf__text_width(table->cells[i]);
        width = cell > width ? cell : width;
    }
    return width > limit ? limit : width;
}

/* Prints |text|, at most |room| columns of it; returns the columns used. */
static size_t print_cell(const char *text, size_t room)
{
    size_t used;
    size_t bytes = fit(text, room, &used);
    char *part = mlf__strndup(text, bytes);

    if (part != NULL)
        mlf__cli_print_text(stdout, part);
    mlf__free(part);
    return used;
}

static void print_row(const struct mlf__table *table, size_t first, const size_t *widths,
                      size_t room)
{
    size_t pad = table->indent; /* blanks that the next cell needs before it; none end a line */

    for (size_t c = 0; c < table->n_columns && room > 0; c++) {
        const char *text = table->cells[first + c];
        size_t limit = c + 1 == table->n_columns || widths[c] > room ? room : widths[c];
        size_t used = 0;
        if (text[strspn(text, " ")] != '\0') {
            printf("%*s", (int)pad, "");
            used = print_cell(text, limit);
            pad = 0;
        }
        pad += widths[c] + GAP - (used < widths[c] ? used : widths[c]);
        room = room > widths[c] + GAP ? room - widths[c] - GAP : 0;
    }
    printf("\n");
}

/* Takes from the widest columns until all of them have |room|, or none is wide any more. */
static void share_room(const struct mlf__table *table, size_t *widths, size_t room)
{
    enum { NARROW = 8 };
    size_t total = GAP * (table->n_columns - 1);

    for (size_t c = 0; c < table->n_columns; c++)
        total += widths[c];
    while (total > room) {
        size_t widest = 0;
        for (size_t c = 1; c < table->n_columns; c++)
            widest = widths[c] > widths[widest] ? c : widest;
        if (widths[widest] <= NARROW)
            return;
        widths[widest]--;
        total--;
    }
}

mlf_status mlf__table_print(struct mlf__table *table)
{
    size_t *widths = table->failed ? NULL : mlf__zalloc(table->n_columns, sizeof(*widths));

    if (widths == NULL) {
        mlf__table_free(table);
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    }
    bool terminal = isatty(STDOUT_FILENO);
    size_t room = mlf__terminal_width(),
           limit = table->max_width > 0 ? table->max_width : CELL_WIDTH;
    room = room == 0 ? SIZE_MAX / 2 : room > table->indent ? room - table->indent : 1;
    for (size_t c = 0; c < table->n_columns; c++)
        widths[c] = column_width(table, c, terminal ? limit : SIZE_MAX / 4);
    if (terminal && table->share)
        share_room(table, widths, room);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
        print_row(table, i, widths, room);
    mlf__free(widths);
    mlf__table_free(table);
    return MLF_OK;
}

void mlf__print_field(const char *name, const char *value)
{
    printf("%-12s ", name);
    mlf__cli_print_text(stdout, value != NULL && *value != '\0' ? value : "-");
    printf("\n");
}

void mlf__print_pairs(const char *title, const mlf_pair *pairs, size_t n)
{
    struct mlf__table table = {.n_columns = 2, .indent = 2};

    if (n == 0)
        return;
    printf("\n%s\n", title);
    for (size_t i = 0; i < n; i++) {
        mlf__table_add(&table, pairs[i].key);
        mlf__table_add(&table, pairs[i].value);
    }
    (void)mlf__table_print(&table);
}
