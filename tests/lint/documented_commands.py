#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands that README files and manual pages show work as they stand there, and print what is shown.

Looked at are ```console blocks of Markdown and .EX blocks of manual pages: a line behind "$ " is typed into a
shell on a terminal, in a fresh folder with the example data; what follows is its output, where "..." stands for any lines.
Ids, times, random names and paths may differ. A command without output shown need only succeed.
Usage: documented_commands.py SOURCE_ROOT BUILD_ROOT"""

import difflib
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile

import tap
import tree

PAGES = ("README.md", "examples/unmodified_binary/README.md")
DATA = ("iris.scale", "heart_scale")
NEEDS = ("svm-train",)
MARK = "\x01"
VARYING = (
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8}\b", "<id>"),
    (r"\b[0-9]{8}\b", "<id>"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?Z?", "<time>"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "<duration>"),
    (r"\b[a-z]+-[a-z]+-\d+\b", "<name>"),
    (r"(sqlite://)?(/[\w.+-]+)+/", "<folder>/"),
    (r"[ \t]+", " "),
)


def markdown_blocks(text):
    return re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def manual_blocks(text):
    """.EX blocks of EXAMPLES, with the escapes of roff undone; one script for the whole page."""
    examples = text.partition(".SH EXAMPLES\n")[2].partition("\n.SH ")[0] + "\n"
    lines = "".join(re.findall(r"^\.EX\n(.*?)^\.EE", examples, re.MULTILINE | re.DOTALL))
    for escaped, plain in (("\\-", "-"), ("\\(aq", "'"), ("\\&", ""), ("\\e", "\\")):
        lines = lines.replace(escaped, plain)
    return [lines] if lines else []


def steps(block):
    """(command, lines of output shown) for each "$ " line."""
    shown = []
    for line in block.splitlines():
        if line.startswith("$ "):
            shown.append((line[2:], []))
        elif shown and shown[-1][0].endswith("\\"):
            shown[-1] = (shown[-1][0] + "\n" + line, [])
        elif shown:
            shown[-1][1].append(line)
    return shown


def on_terminal(command, folder, environment):
    """Output of |command| as a terminal shows it."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                               stdout=slave, stderr=slave)
    os.close(slave)
    output = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the last process that had the terminal is gone
            break
        if not chunk:
            break
        output += chunk
    os.close(master)
    process.wait()
    return output.decode(errors="replace").replace("\r\n", "\n")


def run_steps(commands, folder, environment):
    """(exit status, output) of each command, run one after the other in one shell."""
    script = "".join(f"{command}\nprintf '{MARK}%d{MARK}' $?\n" for command in commands)
    parts = on_terminal(["bash", "-c", script], folder, environment).split(MARK)
    return [(int(status), output) for output, status in zip(parts[0::2], parts[1::2])]


def normal(lines):
    result = []
    for line in lines:
        for pattern, name in VARYING:
            line = re.sub(pattern, name, line)
        result.append(line.strip())
    while result and not result[-1]:
        result.pop()
    return result


def same(shown, printed):
    """Are the lines the same, when "..." among |shown| stands for any lines?"""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(same(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and same(shown[1:], printed[1:])


def make_folder(folder, root, build):
    """What the commands expect around them: the data, and the tree as it is after a build."""
    examples = os.path.join("examples", "unmodified_binary")
    os.makedirs(os.path.join(folder, examples))
    for name in DATA:
        shutil.copy(os.path.join(root, examples, name), folder)
        shutil.copy(os.path.join(root, examples, name), os.path.join(folder, examples))
    os.symlink(build, os.path.join(folder, "build"))


def not_built(block, build):
    """The first file of the build folder that the block names and that is not there, or None."""
    named = re.findall(r"(?<!\S)(?:\.\./)*build/(\S+)", "\n".join(line for line, _ in steps(block)))
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
            wanted = steps(block)
            done = run_steps([command for command, _ in wanted], folder, environment)
        for (command, shown), (status, output) in zip(wanted, done):
            title = f"{page}, block {number}: {command.splitlines()[0]}"
            results.check(status == 0, f"{title} succeeds", f"exit status {status}", output)
            if shown:
                want, got = normal(shown), normal(output.splitlines())
                results.check(same(want, got), f"{title} prints what is shown",
                              *difflib.unified_diff(want, got, "shown", "printed", lineterm=""))
        results.check(len(done) == len(wanted) > 0, f"{page}, block {number} ran to its end")


def main():
    root, build = sys.argv[1:]
    results = tap.Tap()
    absent = [name for name in NEEDS if shutil.which(name) is None]
    if absent:
        results.skip("documented commands", f"{', '.join(absent)} is not installed")
        return results.done()
    for page in PAGES:
        blocks = markdown_blocks(tree.read(root, page))
        results.check(len(blocks) > 0, f"{page} shows commands")
        check_page(results, page, blocks, root, build)
    for page in tree.files(root, ".1"):
        check_page(results, page, manual_blocks(tree.read(root, page)), root, build)
    return results.done()


sys.exit(main())
