#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz corpora anew: inputs that mean something to their target, each named by
what it shows. Usage: seeds.py CORPUS_FOLDER"""

import os
import struct
import sys

PARAM, METRIC, TAG, PROCESS, EXIT, RUN_START, RUN_END = 6, 7, 8, 2, 3, 4, 5
FILE, ARTIFACT, MODEL, TRAIN_BEGIN, TRAIN_END = 9, 10, 11, 12, 13
HEADER, POSITIONS, SLOTS, NAMES, NAME_TEXT, CELLS = range(6)
CLAIMED, COMMITTED, CLAIMED_TEXT = 1, 2, 3
READ, REMAKE_READER = b"\3", b"\7"


def u24(n):
    return struct.pack("<I", n)[:3]


# ---- ring: a list of steps ----

def over(region, at, data):
    return bytes([region]) + u24(at) + bytes([len(data)]) + data


def forge(position, lap, state, body, owner=b""):
    return u24(position) + bytes([lap, state]) + body + owner


def body(kind=METRIC, flags=0, key=0, text=0):
    return struct.pack("<HHIqqQiiIIIHH", kind, flags, key, 5, 7, 0, 1, 1, 0, 0, text, 0, 0)


def text_body(length, following, data=b""):
    return struct.pack("<HHI", 1, length, following) + data.ljust(48, b"x")


def put(kind, key, text=b"", flags=0):
    return (b"\2" + bytes([kind]) + struct.pack("<Hq", flags, 3) + key + b"\0run\0\0" +
            struct.pack("<H", len(text)) + text)


RELEASE = b"\5\0"


def before(*steps):
    return bytes([len(steps)]) + b"".join(steps)


def ring_seeds():
    yield "events", before() + put(METRIC, b"loss") + put(TAG, b"k", b"v" * 300) + READ + RELEASE + READ
    yield "magic", before(b"\0" + over(HEADER, 0, b"NORING!!"))
    yield "sizes", before(b"\0" + over(HEADER, 8, struct.pack("<IIII", 1, 1 << 31, 3, 5)))
    yield "config_without_end", before(b"\0" + over(HEADER, 200, b"A" * 255))
    yield "positions_at_the_end", (before(b"\0" + over(POSITIONS, 0, b"\xff" * 136)) + READ +
                                   put(METRIC, b"x") + RELEASE + READ)
    yield "position_behind_tail", (before() + put(METRIC, b"x") + READ + b"\0" +
                                   over(POSITIONS, 64, b"\0" * 8) + RELEASE + READ)
    yield "text_around_the_ring", before(
        b"\1" + forge(0, 0, COMMITTED, body(TAG, text=1)),
        b"\1" + forge(1, 0, COMMITTED, text_body(48, 2)),
        b"\1" + forge(3, 0, COMMITTED, text_body(0, 0xffffffff))) + READ + RELEASE
    # The words' laps repeat after 2^34 positions: empty text cells that lead back to the first.
    yield "text_in_a_circle", before(
        b"\1" + forge(0, 0, COMMITTED, body(TAG, text=1)),
        *(b"\1" + forge(1 + i, i, COMMITTED, text_body(0, (1 << 31) + (1 if i < 7 else -7)))
          for i in range(8))) + READ + RELEASE
    yield "spelled", before(b"\1" + forge(0, 0, COMMITTED, body(METRIC, 0x80, text=1)),
                            b"\1" + forge(1, 0, COMMITTED, text_body(20, 0, b"key\0run\0mo"))) + READ
    yield "name_outside", before(
        b"\0" + over(NAMES, 0, struct.pack("<Q", 0xfffffffe)),
        b"\0" + over(NAMES, 16, struct.pack("<Q", 131071)),
        b"\1" + forge(0, 0, COMMITTED, body(METRIC, key=1)),
        b"\1" + forge(1, 0, COMMITTED, body(METRIC, key=2)),
        b"\1" + forge(2, 0, COMMITTED, body(METRIC, key=0x7fffffff))) + READ
    yield "name_too_long", before(
        b"\0" + over(NAMES, 0, struct.pack("<Q", 2)),
        b"\0" + over(NAME_TEXT, 0, struct.pack("<H", 1025) + b"n" * 100),
        b"\1" + forge(0, 0, COMMITTED, body(METRIC, key=1))) + READ
    yield "name_text_used_up", (before(b"\0" + over(POSITIONS, 180, b"\xff" * 60)) +
                                put(METRIC, b"new key") + READ)
    yield "open_claims", before(
        b"\1" + forge(0, 0, CLAIMED, body(), b"\x01\0\0\0\0"),
        b"\1" + forge(1, 0, CLAIMED_TEXT, body(), b"\xff\xff\xff\xff\xff"),
        b"\1" + forge(2, 0, COMMITTED, body())) + READ + RELEASE + READ + REMAKE_READER + READ
    yield "slots", before(b"\0" + over(SLOTS, 0, b"\xff" * 200)) + put(METRIC, b"x") + READ + b"\6"
    yield "error_text", before(b"\0" + over(HEADER, 5400, b"E" * 255)) + b"\6"


# ---- journal: how, then records with their lengths ----

def record(kind, key=b"", run=b"", model=b"", text=b"", lengths=None):
    sizes = lengths or (len(key), len(run), len(model))
    packed = (struct.pack("<HHiiqqd", kind, 0, 1, 1, 1700000000000000000, 4, 0.5) +
              struct.pack("<HHHH", *sizes, 0) + key + run + model + text)
    return bytes([len(packed)]) + packed if len(packed) < 200 else \
        bytes([200]) + struct.pack("<H", len(packed)) + packed


def journal_seeds():
    yield "records", b"\1" + record(METRIC, b"loss") + record(TAG, b"k", b"r" * 32, b"", b"a\0b")
    yield "names_longer_than_body", b"\1" + record(METRIC, b"x", lengths=(65535, 65535, 65535))
    yield "body_too_short", b"\1" + bytes([20]) + b"s" * 20
    yield "wrong_checksum", b"\1" + b"\xfe\x40\0" + b"c" * 64 + record(METRIC, b"after")
    yield "wrong_length", b"\1" + b"\xff\x40\0" + b"l" * 64 + b"\xff\xff\xff\x7f" + record(METRIC, b"a")
    yield "torn", b"\0\xff\xff" + struct.pack("<II", 1000, 0) + b"half"
    yield "empty", b"\0\0\0"
    yield "magic", b"\0\0\0NORECORD"
    yield "other_version", b"\0\x08\0\x63\0\0\0"
    yield "synced_at_the_end", b"\0\x10\0" + b"\xff" * 7 + b"\x7f"
    yield "texts_without_end", b"\0\xa0\0" + b"t" * 5200
    yield "large", b"\1" + record(TAG, b"k", text=b"T" * 5000) + record(EXIT)


# ---- command lines: words ended by NUL ----

def cmdline_seeds():
    lines = {
        "svm": ["svm-train", "-s", "0", "-c10", "-g", "0.5", "data", "model"],
        "long_options": ["./train", "--lr=1e-3", "--epochs", "10", "--verbose", "--no-cuda", "x"],
        "secrets": ["t", "--token=abc", "--api-key", "def", "password=ghi", "--url",
                    "https://u:p@h/x"],
        "wrapped": ["env", "A=1", "nice", "-n", "5", "timeout", "--signal=INT", "10", "sh", "-c",
                    "B=2 exec ./a -c 3 'x y' \"z\\\"\""],
        "mpi": ["mpirun", "-np", "4", "--host", "a,b", "./solver", "+k=v", "in.dat"],
        "shell_syntax": ["sh", "-c", "a | b; c > d $(e) `f` {g} ~ # h"],
        "shell_in_shell": ["sh", "-c", "sh -c 'sh -c \"sh -c a\"'"],
        "quotes_without_end": ["sh", "-c", "a 'b"],
        "numbers": ["t", "-1", "-1e5", "-.5", "--", "-x", "-", "--=", "=", "-=v", "--a=b=c"],
        "empty_words": ["", "", "-", "--"],
        "utf8": ["t", "--größe=5", "\u2028", "--\u0301=1"],
        "secret_last": ["t", "--password"],
        "train_file": ["t", "-train", "/dev/null", "-output", "out", "a=1", "b:=2"],
    }
    for name, words in lines.items():
        yield name, b"".join(word.encode() + b"\0" for word in words)
    yield "not_utf8", b"t\0--\xff\xfe=\x80\0\xc3\0"


# ---- recogniser: mode, rules, empty line, pieces of output ----

def pieces(text):
    parts = [text[at:at + 200] for at in range(0, len(text), 200)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def recogniser_seeds():
    svm = (b"*\noptimization finished, #iter = 162\nnu = 0.431029\nobj = -100.877288, rho = 0.424462\n"
           b"nSV = 132, nBSV = 107\nTotal nSV = 132\nCross Validation Accuracy = 82.5%\n")
    cases = {
        "svm": (3, [], svm),
        "name_rule": (0, ["loss=loss[=: ]+(\\S+)"], b"loss: 0.5\r loss=nan\n loss 1e400\n"),
        "key_rule": (0, [r"\key = \value"], b"a = 1, b = 2.5e-3 c=inf\n"),
        "step_rule": (0, [r"l=\step: \num"], b"12: 0.25\n99999999999999999999: 1\n"),
        "num_only": (0, [r"x=x \num"], b"x 1.0D+02\nx 95.3%,\n"),
        "empty_match": (0, [r"(?<key>a*)(?<value>)"], b"aaaabaaa\n" * 5),
        "backtracking": (0, ["x=(a+)+$"], b"a" * 150 + b"b\n"),
        "reset_start": (0, [r"x=(?=(1\K2))"], b"12 12\n"),
        "recursion": (0, [r"x=((?:(?1))|1)"], b"((((1))))\n"),
        "many_groups": (0, ["x=" + "(a)" * 40], b"a" * 50),
        "bad_rules": (0, ["x=(", "*="], b""),
        "binary": (0, ["x=(.)"], bytes(range(256)) * 2),
        "escapes": (0, [r"\key=\value"], b"\x1b[1;31ml=1\x1b[0m\x1b]0;title\x07 m=2\x1b(B\x1b\n"),
        "long_line": (0, [r"\key=\value"], b"k=1 " * 3000),
        "callout_and_verbs": (0, ["x=(?C1)(1)(*COMMIT)(*FAIL)|(*ACCEPT)"], b"1\n"),
        "words": (4, [], b"2024-01-31 12:00:00,1 INFO:a: seed: 3\nEpoch [1/3], Step [10/ 20] Loss: 4.5 (nan)\n"
                         b"Accuracy: 98/100 (98%)\n'lr': 2e-05, |g| 3 #it = 4\nepoch 1 loss 2\n"),
        "recurrence": (5, [], b"1: 9.5, 3 foo, x=1\n2: 8.5, 4 foo, x=2\n3: 7.5, 5 foo, x=3\n1: 1, 2 foo, x=4\n"),
        "signatures": (9, [], b"[0]\ttrain-auc:0.5\n[LightGBM] [Info] Iteration:1, a b : 2\nEpoch 1/2\n"
                              b"5/5 - loss: 1\n{\"step\":1,\"a\":{\"b\":[2,{\"c\":1}]}}\nTrain Epoch: 1 [2/3 (1%)] Loss: 4\n"
                              b"1: 2, 3 avg, 4 rate, 5 seconds, 6 images\naverage since example example current\n"
                              b"0.5 0.25   8 8.0 1 0.5 9\nGrowing trees\nOverall OOB prediction error: 0.5\n"),
        "tails": (20, [], b"loss: 1\rloss: 2 acc=3"),
    }
    for name, (mode, rules, output) in cases.items():
        yield name, (bytes([mode]) + b"".join(rule.encode() + b"\n" for rule in rules) + b"\n" +
                     pieces(output))


# ---- apply: events ----

def event(kind, key=b"\0", run=b"\0", model=b"\0", text=b"", flags=0, step=0):
    """|key|, |run|, |model|: the number of a known name, or 255 and a text ended by NUL."""
    return (bytes([kind]) + struct.pack("<HB", flags, 1) + bytes([step, 0]) + key + run + model +
            struct.pack("<H", len(text)) + text)


def own(text):
    return b"\xff" + text + b"\0"


def apply_seeds():
    session = (event(PROCESS, b"\3", text=b"svm-train\0-c\0" + b"10\0in\0model", step=1) +
               event(RUN_START, text=b"name") +
               event(FILE, text=b"") + event(TRAIN_BEGIN, b"\2", model=b"\1", text=b"c=C g=gamma") +
               event(PARAM, own(b"C"), text=b"10", flags=1) +
               event(METRIC, b"\0", model=b"\1", step=1) + event(TAG, own(b"t"), text=b"v"))
    yield "session", b"\2" + session + event(MODEL, model=b"\1", text=b"\0model\0libsvm\0" + b"3") + \
        event(TRAIN_END, b"\2", model=b"\1") + event(EXIT) + event(RUN_END, step=3)
    yield "child_run", b"\0" + event(RUN_START, run=b"\2", text=b"c\0" + b"0123456789abcdef" * 2) + \
        event(METRIC, b"\0", run=b"\2") + event(RUN_END, run=b"\2", step=4)
    yield "model_id_too_long", b"\0" + event(MODEL, model=own(b"m-" + b"0" * 60), text=b"\0n\0f\0v")
    yield "model_id_bad", b"\0" + event(METRIC, model=own(b"no model")) + \
        event(MODEL, model=own(b"no model"), text=b"\0n")
    details = (b'{"params":{"p":"1","":"x"},"tags":{"t":"u"},"metadata":{"a":[1]},'
               b'"signature":{"inputs":[{"type":"double"}]},"experiment_name":"lone"}')
    yield "model_alone", b"\0" + event(
        MODEL, model=b"\1", text=b"\0lone\0file\0" + b"1\0kind\0" + details, flags=0x400)
    yield "model_taken", b"\0" + event(METRIC, model=b"\1") + event(
        MODEL, model=b"\1", text=b"\0n\0f\0v\0t\0{\"params\":7,\"tags\":[", flags=0x200)
    yield "run_id_too_long", b"\0" + event(METRIC, run=own(b"f" * 100)) + event(METRIC)
    yield "run_id_bad", b"\0" + event(METRIC, run=own(b"../../x")) + event(TAG, own(b"k"), text=b"v")
    yield "bad_keys", b"\0" + event(METRIC, own(b"a\xffb")) + event(METRIC, own(b"../x")) + \
        event(PARAM, own(b"!"), text=b"v") + event(TAG, own(b"//"), text=b"v") + event(METRIC, b"\1")
    yield "conflicting_params", b"\0" + b"".join(
        event(PARAM, own(b"p"), text=value, flags=source)
        for source, value in ((1, b"1"), (2, b"2"), (5, b"3"), (0, b"4"), (0, b"5"))) + event(METRIC)
    yield "many_words", b"\0" + event(PROCESS, text=b"\0" * 4000)
    yield "artifact", b"\0" + event(ARTIFACT, text=b"\0folder") + event(ARTIFACT, text=b"gone\0x") + \
        event(ARTIFACT, text=b"\0../../out")
    yield "after_the_end", b"\0" + event(RUN_END, step=3) + event(METRIC) + event(RUN_END, step=99)
    yield "experiment", b"\0" + event(RUN_START, run=b"\2", text=b"n\0\0other experiment") + \
        event(METRIC, run=b"\2")


# ---- elf: a file, made of its sections ----

def elf(sections, count=None, names=None, machine=62, wide=True):
    """|sections|: (name, type, link, flags, data); the last one is made here and holds the names."""
    texts, offsets = b"\0", []
    for name, *_ in sections + [(b".shstrtab",)]:
        offsets.append(len(texts))
        texts += name + b"\0"
    rows = sections + [(b".shstrtab", 3, 0, 0, texts)]
    head = 64 if wide else 52
    data, headers = b"", b""
    for offset, (_, kind, link, flags, content) in zip(offsets, rows):
        at = head + len(data)
        headers += struct.pack("<IIQQQQIIQQ" if wide else "<IIIIIIIIII", offset, kind, flags, 0, at,
                               len(content), link, 0, 1, 0)
        data += content
    count, names = count or len(rows), names or len(rows) - 1
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + b"\0" * 9
    return ident + struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH", 3, machine, 1, 0, 0,
                               head + len(data), 0, head, 0, 0, 64 if wide else 40, count,
                               names) + data + headers


def note(name, kind, content):
    pad = -len(content) % 4
    return struct.pack("<III", len(name), len(content), kind) + name + content + b"\0" * pad


def elf_seeds():
    strings = b"\0libc.so.6\0libtrain.so.2\0$ORIGIN/../lib:/opt/lib\0"
    tags = ((1, 1), (14, 11), (29, 25), (0, 0))
    parts = [(b".dynstr", 3, 0, 0, strings),
             (b".dynamic", 6, 0, 0, b"".join(struct.pack("<qQ", *tag) for tag in tags)),
             (b".note.gnu.build-id", 7, 0, 0, note(b"GNU\0", 3, bytes(range(20)))),
             (b".comment", 1, 0, 0x30, b"GCC: (Debian 12.2.0-14) 12.2.0\0Debian clang version 14.0.6\0"),
             (b".GCC.command.line", 1, 0, 0x30, b"GNU C17 12.2.0 -O2 -DTOKEN=x\0")]
    yield "library", elf(parts)
    yield "debug_producer", elf(parts[:4] + [(b".debug_str", 1, 0, 0x30,
                                              b"main\0GNU Fortran2008 12.2.0 -O3\0int\0")])
    yield "narrow", elf([(b".dynstr", 3, 0, 0, strings),
                         (b".dynamic", 6, 0, 0, b"".join(struct.pack("<iI", *tag) for tag in tags))],
                        machine=3, wide=False)
    yield "compressed", elf([(b".comment", 1, 0, 0x830, b"x" * 40)])
    yield "many_sections", elf(parts, count=0xffff)
    yield "names_outside", elf(parts, names=99)
    yield "string_outside", elf([(b".dynstr", 3, 0, 0, b"no end"),
                                 (b".dynamic", 6, 0, 0, struct.pack("<qQqQ", 1, 3, 14, 1 << 63))])
    yield "note_too_long", elf([(b".note", 7, 0, 0, struct.pack("<III", 4, 1 << 31, 3) + b"GNU\0")])
    yield "note_name_too_long", elf([(b".note", 7, 0, 0, struct.pack("<III", 0xffffffff, 4, 3))])
    yield "no_elf", b"#!/bin/sh\nexit 0\n"
    yield "cut", elf(parts)[:100]


# ---- proc: the parser's number, then the text ----

def proc_seeds():
    yield "cpu", b"\0cpu  10 2 30 400 5 6 7 8 9 10\ncpu0 1 2 3 4\n"
    yield "cpu_overflow", b"\0cpu  " + b"99999999999999999999 " * 10
    yield "memory", b"\1MemTotal:  16000 kB\nMemFree: 10 kB\nMemAvailable:  8000 kB\n"
    yield "memory_old", b"\1MemTotal:  16000 kB\nMemFree: 10 kB\nBuffers: 1 kB\nCached: 5 kB\n"
    yield "traffic", b"\2Inter-|\n face |bytes\n  lo: 1 2 3 4 5 6 7 8 9 10\neth0:5 0 0 0 0 0 0 0 6 0\n"
    yield "stat", (b"\x0342 (a ) b) S 1 2 3 4 -1 0 0 0 0 0 100 50 7 3 20 0 4 0 9999 1000000 256 "
                   b"18446744073709551615 1 1\n")
    yield "children", b"\x0412 13 99999999999 14 x"
    yield "maps", (b"\x0555d0-55e0 r-xp 00000000 08:01 12   /usr/bin/train\n"
                   b"7f00-7f10 r-xp 0 08:01 13 /usr/lib/libm.so.6\n7f10-7f20 r--p 0 08:01 13 /x\n"
                   b"7f20-7f30 r-xp 0 00:01 14 /memfd:x (deleted)\n7ffd-7ffe r-xp 0 0 0 [vdso]\n")
    yield "cpuinfo", b"\6processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n\n"
    yield "environ", b"\7A=1\0NAME=value\0NAME\0=x\0NAME="


# ---- model: an even byte and an MLmodel, or an odd one and coefficients ----

def mlmodel(text):
    return b"\0" + text


def linear(text):
    return b"\1" + text


def model_seeds():
    yield "mlmodel", mlmodel(
        b"artifact_path: /m\nflavors:\n  linear:\n    data: data/linear.json\n    version: 1\n"
        b"  python_function:\n    env:\n      conda: conda.yaml\n    python_version: 3.11.7\n"
        b"signature:\n  inputs: '[{\"type\": \"double\", \"name\": \"it''s\"}]'\n  params: null\n")
    yield "styles", mlmodel(b"a: \"x\\ty\"\nb: |\n  one\n  two\nc: >-\n  three\n  four\nd: [1, {e: f}]\n"
                            b"'g h': !!str 5\n? i\n: ~\nj:\n- k\n-\n  - l\n")
    yield "alias", mlmodel(b"a: &x [1]\nb: [*x, *x]\n")
    yield "documents", mlmodel(b"%YAML 1.1\n---\na: b\n...\n---\nc: d\n")
    yield "twice", mlmodel(b"a: b\na: c\n")
    yield "deep", mlmodel(b"a: " + b"[" * 63 + b"x" + b"]" * 63)
    yield "too_deep", mlmodel(b"a: " + b"{b: " * 200)
    yield "control", mlmodel(b"a: \"\\0\\x01\\u0085\\uFEFF\"\n")
    yield "not_utf8", mlmodel(b"a: \xff\xfe\n")
    yield "signature_no_json", mlmodel(b"signature:\n  inputs: '['\n  outputs: [a]\n")
    yield "regression", linear(b'{"version":1,"kind":"regression","n_features":2,"n_outputs":1,'
                               b'"coefficients":[0.1,-2e-300],"intercepts":[5],"feature_names":null}')
    yield "softmax", linear(b'{"version":1,"kind":"softmax","n_features":1,"n_outputs":2,"coefficients":[1,2],'
                            b'"intercepts":[0,0],"class_names":["a","b"]}')
    yield "huge_shape", linear(b'{"version":1,"kind":"regression","n_features":2147483647,'
                               b'"n_outputs":2147483647,"coefficients":[],"intercepts":[]}')
    yield "not_finite", linear(b'{"version":1,"kind":"logistic","n_features":1,"n_outputs":1,'
                               b'"coefficients":[1e999],"intercepts":[0]}')
    yield "truncated", linear(b'{"version":1,"kind":"logistic","n_feat')


# ---- search: the subject, then filter, token and orders ----

def search_seeds():
    yield "runs", (b"\0metrics.a > 0.5 AND params.`a` = 'x' and tags.\"b c\" IS NULL\0\0"
                   b"metrics.a DESC\0params.a\0start_time ASC")
    yield "runs_lists", b"\0run_id IN ('a', \"b\" 'c') AND status NOT LIKE 'x' AND run_id NOT IN('d',)\0"
    yield "runs_attributes", b"\0attr.`Run Name` ILIKE 'R%' AND Created >= 1.5e3 AND end_time != -1\0\0`Created` desc"
    yield "runs_datasets", b"\0dataset.name = 'iris' AND datasets.context IN ('a') AND dataset.digest LIKE '_%'\0"
    yield "runs_quotes", b"\0params.a = 'it''s' AND params.b = \"x\\\"y\" AND params.`c``d` = '\0\0metrics.`a b"
    yield "runs_signs", b"\0metrics.a-b/c > +1 AND metrics.x->y = -1 -- x\0"
    yield "runs_many", b"\0" + b"metrics.a > 0 AND " * 60
    yield "runs_deep", b"\0" + b"run_id IN (" * 100 + b")" * 100
    yield "experiments", (b"\1name LIKE 'D%' AND experiment_id IN ('0') AND tags.a IS NOT NULL AND "
                          b"creation_time > 1\0\0name\0experiment_id DESC")
    yield "models", (b"\2name in ('model', 3) AND metrics.a < inf AND params.a = x AND status = 'READY' AND "
                     b"creation_time > 1\0\0metrics.a DESC\0model_type")
    yield "token", b"\0\0eyJvZmZzZXQiOiAxMH0=\0"
    yield "token_of_models", (b"\2\0eyJvZmZzZXQiOjEsImV4cGVyaW1lbnRfaWRzIjpudWxsLCJmaWx0ZXJfc3RyaW5nIjpudWxsLCJv"
                              b"cmRlcl9ieSI6bnVsbH0=\0")


# ---- tune_spec: r a spec, w and s words, f a config file, p points, c a condition ----

def tune_spec_seeds():
    for number, spec in enumerate((
            "1e-5:1e-1:log", "2:32", "50:300:10", "float:1:10:0.5", "linear,rbf,poly", "one", "int:1:1024:log",
            "1:2:3:4:5", "0:1:log", "a,,b", "9007199254740993:9007199254740994", "0.1:0.7:0.2", "-0.0:0.0")):
        yield f"spec_{number}", b"r" + spec.encode()
    yield "words", b"wtrain\0--lr={lr}\0{depth=2:32}{{}}\0{trial}/{slot}"
    yield "words_of_a_shell", b"strain {lr} | tee {workdir}/log\0{kernel=a,b}"
    yield "words_without_a_space", b"wtrain\0{depth}\0{lr"
    yield "config_file", b'f{"lr": {lr}, "n": {"trial": {trial}}, "x": {{lr}}}'
    yield "points_json", b'p[{"lr": 0.1, "depth": 3}, {"kernel": "rbf", "lr": null}]'
    yield "points_objects", b'p{"lr": 0.1}\n{"depth": 4}'
    yield "points_lines", b'plr=0.1 depth=3\n# remark\nkernel="rbf"'
    yield "points_csv", b'plr,depth,kernel\r\n0.1,3,"rbf"\n,4,'
    yield "points_quote_open", b'plr\n"0.1'
    yield "condition", b'closs is nan or (loss > 10 and not "Cross Validation Accuracy" <= 1e-3)'
    yield "condition_deep", b"c" + b"(" * 40 + b"loss<1"
    yield "condition_long", b"c" + b" or ".join(b"loss < %d" % n for n in range(100))


# ---- study: how many objectives, the header, the space, trials ----

STUDY_SPACE = (b'{"names":["lr","kind"],"distributions":[{"name":"FloatDistribution","attributes":{"step":null,"low":1e-5,'
               b'"high":0.1,"log":true}},{"name":"CategoricalDistribution","attributes":{"choices":["a","b"]}}]}')
STUDY_HEADER = (b'{"version":1,"name":"s","metrics":["loss"],"directions":["minimize"],"sampler":"tpe","pruner":"none",'
                b'"seed":"7"}')


def study(*trials, objectives=b"\0", header=STUDY_HEADER, space=STUDY_SPACE):
    return objectives + b"\0".join((header, space, *trials))


def study_seeds():
    yield "whole", study(b'{"number":0,"state":"COMPLETE","values":[0.5],"params":[[0,0,0.01],[1,1,1]],"told":0}',
                         b'{"number":1,"state":"PRUNED","intermediate":[[0,1],[5,"nan"]],"told":1}',
                         b'{"number":2,"state":"WAITING","fixed":{"lr":"0.1"},"attributes":{"k":"v"},"generation":3}')
    yield "two_objectives", study(b'{"number":0,"state":"COMPLETE","values":["inf",-1e308],"constraints":{"c":1.5}}',
                                  objectives=b"\1")
    yield "params_that_cannot_be", study(b'{"number":0,"state":"FAIL","params":[[0,0,-1],[1,1,2],[9,9,9]]}',
                                         b'{"number":0,"state":"FAIL","params":[[0,0,0.1],[0,0,0.1]]}')
    yield "numbers_that_cannot_be", study(b'{"number":1e99,"state":"FAIL"}', b'{"number":0.5,"state":"FAIL"}',
                                          b'{"number":0,"state":"COMPLETE","values":["nan"]}',
                                          b'{"number":0,"state":"FAIL","told":-1,"generation":1e300}')
    yield "steps_not_in_order", study(b'{"number":0,"state":"FAIL","intermediate":[[3,1],[2,1]]}')
    yield "space_twice", study(space=STUDY_SPACE.replace(b'"kind"', b'"lr"'))
    yield "range_that_is_empty", study(space=STUDY_SPACE.replace(b'"high":0.1', b'"high":-1'))
    yield "later_version", study(header=STUDY_HEADER.replace(b'"version":1', b'"version":99'))
    yield "parts", study(header=b"{}", space=b'{"parts":  12,"names":[]}')
    yield "deep", study(b'{"number":0,"state":"FAIL","params":' + b"[" * 900 + b"]" * 900 + b"}")
    yield "owner", study(b'{"host":"far","pid":4711,"time_ms":1795468410024,"start":"1","boot":"x","pid_namespace":"4"}')


def main():
    folder = sys.argv[1]
    for target, seeds in (("ring", ring_seeds), ("journal", journal_seeds),
                          ("cmdline", cmdline_seeds), ("recogniser", recogniser_seeds),
                          ("apply", apply_seeds), ("elf", elf_seeds), ("proc", proc_seeds),
                          ("model", model_seeds), ("search", search_seeds),
                          ("study", study_seeds),
                          ("tune_spec", tune_spec_seeds)):
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        for name, data in seeds():
            with open(os.path.join(folder, target, name), "wb") as file:
                file.write(data)


main()
