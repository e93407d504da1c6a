#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hooks as guests: each host program relies on one promise, and what it did is seen all the same.
Usage: test_manners.py HOOKS EVENTS HOSTS"""

import os

from stage import FILE, GETOPT, HOOKS, PARAM, check, done, host, run, skip

MODES = ("plain", "off", "dormant", "ring")


def same_in_all_modes(name, promise, *args, **options):
    """The host's own checks hold without hooks, switched off, dormant and logging. Returns the last."""
    for mode in MODES:
        seen = run(host(name), *args, mode=mode, **options)
        check(seen.status == 0 and seen.out == b"" and seen.err == b"", f"{promise} ({mode})", seen)
        if mode != "ring":
            check(seen.events == [] and seen.spool == [], f"{name}: nothing is logged ({mode})",
                  seen)
    return seen


def saw(seen, wanted, name, written=True):
    files = seen.files(written)
    check(wanted <= files, name, f"wanted {sorted(wanted)}, saw {sorted(files)}", seen)


seen = same_in_all_modes("errno_kept", "errno, results and modes are the C library's")
saw(seen, {"made", "made2", "made3", "made4"}, "files opened and renamed by every function are seen")
saw(seen, {"made"}, "files that are read are seen as read", written=False)
check(len(seen.events) == len({(event.text, event.flags) for event in seen.events}),
      "a file is reported once for each purpose", seen)
check([(event.key, event.text, event.flags) for event in seen.of(PARAM)] == [("a", "1", GETOPT)],
      "an option is seen with its value", seen)

seen = same_in_all_modes("forked", "fork works as always")
saw(seen, {"parent.txt", "child.txt", "after.txt"}, "parent and child are both seen")
pids = {os.path.basename(event.text): event.pid for event in seen.events if event.text}
check(pids["child.txt"] != pids["parent.txt"] == pids["after.txt"],
      "each process's events carry its own pid", seen)

seen = same_in_all_modes("vforked", "vfork and exec work as always")
saw(seen, {"image.txt", "after.txt"}, "the parent of a vfork and the new image are seen")

seen = same_in_all_modes("closed", "descriptors are the program's own")
saw(seen, {"before.txt", "after.txt", "stream.txt"},
    "a program that closes all descriptors is seen still")

seen = same_in_all_modes("threads", "small threads exit and are cancelled as always")
saw(seen, {f"thread{i}.txt" for i in range(8)} | {"after.txt"}, "all threads are seen")

seen = same_in_all_modes("signals", "hooks do not block in signal handlers")
saw(seen, {"main00.txt"}, "the program interrupted by signals is seen")

seen = same_in_all_modes("own_malloc", "hooked calls allocate nothing")
saw(seen, {"before.txt", "after.txt", "renamed.txt"}, "a program with its own malloc is seen")

seen = same_in_all_modes("options", "options are parsed as always",
                         "--learning-rate", "0.1", "-e", "5", "--fast", "-x", "-v")
check(seen.params() == {"learning-rate": "0.1", "epochs": "5", "fast": "true", "x": "true",
                        "verbose": "true"}, "options are seen by the program's own names", seen)

seen = same_in_all_modes("uses_foreign", "a function that is called like a hooked one gets its arguments")
check(seen.events == [], "a foreign library's function is not taken for LIBSVM's", seen)

early = os.path.join(os.path.dirname(host("early")), "libhost_early.so")
seen = run(host("closed"), preload=(HOOKS, early))
check(seen.status == 0, "hooks work before their constructor ran", seen)
saw(seen, {"after.txt"}, "what is opened after another library's first constructor is seen")
seen = run(host("closed"), preload=(HOOKS, early), mode="off")
check(seen.status == 0 and seen.events == [], "MLF_OFF holds before the constructor ran", seen)

seen = run("/bin/sh", "-c", "for i in 0 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do "
           "for k in 0 1 2; do : > f$i$j$k; done; done; done", preload=(HOOKS,))
check(seen.status == 0 and len(seen.events) == 200, "a process reports 200 files at most",
      len(seen.events))

seen = run("/bin/sh", "-c", "for f in a.py a.h liba.so.1 data; do : > $f; done; for f in "
           "/etc/hostname /proc/self/stat /usr/share/doc/libc6/copyright a.py liba.so.1 data; do "
           "read -r line < $f; done; :")
check(seen.files() == {"data"} == seen.files(written=False),
      "files of the system and code are not reported", seen)
seen = run("cat", "/etc/passwd", "/proc/self/stat")
check([event.text for event in seen.events if event.kind == FILE] == ["/etc/passwd"],
      "a file of the system is, when the command line names it", seen)

missing = run(host("closed"), env={"MLF_SESSION": "/nonexistent/ring"}, mode="dormant")
check(missing.status == 0 and missing.err == b"" and missing.spool == [],
      "a session that is not there does no harm", missing)

for kind in ("lazy", "now"):
    program = host("late_" + kind)
    if not os.path.exists(program):
        skip(f"late_{kind}", "LIBSVM is not installed")
        continue
    svm = "libsvm.so.3"
    seen = run(program, HOOKS, svm, "late.model", preload=())
    check(seen.status == 0, f"hooks can be opened late ({kind})", seen)
    saw(seen, {"thread.txt", "after.txt", "last.txt"},
        f"loaded objects are patched: files are seen ({kind})")
    check("before.txt" not in seen.files(), f"what was before is not seen ({kind})", seen)
    check(seen.params().get("C") == 7.0 and [key for key, _, _ in seen.metrics()].count("obj") == 1,
          f"loaded objects are patched: trainings are seen ({kind})", seen)
    plain = run(program, HOOKS, svm, "late.model", mode="off", preload=())
    check(plain.out == seen.out and plain.out.count(b"obj") == 1 and plain.events == [],
          f"what is printed stays the same, and MLF_OFF holds ({kind})", plain.out, seen.out)
    quiet = run(program, HOOKS, svm, "late.model", "quiet", preload=())
    check(quiet.out == b"" and [key for key, _, _ in quiet.metrics()].count("obj") == 1,
          f"a choice of silence made before the hooks came is kept ({kind})", quiet.out, quiet)
    both = run(program, HOOKS, svm, "late.model")
    check(both.status == 0 and [key for key, _, _ in both.metrics()].count("obj") == 1 and
          "before.txt" in both.files(), f"a preloaded library is not patched in again ({kind})", both)
done()
