#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: folders depend one way, and a third-party library is used in one place.
Usage: includes.py SOURCE_ROOT"""

import os
import re
import sys

import tap
import tree

# A folder and the folders whose headers it may include. <mlf/...> may be included by all.
MAY_INCLUDE = {
    "core": {"core"},
    "tracking": {"core", "tracking"},
    "autolog": {"core", "tracking", "autolog"},
    "tuner": {"core", "tracking", "autolog", "tuner"},
    "cli": {"core", "tracking", "autolog", "tuner", "cli"},
    "hooks": {"core", "hooks"},
    "include": set(),
    "examples": set(),
}
# A third-party header and the only files that may include it ("" = none but tests).
THIRD_PARTY = {
    r"sqlite3\.h": ("tracking/sql/sqlite.c",),
    r"pcre2\.h": ("autolog/regex.c",),
    r"openssl/.*": ("tracking/digest.c", "tracking/base64.c"),
    r"yaml\.h": ("tracking/models/mlmodel.c",),
    r"cjson/.*|cJSON\.h": ("tracking/", "autolog/", "tuner/", "cli/"),
    r"libsvm/.*|svm\.h": ("hooks/adapters/", "examples/"),
    r"gsl/.*": ("tuner/", "examples/"),
    r"ffi\.h": ("hooks/", "tracking/models/"),
    r"curl/.*": ("tracking/rest/",),
}
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", re.MULTILINE)


def own_header_first(path, text):
    """A .c file with a header of its own includes that, or the private one beside it (x_layout.h of
    x.c), before any other but the one that pins symbols. Examples build alone and name no folder."""
    header = path[:-2] + ".h"
    if not path.endswith(".c") or not os.path.exists(os.path.join(sys.argv[1], header)):
        return True
    targets = [match.group(2) for match in INCLUDE.finditer(text)]
    first = next((name for name in targets if name != "core/compat_glibc.h"), "")
    if path.startswith("examples" + os.sep):
        header = os.path.basename(header)
    return first == header or first.startswith(path[:-2] + "_")


def main():
    root = sys.argv[1]
    results = tap.Tap()
    wrong_way, third_party, unknown, not_first, seen = [], [], [], [], 0
    for path in tree.files(root, ".c", ".h"):
        folder = path.split(os.sep)[0]
        if folder == "tests":
            continue
        text = tree.read(root, path)
        seen += 1
        if not own_header_first(path, text):
            not_first.append(path)
        for match in INCLUDE.finditer(text):
            target = match.group(2)
            where = f"{path}:{tree.line_of(text, match.start())}: {target}"
            if folder not in MAY_INCLUDE:
                unknown.append(where)
            elif match.group(1) == '"' or target.split("/")[0] in MAY_INCLUDE:
                beside = os.path.exists(os.path.join(root, os.path.dirname(path), target))
                if target.split("/")[0] not in MAY_INCLUDE[folder] and not (
                        folder == "examples" and beside):
                    wrong_way.append(where)
            for pattern, places in THIRD_PARTY.items():
                if re.fullmatch(pattern, target) and not path.startswith(places):
                    third_party.append(where)
    results.check(seen > 0, "there are sources to look at")
    results.none(unknown, "every source lies in a folder that the architecture knows")
    results.none(wrong_way, "dependencies between folders point one way")
    results.none(third_party, "each third-party library is used in its one place")
    results.none(not_first, "a source file includes its own header first")
    return results.done()


sys.exit(main())
