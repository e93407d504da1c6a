#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy finds nothing, with the checks of .clang-tidy. Usage: tidy.py SOURCE_ROOT BUILD_ROOT"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys

import tap

FOLDERS = ("core", "tracking", "autolog", "hooks", "tuner", "cli")


def sources(root, build):
    """Our files that the build compiles, as paths relative to |root|."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    paths = {os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
             for entry in entries}
    return sorted(path for path in paths if path.split(os.sep)[0] in FOLDERS)


def tidy(tool, root, build, path):
    done = subprocess.run([tool, "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option",
                           path], cwd=root, text=True, capture_output=True)
    found = re.findall(r"^(\S+?)(:\d+:\d+: (?:error|warning): .*)", done.stdout, re.MULTILINE)
    if done.returncode != 0 and not found:
        return [f"{path}: {done.stdout}{done.stderr}"]
    # The tool names a file from the build's folder, with detours.
    return [os.path.relpath(os.path.join(build, name), root) + rest for name, rest in found]


def main():
    root, build = sys.argv[1:]
    results = tap.Tap()
    name = "clang-tidy finds nothing"
    tool = shutil.which("clang-tidy")
    if tool is None:
        results.skip(name, "clang-tidy is not installed")
        return results.done()
    paths = sources(root, build)
    results.check(len(paths) > 0, "the build compiles some of our sources")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = pool.map(lambda path: tidy(tool, root, build, path), paths)
    results.none(sorted({finding for some in findings for finding in some}), name)
    return results.done()


sys.exit(main())
