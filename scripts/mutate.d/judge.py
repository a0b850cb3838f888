# SPDX-License-Identifier: Apache-2.0
"""What becomes of a mutant: built, and tried with one test after another until one fails."""
import os
import re
import time

import tree as trees
from tree import SKIPPED, Broken

# In their order: the cheap ones first. A later one tries only what the earlier ones left.
STAGES = ('unit', 'sanitizers', 'integration', 'lab')

# What builds the tree itself, or never runs vmm: the mutant's binary is not seen by it.
NOT_TRIED = {'axis', 'bench-script', 'kernel-names', 'lab-qemu', 'matrix', 'mutate', 'size'}

# The suites of the lab that boot what a room is about; --through lab.
LAB = {
    'boot': ('kernels', 'kexec'), 'cmd': ('outcomes', 'console'), 'devices': ('machine', 'legacy'),
    'devices/virtio': ('virtio-blk', 'virtio-net', 'virtio-small', 'durable'), 'security': ('sandbox', 'calls'),
    'vmm/base': ('machine', 'virtio-small'), 'vmm/kvm': ('unit-kvm', 'machine'), 'vmm/machine': ('machine', 'outcomes', 'flat'),
    'vmm/host': ('virtio-net', 'console', 'report'), 'vmm/debug': ('gdb',), 'vmm/snapshot': ('unit-kvm',),
    'vmm/results': (),
}


class Judge:
    """Tries the mutants of one tree. A test hangs that takes `hang` seconds more than five times what it took without one.
    `fails` is called with each test that fails without: it judges none."""

    def __init__(self, tree, through, hang, fails):
        self.tree, self.hang, self.fails = tree, hang, fails
        self.changed = set()  # the tests whose files the mutant changed
        self.stages = STAGES[:STAGES.index(through) + 1]

    def _unmutated(self, build, name, run, how, again=False):
        """Learns the seconds that a test takes without a mutant: None where it is skipped, or fails, which is reported."""
        key = (build, name)
        if self.known(key) and not again:
            return
        for _ in range(3):  # under load a test may be late
            status, seconds = run(how, 600)
            if status in (0, SKIPPED):
                break
        else:
            self.fails(f'{name} ({build}) fails without a mutant, status {status}', self.tree.tail())
            self.tree.times[key] = None
            return
        self.tree.learn(key, seconds if status == 0 else None)

    def known(self, key):
        return key in self.tree.times or self.tree.learnt(key)

    def _prepare(self, build, targets):
        """Without the mutant: everything that it will touch is built, and known."""
        t = self.tree
        if not t.ninja(build, sorted(targets)):
            raise Broken(f'the tree does not build:\n{t.tail()}')
        t.clean[build].update(t.digests(build, targets - t.clean[build].keys()))

    def _compiler_refused(self, build, targets, mutant, text):
        """What does not build with the mutant has to without it, else nothing is known."""
        words = self.tree.tail()
        self.tree.write(mutant.file, text)
        self._prepare(build, targets)
        what = re.findall(r'error: (.{0,80})', words)
        return 'killed', build, what[0] if what else 'does not build'

    def _try(self, run, how, seconds):
        """One test with the mutant. Returns None when it passes, else what failed. What fails has to fail twice."""
        most = self.hang + 5 * seconds
        status, took = run(how, most)
        if status in (0, SKIPPED):
            return None
        what = trees.failures(self.tree.log)
        if status is None:
            return 'timeout', f'no end within {most:.0f} s'
        if took < 20:
            again, _ = run(how, most)
            if again in (0, SKIPPED):
                return None
        return 'killed', what or f'status {status}'

    def _tests(self, build, mutant, text, only=None):
        """Builds the mutant and runs the tests that have it. Returns (verdict, test, what failed), or None: it survives."""
        t = self.tree
        t.set_up(build)
        names = [n for n in t.affected(build, mutant.file) if only is None or n in only]
        # Most are killed by the first test: the others are not even linked.
        for first, last in ((0, 1), (1, 4), (4, 12), (12, len(names))):
            found = self._batch(build, mutant, text, names[first:last])
            if found:
                return found
        return None

    def _batch(self, build, mutant, text, names):
        t = self.tree
        targets = t.targets_of(build, names)
        if not targets:
            return None
        if not targets <= t.clean[build].keys():
            t.write(mutant.file, text)
            self._prepare(build, targets)
        if not all(self.known((build, n)) for n in names):
            t.write(mutant.file, text)
            self._prepare(build, targets)
            for name in names:
                self._unmutated(build, name, lambda n, most: t.unit(build, n, most), name)
        t.write(mutant.file, mutant.apply(text))
        if not t.ninja(build, sorted(targets)):
            return self._compiler_refused(build, targets, mutant, text)
        now = t.digests(build, targets)
        changed = {w for w in targets if now[w] != t.clean[build][w]}
        touched = [n for n in names if t.tests[build][n]['needs'] & changed]
        self.changed.update(touched)
        for name in touched:
            seconds = t.times[(build, name)]
            if seconds is not None:
                found = self._try(lambda n, most: t.unit(build, n, most), name, seconds)
                if found:
                    return found[0], f'{build} {name}', found[1]
        return None

    def _build_vmm(self, mutant, text, folder):
        """Builds what scripts run: vmm with and without sanitizers, and in the lab the unit tests."""
        t = self.tree
        for build in ('gcc', 'asan'):
            targets = set(t.vmm)
            if folder == 'lab' and build == 'gcc':
                targets |= t.targets_of('gcc', t.affected('gcc', mutant.file))
            t.write(mutant.file, text)
            if not targets <= t.clean[build].keys():
                self._prepare(build, targets)
            t.write(mutant.file, mutant.apply(text))
            if not t.ninja(build, sorted(targets)):
                return self._compiler_refused(build, targets, mutant, text)
        return None

    def _without(self, mutant, text, folder, name, again=False):
        """The script on the tree without the mutant: how it was made stands in both builds again afterwards."""
        t = self.tree
        t.write(mutant.file, text)
        for build in ('gcc', 'asan'):
            self._prepare(build, t.vmm)
        self._unmutated(folder, name, t.script, f'tests/{folder}/{name}.test', again)
        return self._build_vmm(mutant, text, folder)

    def _scripts(self, folder, wanted, mutant, text):
        t = self.tree
        t.set_up('asan')
        refused = self._build_vmm(mutant, text, folder)
        if refused:
            return refused
        for name in sorted(wanted, key=lambda n: -self._mentions(folder, n, mutant.file)):
            if not self.known((folder, name)):
                self._without(mutant, text, folder, name)
            seconds = t.times[(folder, name)]
            if seconds is None:
                continue
            found = self._try(t.script, f'tests/{folder}/{name}.test', seconds)
            if not found:
                continue
            # On a busy machine a script may fail by itself: it is believed when it passes without the mutant right after.
            self._without(mutant, text, folder, name, again=True)
            if t.times[(folder, name)] is not None:
                return found[0], f'{folder} {name}', found[1]
        return None

    def _mentions(self, folder, name, file):
        """How much a script has to do with a file, by its words."""
        text = trees.read(os.path.join(self.tree.root, f'tests/{folder}/{name}.test')).decode()
        words = set(re.split(r'[-_/.]', file[:-2])) - {'vmm', 'cmd', 'devices', 'base'}
        return sum(20 * (w in name) + min(text.count(w), 20) for w in words)

    def integration_tests(self):
        folder = os.path.join(self.tree.root, 'tests/integration')
        found = []
        for f in sorted(os.listdir(folder)):
            if f.endswith('.test') and f[:-5] not in NOT_TRIED:
                if b'\n# nightly\n' not in trees.read(os.path.join(folder, f)):
                    found.append(f[:-5])
        return found

    def judge(self, room, mutant, after=None):
        """Returns a row: verdict (killed, timeout, survived), by what, at which stage, in which time. A mutant that
        survived the stage `after` before goes on behind it."""
        t = self.tree
        start = time.monotonic()
        path = os.path.join(t.root, mutant.file)
        text = trees.read(path).decode()
        found, stage, self.changed = None, '', set()
        stages = self.stages if after is None else [s for s in self.stages if STAGES.index(s) > STAGES.index(after)]
        try:
            for stage in stages:
                if stage == 'unit':
                    found = self._tests('gcc', mutant, text)
                elif stage == 'sanitizers':
                    found = self._tests('asan', mutant, text, self.changed or None)
                    if not found and mutant.rule == 'sync':
                        found = self._tests('tsan', mutant, text, self.changed or None)
                elif stage == 'integration':
                    found = self._scripts('integration', self.integration_tests(), mutant, text)
                else:
                    found = self._scripts('lab', LAB[room], mutant, text)
                if found:
                    break
        finally:
            t.write(mutant.file, text)
        verdict, by, what = found or ('survived', '', '')
        return {'verdict': verdict, 'by': by, 'what': what, 'stage': stage,
                'seconds': round(time.monotonic() - start, 1)}
