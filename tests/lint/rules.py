#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that a reader of one file cannot see broken. Usage: rules.py SOURCE_ROOT"""

import os
import re
import sys

import tap
import tree

MAX_FUNCTION_LINES = 100
MAX_FILE_LINES = 1000
OURS = ("core/", "tracking/", "autolog/", "hooks/", "cli/", "include/")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".build", ".txt", ".1", ".supp", "run")
# Paths that exist on one machine only: folders directly under the root that no system has.
MACHINE_PATH = re.compile(r"(?<![\w.$}/])/(?:work|farm|root|Users|home/[a-z]+|tmp/w)/")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|st" r"ub|place" r"holder|for n" r"ow|"
                        r"not (?:yet )?implem" r"ented)\b", re.IGNORECASE)

# What may be called in few places only: the pattern, where, and the name of the check.
CALLS = (
    (r"\b(?:malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf)\s*\(",
     ("core/mem.c",), "memory is allocated in core/mem.c alone"),
    (r"\b(?:secure_)?getenv\s*\(", ("core/env.c",), "the environment is read in core/env.c alone"),
    (r"\b(?:strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\s*\(", (),
     "no unbounded or unchecked text function is used"),
    (r"\b(?:exit|abort)\s*\(", ("cli/",), "only the command exits"),
    (r"\b(?:printf|puts|putchar|vprintf|perror)\s*\(", ("cli/",), "only the command prints"),
)


def calls_elsewhere(root, sources):
    for pattern, places, name in CALLS:
        findings = []
        for path in sources:
            if path.startswith(places) and places:
                continue
            text = tree.code_only(tree.read(root, path))
            for match in re.finditer(pattern, text):
                findings.append(f"{path}:{tree.line_of(text, match.start())}: {match.group()}")
        yield name, findings


def lengths(root, paths):
    functions, sizes = [], []
    for path in paths:
        text = tree.read(root, path)
        if text.count("\n") > MAX_FILE_LINES:
            sizes.append(f"{path}: {text.count(chr(10))} lines")
        if path.endswith(".c"):
            functions += [f"{path}:{line}: {name} has {length} lines"
                          for name, line, length in tree.functions(text)
                          if length > MAX_FUNCTION_LINES]
    return functions, sizes


def main():
    root = sys.argv[1]
    results = tap.Tap()
    code = list(tree.files(root, ".c", ".h"))
    ours = [path for path in code if path.startswith(OURS)]
    for name, findings in calls_elsewhere(root, ours):
        results.none(findings, name)
    functions, sizes = lengths(root, code)
    results.none(functions, f"no function is longer than {MAX_FUNCTION_LINES} lines")
    results.none(sizes, f"no file is longer than {MAX_FILE_LINES} lines")

    no_spdx, machine, unfinished = [], [], []
    for path in tree.files(root, *TEXT):
        text = tree.read(root, path)
        if path.endswith((".c", ".h", ".py", ".sh", "meson.build", ".1")) and \
                "SPDX-License-Identifier: Apache-2.0" not in "".join(text.splitlines(True)[:3]):
            no_spdx.append(path)
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                machine.append(f"{path}:{number}: {line.strip()}")
            if UNFINISHED.search(line):
                unfinished.append(f"{path}:{number}: {line.strip()}")
    results.none(no_spdx, "every source names its licence")
    results.none(machine, "no file names a path of somebody's machine")
    results.none(unfinished, "no file says that it is unfinished")

    silent = [path for path in ours if path.endswith(".c")
              and re.search(r"\bpthread_(?:mutex|rwlock|spin|create)\w*\s*\(",
                            tree.code_only(tree.read(root, path)))
              and "THREAD SAFETY" not in tree.read(root, path)]
    results.none(silent, "a file that owns a lock or a thread says its THREAD SAFETY NOTES")
    missing = [path for path in ("README.md", "NEWS.md", "LICENSE", "CONTRIBUTING.md", ".ci/run",
                                 "scripts/quickstart.sh", "scripts/test.sh")
               if not os.path.exists(os.path.join(root, path))]
    results.none(missing, "the files that every checkout has are there")
    return results.done()


sys.exit(main())
