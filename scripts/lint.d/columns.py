#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: columns.py FILE...: no line has more than 120 columns; a tab is 8

clang-format does not reflow comments, so this is their limit.
"""
import sys

wide = [f'{path}:{n}: longer than 120 columns' for path in sys.argv[1:]
        for n, line in enumerate(open(path, encoding='utf-8'), 1) if len(line.rstrip('\n').expandtabs(8)) > 120]
print('\n'.join(wide), end='\n' if wide else '')
sys.exit(bool(wide))
