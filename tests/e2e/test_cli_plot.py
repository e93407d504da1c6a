#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf plot`: curves in the terminal, as SVG and as HTML, of hostile names, gaps and long histories."""

import html.parser
import json
import os
import re
import sqlite3
import xml.etree.ElementTree as xml

from harness import folder, run_tests

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</script><img src=x onerror=alert(1)>\"'&]]>"
UTF8 = {"LC_ALL": "C.UTF-8"}


def make_run(f, name, values, metric="loss"):
    """A run with one metric; returns its id. The points are put in as MLflow stores them."""
    got = f.mlf("run", "--json", "--run-name", name, "true")
    run_id = json.loads(got.err)["run_id"]
    with sqlite3.connect(f"{f.work}/mlflow.db") as db:
        start = db.execute("SELECT start_time FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()[0]
        rows = [(metric, value if value == value else 0, start + 10 * step, run_id, step, value != value)
                for step, value in enumerate(values)]
        db.executemany("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                       "VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) "
                   "VALUES (?, ?, ?, ?, ?, ?)", rows[-1])
    return run_id


def curves(path):
    """The points of each curve of an SVG file, as lists of parts without gaps."""
    found = []
    for curve in xml.parse(path).getroot().iter(SVG + "path"):
        if curve.get("class") != "curve":
            continue
        parts = [part for part in curve.get("d").replace("h0", "").split("M") if part]
        found.append([[tuple(map(float, point.split())) for point in part.split("L")] for part in parts])
    return found


def texts(path):
    return [element.text for element in xml.parse(path).getroot().iter(SVG + "text")]


def test_svg(tap):
    with folder() as f:
        first = make_run(f, "one", [4, 2, 1, 1, 1])
        second = make_run(f, "two", [8, float("nan"), 3, 2, 1])
        got = f.mlf("plot", "--metric", "loss", first, second, "--output", "x.svg")
        tap.same((got.code, got.out), (0, b""), "a file is written and nothing printed")
        svg = f"{f.work}/x.svg"
        found = curves(svg)
        tap.same([[len(part) for part in curve] for curve in found], [[5], [1, 3]],
                 "a curve for each run, NaN is a gap")
        y = [point[1] for point in found[0][0]]
        tap.ok(y[0] < y[1] < y[2] == y[3], "what is larger is higher", y)
        x = [point[0] for point in found[0][0]]
        tap.ok(abs((x[1] - x[0]) - (x[4] - x[3])) < 0.1 and x[4] > x[0], "steps have equal distances", x)
        tap.ok({"2", "4", "6", "8", "step"} <= set(texts(svg)), "round ticks", texts(svg))
        tap.ok(any("one" in t and first[:8] in t for t in texts(svg)), "a legend", texts(svg))
        f.mlf("plot", "--metric", "loss", first, "--output", "log.svg", "--log-y")
        y = [point[1] for point in curves(f"{f.work}/log.svg")[0][0]]
        tap.ok(abs((y[1] - y[0]) - (y[2] - y[1])) < 0.1, "--log-y: factors have equal distances", y)
        f.mlf("plot", "--metric", "loss", first, "--output", "time.svg", "--x", "time")
        tap.has("\n".join(texts(f"{f.work}/time.svg")), "seconds since the run's start", "--x time")
        make_run(f, "signs", [-1, 0, 10, 100])
        f.mlf("plot", "--metric", "loss", "--output", "signs.svg", "--log-y")
        tap.same([len(part) for part in curves(f"{f.work}/signs.svg")[0]], [2],
                 "--log-y: what has no logarithm is a gap")
        make_run(f, "noise", [0, 10] * 50)
        f.mlf("plot", "--metric", "loss", "--output", "smooth.svg", "--smooth", "10")
        y = [point[1] for point in curves(f"{f.work}/smooth.svg")[0][0]]
        tap.ok(max(y[10:]) - min(y[10:]) < 1, "--smooth: the mean of the last points", y[10:14])
        for values, name in (([7], "one point"), ([0, 0], "zeros"), ([float("nan")] * 2, "nothing but NaN"),
                             ([1.7976931348623157e308, 1], "an infinity"), ([1e300, -1e300], "far apart"),
                             ([5e-324, 1e-323], "tiny"), ([1e16, 1e16 + 2], "large and close")):
            make_run(f, name, values)
            for form in ("svg", "html"):
                got = f.mlf("plot", "--metric", "loss", "--output", f"odd.{form}")
                tap.same(got.code, 0, f"{name} as {form}")
            drawn = "".join(c.get("d") for c in xml.parse(f"{f.work}/odd.svg").getroot().iter(SVG + "path"))
            tap.ok("nan" not in drawn and "inf" not in drawn, f"{name}: no position is no number", drawn)
            tap.same(f.mlf("plot", "--metric", "loss").code, 0, f"{name} in the terminal")


class Scripts(html.parser.HTMLParser):
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


def test_hostile_names(tap):
    with folder() as f:
        run_id = make_run(f, EVIL + "\x01\x1b[2J\ufffe", [1, 2], metric="loss<b>")
        got = f.mlf("plot", "--metric", "loss<b>", "--output", "x.svg")
        tap.same(got.code, 0, "a picture of names with markup")
        tap.ok(any(EVIL in (text or "") for text in texts(f"{f.work}/x.svg")),
               "SVG: it parses, and the name is text", texts(f"{f.work}/x.svg"))
        f.mlf("plot", "--metric", "loss<b>", "--output", "x.html")
        with open(f"{f.work}/x.html", encoding="utf-8") as file:
            text = file.read()
        page = Scripts(text)
        kinds = {tag for tag, _ in page.tags}
        tap.ok("img" not in kinds and "b" not in kinds, "HTML: no element comes from a name", kinds)
        tap.same(len(page.scripts), 2, "HTML: the data and the script, nothing else")
        data = json.loads(page.scripts[0])
        tap.ok(data["series"][0]["name"].startswith(EVIL), "HTML: the name arrives whole as data")
        tap.same(data["series"][0]["points"], [[0, 1], [1, 2]], "HTML: the points")
        tap.ok(not any(value for _, attrs in page.tags for key, value in attrs.items()
                       if key in ("src", "href")), "HTML: nothing is fetched")
        policy = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
        tap.ok(policy and "default-src 'none'" in policy[0], "HTML: and nothing may be", policy)
        out = f.mlf("plot", "--metric", "loss<b>", run_id, env=UTF8).out
        tap.ok(b"\x1b" not in out and b"\x01" not in out, "terminal: names cannot drive it", out)


def test_terminal(tap):
    with folder() as f:
        make_run(f, "falling", [10 - i for i in range(10)])
        got = f.mlf("plot", "--metric", "loss")
        tap.ok(got.code == 0 and got.out.isascii(), "ASCII where the terminal has nothing else", got.out)
        lines = got.out.decode().splitlines()
        tap.ok(all(len(line) <= 80 for line in lines), "80 columns when it is no terminal")
        rows = [line.index("*") for line in lines if "*" in line and "points" not in line]
        tap.ok(rows == sorted(rows) and len(rows) >= 15, "the curve falls from row to row", *lines)
        out = f.mlf("plot", "--metric", "loss", env=UTF8).out.decode()
        tap.ok(re.search("[\u2801-\u28ff]", out) and "\x1b" not in out, "braille, no colours in a file", out)
        second = make_run(f, "flat", [5] * 10)
        out = f.mlf("plot", "--metric", "loss", "latest", second, env=UTF8).out.decode()
        tap.ok("*" in out and "+" in out, "two curves without colours have letters", out)


def test_long_history(tap):
    with folder() as f:
        values = [1.0] * 200000
        values[123456] = 9.0
        values[77777] = -3.0
        make_run(f, "long", values)
        got = f.mlf("plot", "--metric", "loss", "--output", "x.svg")
        tap.same(got.code, 0, "a long history")
        points = [point for part in curves(f"{f.work}/x.svg")[0] for point in part]
        tap.ok(len(points) < 6000, "the picture is small", len(points))
        y = [point[1] for point in points]
        tap.ok(y.count(min(y)) == 1 and y.count(max(y)) == 1, "lone peaks are kept")
        tap.ok(abs(points[y.index(min(y))][0] - (76 + 764 * 123456 / 199999)) < 1, "in their place",
               points[y.index(min(y))])
        tap.ok(os.path.getsize(f"{f.work}/x.svg") < 200000, "and the file, too")
        tap.ok(any("200000 points" in (text or "") for text in texts(f"{f.work}/x.svg")),
               "the legend says how many there are")


def test_usage(tap):
    with folder() as f:
        make_run(f, "x", [1])
        for wrong in ([], ["--metric", "loss", "--output", "x.gif"], ["--metric", "loss", "--x", "y"],
                      ["--metric", "loss", "--smooth", "0"], ["--metric"]):
            tap.same(f.mlf("plot", *wrong).code, 2, f"{' '.join(wrong)} is wrong usage")
        got = f.mlf("plot", "--metric", "los")
        tap.same(got.code, 1, "an unknown metric is an error")
        tap.has(got.text, "loss", "the message names those there are")
        tap.same(f.mlf("plot", "--metric", "loss", "--output", "none/x.svg").code, 1,
                 "a file that cannot be written is an error")


run_tests(test_svg, test_hostile_names, test_terminal, test_long_history, test_usage)
