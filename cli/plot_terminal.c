/* SPDX-License-Identifier: Apache-2.0 */
/* Curves in a terminal: braille characters of 2 × 4 dots where there are any, in a colour for each curve; else one
 * letter for each. */
#include "cli/plot.h"

#include "cli/cli.h"
#include "cli/table.h"
#include "core/mem.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_WIDTH = 80, MIN_WIDTH = 30, MAX_WIDTH = 400, ROWS = 16, LABEL = 11, COLOURS = 6 };

static const char marks[] = "*+ox#@%&";

/* The picture: cells of 2 × 4 dots with braille, of one otherwise. */
struct canvas {
    size_t columns, rows;  /* cells */
    size_t across, down;   /* dots of a cell */
    unsigned char *dots;   /* of each cell, as braille counts them; or its mark */
    unsigned char *series; /* that was drawn there last, from 1 */
    bool utf8, colour;
};

bool mlf__plot_is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool utf8 = locale != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

    if (locale != (locale_t)0)
        freelocale(locale);
    return utf8;
}

/* Without colours, letters tell several curves apart and dots would not. */
static mlf_status make_canvas(const struct plot *plot, struct canvas *out)
{
    size_t width = mlf__terminal_width();

    width = width == 0 ? DEFAULT_WIDTH : width;
    width = width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
    *out = (struct canvas){.columns = width - LABEL - 2, .rows = ROWS, .across = 1, .down = 1};
    out->utf8 = mlf__plot_is_utf8();
    out->colour = isatty(STDOUT_FILENO);
    if (out->utf8 && (out->colour || plot->n_series == 1)) {
        out->across = 2;
        out->down = 4;
    }
    out->dots = mlf__zalloc(out->columns * out->rows, 1);
    out->series = mlf__zalloc(out->columns * out->rows, 1);
    return out->dots != NULL && out->series != NULL ? MLF_OK : MLF_ERR_NOMEM;
}

static void set_dot(struct canvas *canvas, long x, long y, size_t series)
{
    static const unsigned char bits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    size_t column = (size_t)x / canvas->across, row = (size_t)y / canvas->down;
    size_t cell = row * canvas->columns + column;

    if (canvas->across == 1)
        canvas->dots[cell] = (unsigned char)marks[series % (sizeof(marks) - 1)];
    else
        canvas->dots[cell] |= bits[(size_t)y % 4][(size_t)x % 2];
    canvas->series[cell] = (unsigned char)(series % COLOURS + 1);
}

/* A line of dots; the longer direction goes dot by dot. */
static void draw_line(struct canvas *canvas, const long from[2], const long to[2], size_t series)
{
    long dx = to[0] - from[0], dy = to[1] - from[1];
    long steps = labs(dx) > labs(dy) ? labs(dx) : labs(dy);

    for (long i = 0; i <= steps; i++)
        set_dot(canvas, from[0] + (steps > 0 ? lround((double)dx * (double)i / (double)steps) : 0),
                from[1] + (steps > 0 ? lround((double)dy * (double)i / (double)steps) : 0), series);
}

static void draw_series(const struct plot *plot, size_t index, struct canvas *canvas)
{
    const struct plot_series *series = &plot->series[index];
    double width = (double)(canvas->columns * canvas->across - 1);
    double height = (double)(canvas->rows * canvas->down - 1);
    long before[2];
    bool pen_down = false;

    for (size_t i = 0; i < series->n_points; i++) {
        const struct plot_point *point = &series->points[i];
        if (isnan(point->y)) {
            pen_down = false;
            continue;
        }
        long at[2] = {lround(mlf__plot_position(&plot->x, point->x) * width),
                      lround((1 - mlf__plot_position(&plot->y, point->y)) * height)};
        draw_line(canvas, pen_down ? before : at, at, index);
        memcpy(before, at, sizeof(before));
        pen_down = true;
    }
}

static void add_colour(const struct canvas *canvas, size_t series, struct mlf__buf *out)
{
    static const int codes[] = {0, 36, 33, 35, 32, 34, 31};
    if (canvas->colour)
        mlf__buf_printf(out, "\033[%dm", codes[series]);
}

static void add_cells(const struct canvas *canvas, size_t row, struct mlf__buf *out)
{
    size_t colour = 0, end = canvas->columns;
    const unsigned char *dots = canvas->dots + row * canvas->columns;

    while (end > 0 && dots[end - 1] == 0)
        end--;
    for (size_t c = 0; c < end; c++) {
        size_t series = canvas->series[row * canvas->columns + c];
        if (dots[c] != 0 && series != colour) {
            add_colour(canvas, series, out);
            colour = series;
        }
        if (dots[c] == 0)
            mlf__buf_puts(out, " ");
        else if (canvas->across == 1)
            mlf__buf_add(out, &dots[c], 1);
        else /* U+2800 + dots */
            mlf__buf_add(out,
                         (const char[]){(char)0xe2, (char)(0xa0 | dots[c] >> 6),
                                        (char)(0x80 | (dots[c] & 0x3f))},
                         3);
    }
    if (colour != 0)
        add_colour(canvas, 0, out);
}

/* The tick that lies in a row, as text; "" when none does. */
static void row_label(const struct plot *plot, const struct canvas *canvas, size_t row,
                      char out[MLF__NUMBER_SIZE])
{
    out[0] = '\0';
    for (size_t i = 0; i < plot->y.n_ticks; i++) {
        double place = mlf__plot_tick_position(&plot->y, i);
        if ((size_t)lround((1 - place) * (double)(canvas->rows - 1)) == row)
            mlf__plot_tick_label(&plot->y, i, out);
    }
}

static void add_x_axis(const struct plot *plot, const struct canvas *canvas, struct mlf__buf *out)
{
    char label[MLF__NUMBER_SIZE], line[MAX_WIDTH + MLF__NUMBER_SIZE];
    size_t free_from = 0, used = 0;

    mlf__buf_printf(out, "%*s%s", LABEL + 1, "", canvas->utf8 ? "└" : "+");
    for (size_t c = 0; c < canvas->columns; c++)
        mlf__buf_puts(out, canvas->utf8 ? "─" : "-");
    mlf__buf_puts(out, "\n");
    memset(line, ' ', sizeof(line));
    for (size_t i = 0; i < plot->x.n_ticks; i++) {
        size_t at = (size_t)lround(mlf__plot_position(&plot->x, plot->x.ticks[i]) *
                                   (double)(canvas->columns - 1));
        mlf__plot_tick_label(&plot->x, i, label);
        size_t len = strlen(label);
        at = at + len > canvas->columns ? canvas->columns - len : at;
        if (at < free_from)
            continue;
        memcpy(line + at, label, len);
        used = at + len;
        free_from = used + 2;
    }
    mlf__buf_printf(out, "%*s%.*s\n%*s%s\n", LABEL + 2, "", (int)used, line, LABEL + 2, "",
                    mlf__plot_x_title(plot));
}

void mlf__plot_add_plain(struct mlf__buf *out, const char *text)
{
    while (*text != '\0') {
        size_t harmful = mlf__cli_harmful(text);
        mlf__buf_add(out, harmful > 0 ? "?" : text, 1);
        text += harmful > 0 ? harmful : 1;
    }
}

static void add_legend(const struct plot *plot, const struct canvas *canvas, struct mlf__buf *out)
{
    for (size_t i = 0; i < plot->n_series; i++) {
        mlf__buf_printf(out, "%*s", LABEL + 2, "");
        add_colour(canvas, i % COLOURS + 1, out);
        if (canvas->across == 1)
            mlf__buf_printf(out, "%c", marks[i % (sizeof(marks) - 1)]);
        else
            mlf__buf_puts(out, "──");
        add_colour(canvas, 0, out);
        mlf__buf_puts(out, " ");
        mlf__plot_add_plain(out, plot->series[i].name);
        mlf__buf_printf(out, ", %" PRId64 " point%s\n", plot->series[i].n_read,
                        plot->series[i].n_read == 1 ? "" : "s");
    }
}

static mlf_status draw(struct plot *plot, struct mlf__buf *out)
{
    struct canvas canvas;
    char label[MLF__NUMBER_SIZE];
    mlf_status status = make_canvas(plot, &canvas);

    if (status == MLF_OK) {
        mlf__plot_set_ticks(&plot->x, canvas.columns / 12);
        mlf__plot_set_ticks(&plot->y, 6);
        for (size_t i = 0; i < plot->n_series; i++)
            draw_series(plot, i, &canvas);
        mlf__plot_add_plain(out, plot->metric);
        mlf__buf_puts(out, "\n");
        for (size_t row = 0; row < canvas.rows; row++) {
            row_label(plot, &canvas, row, label);
            const char *axis = canvas.utf8 ? (*label != '\0' ? "┤" : "│") : "|";
            mlf__buf_printf(out, "%*s %s", LABEL, label, axis);
            add_cells(&canvas, row, out);
            mlf__buf_puts(out, "\n");
        }
        add_x_axis(plot, &canvas, out);
        add_legend(plot, &canvas, out);
    }
    mlf__free(canvas.dots);
    mlf__free(canvas.series);
    return status;
}

const struct plot_output mlf__plot_terminal = {.draw = draw};
