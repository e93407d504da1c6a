#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Public headers: each declaration has its contract, and each header compiles alone.
Usage: headers.py SOURCE_ROOT C_COMPILER..."""

import os
import re
import shutil
import subprocess
import sys

import tap
import tree

FOLDER = os.path.join("include", "mlf")
# tuner.h is for those who link libmlf_tuner, and with it GSL, whose licence is not ours.
NOT_IN_UMBRELLA = ("mlf.h", "tuner.h")
DECLARATION = re.compile(r"^MLF_API\b[^;{]*;", re.MULTILINE)


def without_contract(path, text):
    """Declarations that are not directly behind the end of a /** */ comment."""
    for match in DECLARATION.finditer(text):
        before = text[:match.start()].rstrip()
        opened = before.rfind("/*")
        if not before.endswith("*/") or text[opened:opened + 3] != "/**":
            first_line = match.group().split("\n")[0]
            yield f"{path}:{tree.line_of(text, match.start())}: {first_line}"


def compile_alone(compiler, language, root, path):
    command = compiler + ["-x", language.split("=")[0], "-std=" + language.split("=")[1], "-Wall",
                          "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                          "-I" + os.path.join(root, "include"), "-"]
    name = os.path.relpath(path, "include")
    done = subprocess.run(command, input=f"#include <{name}>\nint lint_unit;\n", text=True,
                          capture_output=True)
    return done.returncode == 0, done.stderr


def main():
    root, compiler = sys.argv[1], sys.argv[2:]
    results = tap.Tap()
    headers = [path for path in tree.files(root, ".h") if path.startswith(FOLDER)]
    results.check(len(headers) > 0, "there are public headers")
    undocumented = []
    for path in headers:
        undocumented += without_contract(path, tree.read(root, path))
    results.none(undocumented, "every public declaration has a contract comment")
    installed = tree.read(root, os.path.join(FOLDER, "meson.build"))
    umbrella = tree.read(root, os.path.join(FOLDER, "mlf.h"))
    names = [os.path.basename(path) for path in headers]
    results.none([name for name in names if f"'{name}'" not in installed], "each header is installed")
    results.none([name for name in names if name not in NOT_IN_UMBRELLA and f"<mlf/{name}>" not in umbrella],
                 "<mlf/mlf.h> includes each of the others but the tuner's")
    cxx = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    for path in headers:
        passed, messages = compile_alone(compiler, "c=c11", root, path)
        results.check(passed, f"{path} compiles alone as C11", messages)
        if cxx is None:
            results.skip(f"{path} compiles alone as C++17", "no C++ compiler")
            continue
        passed, messages = compile_alone([cxx], "c++=c++17", root, path)
        results.check(passed, f"{path} compiles alone as C++17", messages)
    return results.done()


sys.exit(main())
