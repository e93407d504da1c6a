#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that hooks cannot or must not be loaded into, and machines that lack what mlf needs: the command
runs as it would without mlf, and what is wrong is said."""

import os
import shutil
import subprocess

from harness import MLF, compile_c, folder, has_program, run_tests

SHOW = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    const char *preload = getenv("LD_PRELOAD"), *session = getenv("MLF_SESSION");
    printf("%s %s\n", preload ? preload : "none", session ? "session" : "none");
    return 0;
}
"""


def test_kinds(tap):
    with folder() as f:
        dynamic = compile_c(f, "dynamic", SHOW)
        if dynamic is None:
            tap.skip("kinds of programs", "no C compiler")
            return
        got = f.mlf("run", "--", dynamic)
        tap.ok(got.out.endswith(b"libmlf_hooks.so session\n"), "a dynamic program is hooked", got.out)
        got = f.mlf("run", "--no-hooks", "--", dynamic)
        tap.same(got.out, b"none session\n", "--no-hooks: it is not")
        f.write("script", f"#!{dynamic}\n".encode(), 0o755)
        got = f.mlf("run", "--", "./script")
        tap.ok(got.out.endswith(b"libmlf_hooks.so session\n"), "a script's interpreter counts",
               got.out)

        for name, flags, say in (("static", ["-static"], "statically linked"),
                                 ("small", ["-m32"], "another kind of machine"),
                                 ("static-pie", ["-static-pie"], "statically linked")):
            program = compile_c(f, name, SHOW, *flags)
            if program is None:
                tap.skip(f"a {name} program", f"the compiler cannot make it ({flags[0]})")
                continue
            plain = f.run([program])
            if plain.out != b"none none\n":
                tap.skip(f"a {name} program", "this machine cannot run it")
                continue
            got = f.mlf("run", "--summary", "--", program)
            tap.same((got.code, got.out), (0, b"none session\n"), f"a {name} program is not hooked")
            tap.has(got.text, say, f"the summary says why a {name} program is not hooked")


def test_musl(tap):
    if not has_program("musl-gcc"):
        tap.skip("a program of another C library is not hooked", "musl-gcc is not installed")
        return
    with folder() as f:
        f.write("m.c", SHOW.encode())
        subprocess.run(["musl-gcc", "m.c", "-o", "m"], cwd=f.work, check=True)
        got = f.mlf("run", "--", "./m")
        tap.same(got.out, b"none session\n", "a program of another C library is not hooked")


def test_sanitizer(tap):
    with folder() as f:
        program = compile_c(f, "checked", SHOW, "-fsanitize=address")
        if program is None or f.run([program]).code != 0:
            tap.skip("a program with the address sanitizer runs", "the compiler cannot make one")
            return
        got = f.mlf("run", "--", program)
        tap.same((got.code, got.err), (0, b""), "a program with the address sanitizer runs")
        tap.ok(got.out.startswith(b"libasan.so") and b"libmlf_hooks.so" in got.out,
               "the sanitizer's library is loaded before the hooks", got.out)


def test_hostile_files(tap):
    """Files that only look like programs: what happens is what the shell sees."""
    with open(shutil.which("true"), "rb") as file:
        good = file.read()
    cases = {"cut": good[:100], "header": good[:64], "magic": b"\x7fELF", "empty": b"",
             "zeros": b"\x7fELF" + bytes(200), "noise": good[:64] + bytes(range(256)) * 20,
             "far": good[:32] + b"\xff" * 32 + good[64:], "loop": b"#!./loop\n",
             "nothing": b"#!\n", "long": b"#!" + b"x" * 5000 + b"\n"}
    with folder() as f:
        for name, data in cases.items():
            f.write(name, data, 0o755)
            shell = f.run(["sh", "-c", f"./{name}; exit $?"])
            got = f.mlf("run", "--quiet", "--", f"./{name}")
            code = 128 - got.code if isinstance(got.code, int) and got.code < 0 else got.code
            tap.ok(code == shell.code or {code, shell.code} <= {2, 126, 127},
                   f"a hostile file ({name}) does no harm", f"mlf {got.code} {got.text}",
                   f"sh {shell.code} {shell.text}")


def copied_tree(where, hooks):
    """mlf and its libraries elsewhere, with or without the hook library."""
    build = os.path.dirname(os.path.dirname(MLF))
    core = next((name for name in sorted(os.listdir(os.path.join(build, "core")))
                 if name == "libmlf_core.so.0"), None) if os.path.isdir(
                     os.path.join(build, "core")) else None
    if core is None:
        return None
    os.makedirs(os.path.join(where, "cli"))
    os.makedirs(os.path.join(where, "core"))
    os.makedirs(os.path.join(where, "hooks"))
    shutil.copy(MLF, os.path.join(where, "cli", "mlf"))
    shutil.copy(os.path.join(build, "core", core), os.path.join(where, "core", core))
    if hooks:
        shutil.copy(os.path.join(build, "hooks", "libmlf_hooks.so"), os.path.join(where, "hooks"))
    return os.path.join(where, "cli", "mlf")


def test_missing_hooks(tap):
    with folder() as f:
        mlf = copied_tree(os.path.join(f.path, "tree"), False)
        if mlf is None:
            tap.skip("a missing hook library is said", "mlf does not lie in a build tree")
            return
        got = f.run([mlf, "run", "--", "touch", "started"])
        tap.same(got.code, 125, "a missing hook library: exit 125")
        tap.ok("libmlf_hooks.so" in got.text and "--no-hooks" in got.text,
               "the message names the library and the way out", got.text)
        tap.ok(not f.exists("started"), "the command was not started")
        got = f.run([mlf, "run", "--no-hooks", "--", "echo", "yes"])
        tap.same((got.code, got.out), (0, b"yes\n"), "--no-hooks runs without it")
        blank = copied_tree(os.path.join(f.path, "a tree"), True)
        got = f.run([blank, "run", "--", "true"])
        tap.same(got.code, 125, "a path that LD_PRELOAD cannot carry: exit 125")
        tap.has(got.text, "a tree", "the message names the path")


def test_no_spool(tap):
    """Without a place for the ring the command runs all the same, once, and mlf says why."""
    with folder() as f:
        f.write("file", b"")
        got = f.mlf("run", "--", "sh", "-c", "echo ran; exit 3",
                    env={"MLF_SPOOL": os.path.join(f.work, "file", "x")})
        tap.same((got.code, got.out), (3, b"ran\n"), "without a spool the command runs")
        tap.ok(got.text.startswith("mlf: this run is not recorded: ") and got.text.count("\n") == 1,
               "one line says why it is not recorded", got.text)
        got = f.mlf("run", "--quiet", "--", "true",
                    env={"MLF_SPOOL": os.path.join(f.work, "file", "x")})
        tap.same(got.err, b"", "--quiet: without a word")


def test_few_descriptors(tap):
    """A limit on open files that leaves mlf too few of them must not keep the command from running."""
    with folder() as f:
        for limit in range(4, 14):
            script = f"ulimit -n {limit}; exec '{MLF}' run --metric 'x=x (.*)' -- echo ran"
            got = f.run(["bash", "-c", script])
            tap.same((got.code, got.out), (0, b"ran\n"), f"with {limit} descriptors")


def test_bad_stores(tap):
    """Trouble with the store never stops the command; what was logged is kept and merged later."""
    with folder() as f:
        f.write("foreign.db", b"this is no database, but something else\n" * 200)
        os.mkdir(os.path.join(f.work, "folder.db"))
        for store in ("foreign.db", "folder.db", "no/such/folder/x.db"):
            got = f.mlf("run", "--tracking-uri", f"sqlite:///{store}", "--param", "a=1", "--", "sh",
                        "-c", "echo ran; exit 3")
            tap.same((got.code, got.out), (3, b"ran\n"), f"{store}: the command runs")
            tap.ok(store in got.text and "mlf sync" in got.text,
                   f"{store}: the message names the store and the way out", got.text)
        tap.ok(open(os.path.join(f.work, "foreign.db"), "rb").read(4) == b"this",
               "a foreign file is left alone")
        os.rmdir(os.path.join(f.work, "folder.db"))
        got = f.mlf("sync", "--tracking-uri", "sqlite:///folder.db")
        tap.same(got.code, 0, "once the store can be made, sync merges the run")
        run = f.last_run("--tracking-uri", "sqlite:///folder.db")
        tap.same((run["info"]["status"], run["params"].get("a")), ("FAILED", "1"),
                 "nothing of it is lost")


def test_nested(tap):
    with folder() as f:
        got = f.mlf("run", "--run-name", "outer", "--", MLF, "run", "--run-name", "inner", "--",
                    "sh", "-c", "echo $LD_PRELOAD; exit 3")
        tap.same(got.code, 3, "mlf run inside mlf run passes the exit code on")
        tap.same(got.out.count(b"libmlf_hooks.so"), 1, "the hooks are loaded once")
        listed = f.mlf("runs", "list").out.decode()
        tap.ok("outer" in listed and "inner" in listed, "both runs are recorded", listed)


run_tests(test_kinds, test_musl, test_sanitizer, test_hostile_files, test_missing_hooks,
          test_no_spool, test_few_descriptors, test_bad_stores, test_nested)
