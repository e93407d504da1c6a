/* SPDX-License-Identifier: Apache-2.0 */
/* Curves as one HTML file that needs nothing else: the SVG picture, and a script that shows the values under the
 * pointer. What comes from the store reaches the page as escaped text or as JSON, never as markup. */
#include "cli/plot.h"

#include "cli/json.h"

#include <math.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";

static const char style[] =
    "</title>\n<style>body{margin:1em;font:14px sans-serif;background:#fff;color:#111}"
    "svg{max-width:100%;height:auto}#tip{position:fixed;pointer-events:none;white-space:pre;"
    "background:#222;color:#fff;padding:4px 8px;border-radius:3px;display:none}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}</style></"
    "head>\n<body>\n";

/* The nearest point of each curve is found by halving; texts are set as text. */
static const char script[] =
    "<script>\n"
    "const plot = JSON.parse(document.getElementById('data').textContent);\n"
    "const svg = document.querySelector('svg'), tip = document.getElementById('tip');\n"
    "const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');\n"
    "line.setAttribute('class', 'axis');\n"
    "line.setAttribute('y1', plot.top);\n"
    "line.setAttribute('y2', plot.bottom);\n"
    "function nearest(points, x) {\n"
    "    let low = 0, high = points.length - 1;\n"
    "    while (low < high) {\n"
    "        const middle = (low + high) >> 1;\n"
    "        if (points[middle][0] < x) low = middle + 1; else high = middle;\n"
    "    }\n"
    "    if (low > 0 && x - points[low - 1][0] < points[low][0] - x) low--;\n"
    "    return points[low];\n"
    "}\n"
    "svg.addEventListener('mousemove', event => {\n"
    "    const at = new DOMPoint(event.clientX, event.clientY)"
    ".matrixTransform(svg.getScreenCTM().inverse());\n"
    "    const place = (at.x - plot.left) / (plot.right - plot.left);\n"
    "    if (place < 0 || place > 1) return;\n"
    "    const x = plot.min + place * (plot.max - plot.min);\n"
    "    const rows = [];\n"
    "    for (const series of plot.series) {\n"
    "        if (!series.points.length) continue;\n"
    "        const point = nearest(series.points, x);\n"
    "        rows.push(series.name + ': ' + point[1] + ' at ' + point[0]);\n"
    "    }\n"
    "    line.setAttribute('x1', at.x);\n"
    "    line.setAttribute('x2', at.x);\n"
    "    svg.appendChild(line);\n"
    "    tip.textContent = rows.join('\\n');\n"
    "    tip.style.display = 'block';\n"
    "    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';\n"
    "    tip.style.top = (event.clientY + 14) + 'px';\n"
    "});\n"
    "svg.addEventListener('mouseleave', () => {\n"
    "    line.remove();\n"
    "    tip.style.display = 'none';\n"
    "});\n"
    "</script>\n</body></html>\n";

static bool add_series(cJSON *array, const struct plot_series *series)
{
    cJSON *object = cJSON_CreateObject();
    bool ok = mlf__json_append(array, object) && mlf__json_text(object, "name", series->name);
    cJSON *points = ok ? cJSON_AddArrayToObject(object, "points") : NULL;

    ok = points != NULL;
    for (size_t i = 0; ok && i < series->n_points; i++) {
        if (isnan(series->points[i].y))
            continue;
        cJSON *pair = cJSON_CreateArray();
        ok = mlf__json_append(points, pair) && mlf__json_double(pair, NULL, series->points[i].x) &&
             mlf__json_double(pair, NULL, series->points[i].y);
    }
    return ok;
}

static cJSON *make_data(const struct plot *plot)
{
    cJSON *root = cJSON_CreateObject();
    bool ok = root != NULL && mlf__json_int(root, "left", MLF__PLOT_LEFT) &&
              mlf__json_int(root, "right", MLF__PLOT_WIDTH - MLF__PLOT_RIGHT) &&
              mlf__json_int(root, "top", MLF__PLOT_TOP) &&
              mlf__json_int(root, "bottom", MLF__PLOT_HEIGHT) &&
              mlf__json_double(root, "min", plot->x.min) &&
              mlf__json_double(root, "max", plot->x.max);
    cJSON *array = ok ? cJSON_AddArrayToObject(root, "series") : NULL;

    ok = array != NULL;
    for (size_t i = 0; ok && i < plot->n_series; i++)
        ok = add_series(array, &plot->series[i]);
    if (ok)
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* A '<' could end the element, and is written in JSON's other way. */
mlf_status mlf__plot_add_json(struct mlf__buf *out, const char *id, cJSON *root)
{
    char *text = root != NULL ? cJSON_PrintUnformatted(root) : NULL;

    cJSON_Delete(root);
    if (text == NULL)
        return mlf__fail(MLF_ERR_NOMEM, "out of memory");
    mlf__buf_printf(out, "<script type=\"application/json\" id=\"%s\">", id);
    for (const char *at = text; *at != '\0';) {
        size_t plain = strcspn(at, "<");
        mlf__buf_add(out, at, plain);
        at += plain;
        if (*at == '<') {
            mlf__buf_puts(out, "\\u003c");
            at++;
        }
    }
    mlf__buf_puts(out, "</script>\n");
    cJSON_free(text);
    return MLF_OK;
}

static mlf_status draw(struct plot *plot, struct mlf__buf *out)
{
    struct mlf__buf picture = {0};
    mlf_status status = mlf__plot_svg.draw(plot, &picture);

    mlf__buf_puts(out, head);
    mlf__plot_add_escaped(out, plot->metric);
    mlf__buf_puts(out, style);
    if (!picture.failed && picture.data != NULL)
        mlf__buf_add(out, picture.data, picture.len);
    out->failed = out->failed || picture.failed;
    mlf__buf_free(&picture);
    mlf__buf_puts(out, "<div id=\"tip\"></div>\n");
    if (status == MLF_OK)
        status = mlf__plot_add_json(out, "data", make_data(plot));
    mlf__buf_puts(out, script);
    return status;
}

const struct plot_output mlf__plot_html = {.extension = ".html", .draw = draw};
