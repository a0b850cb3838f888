#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: claims.py SOURCE_ROOT: each row of the table of layers in SECURITY.md names its tests, and they are there

A row without a test says so: "not tested here".
"""
import os
import re
import sys

root = sys.argv[1]
wrong = []
rows = 0
with open(os.path.join(root, 'SECURITY.md'), encoding='utf-8') as f:
    table = f.read().split('| layer | stops | tested by |\n', 1)[1].split('\n\n', 1)[0]
for row in table.split('\n')[1:]:
    layer, _, tests = [cell.strip() for cell in row.strip('|').split('|')]
    named = re.findall(r'`([^`]+)`', tests)
    rows += 1
    if not named and 'not tested here' not in tests:
        wrong.append(f'SECURITY.md: "{layer}" names no test')
    wrong += [f'SECURITY.md: "{layer}": there is no {name}' for name in named
              if not name.startswith('tests/') or not os.path.isfile(os.path.join(root, name))]
if rows < 10:
    wrong.append(f'SECURITY.md: a table of {rows} layers')
print('\n'.join(wrong + [f'{rows} layers, {len(wrong)} without their test']))
sys.exit(bool(wrong))
