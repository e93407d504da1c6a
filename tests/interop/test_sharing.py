#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four processes of ours and MLflow's server write one file at the same time: no error, no lost row.
Usage: test_sharing.py MLF SHARER. A minute with MLF_TEST_FULL=1, else some seconds."""

import os
import subprocess
import sys
import threading
import time

import mlflow_here as here

SECONDS = 60 if "MLF_TEST_FULL" in os.environ else 10
STEPS = 400


def log_by_server(port, end, done):
    """Runs by MLflow's client through its server, until |end|; (run id, points) of each, or an error."""
    from mlflow import MlflowClient
    client = MlflowClient(f"http://127.0.0.1:{port}")
    try:
        while time.monotonic() < end:
            run_id = client.create_run("0").info.run_id
            points = 0
            while points < 100 and time.monotonic() < end:
                client.log_metric(run_id, "m", points, step=points)
                points += 1
            client.set_terminated(run_id)
            done.append((run_id, points))
    except Exception as error:  # the finding that the test is for
        done.append((f"error: {error}", 0))


def main():
    here.require()
    mlf, sharer = (os.path.abspath(argument) for argument in sys.argv[1:3])
    results = here.Tap()
    with here.Folder() as folder:
        os.environ["MLF_SPOOL"] = os.path.join(folder, "spool")
        os.environ.update(MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true")
        here.run(mlf, "run", "--quiet", "--", "true")
        with here.Server("sqlite:///mlflow.db") as server:
            program = [sharer, str(SECONDS), str(STEPS)]
            commands = [program, program, [mlf, "run", "--quiet", "--", *program],
                        [mlf, "run", "--quiet", "--", *program]]
            started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                       for command in commands]
            theirs = []
            client = threading.Thread(target=log_by_server,
                                      args=(server.port, time.monotonic() + SECONDS, theirs))
            client.start()
            outputs = [process.communicate(timeout=SECONDS + here.DEADLINE) for process in started]
            client.join(here.DEADLINE)
            server.log.seek(0)
            log = server.log.read()
        results.check(all(process.returncode == 0 for process in started),
                      "the four processes have no error", *[error for _, error in outputs])
        failed = [run_id for run_id, _ in theirs if run_id.startswith("error")]
        results.none(failed, "MLflow's server has no error")
        results.check(" 500 " not in log and "Traceback" not in log, "and its log has none", log[-4000:])
        here.run(mlf, "sync")
        ours = [(run_id, STEPS) for out, _ in outputs for run_id in out.split()]
        results.check(len(ours) >= 4 and len(theirs) >= 1, "each side has logged runs", len(ours), len(theirs))
        stored = dict(here.sql("mlflow.db", "SELECT run_uuid, count(DISTINCT step) FROM metrics "
                                            "WHERE key = 'm' GROUP BY run_uuid"))
        results.none([(run_id, points, stored.get(run_id)) for run_id, points in ours + theirs
                      if points > 0 and stored.get(run_id) != points and not run_id.startswith("error")],
                     "no row is lost")
        tagged = {row[0] for row in here.sql("mlflow.db", "SELECT run_uuid FROM tags WHERE key = 'done'")}
        results.none([run_id for run_id, _ in ours if run_id not in tagged], "no tag is lost")
        states = here.sql("mlflow.db", "SELECT status, count(*) FROM runs GROUP BY status")
        results.check([state for state, _ in states] == ["FINISHED"], "every run is finished", states)
        results.check(here.sql("mlflow.db", "PRAGMA integrity_check") == [("ok",)], "the file is whole")
    return results.done()


if __name__ == "__main__":
    sys.exit(main())
