#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The functions of functions.c for Optuna, and its samplers on them: the best value after some numbers of trials.
Usage: optuna_side.py SAMPLER FUNCTION[,FUNCTION...] FIRST_SEED SEEDS [TRIALS]
       optuna_side.py --check FUNCTION   reads lines of `quality --trace` and compares their values"""

import json
import math
import os
import sys
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
warnings.filterwarnings("ignore")

POINTS = (50, 100, 200)
SHIFT5 = (1.3, -2.1, 0.7, 3.2, -0.4)
OTHER_SHIFT = (-1.7, 2.4, 0.3, -3.1, 1.1, 3.6, -0.8, -2.6, 0.9, 1.9)


def vector(t, n, low, high, shift=None, scale=1.0):
    x = [t.suggest_float(f"x{i}", low, high) for i in range(n)]
    return x if shift is None else [v - scale * s for v, s in zip(x, shift)]


def log_float(t, name, low, high):
    return t.suggest_float(name, low, high, log=True)


def log_int(t, name, low, high):
    return t.suggest_int(name, low, high, log=True)


def squares(z):
    return sum(v * v for v in z)


def rosenbrock_of(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def rastrigin_of(z):
    return 10 * len(z) + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in z)


def ackley_of(z):
    n = len(z)
    return (-20 * math.exp(-0.2 * math.sqrt(squares(z) / n))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in z) / n) + 20 + math.e)


def levy_of(x):
    w = [1 + (v - 1) / 4 for v in x]
    return (math.sin(math.pi * w[0]) ** 2
            + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
            + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def hartmann_of(x, a, p):
    return -sum(alpha * math.exp(-sum(m * (v - 1e-4 * c) ** 2 for m, v, c in zip(row, x, centre)))
                for alpha, row, centre in zip((1.0, 1.2, 3.0, 3.2), a, p))


def branin(t):
    x, y = t.suggest_float("x0", -5, 10), t.suggest_float("x1", 0, 15)
    return ((y - 5.1 / (4 * math.pi ** 2) * x * x + 5 / math.pi * x - 6) ** 2
            + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816)


HARTMANN6 = (((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8),
              (17, 8, 0.05, 10, 0.1, 14)),
             ((1312, 1696, 5569, 124, 8283, 5886), (2329, 4135, 8307, 3736, 1004, 9991),
              (2348, 1451, 3522, 2883, 3047, 6650), (4047, 8828, 8732, 5743, 1091, 381)))
HARTMANN3 = (((3, 10, 30), (0.1, 10, 35), (3, 10, 30), (0.1, 10, 35)),
             ((3689, 1170, 2673), (4699, 4387, 7470), (1091, 8732, 5547), (381, 5743, 8828)))


def mixed(t):
    x, rate = t.suggest_float("x", -5, 5), log_float(t, "lr", 1e-5, 1.0)
    n, units = t.suggest_int("n", 1, 100), log_int(t, "units", 4, 512)
    drop = t.suggest_float("drop", 0.0, 1.0, step=0.05)
    opt = t.suggest_categorical("opt", ["sgd", "adam", "rms", "ada"])
    penalty, best = {"sgd": (0.6, -1.0), "adam": (0.0, -3.0), "rms": (0.25, -2.5), "ada": (1.0, -2.0)}[opt]
    return ((x - 1.3) ** 2 / 5 + (math.log10(rate) - best) ** 2 + ((n - 37) / 30) ** 2
            + (math.log2(units) - 6) ** 2 / 4 + 4 * (drop - 0.35) ** 2 + penalty)


def conditional(t):
    model = t.suggest_categorical("model", ["svm", "forest", "linear"])
    if model == "svm":
        c = math.log10(log_float(t, "svm_c", 1e-4, 1e4))
        if t.suggest_categorical("kernel", ["rbf", "poly"]) == "rbf":
            gamma = math.log10(log_float(t, "gamma", 1e-5, 1e2))
            return 0.2 * (c - 1.5) ** 2 + 0.3 * (gamma + 2 + 0.5 * (c - 1.5)) ** 2
        return 0.3 + 0.2 * (c + 1) ** 2 + 0.1 * (t.suggest_int("degree", 2, 6) - 3) ** 2
    if model == "forest":
        depth, trees = t.suggest_int("depth", 2, 32), math.log10(log_int(t, "trees", 10, 1000))
        return 0.15 + ((depth - 14) / 10) ** 2 + 0.1 * (trees - 2.7) ** 2
    return 0.8 + 0.1 * (math.log10(log_float(t, "alpha", 1e-6, 10)) + 3) ** 2


def integers6(t):
    best = (12, 40, 7, 33, 25, 18)
    z = [(t.suggest_int(f"n{i}", 0, 50) - b) / 10 for i, b in enumerate(best)]
    return squares(z) + (z[0] + z[1]) ** 2 + (z[2] - z[3]) ** 2


def mixed2(t):
    losses, bases = ["l1", "l2", "huber"], ["tree", "linear", "spline", "net", "kernel"]
    pair = ((0.5, 0.9, 0.4, 0.8, 1.2), (0.3, 0.7, 1.1, 0.5, 0.6), (0.6, 1.3, 0.2, 0, 0.9))
    loss = losses.index(t.suggest_categorical("loss", losses))
    base = bases.index(t.suggest_categorical("base", bases))
    rate = math.log10(log_float(t, "rate", 1e-5, 1.0))
    depth, share = t.suggest_int("depth", 1, 40), t.suggest_float("share", 0.1, 1)
    return (pair[loss][base] + 0.6 * (rate - (-1.2, -3.4, -2.1, -2.8, -0.7)[base]) ** 2
            + ((depth - (9 + 5 * loss)) / 12) ** 2 + 3 * (share - 0.65) ** 2)


def conditional2(t):
    kind = t.suggest_categorical("kind", ["boost", "net", "near", "bayes"])
    if kind == "boost":
        rounds = math.log10(log_int(t, "rounds", 10, 2000))
        return 0.2 + 0.3 * (rounds - 2.2) ** 2 + 0.5 * (t.suggest_float("eta", 0, 1) - 0.3) ** 2
    if kind == "net":
        rate = math.log10(log_float(t, "net_rate", 1e-6, 1.0))
        if t.suggest_categorical("layers", ["one", "two"]) == "one":
            return 0.35 + 0.2 * (rate + 2) ** 2 + ((t.suggest_int("width", 4, 64) - 40) / 30) ** 2
        first, second = math.log2(log_int(t, "first", 4, 512)), math.log2(log_int(t, "second", 4, 512))
        return 0.25 * (rate + 3.5) ** 2 + 0.1 * (first - 7) ** 2 + 0.1 * (second - 0.8 * first) ** 2
    if kind == "near":
        return 0.5 + ((t.suggest_int("k", 1, 50) - 11) / 20) ** 2
    return 0.9 + 0.1 * (t.suggest_float("prior", -3, 3) - 1) ** 2


FUNCTIONS = {
    "sphere": lambda t: squares(vector(t, 5, -5, 5, SHIFT5)),
    "rosenbrock": lambda t: rosenbrock_of(vector(t, 4, -2.048, 2.048)),
    "rastrigin": lambda t: rastrigin_of(vector(t, 5, -5.12, 5.12, SHIFT5)),
    "ackley": lambda t: ackley_of(vector(t, 5, -32.768, 32.768, SHIFT5, 4)),
    "branin": branin,
    "hartmann6": lambda t: hartmann_of(vector(t, 6, 0, 1), *HARTMANN6) + 3.322368011415515,
    "levy": lambda t: levy_of(vector(t, 4, -10, 10)),
    "mixed": mixed,
    "conditional": conditional,
    "ellipsoid6": lambda t: sum(10 ** (0.6 * i) * v * v for i, v in enumerate(vector(t, 6, -5, 5, OTHER_SHIFT))),
    "sphere10": lambda t: squares(vector(t, 10, -4, 6, OTHER_SHIFT)),
    "rosenbrock6": lambda t: rosenbrock_of(vector(t, 6, -3, 3)),
    "rastrigin3": lambda t: rastrigin_of(vector(t, 3, -5.12, 5.12, OTHER_SHIFT, 0.7)),
    "ackley8": lambda t: ackley_of(vector(t, 8, -30, 35, OTHER_SHIFT, 5)),
    "levy8": lambda t: levy_of(vector(t, 8, -8, 12)),
    "hartmann3": lambda t: hartmann_of(vector(t, 3, 0, 1), *HARTMANN3) + 3.8627797869493365,
    "styblinski4": lambda t: sum(v ** 4 - 16 * v * v + 5 * v for v in vector(t, 4, -5, 5)) / 2
    + 4 * 39.166165703771412,
    "integers6": integers6,
    "mixed2": mixed2,
    "conditional2": conditional2,
}


class Given:
    """A trial whose parameters are known."""

    def __init__(self, params):
        self.params = params

    def suggest_float(self, name, *_, **__):
        return float(self.params[name])

    def suggest_int(self, name, *_, **__):
        return int(self.params[name])

    def suggest_categorical(self, name, _):
        return self.params[name]


def check(function):
    for line in sys.stdin:
        trial = json.loads(line)
        want = FUNCTIONS[function](Given(trial["params"]))
        if not abs(trial["value"] - want) <= 1e-9 * max(1, abs(want)):
            raise SystemExit(f"{function}: {trial['value']}, not {want}, at {trial['params']}")


def samplers():
    from optuna import samplers as s
    quiet = {"warn_independent_sampling": False}
    return {
        "random": lambda seed: s.RandomSampler(seed=seed),
        "tpe": lambda seed: s.TPESampler(seed=seed),
        "tpe_univariate": lambda seed: s.TPESampler(seed=seed, multivariate=False),
        "cmaes": lambda seed: s.CmaEsSampler(seed=seed, **quiet),
        "qmc": lambda seed: s.QMCSampler(seed=seed, scramble=True, warn_asynchronous_seeding=False, **quiet),
    }


def run(sampler, function, seed, trials):
    import optuna
    study = optuna.create_study(sampler=samplers()[sampler](seed))
    best, out = math.inf, {}
    for k in range(1, trials + 1):
        trial = study.ask()
        value = FUNCTIONS[function](trial)
        study.tell(trial, value)
        best = min(best, value)
        if k in POINTS:
            out[str(k)] = best
    return out


def main():
    if sys.argv[1] == "--check":
        check(sys.argv[2])
        return
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler, functions, first, n_seeds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    trials = int(sys.argv[5]) if len(sys.argv) > 5 else 200
    for function in functions.split(","):
        runs = [run(sampler, function, first + i, trials) for i in range(n_seeds)]
        values = {point: [r[point] for r in runs] for point in runs[0]}
        print(json.dumps({"function": function, "sampler": sampler, "values": values}), flush=True)


if __name__ == "__main__":
    main()
