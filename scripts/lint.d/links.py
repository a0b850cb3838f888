#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: links.py DOCUMENT...: each relative link of these Markdown files leads to a file, and to a heading that it has

Also a document that is named in backquotes, such as `docs/testing.md`, from the top of the tree; where a paragraph speaks
of the documentation of another program, it is that one's.
"""
import os
import re
import sys


def prose(path):
    """The text of a document without blocks of code, which have brackets of their own."""
    with open(path, encoding='utf-8') as f:
        text = f.read()
    text = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    return re.sub(r'^(    |\t).*$', '', text, flags=re.M)


def anchors(path):
    """The names that GitHub and GitLab give to headings."""
    found, names = {}, set()
    for heading in re.findall(r'^#{1,6} +(.*?) *#*$', prose(path), flags=re.M):
        heading = re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).replace('`', '')
        name = re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
        n = found.get(name, 0)
        found[name] = n + 1
        names.add(f'{name}-{n}' if n else name)
    return names


def faults(path):
    text = prose(path)
    plain = re.sub(r'`[^`\n]*`', '', text)
    links = re.findall(r'\[[^]]*\]\(<?([^)>\s]+)>?(?:\s+"[^"]*")?\)', plain)
    links += re.findall(r'^\[[^]]+\]:\s*(\S+)', plain, flags=re.M)
    for link in links:
        if re.match(r'[a-z][a-z0-9+.-]*:', link):
            continue
        name, _, anchor = link.partition('#')
        target = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(target):
            yield f'{path}: {link}: there is no {target}'
        elif anchor and target.endswith('.md') and anchor not in anchors(target):
            yield f'{path}: {link}: {target} has no such heading'
    ours = '\n\n'.join(p for p in text.split('\n\n') if 'documentation of' not in p)
    for name in re.findall(r'`((?:[\w-]+/)*[\w-]+\.md)`', ours):
        if not os.path.exists(name) and not os.path.exists(os.path.join(os.path.dirname(path), name)):
            yield f'{path}: `{name}`: there is none'


wrong = [fault for path in sys.argv[1:] for fault in faults(path)]
print('\n'.join(wrong), end='\n' if wrong else '')
sys.exit(bool(wrong))
