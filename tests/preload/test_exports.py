#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the hook library gives to the programs it is loaded into: the listed names and no others.
Usage: test_exports.py HOOKS EVENTS HOSTS"""

import os
import shutil
import subprocess

from stage import HOOKS, check, done, skip

NAME = "the hook library exports what exports.txt lists, and nothing else"
LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exports.txt")

if shutil.which("nm") is None:
    skip(NAME, "there is no nm")
else:
    listing = subprocess.run(["nm", "-D", "--defined-only", HOOKS], capture_output=True,
                             text=True, check=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
    with open(LIST) as file:
        wanted = set(file.read().split())
    check(exported == wanted, NAME, f"exported, not listed: {sorted(exported - wanted)}",
          f"listed, not exported: {sorted(wanted - exported)}")
done()
