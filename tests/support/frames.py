#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a client of `vmm restore --each-frame` does, for tests/integration/each-frame.test and each-frame-more.test.

frames.py MODE VMM SNAPSHOT [OPTION...], where MODE is
  answers      frames of each kind, in one write, in pieces and one after the other
  cut          frames that are too long, longer than the buffer, or without an end
  many N       N frames, some of which end their guest
  time         prints the median of 300 empty frames in us: as the guest took it, and as the client saw it
"""
import statistics
import struct
import subprocess
import sys
import threading
import time

HEAD = struct.Struct("<IIIIQQ")
MARKED, LOST, REPLACED = 1, 2, 4
BUFFER = 0x40000


class Client:
    def __init__(self, *options):
        self.p = subprocess.Popen([sys.argv[2], "restore", "--each-frame", *options, sys.argv[3]],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.n = 0

    def put(self, *frames):
        self.raw(b"".join(struct.pack("<I", len(f)) + f for f in frames))

    def raw(self, data):
        self.p.stdin.write(data)
        self.p.stdin.flush()

    def get(self):
        head = self.p.stdout.read(HEAD.size)
        assert len(head) == HEAD.size, (head, self.p.stderr.read())
        size, status, flags, pages, ns, n = HEAD.unpack(head)
        assert size >= HEAD.size - 4
        self.n += 1
        assert n == self.n, (n, self.n)
        return status, flags, self.p.stdout.read(size - HEAD.size + 4), pages, ns

    def expect(self, status, flags, output):
        r = self.get()
        assert r[:3] == (status, flags, output), (self.n, r[:2], r[2][:99], (status, flags, output[:99]))
        return r[3:]

    def end(self, status, words=""):
        self.p.stdin.close()
        assert self.p.stdout.read() == b""
        err = self.p.stderr.read().decode()
        assert self.p.wait(60) == status, (self.p.returncode, err)
        assert words in err if words else err == "", err


def answers():
    c = Client("--line-timeout", "3s")
    echo = [b"", b"a", b"hello\r\n\x00\xff", bytes(range(64, 72)) * 40, b"a" * (BUFFER - 1) + b"z"]
    c.put(*echo)
    for e in echo:
        pages, ns = c.expect(0, MARKED, e[-256:] + b"\x01")
        assert 1 <= pages <= 8 + BUFFER / 4096 and ns > 0, (len(e), pages)
    # In pieces, of which each waits for nobody
    whole = b"".join(struct.pack("<I", len(e)) + e for e in echo[:4])
    threading.Thread(target=lambda: [c.raw(whole[i:i + 3]) for i in range(0, len(whole), 3)]).start()
    for e in echo[:4]:
        c.expect(0, MARKED, e[-256:] + b"\x01")
    for frame, status in ((b"P", 0), (b"R", 32), (b"T", 36), (b"K", 34), (b"H", 124)):
        c.put(frame)
        c.expect(status, 0, b"")
        c.put(b"after")
        c.expect(0, MARKED, b"after\x01")
    # The buffer and what is around it are as they were
    c.put(b"W" + b"x" * 5000, b"", b"z")
    pages, _ = c.expect(0, MARKED, b"x" * 256 + b"\x01")
    assert pages >= 7, pages
    c.expect(0, MARKED, b"\x01")
    c.expect(0, MARKED, b"z\x01")
    # A guest that KVM cannot take back
    c.put(b"I1", b"2", b"I3")
    c.expect(0, MARKED | REPLACED, b"I1\x01")
    c.expect(0, MARKED, b"2\x01")
    c.expect(0, MARKED | REPLACED, b"I3\x01")
    c.end(32, "2 guests were replaced")


def cut():
    c = Client()
    c.put(b"one")
    c.expect(0, MARKED, b"one\x01")
    c.put(b"b" * (BUFFER + 1), b"two")
    c.expect(2, 0, b"")
    c.expect(0, MARKED, b"two\x01")
    c.put(b"b" * (1 << 20), b"b" * ((1 << 20) + 1), b"three")
    c.expect(2, 0, b"")
    c.expect(2, 0, b"")
    c.expect(0, MARKED, b"three\x01")
    c.raw(struct.pack("<I", 9) + b"12345678")
    c.p.stdin.close()
    c.expect(2, 0, b"")
    c.end(2, "frame 7: its end is missing")
    for bad in (b"\x01", b"\x05\x00\x00\x00", struct.pack("<I", 0xffffffff) + b"x"):
        c = Client()
        c.raw(bad)
        c.p.stdin.close()
        c.expect(2, 0, b"")
        c.end(2, "frame 1: ")
    Client().end(0)


def many():
    total = int(sys.argv[4])
    kinds = {b"P": 0, b"R": 32, b"T": 36, b"I": 0}
    c = Client()

    def frame(i):
        first = [b"P", b"R", b"T", b"I"][i // 50 % 4] if i % 50 == 49 else b"e"
        return first + struct.pack("<I", i) * (i % 17)
    threading.Thread(target=lambda: [c.put(frame(i)) for i in range(total)]).start()
    for i in range(total):
        f = frame(i)
        if f[:1] in b"eI":
            c.expect(0, MARKED | (REPLACED if f[:1] == b"I" else 0), f + b"\x01")
        else:
            c.expect(kinds[f[:1]], 0, b"")
    c.end(32 if total > 99 else 0, "%d guests were replaced" % (total // 200) if total > 199 else "")


def time_empty():
    c = Client()
    seen, took = [], []
    for _ in range(320):
        begin = time.monotonic_ns()
        c.put(b"")
        ns = c.expect(0, MARKED, b"\x01")[1]
        seen.append(time.monotonic_ns() - begin)
        took.append(ns)
    print("guest %.0f us, client %.0f us" % (statistics.median(took[20:]) / 1e3, statistics.median(seen[20:]) / 1e3))
    c.end(0)


{"answers": answers, "cut": cut, "many": many, "time": time_empty}[sys.argv[1]]()
