#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format changes nothing in any of our C files. Usage: format.py SOURCE_ROOT"""

import shutil
import subprocess
import sys

import tap
import tree


def main():
    root = sys.argv[1]
    results = tap.Tap()
    name = "sources are laid out by clang-format"
    tool = shutil.which("clang-format")
    if tool is None:
        results.skip(name, "clang-format is not installed")
        return results.done()
    paths = list(tree.files(root, ".c", ".h"))
    done = subprocess.run([tool, "--dry-run", "-Werror", *paths], cwd=root, text=True,
                          capture_output=True)
    findings = [line for line in done.stderr.splitlines() if " error: " in line]
    results.check(done.returncode == 0, name, *(findings or [done.stderr]))
    return results.done()


sys.exit(main())
