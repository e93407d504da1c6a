#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The way of a command's output through mlf: at once, complete, without waiting for those who keep the
pipe, and harmless whatever the bytes are."""

import fcntl
import hashlib
import os
import pty
import signal
import subprocess
import sys
import termios
import time

from harness import MLF, folder, run_tests, wait_for

READ = ["run", "--quiet", "--metric", "loss=loss (.*)", "--"]


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] == b"Z"
    except OSError:
        return True


def test_closed_reader(tap):
    with folder() as f:
        quoted = " ".join(f"'{word}'" for word in (MLF, *READ))
        for command, name in (("yes", "a command that writes on"),
                              ("sh -c 'while :; do echo y; done'", "a shell that writes on")):
            got = f.run(["bash", "-c", f"{quoted} {command} | head -3; echo ${{PIPESTATUS[0]}}"])
            tap.same(got.out, b"y\ny\ny\n141\n", f"| head ends {name} by SIGPIPE")
            run = f.last_run()
            tap.same((run["info"]["status"], run["tags"].get("mlf.signal")), ("FAILED", "SIGPIPE"),
                     f"| head: the run says so for {name}")
        # One write after the reader has gone: without mlf it fails, so it must under mlf.
        script = "echo ready >&2; read line; echo late; echo never >&2"
        with subprocess.Popen([MLF, *READ, "sh", "-c", script], cwd=f.work, env=f.env,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stderr.readline()
            process.stdout.close()
            tap.ok(wait_for(lambda: not pipe_is_held(process.pid)),
                   "mlf lets go of the command's stdout when its reader goes")
            process.stdin.write(b"go\n")
            process.stdin.close()
            said = process.stderr.read()
            process.wait(timeout=60)
        tap.same((process.returncode, said), (-signal.SIGPIPE, b""),
                 "the only write after the reader has gone fails")


def bytes_in(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def pipe_is_held(pid):
    """Does the process still read a pipe besides its standard input?"""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append((int(fd), os.readlink(f"/proc/{pid}/fd/{fd}")))
        except OSError:
            pass
    return sum(1 for fd, target in links if fd > 2 and target.startswith("pipe:")) > 1


def test_long_lines_and_binary(tap):
    make = "import sys; w = sys.stdout.buffer.write\n" \
           "for _ in range(100): w(b'x' * 1048576)\n" \
           "w(b'\\nloss 1\\n')\n" \
           "w(bytes(range(256)) * 4096)\n" \
           "w(b'\\n\\0loss 2\\nloss nan\\nloss -inf\\n')\n"
    with folder() as f:
        want = hashlib.sha256(f.run(["python3", "-c", make]).out).hexdigest()
        got = f.mlf(*READ, "python3", "-c", make)
        tap.same((got.code, hashlib.sha256(got.out).hexdigest()), (0, want),
                 "a line of 100 MB and binary output pass unchanged")
        history = f.last_run()["data"].get("metrics", [])
        tap.ok([m["key"] for m in history] == ["loss"] and history[0]["step"] in (3, "3"),
               "metrics between them are seen, with their steps", history)


def test_at_once(tap):
    with folder() as f:
        process = f.start([MLF, *READ, "sh", "-c", "printf 'no newline'; read line; echo $line"],
                          stdin=subprocess.PIPE)
        first = os.read(process.stdout.fileno(), 100)
        out, _ = process.communicate(b"reply\n", timeout=60)
        tap.same((first, out), (b"no newline", b"reply\n"),
                 "a prompt without newline arrives while the command waits for the answer")


def test_slow_and_nonblocking_readers(tap):
    script = "seq 1 200000"
    with folder() as f:
        want = f.run(["sh", "-c", script]).out
        process = f.start([MLF, *READ, "sh", "-c", script])
        os.set_blocking(process.stdout.fileno(), True)
        got = b""
        while True:
            chunk = os.read(process.stdout.fileno(), 700)
            if not chunk:
                break
            got += chunk
        process.wait(timeout=60)
        tap.ok(got == want, "a slow reader gets every byte")

        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
        process = f.start([MLF, *READ, "sh", "-c", script], stdout=write_end)
        os.close(write_end)
        got = b""
        while True:
            chunk = os.read(read_end, 4096)
            if not chunk:
                break
            got += chunk
        os.close(read_end)
        process.communicate(timeout=60)
        tap.ok(got == want, "a stream that does not block loses nothing")


def test_blocked_reader_and_signals(tap):
    """While nobody reads, mlf still passes signals on."""
    with folder() as f:
        process = f.start([MLF, *READ, "sh", "-c", "echo ready >&2; exec yes"])
        process.stderr.readline()
        tap.ok(wait_for(lambda: bytes_in(process.stdout.fileno()) > 32768),
               "the pipe behind mlf fills up")
        process.send_signal(signal.SIGTERM)
        # The command ends; mlf waits for its reader, as the data that it holds would be lost.
        out = process.stdout.read()
        process.wait(timeout=60)
        tap.same(process.returncode, -signal.SIGTERM, "SIGTERM is passed on while nobody reads")
        tap.ok(len(out) > 0 and out.startswith(b"y\ny\n"), "what was written before arrives")


def test_grandchild_holds_the_pipe(tap):
    script = "(read go < gate; echo late; echo late >&2) & echo $! > holder; echo early; exit 4"
    with folder() as f:
        os.mkfifo(os.path.join(f.work, "gate"))
        process = f.start([MLF, *READ, "bash", "-c", script])
        ended = wait_for(lambda: process.poll() is not None, 20)
        tap.ok(ended, "mlf ends while a background process holds the output")
        tap.same(process.returncode, 4, "with the command's exit status")
        run = f.last_run()
        tap.same(run["info"]["status"], "FAILED", "the run has ended")
        with open(os.path.join(f.work, "gate"), "wb") as gate:
            gate.write(b"go\n")
        out, err = process.stdout.read(), process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        tap.same((out, err), (b"early\nlate\n", b"late\n"),
                 "what the background process writes later still arrives")


def test_grandchild_that_never_stops(tap):
    with folder() as f:
        started = time.monotonic()
        process = f.start([MLF, *READ, "sh", "-c", "yes & echo $! > pid; exit 0"])
        read = 0
        while process.poll() is None and time.monotonic() - started < 30:
            read += len(os.read(process.stdout.fileno(), 65536))
        tap.same(process.returncode, 0, "a background process that writes on does not keep mlf")
        process.stdout.close()
        process.stderr.close()
        with open(os.path.join(f.work, "pid"), encoding="ascii") as file:
            pid = int(file.read())
        if not tap.ok(wait_for(lambda: gone(pid), 20), "it ends by SIGPIPE when its reader goes"):
            os.kill(pid, signal.SIGKILL)


def test_full_device(tap):
    with folder() as f:
        with open("/dev/full", "wb") as full:
            got = f.mlf("run", "--metric", "x=(y)", "--", "sh", "-c", "echo y; echo go >&2; exit 3",
                        stdout=full)
        tap.same(got.code, 3, "a device that is full does not end the command")
        tap.has(got.text, "No space left", "that its output is lost is said")
        tap.ok(got.err.startswith(b"go\n"), "the other stream goes on", got.err)


def test_terminal(tap):
    """stderr and stdout on one terminal: all arrives, and the summary behind it."""
    with folder() as f:
        leader, follower = pty.openpty()
        process = f.start([MLF, "run", "--metric", "loss=loss (.*)", "--", "sh", "-c",
                           "echo loss 4; echo warn >&2"], stdout=follower, stderr=follower)
        os.close(follower)
        seen = b""
        while True:
            try:
                chunk = os.read(leader, 4096)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
        process.wait(timeout=60)
        os.close(leader)
        lines = seen.decode().splitlines()
        tap.same(lines[:2], ["loss 4", "warn"], "output on a terminal keeps its order")
        tap.ok(len(lines) == 3 and lines[2].startswith("mlf: FINISHED"),
               "on a terminal the summary is the last line", lines)


def test_killed_launcher(tap):
    """mlf killed -9: the command is not, and its run is settled by the next command that reads."""
    with folder() as f:
        os.mkfifo(os.path.join(f.work, "gate"))
        process = f.start([MLF, "run", "--no-capture", "--param", "a=1", "--", "sh", "-c",
                           "echo $$; read go < gate; echo done > out"])
        pid = int(process.stdout.readline())
        process.kill()
        process.wait(timeout=60)
        with open(os.path.join(f.work, "gate"), "wb") as gate:
            gate.write(b"go\n")
        tap.ok(wait_for(lambda: f.exists("out") and gone(pid)), "the command goes on to its end")
        process.stdout.close()
        process.stderr.close()
        run = f.last_run()
        tap.same(run["params"].get("a"), "1", "what was logged is in the store")
        tap.ok(run["info"]["status"] != "RUNNING", "the run has ended", run["info"]["status"])


run_tests(test_closed_reader, test_long_lines_and_binary, test_at_once,
          test_slow_and_nonblocking_readers, test_blocked_reader_and_signals,
          test_grandchild_holds_the_pipe, test_grandchild_that_never_stops, test_full_device,
          test_terminal, test_killed_launcher)
