# SPDX-License-Identifier: Apache-2.0
"""Which mutants a list has: drawn by a seed, the same in every run, and hardly others when the tree changes."""
import hashlib
import math
import os
from dataclasses import dataclass

from source import RULES, Source


class Wrong(Exception):
    """A file of ours that is not as it has to be."""


@dataclass
class Room:
    name: str
    count: int
    folders: list


@dataclass
class Slot:
    """A place in the list: the first of its candidates that compiles, to other code than the original's, has it."""
    room: str
    rule: str
    number: int
    rank: float
    candidates: list

    @property
    def name(self):
        return f'{self.room}/{self.rule}/{self.number}'


def rooms_of(top, files):
    """The rows of tests/data/mutants-rooms. Every directory with code of the program is in one."""
    path = 'tests/data/mutants-rooms'
    rooms, known = [], set()
    with open(os.path.join(top, path), encoding='utf-8') as f:
        for line in f:
            words = line.split()
            if not words or words[0].startswith('#'):
                continue
            if words[0] == '-':
                known.add(words[1])
            else:
                rooms.append(Room(words[0], int(words[1]), words[2:]))
                known.update(words[2:])
    for f in files:
        folder = os.path.dirname(f)
        if f.endswith('.c') and folder.split('/')[0] not in ('tests', 'scripts', 'docs') and folder not in known:
            raise Wrong(f'{path}: {folder} is in no row')
    return rooms


def random_of(*words):
    """A number from 0 to 1 that depends on the words alone."""
    digest = hashlib.sha256('\0'.join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], 'big') / 2 ** 64


def shares(count, places):
    """How many of `count` mutants each rule makes. A rule with few places gives what it cannot have to the others."""
    given = {rule: 0 for rule in RULES}
    for _ in range(count):
        # Each mutant wants three candidates.
        free = [r for r in RULES if given[r] * 3 + 3 <= places[r]]
        if not free:
            break
        given[min(free, key=lambda r: (given[r] + 1) / RULES[r])] += 1
    return given


def slots_of(seed, room, sources):
    """The room's part of the list. A file with many places has more mutants, but not in proportion: tables are long."""
    by_rule = {rule: [] for rule in RULES}
    for source in sources:
        found = {}
        for m in source.mutants():
            found.setdefault(m.rule, []).append(m)
        for rule, mutants in found.items():
            mutants.sort(key=lambda m: random_of(seed, *m.key))
            share = math.sqrt(len(mutants))
            by_rule[rule] += [((i + random_of(seed, m.file, rule)) / share, random_of(seed, *m.key), m)
                              for i, m in enumerate(mutants)]
    slots = []
    for rule, count in shares(room.count, {r: len(m) for r, m in by_rule.items()}).items():
        ranked = [m for _, _, m in sorted(by_rule[rule], key=lambda x: x[:2])]
        for i in range(count):
            slots.append(Slot(room.name, rule, i + 1, 0.0, ranked[i::count]))
    slots.sort(key=lambda s: random_of(seed, s.name))
    for i, slot in enumerate(slots):
        slot.rank = (i + 0.5) / len(slots)
    return slots


def whole_list(top, files, seed):
    """All slots, those of all rooms mixed: every stretch of the list is of all rooms. And {file: its Source}."""
    slots, sources = [], {}
    for room in rooms_of(top, files):
        for f in files:
            if f.endswith('.c') and os.path.dirname(f) in room.folders:
                with open(os.path.join(top, f), encoding='utf-8') as text:
                    sources[f] = Source(f, text.read())
        slots += slots_of(seed, room, [s for f, s in sources.items() if os.path.dirname(f) in room.folders])
    return sorted(slots, key=lambda s: (s.rank, s.name)), sources


EQUIVALENT = 'tests/data/mutants-equivalent'


def sources_of_equivalents(top):
    """{file: its Source}, of the files that have a row."""
    with open(os.path.join(top, EQUIVALENT), encoding='utf-8') as f:
        names = {line.split('\t')[0] for line in f if line.strip() and not line.startswith('#')}
    sources = {}
    for name in sorted(n for n in names if os.path.isfile(os.path.join(top, n))):
        with open(os.path.join(top, name), encoding='utf-8') as text:
            sources[name] = Source(name, text.read())
    return sources


def equivalents_of(top, sources):
    """tests/data/mutants-equivalent: {key of a mutant: reason}. A row that fits no mutant of today's tree is wrong."""
    path = EQUIVALENT
    reasons = {}
    if not os.path.exists(os.path.join(top, path)):
        return reasons
    with open(os.path.join(top, path), encoding='utf-8') as f:
        for nr, line in enumerate(f, 1):
            line = line.rstrip('\n')
            if not line or line.startswith('#'):
                continue
            row = line.split('\t')
            if len(row) != 6 or not row[2].isdigit():
                raise Wrong(f'{path}:{nr}: needs file, function, number, statement, changed statement, reason, with a tab between')
            if len(row[5].split()) < 3:
                raise Wrong(f'{path}:{nr}: {row[0]}: {row[1]}: has no reason')
            key = (row[0], row[1], int(row[2]), row[3], row[4])
            if row[0] not in sources or all(m.key != key for m in sources[row[0]].mutants()):
                raise Wrong(f'{path}:{nr}: {row[0]}: {row[1]}: has no such mutant; mend the row or take it out')
            reasons[key] = row[5]
    return reasons
