#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a C header with the content of a file as an array. Usage: embed.py FILE NAME"""

import sys


def main():
    path, name = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    print(f"/* Made from {path.rsplit('/', 1)[-1]}. */")
    print(f"static const char {name}[] = {{")
    for begin in range(0, len(data), 20):
        print("    " + " ".join(f"{byte}," for byte in data[begin:begin + 20]))
    print("    0};")


main()
