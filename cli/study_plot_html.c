/* SPDX-License-Identifier: Apache-2.0 */
/* All pictures of a study as one page that needs nothing else. The trial under the pointer is told of, and shown in every picture. What comes
 * from the store reaches the page as escaped text or as JSON, never as markup. */
#include "cli/study_plot_svg.h"

#include "cli/cli.h"
#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TOLD_MAX = 6000, TOLD_PARAMS = 40 };

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";

static const char style[] =
    "</title>\n<style>body{margin:0;font:14px/1.5 sans-serif;background:#f4f5f7;color:#222}"
    "header,section{max-width:880px;margin:16px auto;padding:14px 22px;background:#fff;"
    "border:1px solid #dde;border-radius:6px}h1{font-size:22px;margin:0 0 6px}"
    "h2{font-size:17px;margin:0}p{margin:2px 0 8px;color:#555}svg{max-width:100%;height:auto;"
    "display:block}table{border-collapse:collapse;margin:8px 0}"
    "td,th{padding:2px 18px 2px 0;text-align:left;vertical-align:top;font-weight:normal;"
    "overflow-wrap:anywhere}th{color:#555;white-space:nowrap}nav a{margin-right:14px}"
    "#tip{position:fixed;pointer-events:none;white-space:pre-wrap;max-width:360px;background:#222;"
    "color:#fff;padding:5px 9px;border-radius:4px;font-size:12px;display:none;"
    "overflow-wrap:anywhere}</style></head>\n<body>\n";

static const char script[] =
    "<script>\n"
    "const trials = JSON.parse(document.getElementById('trials').textContent);\n"
    "const tip = document.getElementById('tip');\n"
    "let shown = [];\n"
    "function mark(x, y) {\n"
    "    for (const [dx, dy] of [[0, 0], [3, 0], [-3, 0], [0, 3], [0, -3]]) {\n"
    "        const element = document.elementFromPoint(x + dx, y + dy);\n"
    "        const found = element && element.closest('[data-n], [data-t]');\n"
    "        if (found) return found;\n"
    "    }\n"
    "    return null;\n"
    "}\n"
    "function hide() {\n"
    "    for (const element of shown) element.classList.remove('on');\n"
    "    shown = [];\n"
    "    tip.style.display = 'none';\n"
    "}\n"
    "document.addEventListener('mousemove', event => {\n"
    "    const found = mark(event.clientX, event.clientY);\n"
    "    hide();\n"
    "    if (!found) return;\n"
    "    const number = found.dataset.n;\n"
    "    tip.textContent = number === undefined ? found.dataset.t\n"
    "        : trials[number] || 'trial ' + number;\n"
    "    if (number !== undefined)\n"
    "        shown = Array.from(document.querySelectorAll('[data-n=\"' + CSS.escape(number) + "
    "'\"]'));\n"
    "    for (const element of shown) element.classList.add('on');\n"
    "    tip.style.display = 'block';\n"
    "    tip.style.left = Math.max(4, Math.min(event.clientX + 16,\n"
    "        innerWidth - tip.offsetWidth - 8)) + 'px';\n"
    "    tip.style.top = Math.max(4, Math.min(event.clientY + 16,\n"
    "        innerHeight - tip.offsetHeight - 8)) + 'px';\n"
    "});\n"
    "document.addEventListener('mouseleave', hide);\n"
    "</script>\n</body></html>\n";

/* ---- what is told of a trial ---- */

static const char *const state_names[] = {"going on", "complete", "pruned", "failed", "waiting"};

static void describe(const struct study_plot *plot, const struct mlf__trial *trial,
                     struct mlf__buf *out)
{
    const struct mlf__history *history = plot->history;
    char number[MLF__NUMBER_SIZE];

    mlf__buf_printf(out, "trial %" PRId64 ", %s", trial->number,
                    state_names[trial->state <= MLF_TRIAL_WAITING ? trial->state : 0]);
    if (trial->violation > 0)
        mlf__buf_puts(out, ", infeasible");
    for (size_t i = 0; i < trial->n_values && i < history->n_objectives; i++) {
        mlf__format_double(number, mlf__trial_values(trial)[i]);
        mlf__buf_printf(out, "\n%s: %s", plot->info->metrics[i], number);
    }
    for (uint32_t i = 0; i < trial->n_params && i < TOLD_PARAMS; i++) {
        const struct mlf__param_value *param = &trial->params[i];
        mlf__buf_printf(out, "\n%s = %.100s", history->names[param->name],
                        mlf__dist_format(&history->dists[param->dist], param->value, number));
    }
    if (trial->n_params > TOLD_PARAMS)
        mlf__buf_printf(out, "\nand %u more", trial->n_params - TOLD_PARAMS);
}

static cJSON *make_trials(const struct study_plot *plot)
{
    const struct mlf__history *history = plot->history;
    cJSON *root = cJSON_CreateObject();
    bool ok = root != NULL;

    for (size_t i = 0; ok && i < history->n_trials; i++) {
        struct mlf__buf text = {0}, whole = {0};
        char key[24];
        if (history->trials[i] != plot->best &&
            !mlf__study_is_drawn(i, history->n_trials, TOLD_MAX))
            continue;
        describe(plot, history->trials[i], &text);
        if (text.data != NULL)
            mlf__buf_add_utf8(&whole, text.data, text.len);
        snprintf(key, sizeof(key), "%" PRId64, history->trials[i]->number);
        ok = !text.failed && !whole.failed && mlf__json_text(root, key, whole.data);
        mlf__buf_free(&text);
        mlf__buf_free(&whole);
    }
    if (ok)
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* ---- the page's head ---- */

static void add_row(struct mlf__buf *out, const char *name, const char *value)
{
    mlf__buf_puts(out, "<tr><th>");
    mlf__study_text(out, name, 0);
    mlf__buf_puts(out, "</th><td>");
    mlf__study_text(out, value, 0);
    mlf__buf_puts(out, "</td></tr>\n");
}

static void add_best(const struct study_plot *plot, struct mlf__buf *out)
{
    const struct mlf__history *history = plot->history;
    char number[MLF__NUMBER_SIZE], text[100];

    if (plot->best == NULL)
        return;
    mlf__format_double(number, mlf__study_value(plot, plot->best));
    snprintf(text, sizeof(text), "%s, by trial %" PRId64, number, plot->best->number);
    mlf__buf_puts(out, "<tr><th>best ");
    mlf__study_text(out, plot->info->metrics[plot->objective], 0);
    mlf__buf_printf(out, "</th><td><b>%s</b></td></tr>\n", text);
    for (uint32_t i = 0; i < plot->best->n_params; i++) {
        const struct mlf__param_value *param = &plot->best->params[i];
        add_row(out, history->names[param->name],
                mlf__dist_format(&history->dists[param->dist], param->value, number));
    }
}

static void add_header(const struct study_plot *plot, struct mlf__buf *out)
{
    struct mlf__buf counts = {0};
    size_t n[MLF_TRIAL_WAITING + 1] = {0};

    for (size_t i = 0; i < plot->history->n_trials; i++)
        if (plot->history->trials[i]->state <= MLF_TRIAL_WAITING)
            n[plot->history->trials[i]->state]++;
    mlf__buf_printf(&counts, "%zu", plot->history->n_trials);
    for (size_t i = 0, any = 0; i <= MLF_TRIAL_WAITING; i++)
        if (n[i] > 0)
            mlf__buf_printf(&counts, "%s%zu %s", any++ > 0 ? ", " : ": ", n[i], state_names[i]);
    mlf__buf_puts(out, "<header><h1>");
    mlf__study_text(out, plot->info->name, 0);
    mlf__buf_puts(out, "</h1>\n<table>\n");
    add_best(plot, out);
    add_row(out, "trials", counts.data != NULL ? counts.data : "");
    add_row(out, "sampler", plot->info->sampler != NULL ? plot->info->sampler : "");
    add_row(out, "pruner", plot->info->pruner != NULL ? plot->info->pruner : "");
    add_row(out, "run", plot->info->run_id);
    mlf__buf_puts(out, "</table>\n");
    out->failed = out->failed || counts.failed;
    mlf__buf_free(&counts);
}

mlf_status mlf__study_html(const struct study_plot *plot, const struct study_picture *picture,
                           struct mlf__buf *out)
{
    mlf_status status = MLF_OK;

    mlf__buf_puts(out, head);
    mlf__study_text(out, plot->info->name, 0);
    mlf__buf_puts(out, style);
    add_header(plot, out);
    mlf__buf_puts(out, "<nav>");
    for (size_t i = 0; picture == NULL && i < MLF__STUDY_PICTURES; i++)
        mlf__buf_printf(out, "<a href=\"#%s\">%s</a>", mlf__study_pictures[i].name,
                        mlf__study_pictures[i].title);
    mlf__buf_puts(out, "</nav></header>\n");
    for (size_t i = 0; status == MLF_OK && i < MLF__STUDY_PICTURES; i++) {
        const struct study_picture *each = &mlf__study_pictures[i];
        if (picture != NULL && picture != each)
            continue;
        mlf__buf_printf(out, "<section id=\"%s\"><h2>%s</h2><p>%s</p>\n", each->name, each->title,
                        each->text);
        status = mlf__study_svg(plot, each, false, out);
        mlf__buf_puts(out, "</section>\n");
    }
    mlf__buf_puts(out, "<div id=\"tip\"></div>\n");
    if (status == MLF_OK)
        status = mlf__plot_add_json(out, "trials", make_trials(plot));
    mlf__buf_puts(out, script);
    return status;
}
