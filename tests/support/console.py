# SPDX-License-Identifier: Apache-2.0
"""Commands as documents show them: ```console blocks in which a line behind "$ " is typed into a shell on a terminal,
and what follows is its output, where "..." stands for any lines, or for the rest of its line. Ids, times, random names,
paths and late digits may differ. A command without output shown need only succeed."""

import difflib
import os
import pty
import re
import subprocess

MARK = "\x01"
VARYING = (
    (r"(\.\d{6})\d+", r"\1"),  # what another compiler may round otherwise
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


def fits(shown, printed):
    """Is the line the same, as far as it is shown?"""
    return shown == printed or shown.endswith("...") and printed.startswith(shown[:-3].rstrip())


def same(shown, printed):
    """Are the lines the same, when "..." among |shown| stands for any lines, and at the end of one for its rest?"""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(same(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and fits(shown[0], printed[0]) and same(shown[1:], printed[1:])


def check_block(results, title, block, folder, environment):
    """Types the block's commands in |folder|: each succeeds and prints what is shown."""
    wanted = steps(block)
    done = run_steps([command for command, _ in wanted], folder, environment)
    for (command, shown), (status, output) in zip(wanted, done):
        name = f"{title}: {command.splitlines()[0]}"
        results.check(status == 0, f"{name} succeeds", f"exit status {status}", output)
        if shown:
            want, got = normal(shown), normal(output.splitlines())
            results.check(same(want, got), f"{name} prints what is shown",
                          *difflib.unified_diff(want, got, "shown", "printed", lineterm=""))
    results.check(len(done) == len(wanted) > 0, f"{title} ran to its end")
