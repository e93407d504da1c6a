#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/README.md, typed from its beginning to its end: each command succeeds and prints what is shown. All of it is
typed in one fresh folder that has the examples' sources and data and the built tree, as a reader has them.
Usage: test_walkthrough.py SOURCE_ROOT BUILD_ROOT"""

import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "support"))

import console  # noqa: E402
import tap  # noqa: E402

ROOT, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:3])
STEPS = ("Connect", "Quickstart", "Look at it", "Callbacks", "C++", "Fortran", "An unmodified binary",
         "Tuning", "Tuning a binary")
# What a walkthrough leaves behind is not taken along.
LEFT = shutil.ignore_patterns("mlflow.db*", "mlruns", "*.o", "spool", "__pycache__")
PROGRAM = re.compile(r"(?<!\S)(?:\.\./)*build/(\S+)")


def blocks(text):
    """(title, block) of each console block; the title is the section's."""
    title, found = "", []
    for part in re.split(r"^(?=## |```console\n)", text, flags=re.MULTILINE):
        if part.startswith("## "):
            title = part.splitlines()[0][3:]
        found += [(title, block) for block in console.markdown_blocks(part)]
    return found


def lacking(block):
    """What this machine cannot do of the block, or None."""
    commands = [line for line, _ in console.steps(block)]
    for name in PROGRAM.findall("\n".join(commands)):
        if not os.path.exists(os.path.join(BUILD, name)):
            return f"{os.path.basename(name)} is not built here"
    for name in ("svm-train", "sqlite3"):
        if any(re.search(rf"\b{name}\b", line) for line in commands) and shutil.which(name) is None:
            return f"{name} is not installed"
    return None


def main():
    results = tap.Tap()
    page = os.path.join(ROOT, "examples", "README.md")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    titles = re.findall(r"^## \d+ (.*)", text, re.MULTILINE)
    results.check(titles == list(STEPS), "the walkthrough has its steps, in their order", titles)
    links = [link for link in re.findall(r"\]\(([^)#:]+)\)", text)
             if not os.path.exists(os.path.join(ROOT, "examples", link))]
    results.none(links, "what it links to is there")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        examples = os.path.join(folder, "examples")
        shutil.copytree(os.path.join(ROOT, "examples"), examples, ignore=LEFT)
        os.symlink(BUILD, os.path.join(folder, "build"))
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "dumb", "LANG": "C.UTF-8",
                       "MLF_SPOOL": os.path.join(folder, "spool")}
        os.mkdir(environment["MLF_SPOOL"], 0o700)
        for number, (title, block) in enumerate(blocks(text), 1):
            name = f"{title}, block {number}"
            reason = lacking(block)
            if reason is not None:
                results.skip(name, reason)
            else:
                console.check_block(results, name, block, examples, environment)
    return results.done()


sys.exit(main())
