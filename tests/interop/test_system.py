#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""System metrics beside those of MLflow's own monitor, on the same machine at the same time.
Usage: test_system.py MLF"""

import os
import subprocess
import sys
import time

import mlflow_here as here

URI = "sqlite:///mlflow.db"
OURS_ALONE = "system/process/"
# How far two samples may lie apart: a share of the value, and something absolute for what moves.
CLOSE = {"system/system_memory_usage_megabytes": (0.1, 300), "system/system_memory_usage_percentage": (0.1, 2),
         "system/disk_usage_megabytes": (0.02, 500), "system/disk_available_megabytes": (0.02, 500),
         "system/disk_usage_percentage": (0.02, 1), "system/network_receive_megabytes": (0, 500),
         "system/network_transmit_megabytes": (0, 500), "system/cpu_utilization_percentage": (0, 100)}


def sampled(client, run_id):
    return {key: client.get_metric_history(run_id, key)
            for key in client.get_run(run_id).data.metrics if key.startswith("system/")}


def wait_for_steps(client, run_id, enough):
    """Until the run has |enough| points of every metric of the machine."""
    end = time.monotonic() + here.DEADLINE
    while time.monotonic() < end:
        points = sampled(client, run_id)
        if points and all(len(of_key) >= enough for key, of_key in points.items()
                          if not key.startswith(OURS_ALONE)):
            return True
        time.sleep(0.05)
    return False


def run_of(client, name):
    end = time.monotonic() + here.DEADLINE
    while time.monotonic() < end:
        for run in client.search_runs(["0"], f"tags.mlflow.runName = '{name}'"):
            return run.info.run_id
        time.sleep(0.05)
    raise RuntimeError(f"no run {name}")


def compare(results, theirs, ours):
    machine = {key for key in ours if not key.startswith(OURS_ALONE)}
    results.check(machine == set(theirs), "the same names", f"ours {sorted(machine)}", f"theirs {sorted(theirs)}")
    for key in sorted(machine & set(CLOSE)):
        share, absolute = CLOSE[key]
        mine, other = ours[key][-1].value, theirs[key][-1].value
        results.check(abs(mine - other) <= max(share * abs(other), absolute), f"{key}: the same unit",
                      f"ours {mine}, theirs {other}")
    results.check(all([p.step for p in points] == list(range(len(points)))
                      for key, points in ours.items() if key in machine),
                  "steps count from 0, as MLflow's do", ours)
    results.check(all([p.step for p in points] == list(range(len(points))) for points in theirs.values()),
                  "(and so do MLflow's)", theirs)


def main():
    here.require()
    try:
        import psutil  # noqa: F401
    except ImportError:
        print("1..0 # SKIP MLF_TEST_PYTHON has no psutil, which MLflow's monitor needs")
        return 0
    mlf = os.path.abspath(sys.argv[1])
    results = here.Tap()
    with here.Folder() as folder:
        from mlflow import MlflowClient
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
        os.environ.update(MLF_SPOOL=os.path.join(folder, "spool"),
                          MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL="0.3")
        client = MlflowClient(URI)
        theirs = client.create_run("0").info.run_id
        monitor = SystemMetricsMonitor(theirs, tracking_uri=URI)
        command = subprocess.Popen(
            [mlf, "run", "--quiet", "--tracking-uri", URI, "--run-name", "ours", "--", "sh", "-c",
             "while ! test -e go; do sleep 0.1; done"],
            env={**os.environ, "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true"})
        monitor.start()
        try:
            ours = run_of(client, "ours")
            results.check(wait_for_steps(client, theirs, 2) and wait_for_steps(client, ours, 2),
                          "both make steps", sampled(client, theirs), sampled(client, ours))
        finally:
            monitor.finish()
            with open("go", "w", encoding="utf-8"):
                pass
            command.wait(here.DEADLINE)
        results.check(command.returncode == 0, "the command ends as it should", command.returncode)
        compare(results, sampled(client, theirs), sampled(client, ours))
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
