#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: words.py ROOT: the program, the manual and the other texts installed below ROOT name no file that is not installed

What a program prints to whoever has only its package must not lead to vmm's source tree. Read are the strings of ELF
programs, manual pages, completions, examples, and ROOT/help, to which the test writes what scripts print. Files of C
in assertions are no advice, and are left out.
"""
import os
import re
import sys

root = sys.argv[1]
installed, places, texts = set(), set(), {}
for place, _, names in os.walk(root):
    places.add(place[len(root):])
    for name in names:
        path = os.path.join(place, name)
        inside = path[len(root):]
        installed.add(inside)
        with open(path, 'rb') as f:
            data = f.read()
        if data.startswith(b'\x7fELF') and '/bin/' in inside:
            texts[inside] = '\n'.join(s.decode() for s in re.findall(rb'[\t\x20-\x7e]{4,}', data))
        elif re.search(r'/share/(man|bash-completion|zsh|fish)/|/examples/|^/help/', inside):
            # A dash of mdoc's is one of ours.
            texts[inside] = re.sub(r'\\&|\\f.', '', data.decode().replace('\\-', '-'))
# A word that is a path of the source tree; a document of its top; one where the package puts things; a kind of file that
# nobody but us makes. A name behind > or --config may be the reader's own.
patterns = [
    r'(?<![\w/.$}-])(?:scripts|docs|configs|tests|cmd|vmm|boot|devices|security)/[\w@+-][\w.@+/-]*\w',
    r'(?<![\w/])(?:README|SECURITY|ARCHITECTURE|CHANGELOG|CONTRIBUTING)(?:\.md)?\b',
    r'/usr(?:/local)?/(?:share|libexec|lib|bin)/[\w.@+/-]*\bvmm\b[\w.@+/-]*\w',
    r'(?<![\w@%/-])(?<!> )(?<!>)(?<!--config )[\w@-]+\.(?:ini|md|rules|service|schema\.json)\b',
]


def is_installed(name):
    name = re.sub(r'^/usr(/local)?', '', name)
    return any(path == name or path.endswith('/' + name.lstrip('/')) for path in installed | places)


wrong = sorted({f'{where}: names {name}, which is not installed'
                for where, text in texts.items() for pattern in patterns for name in re.findall(pattern, text)
                if not name.endswith(('.c', '.h')) and not is_installed(name)})
if len(texts) < 12:
    wrong.append(f'only {len(texts)} texts were read')
print('\n'.join(wrong + [f'{len(texts)} texts, {len(installed)} files, {len(wrong)} wrong names']))
sys.exit(bool(wrong))
