# SPDX-License-Identifier: Apache-2.0
"""The source tree as the lints see it: its files, and C text without comments and strings."""

import os
import re

TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def files(root, *suffixes):
    """Paths relative to |root| of our own files with these suffixes; build folders are left out."""
    for folder, names, entries in os.walk(root):
        names[:] = sorted(name for name in names if name not in (".git", "__pycache__") and not name.startswith(".venv")
                          and not os.path.isdir(os.path.join(folder, name, "meson-private")))
        for entry in sorted(entries):
            path = os.path.relpath(os.path.join(folder, entry), root)
            if path.endswith(suffixes) and os.path.isfile(os.path.join(root, path)):
                yield path


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def code_only(text):
    """C text whose comments and literals are blanked; line numbers stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def functions(text):
    """(name, first line, number of lines) of the functions whose braces stand in column 0."""
    lines = code_only(text).split("\n")
    start = 0
    while start < len(lines):
        if lines[start] != "{":
            start += 1
            continue
        end = next((n for n in range(start, len(lines)) if lines[n].startswith("}")), len(lines))
        head = start
        while head > 0 and re.match(r"[\w\s*(),\[\].]+$", lines[head - 1]):
            head -= 1
        names = re.findall(r"(\w+)\s*\(", " ".join(lines[head:start]))
        names = [name for name in names if name != "__attribute__"]
        if names:
            yield names[0], head + 1, end - start + 1
        start = end + 1
