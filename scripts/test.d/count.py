#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test results for scripts/test.

usage: count.py meson TESTLOG.JSON | tap NAME STATUS FILE ERRORS

Prints `N passed, N failed, N skipped`, then one line `FAILED what` or `SKIPPED what: why` for each of those.

meson: each cmocka test counts; a program that prints none of cmocka's lines counts as one test.
tap: lines `ok ...` and `not ok ...` of a program that ended with STATUS. One that ends well without a result, or badly
without a `not ok`, counts as a failure, with the last line of its ERRORS; 77 without a result is a skip, and its last line
says why.
"""
import json
import re
import sys

CMOCKA_OK = re.compile(r'^\[ +OK +\]', re.M)
CMOCKA_SKIPPED = re.compile(r'^\[ +SKIPPED +\] (\S+)$', re.M)
# The list at the end of a cmocka run repeats the names: only the part before it is read.
CMOCKA_FAILED = re.compile(r'^\[ +FAILED +\] (\S+)$', re.M)
TAP = re.compile(r'^(not )?ok\b *-? *(\d+)?(?: *- *)?([^#\n]*)(?:# *(SKIP\S*|TODO\S*)? *(.*))?$', re.I | re.M)


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else 'no reason given'


def count_meson(path):
    """Returns passed, and the lists of failures and skips."""
    passed, failed, skipped = 0, [], []
    with open(path, encoding='utf-8', errors='replace') as f:
        tests = [json.loads(line) for line in f if line.strip()]
    for test in tests:
        name, text = test['name'], test.get('stdout') or ''
        errors = test.get('stderr') or ''
        body = re.split(r'^\[==========\] .* test\(s\) run\.', text, maxsplit=1, flags=re.M)[0]
        body_errors = re.split(r'^\[==========\] .* test\(s\) run\.', errors, maxsplit=1, flags=re.M)[0]
        ok = len(CMOCKA_OK.findall(body)) + len(CMOCKA_OK.findall(body_errors))
        # cmocka tells a failure on both streams, in an order that depends on what they are.
        bad = list(dict.fromkeys(CMOCKA_FAILED.findall(body) + CMOCKA_FAILED.findall(body_errors)))
        skips = CMOCKA_SKIPPED.findall(body) + CMOCKA_SKIPPED.findall(body_errors)
        if test['result'] == 'SKIP':
            skipped.append(f'{name}: {last_line(errors or text)}')
            continue
        skipped += [f'{name}: {s}' for s in skips]
        if test['result'] in ('OK', 'EXPECTEDFAIL'):
            passed += ok if ok or skips else 1
        else:
            passed += ok
            failed += [f'{name}: {b}' for b in bad] or [f'{name}: {test["result"]}, status {test["returncode"]}']
    return passed, failed, skipped


def count_tap(name, status, path, errors):
    """Returns passed, and the lists of failures and skips."""
    passed, failed, skipped = 0, [], []
    with open(path, encoding='utf-8', errors='replace') as f:
        text = f.read()
    for m in TAP.finditer(text):
        what = (m.group(3) or '').strip() or m.group(2) or '?'
        directive = (m.group(4) or '').upper()
        if directive.startswith('SKIP'):
            skipped.append(f'{name}: {what}: {m.group(5)}')
        elif m.group(1):
            failed.append(f'{name}: {what}')
        else:
            passed += 1
    results = passed + len(failed) + len(skipped)
    plan = re.search(r'^1\.\.(\d+)', text, re.M)
    if status == 77 and not results:
        skipped.append(f'{name}: {last_line(text)}')
    elif status == 124:
        failed.append(f'{name}: did not end in time')
    elif status and not failed:
        with open(errors, encoding='utf-8', errors='replace') as f:
            failed.append(f'{name}: ended with status {status}: {last_line(f.read())[:200]}')
    elif not results and not (plan and plan.group(1) == '0'):
        failed.append(f'{name}: printed no result')
    elif plan and int(plan.group(1)) != results:
        failed.append(f'{name}: planned {plan.group(1)} tests and told of {results}')
    return passed, failed, skipped


def main():
    if sys.argv[1] == 'meson':
        passed, failed, skipped = count_meson(sys.argv[2])
    else:
        passed, failed, skipped = count_tap(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
    print(f'{passed} passed, {len(failed)} failed, {len(skipped)} skipped')
    for what in failed:
        print('FAILED', what)
    for what in skipped:
        print('SKIPPED', what)


if __name__ == '__main__':
    main()
