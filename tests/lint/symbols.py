#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What our libraries give to and take from the programs they are loaded into. (What the hook library gives is
a matter of tests/preload.) Usage: symbols.py [--write] LIST CORE MLF TUNER HOOKS; --write makes the list anew."""

import os
import re
import shutil
import subprocess
import sys

import tap

NEWEST_GLIBC = (2, 17)
# Objects that the host process may be made to load by us.
MAY_NEED = {
    "libmlf_core.so": {"libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"},
    "libmlf_hooks.so": {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libmlf_core.so.0",
                        "libmlf_core.so", "ld-linux-x86-64.so.2"},
}
# Calls that print in, or end, the process that is our guest's host.
NEVER_IMPORTED = re.compile(
    r"exit|abort|__assert_fail|v?printf|puts|putchar|perror|__v?printf_chk")


def name_of(path):
    """libmlf.so for the path of libmlf.so.0.1.0."""
    return re.sub(r"(\.\d+)+$", "", os.path.basename(path))


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


def exported(path):
    """Names the library defines for others."""
    lines = run("nm", "-D", "--defined-only", path).splitlines()
    return sorted(line.split()[-1].split("@")[0] for line in lines if line.split()[-2] != "A")


def imported(path):
    """(name, version) of what it takes from others; the version is "" when there is none."""
    for line in run("nm", "-D", "--undefined-only", path).splitlines():
        name, _, version = line.split()[-1].partition("@")
        yield name, version.lstrip("@")


def needed(path):
    return re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", path))


def too_new(path):
    """Imports whose glibc version systems of 2012 do not have."""
    for name, version in imported(path):
        match = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version)
        if match and (int(match.group(1)), int(match.group(2))) > NEWEST_GLIBC:
            yield f"{name}@{version}"


def list_of(libraries):
    return [f"{name_of(path)} {name}" for path in libraries for name in exported(path)]


def compare_exports(results, list_path, libraries):
    with open(list_path, encoding="utf-8") as file:
        want = set(line.strip() for line in file if line.strip() and not line.startswith("#"))
    have = set(list_of(libraries))
    results.none([f"{name} is new" for name in sorted(have - want)],
                 "libraries export nothing that tests/lint/symbols.txt does not list")
    results.none([f"{name} is gone" for name in sorted(want - have)],
                 "libraries export everything that tests/lint/symbols.txt lists")


def main():
    write = sys.argv[1] == "--write"
    list_path, core, mlf, tuner, hooks = sys.argv[2 if write else 1:]
    results = tap.Tap()
    if shutil.which("nm") is None or shutil.which("objdump") is None:
        results.skip("exported and imported symbols", "binutils are not installed")
        return results.done()
    if write:
        with open(list_path, "w", encoding="utf-8") as file:
            file.write("# Made by tests/lint/symbols.py --write: a library and a name it exports.\n")
            file.writelines(line + "\n" for line in list_of((core, mlf, tuner)))
        return 0
    compare_exports(results, list_path, (core, mlf, tuner))
    results.none([name for path in (core, mlf) for name in needed(path) if name.startswith("libgsl")],
                 "programs that do not tune are not bound by GSL's licence: only libmlf_tuner.so needs it")
    results.none([name for name in exported(tuner) if not name.startswith("mlf_") or name.startswith("mlf__")],
                 "libmlf_tuner.so exports its public calls only")
    results.none([name for name, _ in imported(tuner) if NEVER_IMPORTED.fullmatch(name)],
                 "libmlf_tuner.so imports nothing that prints or ends the process")
    for path in (core, hooks):
        library = name_of(path)
        results.none(list(too_new(path)),
                     f"{library} imports nothing newer than GLIBC_{NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}")
        results.none(sorted(set(needed(path)) - MAY_NEED[library]),
                     f"{library} brings no other library into the host")
        results.none([name for name, _ in imported(path) if NEVER_IMPORTED.fullmatch(name)],
                     f"{library} imports nothing that prints or ends the process")
    return results.done()


sys.exit(main())
