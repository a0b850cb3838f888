#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: phrases.py FILE...: prose uses the terms of the field

Phrases that only we understood are not written again. Each has what to write in its place. A phrase may be broken over
lines of a comment. Data of tests is left out.
"""
import re
import sys

# An underscore stands for a blank, so that this file has none of them.
PHRASES = {
    r'with_words': 'with a message in @e',
    r'without_words': 'without a message',
    r'(?:was|were|is)_got': 'obtained, achieved, in force',
    r'the_house': 'the project, the structure',
    r'(?:can|to|could|cannot)_be_had': 'available',
    r'so_many_(?:are|is|of)': 'a number, or "at most N"',
    r'words_go_up': 'the error is returned',
}
BREAK = r'(?:[ \t]+|[ \t]*\n[ \t]*(?:\*|#|//)?[ \t]*)'
PATTERNS = [(re.compile(r'\b' + p.replace('_', BREAK) + r'\b', re.I), better) for p, better in PHRASES.items()]


def main():
    bad = False
    for path in sys.argv[1:]:
        if path.startswith(('tests/fuzz/corpus/', 'tests/data/', 'LICENSE')):
            continue
        try:
            with open(path, encoding='utf-8') as f:
                text = f.read()
        except (UnicodeDecodeError, IsADirectoryError):
            continue
        for pattern, better in PATTERNS:
            for found in pattern.finditer(text):
                line = text.count('\n', 0, found.start()) + 1
                print(f'{path}:{line}: "{" ".join(found.group().split())}": {better}')
                bad = True
    return bad


sys.exit(main())
