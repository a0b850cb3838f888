#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a compiler does not check.

usage: layers.py SOURCE_ROOT BUILD_ROOT

- Includes are written from the root and go down only: cmd -> vmm -> boot, devices, security -> vmm/base. The three in
  the middle are siblings: none includes another. Only tests include tests/.
- <linux/kvm.h> is included only under vmm/, not in vmm/base, and in tests.
- Every source, script and build file has its SPDX line.
- Every .c file is built: it belongs to a target of the build, every unit test is also run, and what runs in a guest is
  named by a script.
"""
import json
import os
import re
import subprocess
import sys

LAYER = {'vmm/base': 0, 'boot': 1, 'devices': 1, 'security': 1, 'vmm': 2, 'cmd': 3, 'tests': 4}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
SPDX = 'SPDX-License-Identifier: Apache-2.0'


def room_of(path):
    if path.startswith('vmm/base/'):
        return 'vmm/base'
    top = path.split('/')[0]
    return top if top in LAYER else None


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
    for path in files:
        room = room_of(path)
        if room is None or not path.endswith(('.c', '.h')):
            continue
        for m in INCLUDE.finditer(text_of(root, path)):
            quoted, target = m.group(1) == '"', m.group(2)
            if target in ('linux/kvm.h', 'linux/kvm_para.h', 'asm/kvm.h') and room not in ('vmm', 'tests'):
                yield f'{path}: only vmm/ may include <{target}>'
            if not quoted:
                continue
            other = room_of(target)
            if target not in known and not any(os.path.exists(os.path.join(r, target)) for r in (root, build)):
                yield f'{path}: "{target}" is not a file under the root'
            elif other is None:
                yield f'{path}: "{target}" is in no room'
            elif other != room and LAYER[other] >= LAYER[room]:
                yield f'{path}: {room} must not include {other} ("{target}")'


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
        if path.startswith(('tests/guest/', 'tests/data/')):
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


def main():
    root, build = sys.argv[1:3]
    files = files_of(root)
    if not any(f.startswith('vmm/base/') for f in files):
        sys.exit(f'layers.py: no sources under {root}')
    bad = [*check_includes(root, build, files), *check_spdx(root, files), *check_built(root, build, files)]
    for line in bad:
        print(line)
    print(f'{len(files)} files checked, {len(bad)} broken rules')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
