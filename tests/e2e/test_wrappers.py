#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""C++, Fortran and callbacks: against what `meson install` puts down, programs build by the one line that stands in
them, run, and the store holds what they logged. Usage: test_wrappers.py SOURCE_ROOT BUILD_ROOT"""

import glob
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile

from harness import folder, has_program, run_tests, wait_for

ROOT, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
BASE = tempfile.mkdtemp(prefix="mlf-installed-")
STRICT = {"cc": "-Wall -Wextra -Werror", "c++": "-Wall -Wextra -Wshadow -Werror",
          "gfortran": "-std=f2008 -Wall -Wextra -Werror"}
PREDICTIONS = "predictions.json"


def find(name):
    """The installed file of this name."""
    return next(iter(glob.glob(os.path.join(BASE, "**", name), recursive=True)), "")


def installed(tap):
    done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", BASE],
                          capture_output=True, text=True, check=False)
    return tap.ok(done.returncode == 0 and find("mlf.hpp") and find("mlf.f90"),
                  "meson install puts both wrappers down", done.stdout[-2000:], done.stderr)


def environment():
    return {"PKG_CONFIG_PATH": os.path.dirname(find("mlf.pc")), "PKG_CONFIG_SYSROOT_DIR": BASE,
            "LD_LIBRARY_PATH": os.path.dirname(find("libmlf.so"))}


def lacks(line):
    """What the build line needs and this machine does not have, or None."""
    missing = [name for name in (line.split()[0], "pkg-config") if not has_program(name)]
    if not missing and " fann)" in line:
        done = subprocess.run(["pkg-config", "--exists", "fann"], check=False)
        missing = ["fann"] if done.returncode != 0 else []
    return missing[0] if missing else None


def build(tap, f, line):
    """Builds by |line|, which is typed in the folder of the source; more warnings than it asks for, none given."""
    compiler = line.split()[0]
    strict = line.replace(compiler, compiler + " " + STRICT[compiler], 1)
    done = f.run(["sh", "-c", strict], env=environment())
    return tap.ok(done.code == 0, f"built without a warning: {line}", done.text)


def build_line(path):
    """The command in the comment at the top of a program."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found = re.search(r"^(?: \*|//|!)\s+((?:cc|c\+\+|gfortran) (?:.*\\\n)*.*)", text, re.MULTILINE)
    return re.sub(r"\s*\\\n!\s*", " ", found.group(1)).replace("*/", "").strip()


def example(tap, f, *path):
    """Builds an example as its comment says; the program's path, or None when the machine lacks something."""
    source = os.path.join(ROOT, "examples", *path)
    line = build_line(source)
    missing = lacks(line)
    if missing is not None:
        return tap.skip("/".join(path), f"{missing} is not installed")
    shutil.copy(source, f.work)
    return os.path.join(f.work, shlex.split(line)[-1]) if build(tap, f, line) else None


def rows(f, statement, *values, database="mlflow.db"):
    with sqlite3.connect(os.path.join(f.work, database)) as db:
        return db.execute(statement, values).fetchall()


def run_rows(f, **where):
    """{name: state} of all runs."""
    return dict(rows(f, "SELECT name, status FROM runs", **where))


def run_id(f, name, **where):
    return rows(f, "SELECT run_uuid FROM runs WHERE name = ?", name, **where)[0][0]


def pairs(f, table, name, **where):
    return dict(rows(f, f"SELECT key, value FROM {table} WHERE run_uuid = ?", run_id(f, name, **where), **where))


def points(f, name, **where):
    """(key, step, value) of what the program logged: samples of the machine are not its own."""
    return rows(f, "SELECT key, step, value FROM metrics WHERE run_uuid = ? AND key NOT LIKE 'system/%' "
                "ORDER BY key, step", run_id(f, name, **where), **where)


def test_connect(tap):
    with folder() as f:
        program = example(tap, f, "connect", "connect.c")
        if program is None:
            return
        for variables, arguments, database in (({}, [], "mlflow.db"),
                                               ({"MLFLOW_TRACKING_URI": "sqlite:///env.db"}, [], "env.db"),
                                               ({"MLFLOW_TRACKING_URI": "sqlite:///env.db"},
                                                ["sqlite:///code.db"], "code.db")):
            done = f.run([program, *arguments], env={**environment(), **variables})
            tap.same((done.code, done.out.decode()),
                     (0, f"MLflow Tracking URI: sqlite:///{f.work}/{database}\n"
                         "Active experiment: Connection check (id 1)\n"
                         "✓ Successfully connected to MLflow!\n"), f"connect says so, with {database}")
            tap.same(rows(f, "SELECT key, value FROM params", database=database),
                     [("test_param", "test_value")], f"its param is in {database}")
        done = f.run([program, "ftp://nowhere"], env=environment())
        tap.ok(done.code == 1 and "ftp://nowhere" in done.text, "connect names a store that cannot be",
               done.text)


def check_predictions(tap, f, columns, n_rows, what):
    """The table is the run's artifact, is announced to MLflow's page, and its model is the run's."""
    files = glob.glob(os.path.join(f.work, "mlruns", "*", "*", "artifacts", PREDICTIONS))
    if not tap.ok(len(files) == 1, f"{what}: predictions are one table", files):
        return
    with open(files[0], encoding="utf-8") as file:
        table = json.load(file)
    tap.ok(table["columns"][:len(columns)] == columns and len(table["data"]) == n_rows and
           all(isinstance(cell, (int, float)) for row in table["data"] for cell in row[:len(columns)]),
           f"{what}: with the columns and rows that were given, as numbers", table)
    tags = dict(rows(f, "SELECT key, value FROM tags"))
    model = rows(f, "SELECT model_id FROM logged_models")[0][0]
    tap.same(json.loads(tags.get("mlflow.loggedArtifacts", "[]")),
             [{"path": PREDICTIONS, "type": "table", "model_id": model}],
             f"{what}: MLflow's table view knows it, with its model")
    tap.same(tags.get("mlf.predictions.model"), model, f"{what}: searches find its model")


def test_loop(tap):
    with folder() as f:
        program = example(tap, f, "callback", "loop.c")
        if program is None:
            return
        done = f.run([program], env=environment())
        tap.ok(done.code == 0 and done.out.startswith(b"y = 3.0"), "the loop fits its line",
               done.out, done.text)
        found = rows(f, "SELECT key, step FROM metrics ORDER BY key, step")
        tap.same([step for key, step in found if key == "loss"], [1, 51, 101, 151, 200],
                 "log_every_n_steps: the first step, each 50th behind it, and the last one")
        tap.same([step for key, step in found if key == "test_loss"], [200],
                 "metrics of held-out data carry its name")
        tap.same(dict(rows(f, "SELECT key, value FROM params")),
                 {"learning_rate": "0.5", "n_steps": "200"}, "its params are logged")
        tap.same(rows(f, "SELECT name, status FROM logged_models"), [("line", 2)], "its model is ready")
        check_predictions(tap, f, ["x", "actual", "predicted"], 10, "loop")


def test_fann(tap):
    with folder() as f:
        program = example(tap, f, "callback", "fann.c")
        if program is None:
            return
        done = f.run([program], env=environment())
        tap.ok(done.code == 0 and done.out.count(b"predicted") == 4, "FANN learns XOR", done.out, done.text)
        errors = rows(f, "SELECT step, value FROM metrics WHERE key = 'mse' ORDER BY step")
        tap.ok(len(errors) > 1 and [step for step, _ in errors] == list(range(1, len(errors) + 1)) and
               errors[-1][1] < 0.001 < errors[0][1], "the error of each epoch is logged", errors)
        kept = glob.glob(os.path.join(f.work, "mlruns", "*", "models", "*", "artifacts", "xor.net"))
        with open(os.path.join(f.work, "xor.net"), "rb") as saved:
            tap.ok(len(kept) == 1 and open(kept[0], "rb").read() == saved.read(),
                   "the model is the file that fann_save wrote", kept)
        check_predictions(tap, f, ["a", "b", "a_xor_b", "predicted"], 4, "fann")


FAILING_LOOP = r"""
#include <mlf/mlf.h>
#include <string.h>
int main(void)
{
    mlf_callback_options options = MLF_CALLBACK_OPTIONS_INIT;
    options.log_every_n_steps = -1;
    if (mlf_callbacks(&options) != NULL || strstr(mlf_errmsg(), "-1") == NULL)
        return 1;
    options.size = 1;
    if (mlf_callbacks(&options) != NULL)
        return 2;
    mlf_callbacks_free(NULL);
    mlf_run *run;
    mlf_run_options first = MLF_RUN_OPTIONS_INIT;
    first.run_name = "first";
    mlf_start_run(&first, &run);
    options = (mlf_callback_options)MLF_CALLBACK_OPTIONS_INIT;
    options.log_every_n_steps = 10;
    options.run = run;
    mlf_callback *log = mlf_callbacks(&options);
    log->on_train_begin(log->user, NULL, 0);
    for (int step = 0; step < 15; step++) {
        char key[8] = "loss"; /* what the caller does with it later is no matter */
        const mlf_metric_value metric = {key, step};
        log->on_step(log->user, step, &metric, 1);
        memset(key, 'x', 4);
    }
    log->on_step(log->user, 15, NULL, 0);
    log->on_model(log->user, "none", "no such file", 0);
    const mlf_metric_value wrong = {"loss", 1};
    log->on_evaluate(log->user, 3, "bad\nname", &wrong, 1);
    log->on_train_end(log->user, MLF_RUN_FAILED);
    log->on_train_begin(log->user, NULL, 0);
    for (int step = 0; step < 3; step++) {
        const mlf_metric_value metric = {"again", step};
        log->on_step(log->user, step, &metric, 1);
    }
    mlf_callbacks_free(log);
    return mlf_end_run(MLF_RUN_FINISHED) != MLF_OK ? 3 : 0;
}
"""


def test_callbacks(tap):
    with folder() as f:
        line = "cc loop.c $(pkg-config --cflags --libs mlf) -o loop"
        if lacks(line) is not None:
            tap.skip("callbacks of a training that fails", f"{lacks(line)} is not installed")
            return
        f.write("loop.c", FAILING_LOOP.encode())
        if not build(tap, f, line):
            return
        done = f.run([os.path.join(f.work, "loop")], env=environment())
        tap.same(done.code, 0, "wrong options are refused, wrong calls do no harm")
        tap.same(points(f, "first"), [("again", 0, 0.0), ("again", 2, 2.0), ("loss", 0, 0.0),
                                      ("loss", 10, 10.0), ("loss", 14, 14.0)],
                 "the last step is logged, by on_train_end and by mlf_callbacks_free")
        tap.same((pairs(f, "tags", "first").get("mlf.training"), run_rows(f)["first"]),
                 ("FAILED", "FINISHED"), "a training that failed is a tag: the run ends as its owner says")
        done = f.run([os.path.join(f.work, "loop")], env={**environment(), "MLF_OFF": "1"})
        tap.same((done.code, len(run_rows(f))), (0, 1), "with MLF_OFF=1 all of it does nothing")


def test_cpp_example(tap):
    with folder() as f:
        program = example(tap, f, "cpp", "train.cpp")
        if program is None:
            return
        done = f.run([program], env=environment())
        tap.same((done.code, done.out.decode()),
                 (0, "rate 0.1: x = 3\nrate 1.5: the loss grows\n"
                     "small steps, rate 0.1: FINISHED\nlarge steps, rate 1.5: FAILED\n"),
                 "a run whose training throws is FAILED, the other one FINISHED")


CPP_FACTS = """id 32
moved 01 MLF_ERR_STATE
assigned takes its place
ended 0 0
no key MLF_ERR_INVAL
bad key MLF_ERR_INVAL
thrown MLF_ERR_CONFLICT 1
not started 0 MLF_ERR_STATE MLF_ERR_STATE
no such run 0 1
found 1 MLF_OK
float 0.1
metric a 0.5
same 1
bad filter 0 MLF_ERR_INVAL
at most 3
"""


def test_cpp(tap):
    with folder() as f:
        line = "c++ -std=c++17 wrappers.cpp $(pkg-config --cflags --libs mlf) -o wrappers"
        if lacks(line) is not None:
            tap.skip("the parts of mlf.hpp", f"{lacks(line)} is not installed")
            return
        shutil.copy(os.path.join(HERE, "wrappers.cpp"), f.work)
        if not build(tap, f, line):
            return
        program = os.path.join(f.work, "wrappers")
        done = f.run([program], env=environment())
        tap.same(done.code, 0, "each part of mlf.hpp is called")
        tap.same(done.out.decode(), CPP_FACTS, "and answers as it should")
        tap.same(run_rows(f), {"plain scope": "FINISHED", "inner scope": "FINISHED",
                               "left by an exception": "FAILED", "while another exception passes": "FINISHED",
                               "moved": "FINISHED", "takes its place": "KILLED", "values": "FINISHED",
                               "failures": "FINISHED"}, "runs end as their scopes do")
        parent = pairs(f, "tags", "inner scope").get("mlflow.parentRunId")
        tap.same(parent, run_id(f, "plain scope"), "a nested scope is a child run")
        tap.same(pairs(f, "params", "values"),
                 {"text": "abc", "string": "from a string", "int": "-3", "bool": "True", "char": "x",
                  "double": "0.25", "float": "0.1", "long": "1099511627776",
                  "unsigned": "18446744073709551615", "by the active run": "1"},
                 "params of every type read as they were meant")
        tap.same(points(f, "values"), [("a", 7, 1.5), ("a", 8, 0.5), ("b", 7, 2.5)], "metrics have their steps")
        done = f.run([program], env={**environment(), "MLF_OFF": "1"})
        tap.ok(done.code == 0 and len(run_rows(f)) == 8, "with MLF_OFF=1 it runs and logs nothing", done.text)


STUDY_FACTS = """pruned 1
best 1 5
thrown the training failed 1
caught 7
none is best MLF_ERR_NOT_FOUND
MLF_ERR_INVAL x: asked for as an integer, before in this study as a float
MLF_ERR_INVAL kernel: choice 1 is "poly", before in this study "rbf"
another range is taken
an objective returned 1 of 2 values
the study's name is empty
"""


def test_studies(tap):
    with folder() as f:
        line = "c++ -std=c++17 studies.cpp $(pkg-config --cflags --libs mlf-tuner) -pthread -o studies"
        if lacks(line) is not None:
            tap.skip("the parts of tuner.hpp", f"{lacks(line)} is not installed")
            return
        shutil.copy(os.path.join(HERE, "studies.cpp"), f.work)
        if not build(tap, f, line):
            return
        done = f.run([os.path.join(f.work, "studies")], env=environment())
        tap.same((done.code, done.out.decode()), (0, STUDY_FACTS), "each part of tuner.hpp is called, and answers")
        states = [state for state, in rows(
            f, "SELECT t.status FROM runs t JOIN tags p ON p.run_uuid = t.run_uuid AND p.key = 'mlflow.parentRunId' "
            "JOIN runs s ON s.run_uuid = p.value WHERE s.name = 'throws'")]
        tap.same(states, ["FAILED"] * 7, "trials of objectives that threw are failed runs")


def test_fortran_example(tap):
    with folder() as f:
        program = example(tap, f, "fortran", "least_squares.f90")
        if program is None:
            return
        done = f.run([program], env=environment())
        tap.ok(done.code == 0 and done.out.startswith(b"y = 1.993 x + 1.009, run "),
               "a line is fitted in Fortran", done.out, done.text)
        tap.same(pairs(f, "params", "least squares"),
                 {"method": "gradient descent", "learning_rate": "0.5", "n_steps": "300", "weighted": "False"},
                 "its params are logged")
        tap.same([step for _, step, _ in points(f, "least squares")], [50, 100, 150, 200, 250, 300],
                 "and its curve")


FORTRAN_FACTS = """uri 0 T
no run 0
started 0 32
artifact 0
model 0 m- 34
conflict T T
bad key T
second T
child 0 T
ended 0
again T
flushed 0
"""


def test_fortran(tap):
    with folder() as f:
        line = ("gfortran $(pkg-config --variable=fortran_source mlf) wrappers.f90 "
                "$(pkg-config --cflags --libs mlf) -o wrappers")
        if lacks(line) is not None:
            tap.skip("the parts of mlf.f90", f"{lacks(line)} is not installed")
            return
        shutil.copy(os.path.join(HERE, "wrappers.f90"), f.work)
        if not build(tap, f, line):
            return
        done = f.run([os.path.join(f.work, "wrappers")], env=environment())
        tap.same((done.code, done.out.decode()), (3, FORTRAN_FACTS), "each procedure answers as it should")
        at = {"database": "fortran.db"}
        want = {"values": "FINISHED", "child": "KILLED", "never ended": "FAILED"}
        tap.ok(wait_for(lambda: run_rows(f, **at) == want),
               "runs end as they were told, the one that was not by the exit status", run_rows(f, **at))
        tap.same(pairs(f, "params", "values", **at),
                 {"text": "with a blank inside", "empty": "", "int32": "7", "int64": "1099511627776",
                  "real32": "0.1", "real64": "0.1", "large": "1.5e+30", "infinite": "inf",
                  "logical": "True"}, "params of every type, texts without their padding")
        tap.same(points(f, "values", **at), [("m32", 0, 0.25), ("m64", 3, 0.5), ("wide", 2 ** 40, 0.5),
                                             ("wide", 2 ** 40 + 1, 0.25)], "metrics with steps of both kinds")
        tags = pairs(f, "tags", "values", **at)
        tap.same((tags.get("tag"), tags.get("mlflow.note.content")), ("set", "what it is for"),
                 "tag and description")
        tap.same(pairs(f, "tags", "child", **at).get("mlflow.parentRunId"), run_id(f, "values", **at),
                 "a nested run is a child")
        files = glob.glob(os.path.join(f.work, "mlruns", "*", "*", "artifacts", "**", "*.txt"), recursive=True)
        tap.same(sorted(name.partition("/artifacts/")[2] for name in files if "/models/" not in name),
                 ["hello.txt", "in/here/model.txt", "model.txt"], "artifacts lie in their folders")


def page_text(name):
    with open(os.path.join(ROOT, "docs", "man", name), encoding="utf-8") as file:
        text = file.read()
    for escaped, plain in (("\\-", "-"), ("\\(aq", "'"), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(escaped, plain)
    return text


def test_pages(tap):
    headers = ""
    for path in glob.glob(os.path.join(ROOT, "include", "mlf", "*.h")):
        with open(path, encoding="utf-8") as file:
            headers += file.read()
    declared = {re.sub(r"\s+", "", text) for text in re.findall(r"^MLF_API\b([^;{]*;)", headers, re.MULTILINE)}
    pages = [os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "docs", "man", "*.3"))]
    shown = []
    for page in pages:
        synopsis = page_text(page).partition(".SH SYNOPSIS\n")[2].partition("\n.SH ")[0]
        text = "\n".join(line for line in synopsis.splitlines() if not line.startswith("."))
        shown += [re.sub(r"\s+", "", part + ";") for part in text.split(";") if part.strip()]
    tap.same(sorted(declared - set(shown)), [], "each public function is in the synopsis of a page")
    tap.same(sorted(set(shown) - declared), [], "and each synopsis shows what is declared")
    tap.same(len(shown), len(set(shown)), "on one page only")
    absent = [page for page in pages if not find(page)]
    tap.same(absent, [], "all pages are installed")


def test_page_examples(tap):
    """The examples that are whole programs."""
    for page, name, line in (
            ("mlf_tracking.3", "p.c", "cc p.c $(pkg-config --cflags --libs mlf) -o p"),
            ("mlf.hpp.3", "p.cpp", "c++ -std=c++17 p.cpp $(pkg-config --cflags --libs mlf) -o p"),
            ("mlf.f90.3", "p.f90", "gfortran $(pkg-config --variable=fortran_source mlf) p.f90 "
                                   "$(pkg-config --cflags --libs mlf) -o p")):
        with folder() as f:
            if lacks(line) is not None:
                tap.skip(f"example of {page}", f"{lacks(line)} is not installed")
                continue
            text = page_text(page).partition(".SH EXAMPLES\n.EX\n")[2].partition("\n.EE")[0]
            f.write(name, (text + "\n").encode())
            if not build(tap, f, line):
                continue
            done = f.run([os.path.join(f.work, "p")], env=environment())
            runs = rows(f, "SELECT status FROM runs") if f.exists("mlflow.db") else []
            tap.ok(done.code == 0 and runs == [("FINISHED",)], f"the example of {page} leaves a finished run",
                   done.text, runs)


def main(tap):
    if not has_program("meson"):
        tap.skip("wrappers", "meson is not installed")
        return
    try:
        if installed(tap):
            for test in (test_connect, test_loop, test_fann, test_callbacks, test_cpp_example, test_cpp,
                         test_studies, test_fortran_example, test_fortran, test_pages,
                         test_page_examples):
                test(tap)
    finally:
        shutil.rmtree(BASE, ignore_errors=True)


run_tests(main)
