/* SPDX-License-Identifier: Apache-2.0 */
/* Curves as one SVG picture, whole in itself. */
#include "cli/plot.h"

#include <inttypes.h>
#include <math.h>

enum { TICKS_X = 8, TICKS_Y = 7, LEGEND_LINE = 18, BELOW_AXIS = 50 };

/* Colours that people with any colour vision can tell apart, on light and dark ground. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#56b4e9", "#e69f00", "#8a6fdf", "#7f7f7f"};
static const char *const dashes[] = {"none", "6 3", "2 3", "8 3 2 3"};

static double x_of(const struct plot *plot, double x)
{
    return MLF__PLOT_LEFT +
           mlf__plot_position(&plot->x, x) * (MLF__PLOT_WIDTH - MLF__PLOT_LEFT - MLF__PLOT_RIGHT);
}

static double y_of(const struct plot *plot, double y)
{
    return MLF__PLOT_HEIGHT - mlf__plot_position(&plot->y, y) * (MLF__PLOT_HEIGHT - MLF__PLOT_TOP);
}

size_t mlf__plot_svg_height(const struct plot *plot)
{
    return MLF__PLOT_HEIGHT + BELOW_AXIS + LEGEND_LINE * plot->n_series;
}

static void add_axes(const struct plot *plot, struct mlf__buf *out)
{
    char label[MLF__NUMBER_SIZE];
    int right = MLF__PLOT_WIDTH - MLF__PLOT_RIGHT;

    for (size_t i = 0; i < plot->y.n_ticks; i++) {
        double y = MLF__PLOT_HEIGHT -
                   mlf__plot_tick_position(&plot->y, i) * (MLF__PLOT_HEIGHT - MLF__PLOT_TOP);
        mlf__plot_tick_label(&plot->y, i, label);
        mlf__buf_printf(out,
                        "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                        "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                        MLF__PLOT_LEFT, y, right, y, MLF__PLOT_LEFT - 8, y + 4, label);
    }
    for (size_t i = 0; i < plot->x.n_ticks; i++) {
        double x = x_of(plot, plot->x.ticks[i]);
        mlf__plot_tick_label(&plot->x, i, label);
        mlf__buf_printf(out,
                        "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                        "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                        x, MLF__PLOT_TOP, x, MLF__PLOT_HEIGHT, x, MLF__PLOT_HEIGHT + 18, label);
    }
    mlf__buf_printf(out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>\n", MLF__PLOT_LEFT,
                    MLF__PLOT_TOP, MLF__PLOT_HEIGHT, right);
    mlf__buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                    (MLF__PLOT_LEFT + right) / 2, MLF__PLOT_HEIGHT + 38, mlf__plot_x_title(plot));
    mlf__buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"24\">", MLF__PLOT_LEFT);
    mlf__plot_add_escaped(out, plot->metric);
    mlf__buf_puts(out, "</text>\n");
}

/* The curve's style; the dashes change when the colours have been used up. */
static void add_style(struct mlf__buf *out, size_t series)
{
    size_t n = sizeof(colours) / sizeof(colours[0]), m = sizeof(dashes) / sizeof(dashes[0]);
    mlf__buf_printf(out, "stroke=\"%s\" stroke-dasharray=\"%s\"", colours[series % n],
                    dashes[series / n % m]);
}

static void add_series(const struct plot *plot, size_t index, struct mlf__buf *out)
{
    const struct plot_series *series = &plot->series[index];
    bool pen_down = false;

    mlf__buf_puts(out, "<path class=\"curve\" ");
    add_style(out, index);
    mlf__buf_puts(out, " d=\"");
    for (size_t i = 0; i < series->n_points; i++) {
        const struct plot_point *point = &series->points[i];
        if (isnan(point->y)) {
            pen_down = false;
            continue;
        }
        mlf__buf_printf(out, "%s%.2f %.2f", pen_down ? "L" : "M", x_of(plot, point->x),
                        y_of(plot, point->y));
        /* A point between two gaps is a line without length, which round caps make a dot. */
        bool alone = !pen_down && (i + 1 == series->n_points || isnan(series->points[i + 1].y));
        mlf__buf_puts(out, alone ? "h0" : "");
        pen_down = true;
    }
    mlf__buf_puts(out, "\"><title>");
    mlf__plot_add_escaped(out, series->name);
    mlf__buf_puts(out, "</title></path>\n");
}

static void add_legend(const struct plot *plot, size_t index, struct mlf__buf *out)
{
    size_t y = MLF__PLOT_HEIGHT + BELOW_AXIS + LEGEND_LINE * index + 8;

    mlf__buf_printf(out, "<line x1=\"%d\" y1=\"%zu\" x2=\"%d\" y2=\"%zu\" class=\"curve\" ",
                    MLF__PLOT_LEFT, y - 4, MLF__PLOT_LEFT + 26, y - 4);
    add_style(out, index);
    mlf__buf_printf(out, "/><text x=\"%d\" y=\"%zu\">", MLF__PLOT_LEFT + 34, y);
    mlf__plot_add_escaped(out, plot->series[index].name);
    mlf__buf_printf(out, ", %" PRId64 " points</text>\n", plot->series[index].n_read);
}

void mlf__plot_svg_add(const struct plot *plot, struct mlf__buf *out)
{
    mlf__buf_printf(out,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" "
                    "width=\"%d\" height=\"%zu\" role=\"img\">\n<title>",
                    MLF__PLOT_WIDTH, mlf__plot_svg_height(plot), MLF__PLOT_WIDTH,
                    mlf__plot_svg_height(plot));
    mlf__plot_add_escaped(out, plot->metric);
    mlf__buf_puts(out,
                  "</title>\n<style>text{font:12px sans-serif;fill:#444}.title{font-size:16px;"
                  "fill:#111}.grid{stroke:#888;stroke-opacity:.25}.axis{stroke:#666;fill:none}"
                  ".curve{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}"
                  "@media(prefers-color-scheme:dark){text{fill:#bbb}.title{fill:#eee}}</style>\n");
    add_axes(plot, out);
    for (size_t i = 0; i < plot->n_series; i++)
        add_series(plot, i, out);
    for (size_t i = 0; i < plot->n_series; i++)
        add_legend(plot, i, out);
    mlf__buf_puts(out, "</svg>\n");
}

static mlf_status draw(struct plot *plot, struct mlf__buf *out)
{
    mlf__plot_set_ticks(&plot->x, TICKS_X);
    mlf__plot_set_ticks(&plot->y, TICKS_Y);
    mlf__plot_svg_add(plot, out);
    return MLF_OK;
}

const struct plot_output mlf__plot_svg = {.extension = ".svg", .draw = draw};
