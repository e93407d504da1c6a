#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a run knows of the machine and of how its program was made: system metrics and
mlf/environment.json."""

import contextlib
import json
import os
import shutil
import sqlite3

from harness import MLF, compile_c, folder, has_program, run_tests, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, os.pardir, os.pardir)
DATA = os.path.join(ROOT, "examples", "unmodified_binary", "iris.scale")
BUILD = os.path.join(os.path.dirname(MLF), os.pardir)
MACHINE = {"system/" + name for name in (
    "cpu_utilization_percentage", "system_memory_usage_megabytes", "system_memory_usage_percentage",
    "disk_usage_percentage", "disk_usage_megabytes", "disk_available_megabytes",
    "network_receive_megabytes", "network_transmit_megabytes")}
PROCESS = {"system/process/" + name for name in (
    "cpu_utilization_percentage", "resident_memory_megabytes", "threads", "processes")}
ON = {"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": ""}  # as if it were unset: the default

WAITS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
    char *memory = malloc(64 << 20);
    struct timespec nap = {0, 5000000};
    memset(memory, 1, 64 << 20);
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < 12000 && access("go", F_OK) != 0; i++)
        nanosleep(&nap, NULL);
    printf("loss=%d\n", memory[12345]);
    return 0;
}
"""

RUNS = r"""
#include <mlf/mlf.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    options.no_system_metrics = argc > 1 && strcmp(argv[1], "none") == 0;
    return mlf_start_run(&options, NULL) != MLF_OK || mlf_log_metric("loss", 0.5, 0) != MLF_OK ||
           mlf_end_run(MLF_RUN_FINISHED) != MLF_OK;
}
"""


SEVERAL = r"""
#include <mlf/mlf.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
static int run(const char *id, const char *name, const char *wait_for)
{
    mlf_run_options options = MLF_RUN_OPTIONS_INIT;
    struct timespec nap = {0, 5000000};
    mlf_run *self;
    options.run_name = name;
    options.run_id = id;
    if (mlf_start_run(&options, &self) != MLF_OK || mlf_log_metric("loss", 0.5, 0) != MLF_OK)
        return 1;
    printf("%s\n", mlf_run_id(self));
    fflush(stdout);
    for (int i = 0; i < 12000 && access(wait_for, F_OK) != 0; i++)
        nanosleep(&nap, NULL);
    return mlf_end_run(MLF_RUN_FINISHED) != MLF_OK;
}
int main(int argc, char **argv)
{
    return argc > 1 ? run(argv[1], NULL, "third") : run(NULL, "a", "first") || run(NULL, "b", "second");
}
"""


def database(f, text):
    try:
        with contextlib.closing(sqlite3.connect(os.path.join(f.work, "mlflow.db"), timeout=20)) as db:
            return db.execute(text).fetchall()
    except sqlite3.Error:
        return []


def steps(f):
    """Of each system metric the steps that it has."""
    found = {}
    for key, step in database(f, "SELECT key, step FROM metrics WHERE key LIKE 'system/%' ORDER BY step"):
        found.setdefault(key, []).append(step)
    return found


def steps_of(f, run_id):
    return [step for (step,) in database(
        f, f"SELECT step FROM metrics WHERE run_uuid = '{run_id}' AND key = "
           "'system/system_memory_usage_megabytes' ORDER BY timestamp, step")]


def environment(f):
    """The environment of the latest run; {} when it has none."""
    for (uri,) in database(f, "SELECT artifact_uri FROM runs ORDER BY start_time DESC LIMIT 1"):
        path = os.path.join(uri.replace("file://", ""), "mlf", "environment.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    return {}


def api_program(f, name, source):
    libraries = [os.path.join(BUILD, folder) for folder in ("autolog", "core")]
    return compile_c(f, name, source, "-I" + os.path.join(ROOT, "include"),
                     *(flag for where in libraries for flag in ("-L" + where, "-Wl,-rpath," + where)),
                     "-lmlf", "-lmlf_core")


def test_short_run(tap):
    if not has_program("svm-train"):
        tap.skip("the environment of svm-train", "svm-train is not installed")
        return
    with folder() as f:
        shutil.copy(DATA, f.work)
        got = f.mlf("run", "--json", "--", "svm-train", "-q", "iris.scale", "model", env=ON)
        summary = json.loads(got.text.splitlines()[-1])
        run = f.last_run()
        own = {key for key in run["metrics"] if not key.startswith("system/")}
        tap.ok(MACHINE <= set(run["metrics"]), "a short run has one sample of the machine",
               sorted(run["metrics"]))
        tap.ok(set(run["metrics"]) - own <= MACHINE | PROCESS, "and nothing but known names",
               sorted(run["metrics"]))
        tap.same({step for of_key in steps(f).values() for step in of_key}, {0}, "at step 0")
        tap.same(summary["metrics"], len(own), "the summary counts the program's own metrics")
        found = environment(f)
        names = {library["name"]: library for library in found.get("libraries", [])}
        svm = next((names[name] for name in names if name.startswith("libsvm.so")), {})
        tap.ok(len(svm.get("build_id", "")) >= 16 and svm.get("version"),
               "its libraries have versions and build ids", svm)
        tap.ok(found.get("program", {}).get("path", "").endswith("/svm-train"), "the program is named",
               found.get("program"))
        machine = found.get("machine", {})
        tap.ok(machine.get("kernel") == os.uname().release and machine.get("cpus", 0) >= 1 and
               machine.get("memory_bytes", 0) > 2 ** 20, "with kernel, CPUs and memory", machine)
        tap.same(run["tags"].get("mlf.build_id"), found.get("program", {}).get("build_id"),
                 "the program's build id is a tag")


def test_interval(tap):
    with folder() as f:
        program = compile_c(f, "waits", WAITS)
        if program is None:
            tap.skip("steps of system metrics", "no C compiler")
            return
        process = f.start([MLF, "run", "--quiet", "--metric", r"loss=loss=(\S+)", "--", program],
                          env={**ON, "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.1",
                               "MLFLOW_SYSTEM_METRICS_NODE_ID": "node7"})
        seen = wait_for(lambda: max(steps(f).get("system/node7/process/threads", [0])) >= 3)
        tap.ok(seen, "steps are written while the program runs", steps(f))
        wrote = wait_for(lambda: environment(f) != {})
        tap.ok(wrote, "and so is its environment", f.files())
        f.write("go", b"")
        process.communicate(timeout=60)
        tap.same(process.returncode, 0, "the program ends as it should")
        for key, of_key in steps(f).items():
            if not key.endswith("process/cpu_utilization_percentage"):
                tap.same(of_key, list(range(len(of_key))), f"{key}: every step once")
        memory = max((value for (value,) in database(
            f, "SELECT value FROM metrics WHERE key = 'system/node7/process/resident_memory_megabytes'")),
            default=0)
        tap.ok(60 < memory < 200, "the program's memory is in megabytes", memory)
        found = environment(f)
        loaded = {library["name"] for library in found.get("libraries", []) if library["loaded"]}
        tap.ok("libc.so.6" in loaded, "its libraries were seen in its memory", sorted(loaded))
        tap.same(f.last_run()["metrics"].get("loss"), 1, "its own metric is there")


def test_gpus(tap):
    """A stand-in for NVML, since no GPU is sure to be here, is found as the real one would be."""
    with open(os.path.join(ROOT, "tests", "unit", "fake_nvml.c"), encoding="utf-8") as file:
        double = file.read()
    with folder() as f:
        program = compile_c(f, "waits", WAITS)
        if program is None or compile_c(f, "libnvidia-ml.so.1", double, "-shared", "-fPIC") is None:
            tap.skip("GPUs", "no C compiler")
            return
        process = f.start([MLF, "run", "--quiet", "--", program],
                          env={**ON, "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.1",
                               "LD_LIBRARY_PATH": f.work})
        seen = wait_for(lambda: "system/gpu_1_utilization_percentage" in steps(f))
        tap.ok(seen, "both GPUs are sampled", sorted(steps(f)))
        f.write("go", b"")
        process.communicate(timeout=60)
        values = dict(database(f, "SELECT key, value FROM latest_metrics WHERE key LIKE 'system/gpu_0%'"))
        tap.same(values, {"system/gpu_0_memory_usage_percentage": 25, "system/gpu_0_memory_usage_megabytes": 2000,
                          "system/gpu_0_utilization_percentage": 40, "system/gpu_0_power_usage_watts": 75.5,
                          "system/gpu_0_power_usage_percentage": 25.2}, "with MLflow's names and units")


def test_switched_off(tap):
    with folder() as f:
        f.mlf("run", "--quiet", "--", "true", env={"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "False"})
        tap.same(steps(f), {}, "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=False: no samples")
        tap.ok(environment(f).get("program", {}).get("path", "").endswith("/true"),
               "but an environment", environment(f))
        # Past the interval of samples that are not taken, waiting must still be waiting.
        process = f.start([MLF, "run", "--quiet", "--", "sleep", "3"],
                          env={"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
                               "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.1"})
        usage = os.wait4(process.pid, 0)[2]
        spent = usage.ru_utime + usage.ru_stime
        tap.ok(spent < 1, "and mlf sleeps while the command does", spent)


def test_offline(tap):
    with folder() as f:
        f.mlf("run", "--quiet", "--", "true", env={**ON, "MLF_OFFLINE": "1"})
        f.mlf("sync")
        tap.same((len(database(f, "SELECT * FROM runs")), steps(f), environment(f)), (1, {}, {}),
                 "an offline run has neither: it may be merged on another machine")


def test_build(tap):
    with folder() as f:
        program = compile_c(f, "made", "int main(void) { return 0; }\n", "-O1", "-frecord-gcc-switches")
        if program is None:
            tap.skip("compiler and flags", "no compiler that knows -frecord-gcc-switches")
            return
        f.mlf("run", "--quiet", "--", "./made", env={"SLURM_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": "3",
                                                     "OMP_NUM_THREADS": "2", "KMP_SECRET": "hunter2"})
        found, tags = environment(f), f.last_run()["tags"]
        tap.ok(any("-O1" in flags for flags in found["program"].get("flags", [])),
               "the flags that the program was built with", found["program"])
        tap.ok(found["program"].get("compilers") and
               tags.get("mlf.compiler") == found["program"]["compilers"][0], "its compiler, also as a tag",
               tags)
        tap.same((found.get("job"), tags.get("mlf.job.id"), tags.get("mlf.job.array_task")),
                 ({"scheduler": "slurm", "id": "4711", "array_task": "3"}, "4711", "3"),
                 "the job, also as tags")
        tap.same((found["variables"].get("OMP_NUM_THREADS"), found["variables"].get("KMP_SECRET")),
                 ("2", "***"), "variables that matter, secrets masked")
        tap.same(found["program"]["path"], os.path.realpath(program), "the program's whole path")


def git(f, *arguments):
    return f.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false",
                  *arguments]).code == 0


def test_commit(tap):
    with folder() as f:
        if not has_program("git") or compile_c(f, "made", "int main(void) { return 0; }\n") is None:
            tap.skip("commit and dirty flag", "no git or no compiler")
            return
        os.mkdir(os.path.join(f.work, "sub"))
        f.write(".gitignore", b"mlflow.db*\nmlruns\nmore\n")
        tap.ok(git(f, "init", "-q", ".") and git(f, "add", "made", "made.c", ".gitignore") and
               git(f, "commit", "-qm", "all"), "a repository")
        head = f.run(["git", "rev-parse", "HEAD"]).out.decode().strip()
        f.mlf("run", "--quiet", "--", "./made")
        tags = f.last_run()["tags"]
        tap.same((tags.get("mlflow.source.git.commit"), tags.get("mlflow.source.git.dirty")),
                 (head, "false"), "a clean tree")
        f.write("made.c", b"changed\n")
        f.run(["sh", "-c", f"cd sub && '{MLF}' run --quiet --tracking-uri sqlite:///../mlflow.db -- ../made"])
        tags = f.last_run()["tags"]
        tap.same((tags.get("mlflow.source.git.commit"), tags.get("mlflow.source.git.dirty")),
                 (head, "true"), "a changed file, and a program that is named from a folder below")


def test_no_launcher(tap):
    with folder() as f:
        program = api_program(f, "runs", RUNS)
        if program is None:
            tap.skip("runs without a launcher", "no C compiler")
            return
        f.run([program], env=ON)
        wait_for(lambda: not os.path.isdir(f.spool) or not os.listdir(f.spool))
        tap.ok(MACHINE <= set(steps(f)), "a run that the program ends by itself has a sample", steps(f))
        tap.same({len(of_key) for of_key in steps(f).values()}, {1}, "one")
        tap.ok(environment(f).get("program", {}).get("path", "").endswith("/runs"),
               "and its environment", environment(f))
    with folder() as f:
        program = api_program(f, "runs", RUNS)
        f.run([program, "none"], env=ON)
        wait_for(lambda: not os.path.isdir(f.spool) or not os.listdir(f.spool))
        tap.same((len(database(f, "SELECT * FROM metrics")), steps(f)), (1, {}),
                 "no_system_metrics: the run has none")


def test_several_runs(tap):
    often = {**ON, "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.05"}
    with folder() as f:
        program = api_program(f, "several", SEVERAL)
        if program is None:
            tap.skip("system metrics of several runs", "no C compiler")
            return
        process = f.start([program], env=often)
        first = process.stdout.readline().decode().strip()
        tap.ok(wait_for(lambda: len(steps_of(f, first)) >= 2), "the first run is sampled", steps(f))
        f.write("first", b"")
        second = process.stdout.readline().decode().strip()
        tap.ok(wait_for(lambda: len(steps_of(f, second)) >= 2), "then the second one", steps(f))
        f.write("second", b"")
        tap.same(process.wait(60), 0, "the program ends")
        process.stdout.close()
        process.stderr.close()
        wait_for(lambda: not os.listdir(f.spool))
        for run_id in (first, second):
            found = steps_of(f, run_id)
            tap.same(found, list(range(len(found))), "each from step 0, every step once")
        before = len(steps_of(f, first))
        process = f.start([program, first], env=often)
        tap.ok(wait_for(lambda: len(steps_of(f, first)) > before + 1), "a run that is resumed", steps(f))
        f.write("third", b"")
        process.communicate(timeout=60)
        wait_for(lambda: not os.listdir(f.spool))
        found = steps_of(f, first)
        tap.same(found, list(range(len(found))), "goes on behind its last step")
        made = [name for name in f.files() if name.endswith("mlf/environment.json")]
        tap.same(len(made), 2, "each has an environment")


def test_nothing_begins_by_itself(tap):
    hooks = os.path.join(BUILD, "hooks", "libmlf_hooks.so")
    with folder() as f:
        before = f.files()
        got = f.run(["ls"], env={**ON, "LD_PRELOAD": hooks})
        tap.same((got.code, got.err, f.files()), (0, b"", before),
                 "a preloaded program that trains nothing has no run")


run_tests(test_short_run, test_interval, test_gpus, test_switched_off, test_offline, test_build, test_commit,
          test_no_launcher, test_several_runs, test_nothing_begins_by_itself)
