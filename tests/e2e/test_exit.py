#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How `mlf run` ends: its exit status, the end state of the run, and wrong usage that ends it before the
command starts."""

import json
import os
import signal
import subprocess

from harness import MLF, compile_c, folder, has_program, run_tests, wait_for


def test_exit_codes(tap):
    with folder() as f:
        for code in (0, 1, 3, 126, 127, 137, 255):
            got = f.mlf("run", "--", "sh", "-c", f"exit {code}")
            tap.same(got.code, code, f"exit {code} is passed on")
            run = f.last_run()
            tap.same(run["info"]["status"], "FINISHED" if code == 0 else "FAILED",
                     f"exit {code} is the run's state")
            tap.same(run["tags"].get("mlf.exit_code"), str(code), f"exit {code} is a tag")
            tap.same(got.err, b"", f"exit {code}: nothing is said when stderr is no terminal")


def test_signals(tap):
    killed = ("INT", "TERM", "HUP", "QUIT", "KILL")
    for name in killed + ("ABRT", "SEGV", "USR1", "PIPE", "ALRM"):
        number = getattr(signal, f"SIG{name}")
        with folder() as f:
            got = f.mlf("run", "--", "sh", "-c", f"kill -{name} $$")
            tap.same(got.code, -number, f"SIG{name} is passed on as a signal")
            run = f.last_run()
            tap.same(run["info"]["status"], "KILLED" if name in killed else "FAILED",
                     f"SIG{name} is the run's state")
            tap.same(run["tags"].get("mlf.signal"), f"SIG{name}", f"SIG{name} is a tag")
            shell = f.run(["sh", "-c", f"'{MLF}' run -- sh -c 'kill -{name} $$'; echo $?"])
            tap.same(shell.out.strip(), str(128 + number).encode(), f"SIG{name}: $? is the shell's")


def test_abort_leaves_no_core_of_mlf(tap):
    with folder() as f:
        program = compile_c(f, "aborts", "#include <stdlib.h>\nint main(void) { abort(); }\n")
        if program is None:
            tap.skip("abort is passed on", "no C compiler")
            return
        got = f.mlf("run", "--", program)
        tap.same(got.code, -signal.SIGABRT, "abort is passed on")
        tap.same(f.last_run()["info"]["status"], "FAILED", "abort is a failure")


def test_forwarded_signals(tap):
    trap = "trap 'echo got; exit 5' {0}; echo ready; while :; do sleep 0.01; done"
    for name in ("TERM", "HUP", "USR1", "USR2"):
        with folder() as f:
            process = f.start([MLF, "run", "--metric", "x=x (.*)", "--", "sh", "-c",
                               trap.format(name)])
            process.stdout.readline()
            process.send_signal(getattr(signal, f"SIG{name}"))
            out, _ = process.communicate(timeout=60)
            tap.same((process.returncode, out), (5, b"got\n"), f"SIG{name} reaches the command")
    with folder() as f:
        process = f.start([MLF, "run", "--", "sh", "-c", "echo ready; exec sleep 100"])
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        tap.same(process.returncode, -signal.SIGTERM, "SIGTERM ends the command and mlf")
        tap.same(f.last_run()["info"]["status"], "KILLED", "SIGTERM: the run is killed")


def test_keyboard_signals(tap):
    """Ctrl-C goes to the whole group; a command that goes on after it must find mlf alive."""
    script = "trap 'echo caught' INT; echo ready; read line || read line; echo $line; exit 0"
    with folder() as f:
        process = f.start([MLF, "run", "--metric", "x=x (.*)", "--", "sh", "-c",
                           f"{script}"], stdin=subprocess.PIPE, start_new_session=True)
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        got = process.stdout.readline()
        out, _ = process.communicate(b"more\n", timeout=60)
        tap.same((process.returncode, got + out), (0, b"caught\nmore\n"),
                 "a command that handles SIGINT goes on under mlf")
    with folder() as f:
        process = f.start([MLF, "run", "--", "sh", "-c", "echo ready; exec sleep 100"],
                          start_new_session=True)
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        tap.same(process.returncode, -signal.SIGINT, "SIGINT of the group ends mlf as the command")
        tap.same(f.last_run()["info"]["status"], "KILLED", "SIGINT: the run is killed")


def test_inherited_signal_state(tap):
    ask = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
    with folder() as f:
        for setting in ("", "trap '' INT; ", "trap '' CHLD PIPE XFSZ; ", "trap '' TERM QUIT; "):
            plain = f.run(["sh", "-c", setting + ask])
            ours = f.run(["sh", "-c", f"{setting} '{MLF}' run -- sh -c \"{ask}\""])
            tap.same(ours.out, plain.out, f"signal state is inherited: {setting or 'default'}")


def test_not_started(tap):
    with folder() as f:
        f.write("text", b"no program\n")
        f.write("bad", b"#!/no/such/interpreter\n", 0o755)
        cases = ((["nosuchcommand"], 127, "nosuchcommand: command not found"),
                 (["./nosuch"], 127, "./nosuch: no such file"),
                 (["text/x"], 127, "text/x"),
                 ([""], 127, ""),
                 (["./bad"], 127, "./bad"),
                 (["./text"], 126, "./text: cannot be executed: Permission denied"),
                 (["/"], 126, "/: cannot be executed: Is a directory"))
        for argv, code, say in cases:
            got = f.mlf("run", "--", *argv)
            shell = f.run(["sh", "-c", '"$0"', *argv])
            tap.same(got.code, code, f"{argv[0]!r}: exit {code}")
            tap.same(got.code, shell.code, f"{argv[0]!r}: as the shell")
            tap.has(got.text, say, f"{argv[0]!r}: the message names it")
        if os.geteuid() != 0:
            os.mkdir(os.path.join(f.work, "bin"))
            f.write("bin/text", b"no program\n")
            got = f.mlf("run", "--", "text", env={"PATH": os.path.join(f.work, "bin")})
            tap.same(got.code, 126, "a file in PATH that cannot be executed: exit 126")
        tap.ok(not f.exists("mlflow.db"), "no run was made")
        tap.same([name for name in f.files() if name.startswith("spool")], [], "nothing is left")


def test_scripts_and_path(tap):
    with folder() as f:
        f.write("plain", b"echo plain $1\n", 0o755)
        f.write("python", b"#!/usr/bin/env python3\nprint('python')\n", 0o755)
        tap.same(f.mlf("run", "--", "./plain", "x").out, b"plain x\n",
                 "a text file without #! is a script")
        tap.same(f.mlf("run", "--", "./python").out, b"python\n", "a script with #! runs")
        env = {"PATH": "/nowhere::/usr/bin:/bin"}
        tap.same(f.mlf("run", "--", "plain", "y", env=env).out, b"plain y\n",
                 "an empty part of PATH is the current folder")


def test_usage(tap):
    cases = (
        (["--metric", "x=("], "missing closing parenthesis"),
        (["--metric", "x=x"], "captures no value"),
        (["--metric", "loss"], "names no metric"),
        (["--metric", "a*b=(x)"], "a*b"),
        (["--tracking-uri", "gopher://x/y"], "gopher"),
        (["--tag", "novalue"], "novalue"),
        (["--tag", "=x"], "KEY=VALUE"),
        (["--param", "a*b=1"], "a*b"),
        (["--param", "a=1", "--param", "a=2"], "given twice"),
        (["--param", "a=" + "x" * 6001], "6001 characters"),
        (["--tag", "a=" + "x" * 8001], "8001 characters"),
        (["--param", "k" * 251 + "=1"], "250"),
        (["--tag", b"a=\xff"], "UTF-8"),
        (["--run-name", b"\xff"], "UTF-8"),
        (["--parse", "most"], "off"),
        (["--experiment", ""], ""),
        (["--nope"], "--nope"),
    )
    with folder() as f:
        for options, say in cases:
            got = f.mlf("run", *options, "--", "touch", "started")
            name = " ".join(str(option)[:40] for option in options)
            tap.same(got.code, 125, f"{name}: exit 125")
            tap.has(got.text, say, f"{name}: the message names it")
            tap.has(got.text, "mlf run --help", f"{name}: the message names the help")
        tap.same(f.mlf("run").code, 125, "no command: exit 125")
        tap.same(f.mlf("run", "--metric").code, 125, "an option without its value: exit 125")
        got = f.mlf("run", "--", "touch", "started", env={"MLFLOW_TRACKING_URI": "gopher://x"})
        tap.same(got.code, 125, "an unknown store in the environment: exit 125")
        got = f.mlf("run", "--", "touch", "started", env={"MLFLOW_EXPERIMENT_ID": "9" * 60})
        tap.same(got.code, 125, "an impossible experiment id: exit 125")
        tap.ok(not f.exists("started"), "the command was never started")
        tap.same(f.files(), [], "nothing was made")


def test_options_end_at_the_command(tap):
    with folder() as f:
        got = f.mlf("run", "echo", "--json", "--", "-n", "--help")
        tap.same(got.out, b"--json -- -n --help\n", "the command's options are its own")
        tap.same(f.mlf("run", "--", "--json").code, 127, "-- ends the options of mlf")


def test_off(tap):
    with folder() as f:
        show = "echo ${MLF_SESSION-unset} ${LD_PRELOAD-unset}; exit 4"
        got = f.mlf("run", "--summary", "--", "sh", "-c", show, env={"MLF_OFF": "1"})
        tap.same((got.code, got.out, got.err), (4, b"unset unset\n", b""), "MLF_OFF: nothing of mlf")
        tap.same(f.mlf("run", "nosuchcommand", env={"MLF_OFF": "1"}).code, 127,
                 "MLF_OFF: a missing command is 127")
        tap.same(f.files(), [], "MLF_OFF: nothing is made")


def test_pid_one(tap):
    name = "as PID 1 orphans are reaped and signals passed on"
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if not has_program("unshare") or subprocess.run(unshare + ["true"], check=False,
                                                    stderr=subprocess.DEVNULL).returncode != 0:
        tap.skip(name, "no right to make a pid namespace")
        return
    with folder() as f:
        # The orphan ends before the command does; afterwards no zombie may be left.
        script = "(sleep 0.05 & echo $! > orphan); p=$(cat orphan);" \
                 " while [ -d /proc/$p ]; do sleep 0.01; done; echo reaped; exit 6"
        got = f.run(unshare + [MLF, "run", "--metric", "x=x (.*)", "--", "sh", "-c", script])
        tap.same((got.code, got.out), (6, b"reaped\n"), name)
        got = f.run(unshare + [MLF, "run", "--", "sh", "-c", "kill -TERM $$"])
        tap.same(got.code, 128 + signal.SIGTERM, "PID 1 cannot die of a signal: 128 + its number")


def test_summary(tap):
    with folder() as f:
        rule = "loss=loss (.*)"
        got = f.mlf("run", "--summary", "--metric", rule, "--", "echo", "loss 3")
        tap.ok(got.text.startswith("mlf: FINISHED ") and "1 metric " in got.text and
               got.text.count("\n") == 1, "--summary is one line", got.text)
        tap.has(got.text, f"sqlite:///{f.work}/mlflow.db run ", "it names the store")
        got = f.mlf("run", "--summary", "true")
        tap.has(got.text, "--metric", "with nothing found it says what to try")
        got = f.mlf("run", "--summary", "--quiet", "true")
        tap.same(got.err, b"", "--quiet is silent")
        got = f.mlf("run", "--summary", "--", "sh", "-c", "exit 3")
        tap.has(got.text, "FAILED (exit 3)", "it says the exit code")


def test_json(tap):
    with folder() as f:
        got = f.mlf("run", "--json", "--param", "a=1", "--tag", "b=2", "--run-name", "me",
                    "--experiment", "tests", "--", "sh", "-c", "kill -9 $$")
        told = json.loads(got.err)
        tap.same((told["status"], told["exit_code"], told["signal"], told["error"]),
                 ("KILLED", None, "SIGKILL", None), "--json says how it ended")
        run = f.last_run(told["run_id"])
        tap.same(run["info"]["run_name"], "me", "--run-name")
        tap.same(run["params"].get("a"), "1", "--param")
        tap.same(run["tags"].get("b"), "2", "--tag")
        listed = json.loads(f.mlf("runs", "list", "--json", "--experiment", "tests").out)
        tap.same([r["info"]["run_id"] for r in listed], [told["run_id"]], "--experiment")


run_tests(test_exit_codes, test_signals, test_abort_leaves_no_core_of_mlf, test_forwarded_signals,
          test_keyboard_signals, test_inherited_signal_state, test_not_started,
          test_scripts_and_path, test_usage, test_options_end_at_the_command, test_off,
          test_pid_one, test_summary, test_json)
