# SPDX-License-Identifier: Apache-2.0
"""Optuna's side of bench_cmaes.py, for a Python that has Optuna and cmaes: seconds per trial in memory.
Usage: optuna_cmaes.py SAMPLER PARAMS WARM_UP TRIALS"""

import json
import sys
import time

import optuna


def run_trials(study, n, names):
    for _ in range(n):
        trial = study.ask()
        value = 0.0
        for name in names:
            x = trial.suggest_float(name, -5, 5)
            value += x * x
        study.tell(trial, value)


def main():
    params, warm_up, n = map(int, sys.argv[2:5])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = {"cmaes": lambda: optuna.samplers.CmaEsSampler(seed=1, warn_independent_sampling=False),
               "random": lambda: optuna.samplers.RandomSampler(seed=1)}[sys.argv[1]]()
    study = optuna.create_study(sampler=sampler)
    names = [f"x{k}" for k in range(params)]
    run_trials(study, warm_up, names)
    begin = time.perf_counter()
    run_trials(study, n, names)
    print(json.dumps({"seconds": (time.perf_counter() - begin) / n, "version": optuna.__version__}))


if __name__ == "__main__":
    main()
