# SPDX-License-Identifier: Apache-2.0
"""Optuna's side of bench_tpe.py, for a Python that has Optuna: the median of some trials with random ones behind them,
in memory. Usage: optuna_tpe.py SPACE TRIALS ROUNDS, as bench_tpe.c has them."""

import json
import statistics
import sys
import time

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution


def space_of(text):
    floats = {f"x{i}": FloatDistribution(-5, 5) for i in range(5 if text == "mixed" else int(text[len("floats"):]))}
    if text != "mixed":
        return floats
    return {**floats, **{f"n{i}": IntDistribution(1, 100) for i in range(3)},
            **{f"c{i}": CategoricalDistribution(["a", "b", "c", "d"]) for i in range(2)}}


def suggest_all(trial, space):
    total = 0.0
    for name, dist in space.items():
        if isinstance(dist, FloatDistribution):
            total += trial.suggest_float(name, -5, 5) ** 2
        elif isinstance(dist, IntDistribution):
            total += trial.suggest_int(name, 1, 100) ** 2 / 1000
        else:
            total += dist.choices.index(trial.suggest_categorical(name, dist.choices))
    return total


def one_trial(study, space):
    trial = study.ask()
    study.tell(trial, suggest_all(trial, space))


def main():
    space, n, rounds = space_of(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    random = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    for _ in range(n):
        one_trial(random, space)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    study.add_trials(random.trials)
    one_trial(study, space)
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        one_trial(study, space)
        times.append(time.perf_counter() - begin)
    print(json.dumps({"seconds": statistics.median(times), "version": optuna.__version__}))


if __name__ == "__main__":
    main()
