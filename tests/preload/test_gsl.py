#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GSL's adapter: iterates as without hooks to the last bit, and the events that belong to them.
Usage: test_gsl.py HOOKS EVENTS HOSTS"""

import math
import os

from stage import HOOKS, METRIC, PARAM, RUN_START, TRAIN_BEGIN, TRAIN_END, check, done, host, run, skip

WAYS = ("kinds", "long", "odd", "threads", "nested", "left", "row")
STEPS = list(range(1001))
while STEPS[-1] + STEPS[-1] // 100 < 5000:
    STEPS.append(STEPS[-1] + STEPS[-1] // 100)
STEPS.append(5000)


def by_run(seen):
    """The metrics of each training in the order of their beginning: [{key: [(step, value)]}]."""
    found = {event.run: {} for event in seen.of(TRAIN_BEGIN)}
    for event in seen.of(METRIC):
        found[event.run].setdefault(event.key, []).append((event.step, event.value))
    return list(found.values())


def params_by_run(seen):
    found = {event.run: {} for event in seen.of(TRAIN_BEGIN)}
    for event in seen.of(PARAM):
        found[event.run][event.key] = (event.value if event.flags & 0x10 else
                                       event.step if event.flags & 0x20 else event.text)
    return list(found.values())


def printed(out, kind):
    return [[float(word) for word in line.split()[1:]] for line in out.decode().splitlines()
            if line.split()[0] == kind]


def close(got, want):
    return len(got) == len(want) and all(
        a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=1e-14) for a, b in zip(got, want))


def same_everywhere():
    """Every way prints the same bytes with and without hooks."""
    for way in WAYS:
        plain = run(host("gsl"), way, mode="plain")
        check(plain.status == 0, f"{way}: the program runs", plain)
        for name, options in (("under a launcher", {}), ("offline", {"mode": "offline"}),
                              ("off", {"mode": "off"}), ("opened late", {"preload": ()})):
            late = (HOOKS,) if name == "opened late" else ()
            this = run(host("gsl"), way, *late, **options)
            check((this.status, this.out, this.err) == (plain.status, plain.out, plain.err),
                  f"{way}: the same bytes ({name})", this)
            check((len(this.of(TRAIN_BEGIN)) > 0) == (name != "off"),
                  f"{way}: trainings are seen unless all is off ({name})", this)
            yield way, name, this


def check_kinds(name, this):
    metrics, params = by_run(this), params_by_run(this)
    check(len(metrics) == 5 and len(this.of(TRAIN_END)) == 5 and
          len([event for event in this.of(RUN_START) if event.run != "-"]) == 4,
          f"five trainings, of which four have runs of their own ({name})", this)
    check({event.model for event in this.of(METRIC)} == {""}, f"no model is promised ({name})", this)
    rows = printed(this.out, "fdf")
    starts = [i for i, row in enumerate(rows) if len(row) == 2] + [len(rows)]
    for i, solver in enumerate(("vector_bfgs2", "conjugate_fr", "steepest_descent")):
        own = rows[starts[i]:starts[i + 1]]
        check(params[i] == {"solver": solver, "n": 2, "step_size": 0.01, "tol": 0.1},
              f"{solver}: params ({name})", params[i])
        check(metrics[i]["opt/f"] == [(step, row[0]) for step, row in enumerate(own)] and
              close(metrics[i]["opt/grad_norm"], [(step, row[1]) for step, row in enumerate(own)]),
              f"{solver}: value and gradient of every iteration ({name})", metrics[i], own)
    rows = printed(this.out, "f")
    check(params[3] == {"solver": "nmsimplex2", "n": 2, "step_size": "0.5 0.25"},
          f"nmsimplex2: params ({name})", params[3])
    check(metrics[3] == {"opt/f": [(step + 1, row[0]) for step, row in enumerate(rows)],
                         "opt/size": [(step + 1, row[1]) for step, row in enumerate(rows)]},
          f"nmsimplex2: value and size of every iteration ({name})", metrics[3], rows)
    rows = printed(this.out, "fit")
    check(params[4] == {"trs": "levenberg-marquardt", "scale": "more", "solver": "qr", "n": 20, "p": 3,
                        "factor_up": 3.0, "factor_down": 2.0, "max_iter": 100, "xtol": 1e-8,
                        "gtol": 1e-9, "ftol": 0.0}, f"nonlinear fit: params ({name})", params[4])
    check(close(metrics[4]["opt/f_norm"], [(row[0], row[1]) for row in rows]) and
          close(metrics[4]["opt/grad_norm"], [(row[0], row[2]) for row in rows]),
          f"nonlinear fit: residual and gradient of every iteration ({name})", metrics[4], rows)


def check_long(name, this):
    metrics = by_run(this)
    check(len(metrics) == 1 and [step for step, _ in metrics[0]["opt/f"]] == STEPS and
          all(step == value for step, value in metrics[0]["opt/f"]),
          f"every step up to 1000, then ever fewer, and the last ({name})", metrics)


def check_odd(name, this):
    metrics = by_run(this)
    values = [value for _, value in metrics[0]["opt/f"]]
    norms = [value for _, value in metrics[0]["opt/grad_norm"]]
    # Of the smallest number the exact norm lies between it and twice it.
    check(all(abs(norm - math.sqrt(2) * abs(value)) <= max(1e-15 * norm, 5e-324)
              for norm, value in zip(norms, values)) and len(norms) == 6,
          f"norms beyond what can be squared ({name})", values, norms)
    odd = [value for _, value in metrics[1]["opt/grad_norm"]]
    check(math.isnan(odd[0]) and odd[1] == math.inf, f"norms of NaN and infinity ({name})", odd)


def check_threads(name, this):
    metrics = by_run(this)
    check(sorted(found["opt/f"][0][1] for found in metrics) == list(map(float, range(8))) and
          all(found["opt/f"] == [(step, found["opt/f"][0][1]) for step in range(50)]
              for found in metrics), f"eight threads: each training is its thread's ({name})", metrics)


def check_nested(name, this):
    solvers = [params["solver"] for params in params_by_run(this)]
    check(solvers == ["vector_bfgs2", "vector_bfgs2", "scripted", "scripted"],
          f"what an objective function minimises is not logged ({name})", solvers)
    metrics = by_run(this)
    check([found["opt/f"] for found in metrics[2:]] == [[(0, 3.0), (1, 2.0)]] * 2,
          f"a minimiser that is set again begins anew, also behind a longjmp ({name})", metrics[2:])
    # The one that was left and the last one are not freed.
    check(len(this.of(TRAIN_END)) == 2, f"a training ends when it is freed or set again ({name})", this)


def check_left(name, this):
    metrics = by_run(this)
    check(len(metrics) == 2 and metrics[1]["opt/f"] == [(0, 3.0), (1, 2.0), (2, 1.0)],
          f"behind a minimiser that was left and freed all is logged, however deep ({name})", metrics)


def check_row(name, this):
    check(len(this.of(TRAIN_BEGIN)) == 100 and len(this.of(TRAIN_END)) == 100,
          f"a hundred trainings at most ({name})", len(this.of(TRAIN_BEGIN)))
    if name != "offline":
        check(this.drops == 30, f"those behind are counted ({name})", this.drops)


def check_inside_training():
    this = run(host("gsl_in_svm"))
    libraries = [event.key for event in this.of(TRAIN_BEGIN)]
    check(this.status == 0 and libraries == ["libsvm", "gsl"] and
          [event.key for event in this.of(METRIC)].count("opt/f") == 1,
          "a minimisation inside a library's training is part of that", this)


if os.path.exists(host("gsl")):
    for way, name, seen in same_everywhere():
        if name != "off":
            globals()[f"check_{way}"](name, seen)
else:
    skip("GSL", "GSL is not installed")
if os.path.exists(host("gsl_in_svm")):
    check_inside_training()
else:
    skip("GSL inside LIBSVM", "GSL or LIBSVM is not installed")
done()
