#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mlf completion`, `mlf help`: what the shells offer is what the commands take."""

import re
import shutil

from harness import MLF, folder, run_tests


def words(f, *line):
    got = f.mlf("completion", "--words", "--", *line)
    return [row.split("\t")[0] for row in got.out.decode().splitlines()] if got.code == 0 else got.text


def usage(text):
    """Actions in the usage lines of a help, and the options that it lists."""
    head = text.partition("\n\n")[0]
    return (re.findall(r"mlf \w+ ([a-z]+)(?= |$)", head, re.MULTILINE),
            set(re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)))


def test_words(tap):
    with folder() as f:
        commands = [word for word in words(f, "") if not word.startswith("-") and word != "help"]
        listed = re.findall(r"^  ([a-z]+)  +\S", f.mlf("--help").out.decode(), re.MULTILINE)
        tap.same(commands, listed, "the first word is any command")
        for command in commands:
            text = f.mlf("help", command).out.decode()
            tap.same(text, f.mlf(command, "--help").out.decode(), f"mlf help {command}")
            actions, options = usage(text)
            tap.same(set(words(f, command, "--")), options, f"{command}: its options are those of its help")
            if words(f, command, "") and command in ("runs", "experiments", "models", "artifacts"):
                tap.same(words(f, command, ""), actions, f"{command}: its actions are those of its help")
            for option in sorted(options - {"--help"}):
                got = f.mlf(command, option, "--help")
                tap.ok("unrecognized" not in got.text, f"{command} knows {option}", got.text)
        tap.same(words(f, "ru"), ["run", "runs"], "what begins with the word")
        tap.same(words(f, "runs", "show", "--e"), ["--experiment"], "an action's options")
        tap.same(words(f, "runs", "delete", "--f"), [], "and not those of other actions")
        tap.same(words(f, "help", "do"), ["doctor"], "help's word")
        tap.same(words(f, "runs", "search", "--view", ""), ["active", "deleted", "all"], "values")
        tap.same(words(f, "nosuch", ""), [], "an unknown command has none")
        tap.same(f.files(), [], "completing makes nothing")
        f.mlf("run", "--quiet", "--experiment", "my flowers", "true")
        run_id = f.last_run()["info"]["run_id"]
        tap.same(words(f, "runs", "show", run_id[:2]), [run_id], "runs")
        tap.same(words(f, "runs", "search", "--experiment", "my"), ["my flowers"], "experiments")
        tap.same(f.mlf("help", "nosuch").code, 2, "help of an unknown command")
        tap.same(f.mlf("completion", "tcsh").code, 2, "an unknown shell")


def test_bash(tap):
    with folder() as f:
        script = r'''
PATH=%s:$PATH
eval "$(mlf completion bash)"
COMP_WORDS=(mlf runs sho); COMP_CWORD=2
_mlf; printf '%%s|' "${COMPREPLY[@]}"
COMP_WORDS=(mlf runs search --view ''); COMP_CWORD=4
_mlf; printf '%%s|' "${COMPREPLY[@]}"
''' % MLF.rpartition("/")[0]
        if shutil.which("bash") is None:
            tap.skip("bash", "bash is not installed")
        else:
            got = f.run(["bash", "--norc", "-c", script])
            tap.same(got.out.decode(), "show|active|deleted|all|", "bash offers them")


def test_zsh(tap):
    with folder() as f:
        # What completes is _describe: it is told the array with what there is to choose from.
        script = r"""
PATH=%s:$PATH
compdef() { : }
_describe() { print -r -- ${(j:|:)${(P)2}} }
_files() { print files }
eval "$(mlf completion zsh)"
words=(mlf runs sho) CURRENT=3; _mlf
words=(mlf runs search --view '') CURRENT=5; _mlf
words=(mlf plot --output '') CURRENT=4; _mlf
""" % MLF.rpartition("/")[0]
        if shutil.which("zsh") is None:
            tap.skip("zsh", "zsh is not installed")
            return
        got = f.run(["zsh", "-f", "-c", script])
        tap.same((got.out.decode().splitlines(), got.text),
                 (["show:", "active:|deleted:|all:", "files"], ""), "zsh offers them, or files")


def test_fish(tap):
    with folder() as f:
        script = """
set -x PATH %s $PATH
mlf completion fish | source
complete -C "mlf runs sho"
complete -C "mlf runs search --view d"
complete -C "mlf doc"
""" % MLF.rpartition("/")[0]
        if shutil.which("fish") is None:
            tap.skip("fish", "fish is not installed")
            return
        got = f.run(["fish", "--no-config", "-c", script], env={"HOME": f.path})
        tap.same([line.split("\t")[0] for line in got.out.decode().splitlines()],
                 ["show", "deleted", "doctor"], "fish offers them")


run_tests(test_words, test_bash, test_zsh, test_fish)
