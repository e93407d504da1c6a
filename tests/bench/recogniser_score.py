# SPDX-License-Identifier: Apache-2.0
"""What the recogniser finds in the logs of tests/data/logs, judged by what is written down beside each (README.md
there): true, false and missed points. Used by bench_recogniser.py and tests/e2e/test_cli_parse.py."""

import fnmatch
import json
import os
import re
import subprocess

LOGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "logs")
TIERS = (1, 2, 3)


def plain(key):
    """Names are compared without regard to case and to the mark between their words."""
    return re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")


def logs(kind):
    folder = os.path.join(LOGS, kind)
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".log"))


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def read_truth(path):
    """Points as (names, step, value), and patterns of keys that are neither wanted nor wrong."""
    points, tolerated = [], []
    with open(os.path.splitext(path)[0] + ".tsv", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if fields[0] == "?":
                tolerated.append(fields[1].lower())
            else:
                points.append(({plain(name) for name in fields[0].split("|")}, int(fields[1]), float(fields[2])))
    return points, tolerated


def hits(mlf, path, *options):
    done = subprocess.run([mlf, "parse", "--json", *options, path], capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [hit for hit in found if hit.get("kind") == "metric"]


class Score:
    def __init__(self):
        self.true = self.missed = 0
        self.false = []
        self.by_tier = {tier: [0, 0] for tier in TIERS}

    def add(self, other):
        self.true += other.true
        self.missed += other.missed
        self.false += other.false
        for tier in TIERS:
            for i in range(2):
                self.by_tier[tier][i] += other.by_tier[tier][i]

    @property
    def precision(self):
        found = self.true + len(self.false)
        return self.true / found if found else 1.0

    @property
    def recall(self):
        wanted = self.true + self.missed
        return self.true / wanted if wanted else 1.0


def judge(mlf, path, *options):
    points, tolerated = read_truth(path)
    score = Score()
    left = list(points)
    for hit in hits(mlf, path, *options):
        key = plain(hit["key"])
        value = float(hit["value"])
        match = next((p for p in left if key in p[0] and p[1] == hit["step"] and p[2] == value), None)
        if match is not None:
            left.remove(match)
            score.true += 1
            score.by_tier[hit["tier"]][0] += 1
        elif not any(fnmatch.fnmatch(hit["key"].lower(), pattern) for pattern in tolerated):
            score.false.append(f"{name_of(path)}:{hit['line']} {hit['key']}@{hit['step']}={value:g} "
                               f"({hit['reason']})")
            score.by_tier[hit["tier"]][1] += 1
    score.missed = len(left)
    score.lost = left
    return score


def judge_all(mlf, kinds=("samples", "held_out"), presets=False, mode="likely"):
    """(name, score) for each log; its own preset is left out unless |presets|."""
    scores = []
    for kind in kinds:
        for path in logs(kind):
            options = ["--parse", mode]
            for without in ((name_of(path),) if not presets else ()):
                options += ["--without", without]
            scores.append((f"{kind}/{name_of(path)}", judge(mlf, path, *options)))
    return scores


def total(scores):
    score = Score()
    for _, one in scores:
        score.add(one)
    return score


def false_metrics(mlf, mode="likely"):
    """Keys that are found in logs without any metric."""
    found = []
    for path in logs("negative"):
        found += sorted({f"{name_of(path)}: {hit['key']} ({hit['reason']})" for hit in hits(mlf, path, "--parse", mode)})
    return found
