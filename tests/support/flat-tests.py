#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes N flat programs of all kinds of outcomes, in an order that SEED decides: DIR/NNN-KIND, and DIR/hang.ini for those
that need a time limit of their own."""
import os
import random
import sys

HLT = b"\xf4"
KINDS = {
    "pass": ("", HLT),
    "zero": ("", b"\xb0\x00\xe6\xf4" + HLT),
    "ktap": ("KTAP version 1\n1..2\nok 1 a\nok 2 b # SKIP no\n", HLT),
    "skip": ("1..1\nok 1 a # SKIP no\n", HLT),
    "fail": ("", b"\xb0\x05\xe6\xf4" + HLT),
    "ktapfail": ("1..2\nok 1 a\nnot ok 2 b\n::error::x\n", HLT),
    "missing": ("1..3\nok 1 a\n", HLT),
    "crash": ("", b"\x0f\x0b"),
    "panic": ("[    1.25] Kernel panic - not syncing: made up\n", HLT),
    "splat": ("[    1.25] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n1..1\nok 1 a\n", HLT),
    "hang": ("1..1\nok 1 a\n", b"\xeb\xfe"),
}


def program(text, end):
    """Each character by OUT to the console's port, then the end."""
    return b"".join(b"\xb0" + bytes([c]) + b"\xe6\xe9" for c in text.encode()) + end


def main():
    where, count, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rng = random.Random(seed)
    few = ("crash", "panic", "splat", "hang")
    kinds = [k for k in few for _ in range(5)]
    kinds += [rng.choice([k for k in KINDS if k not in few]) for _ in range(count - len(kinds))]
    rng.shuffle(kinds)
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, "hang.ini"), "w", encoding="ascii") as ini:
        for i, kind in enumerate(kinds):
            name = f"{i:03}-{kind}"
            path = os.path.join(where, ("." if kind == "hang" else "") + name)
            with open(path, "wb") as f:
                f.write(program(*KINDS[kind]))
            if kind == "hang":
                ini.write(f"[{name}]\nprogram = .{name}\ntimeout = 1s\n")


main()
