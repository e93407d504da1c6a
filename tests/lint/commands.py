#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command is a file, an entry of the table and a manual page; options, variables and versions agree.
Usage: commands.py SOURCE_ROOT MLF"""

import os
import re
import shutil
import subprocess
import sys

import tap
import tree


def output_of(*command):
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else f"exit status {done.returncode}: {done.stderr}"


def plain(page):
    """Text of a manual page without the escapes of roff."""
    return page.replace("\\-", "-").replace("\\&", "")


def options_in_help(mlf, command):
    return {"--help"} | set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", output_of(mlf, command, "--help")))


def options_in_page(page):
    """What the section OPTIONS describes: option words in the line behind .TP."""
    section = page.partition(".SH OPTIONS\n")[2].partition("\n.SH ")[0]
    heads = re.findall(r"^\.TP\n(.*)", section, re.MULTILINE)
    return set(option for head in heads for option in re.findall(r"--[a-z][a-z-]+", head))


def check_commands(results, root, mlf):
    in_help = set(re.findall(r"^  (?:mlf )?([a-z]+)  +\S", output_of(mlf, "--help"), re.MULTILINE))
    in_files = set(re.findall(r"cli/cmd_(\w+)\.c", "\n".join(tree.files(root, ".c"))))
    in_pages = set(re.findall(r"docs/man/mlf-(\w+)\.1", "\n".join(tree.files(root, ".1"))))
    results.check(len(in_help) > 0, "mlf --help names its commands")
    results.check(in_files == in_help, "each command has its cli/cmd_*.c, and each of those is a command",
                  f"files {sorted(in_files)}", f"mlf --help {sorted(in_help)}")
    results.check(in_pages == in_help, "each command has its manual page, and each page its command",
                  f"pages {sorted(in_pages)}", f"mlf --help {sorted(in_help)}")
    installed = tree.read(root, "docs/meson.build")
    results.none([name for name in tree.files(root, ".1") if os.path.basename(name) not in installed],
                 "each manual page is installed")
    for command in sorted(in_help & in_pages):
        page = options_in_page(plain(tree.read(root, f"docs/man/mlf-{command}.1")))
        code = options_in_help(mlf, command)
        results.check(page == code, f"the page of mlf {command} describes its options",
                      f"page only {sorted(page - code)}", f"help only {sorted(code - page)}")


def check_variables(results, root):
    table = set(re.findall(r"XX\((\w+),", tree.read(root, "core/env.h")))
    section = plain(tree.read(root, "docs/man/mlf.1")).partition(".SH ENVIRONMENT\n")[2]
    heads = re.findall(r"^\.TP\n(.*)", section.partition("\n.SH ")[0], re.MULTILINE)
    described = set(re.findall(r"\b[A-Z][A-Z_]+\b", " ".join(head[3:] for head in heads)))
    results.check(described == table, "mlf.1 describes the variables of core/env.h",
                  f"page only {sorted(described - table)}", f"table only {sorted(table - described)}")


def check_versions(results, root, mlf):
    version = re.search(r"version: '([^']+)'", tree.read(root, "meson.build")).group(1)
    news = re.search(r"^## (\S+)", tree.read(root, "NEWS.md"), re.MULTILINE).group(1)
    results.check(news == version, "the newest entry of NEWS.md is of this version", news)
    printed = output_of(mlf, "version")
    results.check(version in printed.split(), "mlf version prints the version", printed)
    results.none([path for path in tree.files(root, ".1")
                  if f'"mlf {version}"' not in tree.read(root, path)],
                 "manual pages are of this version")


def check_pages(results, root):
    name = "manual pages are free of warnings"
    if shutil.which("man") is None or shutil.which("groff") is None:
        results.skip(name, "man or groff is not installed")
        return
    findings = []
    for path in tree.files(root, ".1"):
        done = subprocess.run(["man", "--warnings=w", "-l", path], cwd=root, text=True,
                              capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        findings += done.stderr.splitlines()
    results.none(findings, name)


def main():
    root, mlf = sys.argv[1:]
    results = tap.Tap()
    check_commands(results, root, mlf)
    check_variables(results, root)
    check_versions(results, root, mlf)
    check_pages(results, root)
    return results.done()


sys.exit(main())
