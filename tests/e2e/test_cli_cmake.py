#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A CMake project finds the installed mlf, also where the installation has been moved, and its program logs.
Usage: test_cli_cmake.py BUILD_ROOT"""

import os
import shutil
import subprocess
import sys

from harness import folder, run_tests

LISTS = """cmake_minimum_required(VERSION 3.16)
project(example C)
find_package(mlf {version} REQUIRED)
add_executable(example example.c)
target_link_libraries(example PRIVATE mlf::mlf)
"""
PROGRAM = """#include <mlf/mlf.h>
int main(void)
{
    return mlf_log_metric("loss", 0.5, 1) == MLF_OK && mlf_flush() == MLF_OK ? 0 : 1;
}
"""


def find(where, name):
    for here, _, names in os.walk(where):
        if name in names:
            return os.path.join(here, name)
    return ""


def test_project(tap):
    with folder() as f:
        if shutil.which("cmake") is None or shutil.which("meson") is None:
            tap.skip("a CMake project", "cmake or meson is not installed")
            return
        root = f"{f.path}/root"
        done = subprocess.run(["meson", "install", "-C", sys.argv[1], "--no-rebuild", "--destdir", root],
                              capture_output=True, text=True, check=False)
        if not tap.ok(done.returncode == 0, "meson install", done.stdout[-800:], done.stderr):
            return
        config = find(root, "mlf-config.cmake")
        tap.ok(config, "the package file is installed")
        f.write("CMakeLists.txt", LISTS.format(version="0.1").encode())
        f.write("example.c", PROGRAM.encode())
        got = f.run(["cmake", "-S", ".", "-B", "made", f"-Dmlf_DIR={os.path.dirname(config)}"])
        tap.ok(got.code == 0, "find_package(mlf) in a moved installation", got.out.decode(), got.text)
        got = f.run(["cmake", "--build", "made"])
        tap.ok(got.code == 0, "the program is built and linked", got.out.decode(), got.text)
        libraries = os.path.dirname(find(root, "libmlf.so"))
        got = f.run([f"{f.work}/made/example"], env={"LD_LIBRARY_PATH": libraries})
        tap.ok(got.code == 0, "the program runs", got.text)
        tap.same(f.last_run()["metrics"], {"loss": 0.5}, "and what it logs is in the store")
        f.write("CMakeLists.txt", LISTS.format(version="7.0").encode())
        got = f.run(["cmake", "-S", ".", "-B", "later", f"-Dmlf_DIR={os.path.dirname(config)}"])
        tap.ok(got.code != 0 and "version" in got.text, "a later version is not found", got.text)
        for name in ("bash-completion/completions/mlf", "zsh/site-functions/_mlf",
                     "fish/vendor_completions.d/mlf.fish"):
            path = find(root, name.rpartition("/")[2])
            tap.ok(any(p.endswith(name) for p in f.files()), f"{name} is installed", path)


run_tests(test_project)
