#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command that is run at a terminal: it finds a terminal, and the user sees what it writes, while mlf reads
it."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from harness import DEADLINE_S, MLF, folder, run_tests, wait_for

READ = [MLF, "run", "--quiet", "--metric", "loss=loss (.*)", "--"]
ECHO_OFF = "import sys, termios; a = termios.tcgetattr(1); a[3] &= ~(termios.ECHO | termios.ICANON); " \
           "termios.tcsetattr(1, termios.TCSANOW, a); print('set'); sys.stdout.flush(); sys.stdin.readline()"


class Terminal:
    """A program with a terminal of its own as its session's."""

    def __init__(self, f, argv, rows=33, columns=101, **environment):
        self.text = b""
        self.code = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(f.work)
            os.environ.clear()
            os.environ.update(f.env, TERM="xterm", **environment)
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            os.execvp(argv[0], argv)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, data):
        os.write(self.fd, data)

    def read_until(self, part, deadline_s=DEADLINE_S):
        """Reads on until |part| has come (None: to the end); was that so?"""
        end = time.monotonic() + deadline_s
        while part is None or part not in self.text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                return False
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                return part is None
            self.text += data
        return True

    def wait(self):
        self.read_until(None)
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return self.code

    def state(self):
        with open(f"/proc/{self.pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0]


def children(pid):
    """Names of the processes below |pid|."""
    names = b""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            below = file.read().split()
        for child in below:
            with open(f"/proc/{child}/comm", "rb") as file:
                names += file.read()
            names += children(child)
    except OSError:
        pass
    return names


def session(f, argv, **options):
    terminal = Terminal(f, argv, **options)
    terminal.wait()
    return terminal


def test_looks_like_the_terminal(tap):
    script = "import os, sys, time, termios\n" \
             "print([os.isatty(n) for n in range(3)], os.get_terminal_size(1), os.get_terminal_size(2))\n" \
             "print(os.tcgetpgrp(0) == os.getpgrp())\n" \
             "print('\\x1b[31mred\\x1b[0m\\tloss 0.5\\r', end='')\n" \
             "print('loss 0.25', file=sys.stderr)\n"
    with folder() as f:
        plain = session(f, ["python3", "-u", "-c", script])
        read = session(f, [*READ, "python3", "-u", "-c", script])
        tap.same((read.code, read.text), (0, plain.text), "the terminal shows the same bytes, in order")
        tap.has(read.text.decode(), "columns=101", "the command finds the terminal's size")
        run = f.last_run()
        tap.same(run["metrics"].get("loss"), 0.25, "what it wrote is read")
        many = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo loss 7"
        plain = session(f, ["sh", "-c", many])
        read = session(f, [*READ, "sh", "-c", many])
        tap.same(read.text, plain.text, "much output arrives whole, also what was written last")
        tap.same(f.last_run()["metrics"].get("loss"), 7, "its last line is read")


def test_streams_apart(tap):
    script = "import os; print(os.isatty(1), os.isatty(2)); os.write(2, b'loss 3\\n')"
    with folder() as f:
        read = session(f, ["sh", "-c", " ".join(f"'{word}'" for word in READ) + " python3 -c \"$1\" 2>err",
                           "sh", script])
        tap.has(read.text.decode(), "True False", "a terminal stays one, a file stays none")
        with open(os.path.join(f.work, "err"), "rb") as file:
            tap.same(file.read(), b"loss 3\n", "the file has what was written to it")


def test_keyboard(tap):
    with folder() as f:
        terminal = Terminal(f, [*READ, "cat"])
        terminal.type(b"loss 4\n")
        tap.ok(terminal.read_until(b"loss 4\r\nloss 4\r\n"), "what is typed reaches the command")
        terminal.type(b"\x04")
        tap.same(terminal.wait(), 0, "and so does the end of it")
        tap.same(f.last_run()["metrics"].get("loss"), 4, "the answer is read")
        terminal = Terminal(f, [*READ, "sh", "-c", "echo ready; exec sleep 1000"])
        terminal.read_until(b"ready")
        terminal.type(b"\x03")
        tap.same(terminal.wait(), -signal.SIGINT, "^C ends the command")
        tap.same(f.last_run()["info"]["status"], "KILLED", "and the run says so")


def test_stop_and_go_on(tap):
    with folder() as f:
        terminal = Terminal(f, ["bash", "--norc", "-i"], PS1="$ ")
        quoted = " ".join(f"'{word}'" for word in READ)
        terminal.read_until(b"$ ")
        terminal.type(f"{quoted} sh -c 'echo rea''dy; read x; echo loss $x'\n".encode())
        terminal.read_until(b"ready\r\n")
        terminal.type(b"\x1a")
        tap.ok(terminal.read_until(b"Stopped"), "^Z stops mlf and the command")
        terminal.type(b"fg\n")
        terminal.type(b"8\n")
        tap.ok(terminal.read_until(b"\nloss 8"), "fg brings them back")
        terminal.type(b"exit\n")
        tap.same(terminal.wait(), 0, "the shell is well")


def test_size_changes(tap):
    script = "import os, signal\n" \
             "def show(*a): print(os.get_terminal_size(1).columns, flush=True)\n" \
             "signal.signal(signal.SIGWINCH, show); print('ready', flush=True); input()"
    with folder() as f:
        terminal = Terminal(f, [*READ, "python3", "-c", script])
        terminal.read_until(b"ready")
        terminal.resize(20, 77)
        # The signal reaches the command and mlf at once: the first look may still see the old size.
        def seen():
            terminal.type(b"")
            os.kill(terminal.pid, signal.SIGWINCH)
            return terminal.read_until(b"77\r\n", 0.2)
        tap.ok(wait_for(seen), "the command sees the terminal's new size")
        terminal.type(b"\n")
        tap.same(terminal.wait(), 0, "and goes on")


def test_modes(tap):
    with folder() as f:
        terminal = Terminal(f, [*READ, "python3", "-c", ECHO_OFF])
        before = termios.tcgetattr(terminal.fd)[3] & (termios.ECHO | termios.ICANON)
        terminal.read_until(b"set")
        tap.ok(before and wait_for(
            lambda: not termios.tcgetattr(terminal.fd)[3] & (termios.ECHO | termios.ICANON)),
            "modes that the command sets on its output are the terminal's")
        terminal.type(b"\n")
        tap.same(terminal.wait(), 0, "the command ends")


def test_keys_at_the_output(tap):
    """Pagers read keys from the terminal that they write to, not from their stdin."""
    opened = "import os, tty; fd = os.open(os.ttyname(2), os.O_RDONLY)\n"
    written = "import os, select, tty; fd = 2\n"
    reads = "old = tty.tcgetattr(fd); tty.setcbreak(fd)\n" \
            "for i in range(3):\n" \
            "    print('ready', i, flush=True)\n" \
            "    {wait}\n" \
            "    print('got', os.read(fd, 1), flush=True)\n" \
            "tty.tcsetattr(fd, tty.TCSANOW, old)\n" \
            "print('name', input())\n"
    cases = {"a terminal that is opened by its name": opened + reads.format(wait="pass"),
             "stderr": written + reads.format(wait="pass"),
             "stderr behind a poll of it": written + reads.format(wait="p = select.poll(); p.register(2, 1); p.poll()"),
             "stderr behind a poll of stdin": written + reads.format(wait="select.select([0], [], [])")}
    with folder() as f:
        for name, script in cases.items():
            terminal = Terminal(f, [*READ, "python3", "-c", script])
            came = True
            for i in range(3):
                came = came and terminal.read_until(f"ready {i}".encode())
                terminal.type(b"k")
                came = came and terminal.read_until(b"got b'k'")
                terminal.text = terminal.text.replace(b"got b'k'", b"")
            terminal.type(b"me\n")
            came = came and terminal.read_until(b"name me")
            tap.ok(came, f"keys reach a command that reads them from {name}; then its stdin has them",
                   terminal.text)
            if not came:
                os.kill(terminal.pid, signal.SIGKILL)
            terminal.wait()


def test_shell(tap):
    with folder() as f:
        terminal = Terminal(f, [*READ, "bash", "--norc", "-i"], PS1="$ ")
        terminal.read_until(b"$ ")
        terminal.type(b"sleep 1000\n")
        tap.ok(wait_for(lambda: b"sleep" in children(terminal.pid)), "a shell runs under mlf")
        terminal.type(b"\x1a")
        tap.ok(terminal.read_until(b"Stopped"), "and has its job control", terminal.text)
        terminal.type(b"kill %1; exit 3\n")
        terminal.type(b"exit 3\n")
        tap.same(terminal.wait(), 3, "it ends as it does without mlf")


def test_terminal_that_goes(tap):
    with folder() as f:
        for name, script in (("writes", "while :; do echo x; sleep 0.01; done"),
                             ("is silent", "echo x; exec sleep 1000")):
            terminal = Terminal(f, [*READ, "sh", "-c", script])
            terminal.read_until(b"x")
            below = f"/proc/{terminal.pid}/task/{terminal.pid}/children"
            with open(below, encoding="ascii") as file:
                command = file.read().split()[0]
            os.close(terminal.fd)
            tap.ok(wait_for(lambda: not os.path.exists(f"/proc/{command}")),
                   f"a command that {name} ends with its terminal")
            if os.path.exists(f"/proc/{command}"):
                os.kill(int(command), signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
            tap.same((code, f.last_run()["tags"].get("mlf.signal")), (-signal.SIGHUP, "SIGHUP"),
                     "and the run says so")


def test_held_by_a_descendant(tap):
    with folder() as f:
        # A session leader's end would hang up the terminal that the descendant still writes to.
        os.mkfifo(os.path.join(f.work, "go"))
        argv = [*READ, "sh", "-c", "(read x <go; echo late; exec sleep 1000) & echo $!; echo loss 1"]
        quoted = " ".join(f"'{word}'" for word in argv[:-1])
        terminal = Terminal(f, ["sh", "-c", f"{quoted} \"$1\"; echo over; read x", "sh", argv[-1]])
        tap.ok(terminal.read_until(b"over"),
               "mlf ends with the command, not with who holds its output", terminal.text)
        with open(os.path.join(f.work, "go"), "wb") as fifo:
            fifo.write(b"go\n")
        tap.ok(terminal.read_until(b"late"), "what a descendant writes later is still passed on")
        os.kill(int(terminal.text.split()[0]), signal.SIGKILL)
        terminal.type(b"\n")
        terminal.wait()


run_tests(test_looks_like_the_terminal, test_streams_apart, test_keyboard, test_stop_and_go_on,
          test_size_changes, test_modes, test_keys_at_the_output, test_shell,
          test_terminal_that_goes, test_held_by_a_descendant)
