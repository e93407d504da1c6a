# SPDX-License-Identifier: Apache-2.0
"""MLflow's side of bench_search.py, for a Python that has MLflow: seconds per search of 100 runs by its client.
Usage: mlflow_search.py URI ROUNDS FILTER ORDER"""

import json
import statistics
import sys
import time

import mlflow


def main():
    uri, rounds, text, order = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    client = mlflow.MlflowClient(uri)
    seconds = []
    for number in range(rounds + 1):  # the first one does not count
        begin = time.perf_counter()
        page = client.search_runs(["0"], text, max_results=100, order_by=[order] if order else None)
        if number > 0:
            seconds.append(time.perf_counter() - begin)
    members = sum(len(run.data.params) + len(run.data.metrics) for run in page)
    print(json.dumps({"version": mlflow.__version__, "seconds": statistics.median(seconds), "runs": len(page),
                      "members": members, "first": page[0].info.run_name if page else ""}))


if __name__ == "__main__":
    main()
