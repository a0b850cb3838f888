#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the project that a compiler does not check.

usage: layers.py SOURCE_ROOT BUILD_ROOT

- Includes are written from the root. A room, which is a directory, includes itself, vmm/base and what its row of ROOMS
  names, and ROOMS has no circle. Only tests include tests/.
- <linux/kvm.h> is included only under vmm/, not in vmm/base, and in tests.
- Every source, script and build file has its SPDX line.
- Every .c file is built: it belongs to a target of the build, every unit test is also run, and what runs in a guest or is
  part of a script is named by a script.
- Every directory of the program is in a row of tests/data/mutants-rooms.
"""
import json
import os
import re
import subprocess
import sys

# Who may include whom. `vmm` is what lies in vmm/ itself: the configuration. What a row does not need is not in it.
ROOMS = {
    'vmm/base': '',
    'devices/virtio': '',
    'devices': '',
    'security': '',
    'security/gen': 'security',
    'boot/tables': '',
    'boot/init': '',
    'boot': 'boot/init',
    'vmm': 'security',
    'vmm/cpuid': '',
    'vmm/debug': '',
    'vmm/kvm': 'vmm vmm/cpuid devices',
    'vmm/debug/gdb': 'vmm/debug vmm/kvm vmm/host security',
    'vmm/snapshot': 'vmm/debug vmm/cpuid',
    'vmm/host': 'vmm devices/virtio security',
    'vmm/console': 'vmm vmm/host devices/virtio',
    'vmm/check': 'vmm/kvm vmm/cpuid boot security',
    'vmm/machine/virtio': 'vmm vmm/kvm vmm/host devices/virtio security',
    'vmm/machine': 'vmm vmm/kvm vmm/cpuid vmm/host vmm/console vmm/check vmm/debug vmm/debug/gdb vmm/machine/virtio '
                   'vmm/snapshot '
                   'boot boot/init boot/tables devices devices/virtio security',
    'vmm/program': 'vmm/kvm vmm/console vmm/debug/gdb boot devices security',
    'vmm/results': 'vmm/console',
    'vmm/exec': 'vmm/kvm vmm/cpuid boot security',
    'vmm/report': 'vmm vmm/kvm vmm/host vmm/machine security',
    'vmm/bench': 'vmm/kvm vmm/cpuid vmm/exec vmm/snapshot vmm/debug boot security',
    'cmd/options': 'vmm vmm/exec vmm/machine vmm/program vmm/report',
    'cmd/report': 'vmm/console vmm/report',
    'cmd/bench': 'cmd/options cmd/report vmm/bench vmm/check vmm/program',
    'cmd/test': 'cmd/options vmm/console vmm/host vmm/results security',
    'cmd/clones': 'vmm security',
    'cmd/gen': 'cmd/options vmm/cpuid vmm/exec vmm/program',
    'cmd': 'cmd/options cmd/report cmd/bench cmd/test cmd/clones vmm vmm/cpuid vmm/kvm vmm/host vmm/console vmm/check vmm/debug/gdb vmm/exec vmm/machine '
           'vmm/machine/virtio vmm/program vmm/report vmm/snapshot security',
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
SPDX = 'SPDX-License-Identifier: Apache-2.0'


def room_of(path):
    """The room that a file is in: its directory, or `tests` for all below it and scripts/; None: in none."""
    folder = os.path.dirname(path)
    if folder.split('/')[0] in ('tests', 'scripts'):
        return 'tests'
    return folder if folder in ROOMS else None


def check_rooms(files):
    """Yields one line per row of ROOMS that is wrong in itself: no files, an unknown name, a circle."""
    used = {room_of(f) for f in files}
    rank = {}

    def visit(room, path):
        if room in path:
            return f'layers.py: {" -> ".join([*path[path.index(room):], room])} is a circle'
        if room not in rank:
            rank[room] = True
            for other in ROOMS[room].split():
                wrong = visit(other, [*path, room]) if other in ROOMS else f'layers.py: {room} names {other}, no room'
                if wrong:
                    return wrong
        return None

    for room in ROOMS:
        if room not in used:
            yield f'layers.py: no file is in {room}'
        wrong = visit(room, [])
        if wrong:
            yield wrong


def files_of(root):
    """What git tracks; where there is no git (a tarball), everything but build directories."""
    try:
        out = subprocess.run(['git', '-C', root, '-c', 'safe.directory=*', 'ls-files', '-z'], capture_output=True,
                             check=True, text=True).stdout
        files = [f for f in out.split('\0') if f and os.path.exists(os.path.join(root, f))]
    except (OSError, subprocess.CalledProcessError):
        files = []
    if not files:
        for folder, dirs, names in os.walk(root):
            dirs[:] = [d for d in dirs if d != '.git' and not d.startswith('build')]
            files += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(files)


def text_of(root, path):
    with open(os.path.join(root, path), encoding='utf-8', errors='replace') as f:
        return f.read()


def check_includes(root, build, files):
    """Yields one line per include that breaks a rule. Headers that the build makes lie under its root."""
    known = set(files)
    needed = set()
    for path in files:
        room = room_of(path)
        if not path.endswith(('.c', '.h')):
            continue
        if room is None:
            yield f'{path}: {os.path.dirname(path)} is no room: give it a row in tests/support/layers.py'
            continue
        for m in INCLUDE.finditer(text_of(root, path)):
            quoted, target = m.group(1) == '"', m.group(2)
            if target in ('linux/kvm.h', 'linux/kvm_para.h', 'asm/kvm.h') and (room == 'vmm/base' or not room.startswith(('vmm', 'tests'))):
                yield f'{path}: only vmm/ may include <{target}>'
            if not quoted:
                continue
            other = 'tests' if target.startswith('tests/') else room_of(target)
            if target not in known and not any(os.path.exists(os.path.join(r, target)) for r in (root, build)):
                yield f'{path}: "{target}" is not a file under the root'
            elif other is None:
                yield f'{path}: "{target}" is in no room'
            elif room == 'tests' or other in (room, 'vmm/base'):
                pass
            elif other not in ROOMS[room].split():
                yield f'{path}: {room} must not include {other} ("{target}")'
            else:
                needed.add((room, other))
    for room, others in ROOMS.items():
        for other in others.split():
            if (room, other) not in needed:
                yield f'layers.py: {room} does not include {other}: take it out of its row'


def check_spdx(root, files):
    """Yields one line per file without the licence line in its first three lines."""
    for path in files:
        name = os.path.basename(path)
        if '/corpus/' in path or path.startswith('tests/data/'):
            continue
        wanted = name.endswith(('.c', '.h', '.S', '.py', '.sh', '.test')) or name in (
            'meson.build', 'meson_options.txt')
        head = text_of(root, path).split('\n', 3)[:3]
        if (wanted or head[0].startswith('#!')) and not any(SPDX in line for line in head):
            yield f'{path}: no line "{SPDX}" at its top'


def check_built(root, build, files):
    """Yields one line per .c file that nothing builds, and per unit test that nothing runs."""
    def info(name):
        with open(os.path.join(build, 'meson-info', name), encoding='utf-8') as f:
            return json.load(f)

    real = os.path.realpath
    run = {real(t['cmd'][0]) for t in info('intro-tests.json') if t['cmd']}
    owners = {}
    for target in info('intro-targets.json'):
        for group in target['target_sources']:
            for source in group.get('sources', []):
                owners.setdefault(real(source), []).append(target)
    recipes = ''.join(text_of(root, f) for f in files
                      if f.startswith(('scripts/', 'tests/')) and not f.endswith(('.c', '.h')) and '/corpus/' not in f)
    for path in files:
        if not path.endswith('.c') or room_of(path) is None:
            continue
        if path.startswith(('scripts/', 'tests/guest/', 'tests/data/')):
            if os.path.splitext(os.path.basename(path))[0] not in recipes:
                yield f'{path}: no script or meson.build names it'
            continue
        targets = owners.get(real(os.path.join(root, path)), [])
        # A helper that one test compiles for itself is named there by its path.
        if not targets and path not in recipes:
            yield f'{path}: in no meson.build, and no test compiles it'
        elif path.startswith(('tests/unit/', 'tests/fuzz/')):
            for target in targets:
                if target['type'] == 'executable' and not run & {real(f) for f in target['filename']}:
                    yield f'{path}: {target["name"]} is built but no test runs it'


def check_mutants(root, files):
    """scripts/mutate takes its faults from every directory of the program: each is in a row of tests/data/mutants-rooms."""
    sys.path.insert(0, os.path.join(root, 'scripts/mutate.d'))
    from draw import Wrong, rooms_of  # pylint: disable=import-outside-toplevel
    try:
        rooms_of(root, files)
    except Wrong as e:
        yield f'{e}: its number of mutants, or `-` and why none'


def main():
    root, build = sys.argv[1:3]
    files = files_of(root)
    if not any(f.startswith('vmm/base/') for f in files):
        sys.exit(f'layers.py: no sources under {root}')
    bad = [*check_rooms(files), *check_includes(root, build, files), *check_spdx(root, files), *check_built(root, build, files),
           *check_mutants(root, files)]
    for line in bad:
        print(line)
    print(f'{len(files)} files checked, {len(bad)} broken rules')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
