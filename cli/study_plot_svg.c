/* SPDX-License-Identifier: Apache-2.0 */
/* Panels, colours and texts of a study's pictures. */
#include "cli/study_plot_svg.h"

#include "cli/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- texts and colours ---- */

void mlf__study_text(struct mlf__buf *out, const char *text, size_t width)
{
    size_t len = strlen(text);
    struct mlf__buf whole = {0};

    if (width > 0 && mlf__text_width(text) > width)
        len = mlf__text_fit(text, width - 1);
    mlf__buf_add_utf8(&whole, text, len);
    if (len < strlen(text))
        mlf__buf_puts(&whole, "…");
    if (whole.data != NULL)
        mlf__plot_add_escaped(out, whole.data);
    out->failed = out->failed || whole.failed;
    mlf__buf_free(&whole);
}

/* Five colours of viridis (Smith, van der Walt; public domain), which keep their order without colour too. Its lightest end would
 * vanish on white. */
void mlf__study_colour(double share, char out[MLF__COLOUR_SIZE])
{
    static const unsigned char anchors[5][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
    double place = (share > 0 ? fmin(share, 1) : 0) * 0.93 * 4;
    size_t below = place < 3 ? (size_t)place : 3;
    unsigned rgb[3];

    for (size_t i = 0; i < 3; i++)
        rgb[i] = (unsigned)lround(anchors[below][i] + (anchors[below + 1][i] - anchors[below][i]) *
                                                          (place - (double)below));
    snprintf(out, MLF__COLOUR_SIZE, "#%02x%02x%02x", rgb[0] & 255, rgb[1] & 255, rgb[2] & 255);
}

double mlf__study_share(const struct study_plot *plot, double value)
{
    double low = plot->log ? log10(plot->clear_low) : plot->clear_low;
    double high = plot->log ? log10(plot->clear_high) : plot->clear_high;
    double share = high > low
                       ? ((plot->log ? log10(value) : value) / 2 - low / 2) / (high / 2 - low / 2)
                       : 0.5;

    share = fmax(0, fmin(1, share));
    return plot->history->directions[plot->objective] == MLF_MAXIMIZE ? 1 - share : share;
}

/* What lies outside the clear range has the colour of its end. */
static void add_bound(const struct study_plot *plot, bool low, struct mlf__buf *out)
{
    double bound = low ? plot->clear_low : plot->clear_high;
    bool beyond = low ? plot->low < bound : plot->high > bound;

    mlf__buf_printf(out, "%s%.4g", !beyond ? "" : low ? "≤ " : "≥ ", bound);
}

void mlf__study_colour_bar(const struct study_plot *plot, const char *id, double left, double top,
                           struct mlf__buf *out)
{
    enum { WIDTH = 160 };
    bool maximize = plot->history->directions[plot->objective] == MLF_MAXIMIZE;
    char colour[MLF__COLOUR_SIZE];

    mlf__buf_printf(out, "<linearGradient id=\"%s\">", id);
    for (int i = 0; i <= 8; i++) {
        mlf__study_colour(i / 8.0, colour);
        mlf__buf_printf(out, "<stop offset=\"%g\" stop-color=\"%s\"/>", i / 8.0, colour);
    }
    mlf__buf_printf(out, "</linearGradient>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                    left - 8, top + 9);
    add_bound(plot, !maximize, out);
    mlf__buf_printf(out,
                    "</text><rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"10\" "
                    "fill=\"url(#%s)\"/><text x=\"%.1f\" y=\"%.1f\">",
                    left, top, WIDTH, id, left + WIDTH + 8, top + 9);
    add_bound(plot, maximize, out);
    mlf__buf_puts(out, "</text>\n");
}

void mlf__study_note(struct mlf__buf *out, double top, size_t n_drawn, size_t n, const char *what)
{
    if (n_drawn < n)
        mlf__buf_printf(out, "<text x=\"%d\" y=\"%.1f\">Drawn are %zu of %zu %s.</text>\n",
                        MLF__PLOT_LEFT, top, n_drawn, n, what);
}

mlf_status mlf__study_nothing(struct mlf__buf *out, double *height, const char *why)
{
    mlf__buf_printf(out, "<text x=\"%d\" y=\"60\">%s</text>\n", MLF__PLOT_LEFT, why);
    *height = 84;
    return MLF_OK;
}

void mlf__study_dot(struct mlf__buf *out, double x, double y, const struct mlf__trial *trial,
                    const char *class, const char *colour)
{
    const char *radius = strcmp(class, "best") == 0 ? "6" : strcmp(class, "off") == 0 ? "3" : "3.6";

    mlf__buf_printf(out,
                    "<circle class=\"%s\" data-n=\"%" PRId64 "\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"",
                    class, trial->number, x, y, radius);
    if (colour != NULL)
        mlf__buf_printf(out, " style=\"fill:%s\"", colour);
    mlf__buf_puts(out, "/>\n");
}

/* ---- scales ---- */

struct study_scale mlf__study_number_scale(double low, double high)
{
    struct study_scale scale = {.choices = NULL};

    mlf__plot_set_range(&scale.axis, low, high, false);
    return scale;
}

struct study_scale mlf__study_value_scale(const struct study_plot *plot)
{
    struct study_scale scale = {.choices = NULL};

    mlf__plot_set_range(&scale.axis, plot->low, plot->high, plot->log);
    double margin = (scale.axis.max / 2 - scale.axis.min / 2) * 0.1;
    scale.axis.min -= margin;
    scale.axis.max += margin;
    return scale;
}

double mlf__study_x(const struct study_panel *panel, double value)
{
    return panel->left + mlf__plot_position(&panel->x.axis, value) * panel->width;
}

double mlf__study_y(const struct study_panel *panel, double value)
{
    return panel->top + (1 - mlf__plot_position(&panel->y.axis, value)) * panel->height;
}

/* ---- axes ---- */

/* A grid line across the panel at |share| of a direction. */
static void add_line(const struct study_panel *panel, bool x, double share, struct mlf__buf *out)
{
    if (x)
        mlf__buf_printf(out, "<path class=\"grid\" d=\"M%.1f %.1fv%.1f\"/>",
                        panel->left + share * panel->width, panel->top, panel->height);
    else
        mlf__buf_printf(out, "<path class=\"grid\" d=\"M%.1f %.1fh%.1f\"/>", panel->left,
                        panel->top + (1 - share) * panel->height, panel->width);
}

static void add_label(const struct study_panel *panel, bool x, double share, const char *text,
                      size_t width, struct mlf__buf *out)
{
    if (!x && panel->no_y_labels)
        return;
    if (x)
        mlf__buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                        panel->left + share * panel->width, panel->top + panel->height + 16);
    else
        mlf__buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", panel->left - 7,
                        panel->top + (1 - share) * panel->height + 4);
    mlf__study_text(out, text, width);
    mlf__buf_puts(out, "</text>\n");
}

/* A letter is about seven wide; choices that have no room are left out evenly. */
static void add_choices(const struct study_panel *panel, bool x, struct mlf__buf *out)
{
    const struct mlf__dist *dist = x ? panel->x.choices : panel->y.choices;
    double room = (x ? panel->width : panel->height) / (double)dist->n_choices;
    size_t every = 1 + (size_t)((x ? 24 : 13) / room);
    size_t width = x ? (size_t)(room * (double)every / 7) : 10;

    for (size_t i = 0; i < dist->n_choices; i += every) {
        double share = ((double)i + 0.5) / (double)dist->n_choices;
        add_line(panel, x, share, out);
        add_label(panel, x, share, dist->choices[i], width > 2 ? width : 2, out);
    }
}

static void add_ticks(struct study_panel *panel, bool x, struct mlf__buf *out)
{
    struct plot_axis *axis = x ? &panel->x.axis : &panel->y.axis;
    double size = x ? panel->width : panel->height;
    char label[MLF__NUMBER_SIZE];

    if ((x ? panel->x.choices : panel->y.choices) != NULL) {
        add_choices(panel, x, out);
        return;
    }
    mlf__plot_set_ticks(axis, (size_t)(size / (x ? 62 : 40)));
    for (size_t i = 0; i < axis->n_ticks; i++) {
        double share = mlf__plot_tick_position(axis, i);
        mlf__plot_tick_label(axis, i, label);
        add_line(panel, x, share, out);
        add_label(panel, x, share, label, 0, out);
    }
}

void mlf__study_panel_add(struct study_panel *panel, struct mlf__buf *out)
{
    double middle = panel->top + panel->height / 2, edge = panel->left - 58;

    add_ticks(panel, true, out);
    add_ticks(panel, false, out);
    mlf__buf_printf(out, "<path class=\"axis\" d=\"M%.1f %.1fv%.1fh%.1f\"/>\n", panel->left,
                    panel->top, panel->height, panel->width);
    if (panel->x_title != NULL) {
        mlf__buf_printf(out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                        panel->left + panel->width / 2, panel->top + panel->height + 36);
        mlf__study_text(out, panel->x_title, (size_t)(panel->width / 7.5));
        mlf__buf_puts(out, "</text>\n");
    }
    if (panel->y_title != NULL) {
        mlf__buf_printf(out,
                        "<text class=\"name\" text-anchor=\"middle\" transform=\"translate(%.1f "
                        "%.1f) rotate(-90)\">",
                        edge, middle);
        mlf__study_text(out, panel->y_title, (size_t)(panel->height / 7.5));
        mlf__buf_puts(out, "</text>\n");
    }
}

/* ---- a picture ---- */

static const char style[] =
    "<style>svg.study text{font:12px sans-serif;fill:#444;paint-order:stroke;stroke:#fff;"
    "stroke-width:3px;stroke-opacity:.8}svg.study .name{fill:#111}"
    "svg.study .title{font-size:16px;fill:#111}.grid{stroke:#888;stroke-opacity:.22;fill:none}"
    ".axis{stroke:#666;fill:none}.dot{stroke:#fff;stroke-width:.7;fill:#0072b2;"
    "fill-opacity:.75}.off{fill:#999;fill-opacity:.5}.best{fill:#d55e00;stroke:#fff;"
    "stroke-width:1.5}.run{fill:none;stroke:#d55e00;stroke-width:2;stroke-linejoin:round}"
    ".way{fill:none;stroke-width:1.2;stroke-opacity:.55;stroke-linejoin:round}"
    ".bar{fill:#0072b2}.on{stroke:#d55e00!important;stroke-width:3!important;stroke-opacity:1"
    "!important;fill-opacity:1!important}</style>\n";

mlf_status mlf__study_svg(const struct study_plot *plot, const struct study_picture *picture,
                          bool titled, struct mlf__buf *out)
{
    struct mlf__buf body = {0};
    double height = MLF__PLOT_HEIGHT;
    mlf_status status = picture->draw(plot, &body, &height);
    double top = titled ? 0 : picture->has_bar ? 6 : 18;

    mlf__buf_printf(out,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"study\" viewBox=\"0 %.0f "
                    "%d %.0f\" width=\"%d\" height=\"%.0f\" role=\"img\">\n<title>%s: ",
                    top, MLF__PLOT_WIDTH, height - top, MLF__PLOT_WIDTH, height - top,
                    picture->title);
    mlf__study_text(out, plot->info->name, 0);
    mlf__buf_printf(out, "</title>\n%s<rect width=\"100%%\" height=\"%.0f\" fill=\"#fff\"/>\n",
                    style, height);
    if (titled) {
        mlf__buf_printf(out, "<text class=\"title\" x=\"%d\" y=\"24\">%s of ", MLF__PLOT_LEFT,
                        picture->title);
        mlf__study_text(out, plot->info->name, picture->has_bar ? 22 : 70);
        mlf__buf_puts(out, "</text>\n");
    }
    if (body.data != NULL)
        mlf__buf_add(out, body.data, body.len);
    mlf__buf_puts(out, "</svg>\n");
    out->failed = out->failed || body.failed;
    mlf__buf_free(&body);
    return status;
}
