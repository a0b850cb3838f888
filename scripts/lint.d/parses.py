#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: parses.py FILE...: each is Python"""
import ast
import sys

wrong = []
for path in sys.argv[1:]:
    try:
        ast.parse(open(path, encoding='utf-8').read(), path)
    except SyntaxError as e:
        wrong.append(f'{path}:{e.lineno}: {e.msg}')
print('\n'.join(wrong), end='\n' if wrong else '')
sys.exit(bool(wrong))
