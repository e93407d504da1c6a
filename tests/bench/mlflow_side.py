# SPDX-License-Identifier: Apache-2.0
"""MLflow's side of bench_store.py, for a Python that has MLflow: log_batch with 1000 points a call, and a loop
of log_metric. Medians over the calls, so that neither the import nor the new database counts.
Usage: mlflow_side.py BATCHES POINTS"""

import json
import statistics
import sys
import time

import mlflow
from mlflow.entities import Metric

ROWS, KEYS = 1000, 4


def main():
    batches, points = int(sys.argv[1]), int(sys.argv[2])
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        seconds = []
        for batch in range(batches):
            now = int(time.time() * 1000)
            metrics = [Metric(f"train/m{i % KEYS:02}", 1 / (i + 1), now, batch * ROWS + i // KEYS)
                       for i in range(ROWS)]
            begin = time.perf_counter()
            client.log_batch(run.info.run_id, metrics=metrics)
            seconds.append(time.perf_counter() - begin)
        batch_rate = ROWS / statistics.median(seconds)
        seconds = []
        for i in range(points):
            begin = time.perf_counter()
            mlflow.log_metric("loop", 1 / (i + 1), step=i)
            seconds.append(time.perf_counter() - begin)
        single_rate = 1 / statistics.median(seconds)
    print(json.dumps({"version": mlflow.__version__, "batch_rate": batch_rate,
                      "single_rate": single_rate}))


if __name__ == "__main__":
    main()
