#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands that README files and manual pages show work as they stand there, and print what is shown.

Looked at are ```console blocks of Markdown and .EX blocks of manual pages (see console.py), each in a fresh folder
with the example data.
Usage: documented_commands.py SOURCE_ROOT BUILD_ROOT"""

import os
import re
import shutil
import sys
import tempfile

import console
import tap
import tree

PAGES = ("README.md", "examples/unmodified_binary/README.md", "examples/tuning_binary/README.md")
DATA = ("iris.scale", "heart_scale")
NEEDS = ("svm-train",)


def manual_blocks(text):
    """.EX blocks of EXAMPLES, with the escapes of roff undone; one script for the whole page."""
    examples = text.partition(".SH EXAMPLES\n")[2].partition("\n.SH ")[0] + "\n"
    lines = "".join(re.findall(r"^\.EX\n(.*?)^\.EE", examples, re.MULTILINE | re.DOTALL))
    for escaped, plain in (("\\-", "-"), ("\\(aq", "'"), ("\\&", ""), ("\\e", "\\")):
        lines = lines.replace(escaped, plain)
    return [lines] if lines else []


def make_folder(folder, root, build):
    """What the commands expect around them: the data, and the tree as it is after a build."""
    examples = os.path.join("examples", "unmodified_binary")
    os.makedirs(os.path.join(folder, examples))
    for name in DATA:
        shutil.copy(os.path.join(root, examples, name), folder)
        shutil.copy(os.path.join(root, examples, name), os.path.join(folder, examples))
    tuning = os.path.join("examples", "tuning_binary")
    shutil.copytree(os.path.join(root, tuning), os.path.join(folder, tuning))
    os.symlink(build, os.path.join(folder, "build"))


def not_built(block, build):
    """The first file of the build folder that the block names and that is not there, or None."""
    named = re.findall(r"(?<!\S)(?:\.\./)*build/(\S+)", "\n".join(line for line, _ in console.steps(block)))
    return next((name for name in named if not os.path.exists(os.path.join(build, name))), None)


def check_page(results, page, blocks, root, build):
    for number, block in enumerate(blocks, 1):
        absent = not_built(block, build)
        if absent is not None:
            results.skip(f"{page}, block {number}", f"{os.path.basename(absent)} is not built here")
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            make_folder(folder, root, build)
            environment = {"PATH": os.path.join(build, "cli") + ":" + os.environ["PATH"],
                           "HOME": folder, "TERM": "dumb", "LANG": "C.UTF-8",
                           "MLF_SPOOL": os.path.join(folder, "spool")}
            os.mkdir(environment["MLF_SPOOL"], 0o700)
            console.check_block(results, f"{page}, block {number}", block, folder, environment)


def main():
    root, build = sys.argv[1:]
    results = tap.Tap()
    absent = [name for name in NEEDS if shutil.which(name) is None]
    if absent:
        results.skip("documented commands", f"{', '.join(absent)} is not installed")
        return results.done()
    for page in PAGES:
        blocks = console.markdown_blocks(tree.read(root, page))
        results.check(len(blocks) > 0, f"{page} shows commands")
        check_page(results, page, blocks, root, build)
    for page in tree.files(root, ".1"):
        check_page(results, page, manual_blocks(tree.read(root, page)), root, build)
    return results.done()


sys.exit(main())
