#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: names.py FILE...

Comments of C files name functions as `name()`. Each has to be a word of the code of these files, outside of comments, be
put together there by a macro's ##, or be one that OTHERS lists. Prints a line for each that is not; status 1 then.
"""
import re
import sys

# Functions of the C library and of Linux that are spoken of and not called.
OTHERS = {'gmtime', 'next_arg', 'open64', 'parse_args', 'pthread_clockjoin_np', 'pthread_kill', 'pwritev', 'vfork'}
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
# Not a member (a.b(), a->b()), a file's (host/b()) or a parameter's (@b()).
NAMED = re.compile(r'(?<![\w.>/@-])([a-z_][a-z0-9_]*)\(\)')


def main():
    texts = {}
    for path in sys.argv[1:]:
        with open(path, encoding='utf-8', errors='replace') as f:
            texts[path] = f.read()
    code = ' '.join(COMMENT.sub(' ', t) for t in texts.values())
    words = set(re.findall(r'\b[A-Za-z_]\w*\b', code)) | OTHERS
    glued = set(re.findall(r'\b(\w+_)##', code))

    def exists(name):
        return name in words or any(name.startswith(p) and name[len(p):] in words for p in glued)

    bad = 0
    for path, text in texts.items():
        for comment in COMMENT.finditer(text):
            for name in NAMED.finditer(comment.group()):
                if not exists(name.group(1)):
                    line = text.count('\n', 0, comment.start() + name.start()) + 1
                    print(f'{path}:{line}: {name.group(1)}() is no function here')
                    bad += 1
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()
