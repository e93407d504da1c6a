#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs with and without mlf: stdout, stderr and exit status are the same bytes, whether mlf reads
the output or not."""

import os
import subprocess

from harness import MLF, folder, has_program, run_tests

# Ways to run under mlf: with the output left alone, and read through pipes.
WAYS = (("hooks only", ["run", "--quiet", "--"]),
        ("output read", ["run", "--quiet", "--metric", r"\key=\value", "--"]),
        ("no hooks, output read", ["run", "--quiet", "--no-hooks", "--metric", "x=(y)", "--"]))

IRIS = b"".join(b"%d 1:%d.%d 2:%d\n" % (i % 3, i % 7, i % 10, (i * 5) % 11) for i in range(60))

PROGRAMS = (
    ["ls", "-la", "--time-style=+", "data"],
    ["ls", "/no/such/folder"],
    ["cat", "data/text", "data/binary", "/no/such/file"],
    ["sort", "-rn", "data/text"],
    ["sha256sum", "data/binary", "data/text"],
    ["bash", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3"],
    ["bash", "-c", "type ls; compgen -b | head -3; echo $((6 * 7)); [[ -t 1 ]] && echo tty"],
    ["sh", "-c", "seq 1 50000; seq 1 1000 >&2"],
    ["awk", "{ n += $1 } END { print n, NR }", "data/text"],
    ["grep", "-n", "7", "data/text"],
    ["grep", "never there", "data/text"],
    ["date", "-d", "@86400", "-u", "+%F %T"],
    ["date", "-d", "not a date"],
    ["python3", "-c", "import sys; print(sys.stdin.read()); print('e', file=sys.stderr); sys.exit(9)"],
    ["python3", "-c", "import subprocess; print(subprocess.run(['sh', '-c', 'exit 7']).returncode)"],
    ["gcc", "--version"],
    ["gcc", "-x", "c", "-", "-fsyntax-only"],
    ["tar", "-C", "data", "--mtime=@0", "--sort=name", "--owner=0", "--group=0", "-cf", "-", "."],
    ["gzip", "-nc", "data/binary"],
    ["svm-train", "-c", "3", "data/iris", "data/model"],
    ["svm-train", "-v", "5", "-q", "data/iris"],
    ["svm-train", "/no/such/file"],
    ["env"],
    ["tee", "data/copy"],
    ["find", "data", "-name", "t*"],
    ["xargs", "echo"],
    ["false"],
    ["true"],
    ["printf", "no newline at the end"],
    ["dd", "if=data/binary", "bs=1000", "status=none"],
    ["sh", "-c", "printf '\\000\\377\\033[31m\\r\\n'"],
)
# What env prints of ours is what the hooks need: it is no part of the program's own output.
OURS = (b"MLF_SESSION=", b"LD_PRELOAD=")


def without_ours(out):
    return b"".join(line for line in out.splitlines(True) if not line.startswith(OURS))


def test_real_programs(tap):
    for argv in PROGRAMS:
        if not has_program(argv[0]):
            tap.skip(" ".join(argv), f"{argv[0]} is not installed")
            continue
        with folder() as f:
            os.mkdir(os.path.join(f.work, "data"))
            os.mkdir(os.path.join(f.work, "mlruns"))  # else ls sees that its parent has a new folder
            f.write("data/text", b"".join(b"%d\n" % (i * 37 % 101) for i in range(500)))
            f.write("data/binary", bytes(range(256)) * 400)
            f.write("data/iris", IRIS)
            data = b"int x = y;\n"
            want = f.run(argv, data=data)
            for way, options in WAYS:
                got = f.mlf(*options, *argv, data=data)
                out = without_ours(got.out) if argv == ["env"] else got.out
                tap.same((got.code, out[:2000], got.err), (want.code, want.out[:2000], want.err),
                         f"{' '.join(argv)[:60]}: {way}")
                tap.ok(out == want.out, f"{' '.join(argv)[:60]}: every byte, {way}")


def test_closed_streams(tap):
    """A stream that the caller closed stays closed, and mlf does not write its own files into it."""
    ask = "for fd in 0 1 2; do [ -e /proc/self/fd/$fd ] && echo $fd; done > seen; ls /proc/self/fd" \
          " | wc -l >> seen; exit 2"
    with folder() as f:
        for closed in ("", "<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
            plain = f.run(["sh", "-c", f"sh -c '{ask}' {closed}"])
            want = open(os.path.join(f.work, "seen"), "rb").read()
            for way, options in WAYS:
                command = " ".join(f"'{word}'" for word in (MLF, *options))
                got = f.run(["sh", "-c", f"{command} sh -c '{ask}' {closed}"])
                seen = open(os.path.join(f.work, "seen"), "rb").read()
                tap.same((got.code, seen), (plain.code, want),
                         f"closed streams '{closed}': {way}")
        tap.same(f.last_run()["info"]["status"], "FAILED", "runs with closed streams are recorded")


def test_shared_stream_keeps_order(tap):
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    with folder() as f:
        want = f.run(["sh", "-c", script + " 2>&1"]).out
        for way, options in WAYS:
            got = f.mlf(*options, "sh", "-c", script, stderr=subprocess.STDOUT)
            tap.same(got.out, want, f"stdout and stderr in one stream keep their order: {way}")


def test_files_are_not_left_open(tap):
    ask = "ls -l /proc/self/fd | wc -l"
    with folder() as f:
        want = f.run(["sh", "-c", ask]).out
        for way, options in WAYS:
            tap.same(f.mlf(*options, "sh", "-c", ask).out, want, f"no descriptor of ours: {way}")


def test_environment(tap):
    with folder() as f:
        got = f.mlf("run", "--no-hooks", "--", "env").out
        want = f.run(["env"]).out
        tap.same([line for line in got.splitlines() if not line.startswith(b"MLF_SESSION=")],
                 want.splitlines(), "without hooks only MLF_SESSION is added")
        got = f.mlf("run", "--", "env", env={"LD_PRELOAD": "libm.so.6"}).out
        line = next((l for l in got.splitlines() if l.startswith(b"LD_PRELOAD=")), b"")
        tap.ok(line.endswith(b"libmlf_hooks.so:libm.so.6"), "an existing LD_PRELOAD is kept behind",
               line)


run_tests(test_real_programs, test_closed_streams, test_shared_stream_keeps_order,
          test_files_are_not_left_open, test_environment)
