#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LIBSVM's adapter with svm-train itself: output as without hooks, and the events that belong to it.
Usage: test_libsvm.py HOOKS EVENTS HOSTS"""

import os
import re
import shutil

from stage import (FILE, GETOPT, HOOKS, METRIC, MODEL, PARAM, RUN_START, TRAIN_BEGIN, TRAIN_END, check,
                   done, host, run, skip)

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "examples",
                    "unmodified_binary", "iris.scale")
TRAIN = ("svm-train", "-c", "10", "-w1", "2")
DEFAULTS = {"svm_type": "c_svc", "kernel_type": "rbf", "degree": 3, "gamma": 0.25, "coef0": 0.0, "C": 10.0,
            "cache_size": 100.0, "eps": 0.001, "nr_weight": 1, "nu": 0.5, "p": 0.1, "shrinking": 1,
            "probability": 0, "weights": "1:2"}


def printed_metrics(out):
    """What the solver printed, as the adapter is to report it: key, step, value."""
    found, step = [], 0
    for line in out.decode().splitlines():
        total = re.match(r"Total nSV = (\d+)", line)
        if total:
            found.append(("total_nsv", 0, float(total.group(1))))
            continue
        for key, value in re.findall(r"#?(iter|nu|obj|rho|nSV|nBSV) = ([-\d.]+)", line):
            found.append((key, step, float(value)))
        step += line.startswith("nSV")
    return found


def same_output(*command, modes=("off", "dormant", "ring", "offline")):
    """The program prints the same bytes and leaves the same model in every mode; returns them all."""
    plain = run(*command, mode="plain", files=[DATA])
    check(plain.status == 0, f"{' '.join(command)} runs", plain)
    seen = {mode: run(*command, mode=mode, files=[DATA]) for mode in modes if mode != "dormant"}
    for mode, other in seen.items():
        check((other.status, other.out, other.err) == (plain.status, plain.out, plain.err),
              f"{' '.join(command)} prints the same bytes ({mode})", plain.out, other.out)
    check(seen["off"].events == [] and seen["off"].spool == [], "MLF_OFF: nothing is logged",
          seen["off"])
    return plain, seen


def check_training():
    plain, seen = same_output(*TRAIN, "iris.scale", "m")
    for mode in ("ring", "offline"):
        this = seen[mode]
        check(this.params() == DEFAULTS, f"all params are seen ({mode})", this.params(), this)
        check(this.metrics() == printed_metrics(plain.out), f"what is printed is seen ({mode})",
              this.metrics(), printed_metrics(plain.out))
        check("iris.scale" in this.files(written=False), f"the data set is seen ({mode})", this)
        begin, end, model = (this.of(kind) for kind in (TRAIN_BEGIN, TRAIN_END, MODEL))
        check(len(begin) == len(end) == len(model) == 1, f"one training, one model ({mode})", this)
        check(model[0].text == f"{this.folder}/m|model|libsvm|3.24" and
              begin[0].model == end[0].model == model[0].model != "" and
              {event.model for event in this.of(METRIC)} == {begin[0].model},
              f"model, metrics and training belong together ({mode})", this)
        check({event.run for event in this.events} == {"-"}, f"all is in the session's run ({mode})",
              this)
    kinds = [event.kind for event in seen["offline"].events]
    check(kinds.index(FILE) < kinds.index(TRAIN_BEGIN) < kinds.index(PARAM),
          "files read before the session began come before the training", seen["offline"])
    loud = seen["ring"].metrics()
    plain, seen = same_output("svm-train", "-q", *TRAIN[1:], "iris.scale", "m")
    check(plain.out == b"" and seen["ring"].metrics() == loud,
          "a silenced program's metrics are seen", seen["ring"])


def check_cross_validation():
    plain, seen = same_output("svm-train", "-v", "5", "iris.scale")
    value = float(re.search(rb"Accuracy = ([\d.]+)%", plain.out).group(1))
    this = seen["ring"]
    check([(key, step) for key, step, _ in this.metrics()] == [("cross_validation_accuracy", 0)] and
          f"{this.metrics()[0][2]:g}" == f"{value:g}", "the accuracy in percent, as it is printed", this)
    check(this.params()["nr_fold"] == 5 and len(this.of(TRAIN_BEGIN)) == 1 and this.of(MODEL) == [],
          "trainings inside a cross validation log nothing of their own", this)
    plain, seen = same_output("svm-train", "-s", "3", "-v", "5", "iris.scale")
    found = {key: value for key, _, value in seen["ring"].metrics()}
    wanted = [float(text) for text in re.findall(rb"(?:error|coefficient) = (\S+)", plain.out)]
    check([f"{found[key]:g}" for key in ("cross_validation_mean_squared_error",
                                        "cross_validation_squared_correlation_coefficient")] ==
          [f"{value:g}" for value in wanted], "regression: both numbers as they are printed", found, wanted)


def check_nested():
    plain, seen = same_output("svm-train", "-b", "1", "iris.scale", "m")
    tail = plain.out.decode().splitlines()
    check(len(seen["ring"].of(TRAIN_BEGIN)) == 1 and
          [key for key, _, _ in seen["ring"].metrics()].count("obj") == 3,
          "probability estimates: only the outer training's three subproblems are seen", seen["ring"],
          *tail)
    for kind, key in (("1", "nu_svc"), ("2", "one_class"), ("3", "epsilon_svr"), ("4", "nu_svr")):
        this = run("svm-train", "-s", kind, "-t", "0", "iris.scale", "m", files=[DATA])
        check(this.params()["svm_type"] == key and this.params()["kernel_type"] == "linear" and
              {"obj", "rho", "nSV", "nBSV", "total_nsv"} <= {name for name, _, _ in this.metrics()},
              f"{key}: type, kernel and metrics are seen", this)


def check_hosts():
    this = run(host("trains"))
    trainings = this.of(TRAIN_BEGIN)
    check(this.status == 0 and this.out == b"" and this.err == b"",
          "threads, longjmp and floating-point traps are the program's own", this)
    # One left by longjmp, one behind it, four threads, one cross validation.
    check(len(trainings) == 7 and len(this.of(TRAIN_END)) == 6,
          "each training is seen once, and the one that was left has no end", this)
    by_model = {event.model: [key for key, _, _ in [(e.key, 0, 0) for e in this.of(METRIC)
                                                    if e.model == event.model]] for event in trainings}
    check(sorted(keys.count("obj") for keys in by_model.values()) == [0, 0, 1, 1, 1, 1, 1],
          "metrics go to the training of their own thread", by_model)
    check(len(this.of(RUN_START)) == 6, "trainings that differ get runs of their own",
          this.of(RUN_START))
    plain = run(host("prints"), "-c", "3", mode="plain")
    this = run(host("prints"), "-c", "3", mode="offline")
    order = [(event.kind, event.flags, event.text) for event in this.events]
    begin = next((i for i, event in enumerate(this.events) if event.kind == TRAIN_BEGIN), 0)
    check((PARAM, GETOPT, "3") in order[:begin], "an option parsed before the session began is seen", this)
    check(this.out == plain.out and plain.out.endswith(b"behind\n") and plain.out.count(b"obj") == 1 and
          len(this.metrics()) > 0, "the library's own printing is flushed as always", this.out, this)


def check_plugins():
    """A library that comes with a plugin, goes with it, and comes again elsewhere."""
    for kind in ("lazy", "now"):
        plugin = os.path.join(os.path.dirname(host("x")), f"libhost_plugin_{kind}.so")
        plain = run(host("unloaded"), plugin, mode="plain")
        for way, options in (("preloaded", {"mode": "ring"}), ("opened late", {"preload": ()})):
            late = () if way == "preloaded" else (HOOKS,)
            this = run(host("unloaded"), plugin, *late, **options)
            name = f"a plugin's library is closed and opened again ({way}, {kind})"
            check(this.status == 0 and (this.out, this.err) == (plain.out, plain.err), name, this)
            check([event.text.split("|")[0] for event in this.of(MODEL)] ==
                  [this.folder + "/plugin.model"] * 2 and
                  [key for key, _, _ in this.metrics()].count("obj") == 2 and
                  {"first.txt", "second.txt"} <= this.files(), f"{name}: both trainings are seen", this)


if shutil.which("svm-train") is None:
    skip("svm-train", "svm-train is not installed")
else:
    check_training()
    check_cross_validation()
    check_nested()
if os.path.exists(host("trains")):
    check_hosts()
    check_plugins()
else:
    skip("host programs", "LIBSVM is not installed")
done()
