#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary programs with the hooks preloaded and no launcher: nothing shows, nothing is left, little is spent.
Usage: test_programs.py HOOKS EVENTS HOSTS"""

import os
import shutil
import statistics
import time

from stage import HOOKS, check, done, run, skip

PROGRAMS = {
    "ls": ("ls", "-l", "/usr"),
    "bash": ("bash", "-c", "echo one | tr a-z A-Z; cd /; pwd; echo two > /dev/stderr; exit 7"),
    "gcc": ("sh", "-c", "echo 'int main(void) { return 5; }' > a.c && gcc -O2 a.c -o a && ./a"),
    "python3": ("python3", "-c", "import json, sys, subprocess; print(json.dumps(sys.version)); "
                "open('f', 'w').write('x'); subprocess.run(['true'], env={}); sys.exit(3)"),
    "sort": ("sh", "-c", "seq 1000 | sort -r | head -n 3; ls /nonexistent"),
    "tar": ("sh", "-c", "echo x > f && tar cf - f | tar tf -"),
}
LIMIT_US = 300


def spawn_us(environ):
    begin = time.perf_counter_ns()
    pid = os.posix_spawn("/bin/true", ["true"], environ)
    os.waitpid(pid, 0)
    return (time.perf_counter_ns() - begin) / 1000


def added_us(pairs):
    """Median over interleaved pairs of what the hooks add to `true`."""
    plain = {"PATH": os.environ["PATH"]}
    hooked = dict(plain, LD_PRELOAD=HOOKS)
    return statistics.median(spawn_us(hooked) - spawn_us(plain) for _ in range(pairs))


for name, command in PROGRAMS.items():
    if shutil.which(name) is None:
        skip(name, f"{name} is not installed")
        continue
    plain, hooked = run(*command, mode="plain"), run(*command, mode="dormant")
    check((plain.status, plain.out, plain.err) == (hooked.status, hooked.out, hooked.err),
          f"{name}: the same output and status", plain, plain.out, hooked, hooked.out)
    check(hooked.spool == [] and hooked.events == [], f"{name}: no file in the spool", hooked)

# The least of a few medians: other work on the machine only ever adds.
figure = min(added_us(60) for _ in range(3))
check(figure <= LIMIT_US, f"`true` starts at most {LIMIT_US} us later", f"{figure:.0f} us")
print(f"# the hooks add {figure:.0f} us to `true`")
done()
