#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf plot --study`: all pictures of a study and its summary, compared with what the store holds; of hostile names, studies
with little in them and with much. Usage: test_cli_study_plot.py STUDY_PICTURES"""

import html
import html.parser
import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as xml

from harness import folder, run_tests

PROGRAM = os.path.abspath(sys.argv[1])
SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</script><img src=x onerror=alert(1)>\"'&]]>"
KINDS = ("history", "importances", "slice", "parallel", "contour", "intermediate", "edf", "timeline")
UTF8 = {"LC_ALL": "C.UTF-8"}


def make_study(f, kind):
    """Runs the study; returns its trials by number, as their runs' tags say."""
    f.run([PROGRAM, kind])
    with sqlite3.connect(f"{f.work}/mlflow.db") as db:
        tags = [json.loads(row[0]) for row in db.execute("SELECT value FROM tags WHERE key = 'mlf.trial'")]
    return sorted(tags, key=lambda trial: trial["number"])


def picture(f, kind, *options):
    got = f.mlf("plot", "--study", "--kind", kind, "--output", f"{kind}.svg", *options)
    if got.code != 0 or got.out:
        raise AssertionError(f"{kind}: {got.code} {got.out} {got.text}")
    return xml.parse(f"{f.work}/{kind}.svg").getroot()


def elements(root, name, **attributes):
    return [e for e in root.iter(SVG + name) if all(e.get(k) == v for k, v in attributes.items())]


def numbers(found):
    return sorted(int(element.get("data-n")) for element in found)


def texts(root):
    return ["".join(e.itertext()) for e in root.iter(SVG + "text")]


def text_at(root, left_of):
    """Texts that end beside a bar, from top to bottom."""
    rows = [e for e in elements(root, "text") if e.get("text-anchor") == "end" and float(e.get("x")) < left_of]
    return [e.text for e in sorted(rows, key=lambda e: float(e.get("y")))]


def test_pictures(tap):
    with folder() as f:
        trials = make_study(f, "plain")
        complete = [t["number"] for t in trials if t["state"] == "COMPLETE"]
        pruned = [t["number"] for t in trials if t["state"] == "PRUNED"]
        value = {t["number"]: t["values"][0] for t in trials if t["state"] == "COMPLETE"}
        best = min(value, key=value.get)
        tap.ok(len(complete) > 10 and len(pruned) > 10 and len(trials) == 120, "a study with prunes",
               len(complete), len(pruned))

        root = picture(f, "history")
        dots = elements(root, "circle", **{"class": "dot"})
        tap.same(numbers(dots), complete, "history: a dot for each complete trial")
        y = {int(dot.get("data-n")): float(dot.get("cy")) for dot in dots}
        falling = sorted(complete, key=value.get)
        tap.ok(all(y[a] >= y[b] for a, b in zip(falling, falling[1:])), "smaller values lie lower")
        tap.same(numbers(elements(root, "circle", **{"class": "best"})), [best], "the best one is marked")
        line = elements(root, "path", **{"class": "run"})[0].get("d")
        records, low = 0, float("inf")
        for number in complete:
            records, low = (records + 1, value[number]) if value[number] < low else (records, low)
        tap.same(line.count("V") + 1, records, "the best so far has a step for each improvement")

        root = picture(f, "slice")
        of_best = elements(root, "circle", **{"class": "best"})
        tap.same((len(of_best), set(numbers(of_best))), (4, {best}), "slices: the best trial in each of four")
        dots = elements(root, "circle", **{"class": "dot"})
        forests = sum(len(t["params"]) == 4 for t in trials if t["state"] == "COMPLETE")
        tap.same(len(dots) + 4, 2 * len(complete) + 2 * forests, "only what a trial has is drawn")
        tap.ok({"learning_rate", "model", "depth", "share", "forest"} <= set(texts(root)), "names and choices",
               texts(root))

        root = picture(f, "parallel")
        lines = elements(root, "path", **{"class": "way"})
        tap.same(numbers(lines), complete, "parallel coordinates: a line for each complete trial")
        tap.same({line.get("d").count("L") for line in lines}, {4}, "through all axes, also without a value there")
        tap.ok("missing" in texts(root), "which is said")

        root = picture(f, "importances")
        bars = [float(bar.get("width")) for bar in elements(root, "rect", **{"class": "bar"})]
        tap.ok(len(bars) == 4 and bars == sorted(bars, reverse=True), "importances: the longest bar first", bars)

        root = picture(f, "contour")
        panels = elements(root, "circle", **{"class": "best"})
        tap.same(len(panels), 6, "contours: six pairs of four parameters")
        tap.ok(len({rect.get("fill") for rect in elements(root, "rect")}) > 10, "in many colours")

        root = picture(f, "intermediate")
        ways = [e for e in elements(root, "path", **{"class": "way"}) if e.get("data-n") is not None]
        tap.same(numbers(ways), sorted(complete + pruned), "intermediate values: of complete and pruned trials")
        tap.same(len(elements(root, "path", **{"class": "way"})) - len(ways), len(pruned), "a cross for each pruned one")

        root = picture(f, "edf")
        points = [tuple(map(float, p.split())) for p in
                  elements(root, "path", **{"class": "run"})[0].get("d")[1:].split("L")]
        tap.ok(len(points) == 101 and all(a[1] >= b[1] for a, b in zip(points, points[1:])), "EDF: it never falls")
        share = 1 - (points[50][1] - points[100][1]) / (304 - points[100][1])
        middle = (min(value.values()) + max(value.values())) / 2
        tap.ok(abs(share - sum(v <= middle for v in value.values()) / len(value)) < 0.01,
               "halfway it is the share of values up to there", share)

        root = picture(f, "timeline")
        bars = [e for e in elements(root, "rect") if e.get("data-n") is not None]
        tap.same(numbers(bars), list(range(120)), "timeline: a bar for each trial")
        tap.same(len({e.get("fill") for e in bars}), 3, "in the colour of its state")
        top = [float(e.get("y")) for e in sorted(bars, key=lambda e: int(e.get("data-n")))]
        tap.ok(top == sorted(top), "the first one at the top")


def test_log(tap):
    with folder() as f:
        trials = make_study(f, "plain")
        value = {t["number"]: t["values"][0] for t in trials if t["state"] == "COMPLETE"}
        a, b, c = (sorted(value, key=value.get)[i] for i in (1, len(value) // 2, -1))
        y = {int(e.get("data-n")): float(e.get("cy")) for e in
             elements(picture(f, "history", "--log-y"), "circle", **{"class": "dot"})}
        want = math.log(value[b] / value[a]) / math.log(value[c] / value[a])
        tap.ok(abs((y[b] - y[a]) / (y[c] - y[a]) - want) < 0.01, "--log-y: factors have equal distances")


class Page(html.parser.HTMLParser):
    """Elements of a page, and the contents of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def read_page(f, *options):
    got = f.mlf("plot", "--study", "--output", "x.html", *options)
    if got.code != 0:
        raise AssertionError(got.text)
    with open(f"{f.work}/x.html", encoding="utf-8") as file:
        return Page(file.read())


def test_page(tap):
    with folder() as f:
        trials = make_study(f, "plain")
        page = read_page(f)
        tap.same([a["id"] for t, a in page.tags if t == "section"], list(KINDS), "the page has all pictures")
        ids = [a["id"] for _, a in page.tags if "id" in a]
        tap.same(len(ids), len(set(ids)), "no id occurs twice")
        told = json.loads(page.scripts[0])
        tap.same(len(told), 120, "something is told of every trial")
        one = next(t for t in trials if t["state"] == "COMPLETE")
        tap.ok(told[str(one["number"])].startswith(f"trial {one['number']}, complete\nloss: {one['values'][0]!r}\n"),
               "its state and value", told[str(one["number"])])
        tap.has(told[str(one["number"])], "model = ", "and its parameters")
        tap.ok(all(value.startswith("#") for _, a in page.tags for k, value in a.items() if k in ("src", "href")),
               "nothing is fetched")
        policy = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
        tap.ok(policy and "default-src 'none'" in policy[0], "and nothing may be", policy)
        page = read_page(f, "--kind", "edf")
        tap.same([a["id"] for t, a in page.tags if t == "section"], ["edf"], "--kind: one picture only")
        tap.same(f.mlf("plot", "--study", "--output", "first.svg").code, 0, "a .svg without --kind")
        tap.has("\n".join(texts(xml.parse(f"{f.work}/first.svg").getroot())), "history", "is the history")


def test_pointer(tap):
    """A real browser: the trial under the pointer is told of, and marked in every picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        tap.skip("the trial under the pointer", "there is no chromium")
        return
    with folder() as f:
        make_study(f, "plain")
        read_page(f)
        probe = ("<script>addEventListener('load', () => { const dot = document.querySelector('#slice circle.best');"
                 "dot.scrollIntoView(); const box = dot.getBoundingClientRect();"
                 "document.dispatchEvent(new MouseEvent('mousemove', {clientX: box.x + box.width / 2, "
                 "clientY: box.y + box.height / 2, bubbles: true}));"
                 "document.title = JSON.stringify({tip: document.getElementById('tip').textContent,"
                 "marked: [...document.querySelectorAll('.on')].map(e => e.closest('section').id)}); });</script>")
        with open(f"{f.work}/x.html", encoding="utf-8") as file:
            text = file.read().replace("</body>", probe + "</body>")
        f.write("probe.html", text.encode())
        try:
            got = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={f.path}/b",
                                  "--window-size=960,1000", "--dump-dom", f"file://{f.work}/probe.html"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            tap.skip("the trial under the pointer", "chromium does not come up")
            return
        found = re.search(r"<title>(\{.*?\})</title>", got.stdout.decode(errors="replace"))
        if found is None:
            tap.skip("the trial under the pointer", "chromium does not run here")
            return
        seen = json.loads(html.unescape(found.group(1)))
        tap.ok(seen["tip"].startswith("trial ") and "loss: " in seen["tip"], "the trial under the pointer is told of", seen)
        tap.same(set(seen["marked"]), {"history", "slice", "parallel", "contour", "intermediate", "timeline"},
                 "and marked in every picture that has it")


def test_terminal(tap):
    with folder() as f:
        trials = make_study(f, "plain")
        value = {t["number"]: t["values"][0] for t in trials if t["state"] == "COMPLETE"}
        best = min(value, key=value.get)
        got = f.mlf("plot", "--study")
        tap.ok(got.code == 0 and got.out.isascii(), "ASCII where the terminal has nothing else", got.out)
        text = got.out.decode()
        tap.has(text, f"best loss {value[best]!r}, trial {best}\n", "the best value")
        states = {s: sum(t["state"] == s for t in trials) for s in ("COMPLETE", "PRUNED", "FAIL")}
        tap.has(text, f"120 trials: {states['COMPLETE']} complete, {states['PRUNED']} pruned, {states['FAIL']} failed\n",
                "what became of the trials")
        bars = re.findall(r"^  (\w+) +(0\.\d{3}) (#*)$", text, re.MULTILINE)
        tap.ok(len(bars) == 4 and abs(sum(float(b[1]) for b in bars) - 1) < 0.002 and
               all(abs(len(b[2]) - 40 * float(b[1])) <= 1 for b in bars), "importances as bars", bars)
        tap.ok("best so far" in text and "trial" in text, "the history")
        out = f.mlf("plot", "--study", env=UTF8).out.decode()
        tap.ok("\u2588" in out and "\x1b" not in out, "no colours in a file", out)


def test_hostile(tap):
    with folder() as f:
        make_study(f, "hostile")
        for kind in KINDS:
            root = picture(f, kind)
            tap.ok("script" not in {e.tag for e in root.iter()} and "img" not in {e.tag for e in root.iter()},
                   f"{kind}: no element comes from a name")
            drawn = " ".join(v for e in root.iter() for k, v in e.attrib.items()
                             if k in ("d", "cx", "cy", "x", "y", "width", "height"))
            tap.ok("nan" not in drawn and "inf" not in drawn, f"{kind}: no position is no number")
        tap.ok(any(EVIL in t for t in texts(picture(f, "history"))), "the name arrives whole")
        page = read_page(f)
        kinds = {tag for tag, _ in page.tags}
        tap.ok("img" not in kinds and len(page.scripts) == 2, "HTML: the data and the script, nothing else", kinds)
        tap.ok(any(EVIL in text for text in json.loads(page.scripts[0]).values()), "HTML: choices arrive as data")
        out = f.mlf("plot", "--study", env=UTF8).out
        tap.ok(b"\x1b" not in out and b"\xe2\x80\xae" not in out, "terminal: names cannot drive it", out)


def test_little_and_much(tap):
    with folder() as f:
        for kind in ("empty", "single"):
            make_study(f, kind)
            got = f.mlf("plot", "--study", kind)
            tap.ok(got.code == 0 and kind in got.out.decode(), f"{kind}: a summary", got.out, got.text)
            for name in KINDS:
                root = picture(f, name)
                tap.ok(len(texts(root)) >= 2, f"{kind}: {name} says something", texts(root))
            read_page(f)
        make_study(f, "long")
        read_page(f)
        tap.ok(os.path.getsize(f"{f.work}/x.html") < 3000000, "5000 trials: the page stays small",
               os.path.getsize(f"{f.work}/x.html"))
        root = picture(f, "parallel")
        tap.ok(len(elements(root, "path", **{"class": "way"})) < 700 and
               any("of 5000 trials" in t for t in texts(root)), "and says what is left out", texts(root))


def test_objectives(tap):
    with folder() as f:
        trials = make_study(f, "objectives")
        best = [max(trials, key=lambda t: t["values"][0])["number"], min(trials, key=lambda t: t["values"][1])["number"]]
        tap.has(f.mlf("plot", "--study").out.decode(), f"trial {best[0]}\n", "the first objective, maximised")
        got = f.mlf("plot", "--study", "two", "--metric", "error").out.decode()
        tap.ok("best error" in got and f"trial {best[1]}\n" in got, "--metric chooses another", got)
        got = f.mlf("plot", "--study", "--metric", "sise")
        tap.ok(got.code == 1 and "size, error" in got.text, "a miss lists those there are", got.text)


def test_usage(tap):
    with folder() as f:
        make_study(f, "single")
        for wrong in (["--kind", "edf"], ["--kind", "pie", "--output", "x.svg"], ["--output", "x.gif"], ["a", "b"],
                      ["--x", "time"], ["--smooth", "3"]):
            tap.same(f.mlf("plot", "--study", *wrong).code, 2, f"--study {' '.join(wrong)} is wrong usage")
        tap.same(f.mlf("plot", "--metric", "value", "--kind", "edf", "--output", "x.svg").code, 2,
                 "--kind without --study, too")
        got = f.mlf("plot", "--study", "none")
        tap.ok(got.code == 1 and "none" in got.text, "a study that is not there is an error", got.text)
        tap.same(f.mlf("plot", "--study", "--output", "none/x.html").code, 1,
                 "a file that cannot be written is an error")


run_tests(test_pictures, test_log, test_page, test_pointer, test_terminal, test_hostile, test_little_and_much,
          test_objectives, test_usage)
