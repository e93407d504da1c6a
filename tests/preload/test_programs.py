#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary programs with the hooks preloaded and no launcher: nothing shows, and nothing is left.
Usage: test_programs.py HOOKS EVENTS HOSTS"""

import shutil

from stage import check, done, run, skip

PROGRAMS = {
    "ls": ("ls", "-l", "/usr"),
    "bash": ("bash", "-c", "echo one | tr a-z A-Z; cd /; pwd; echo two > /dev/stderr; exit 7"),
    "gcc": ("sh", "-c", "echo 'int main(void) { return 5; }' > a.c && gcc -O2 a.c -o a && ./a"),
    "python3": ("python3", "-c", "import json, sys, subprocess; print(json.dumps(sys.version)); "
                "open('f', 'w').write('x'); subprocess.run(['true'], env={}); sys.exit(3)"),
    "sort": ("sh", "-c", "seq 1000 | sort -r | head -n 3; ls /nonexistent"),
    "tar": ("sh", "-c", "echo x > f && tar cf - f | tar tf -"),
}

for name, command in PROGRAMS.items():
    if shutil.which(name) is None:
        skip(name, f"{name} is not installed")
        continue
    plain, hooked = run(*command, mode="plain"), run(*command, mode="dormant")
    check((plain.status, plain.out, plain.err) == (hooked.status, hooked.out, hooked.err),
          f"{name}: the same output and status", plain, plain.out, hooked, hooked.out)
    check(hooked.spool == [] and hooked.events == [], f"{name}: no file in the spool", hooked)
done()
