#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The matrix of scripts/test: tests/data/matrix says what runs when, docs/supported.md when it was last green.

usage: matrix.py [--table FILE] [--page FILE] [--green FILE] COMMAND

  plan [DATE]  the cells of every day, or of DATE's night without those of every day: `CELL SECONDS` a line
  list DATE    DATE's night for a person, with how long it takes
  check DATE   fails when an everyday run, or one of the 7 nights from DATE, takes longer than it may
  show         each cell with the date and commit of its last green run, by FILE and the page
  write        the same into the page

FILE of --green has lines `CELL DATE COMMIT`, which scripts/test adds.
"""
import argparse
import datetime
import os
import re
import signal
import sys

DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
RUNS = {'daily': 'every day', 'nightly': 'every night', 'mon': 'Monday night', 'tue': 'Tuesday night',
        'wed': 'Wednesday night', 'thu': 'Thursday night', 'fri': 'Friday night', 'sat': 'Saturday night',
        'sun': 'Sunday night'}
DAY_LIMIT, NIGHT_LIMIT = 30 * 60, 5 * 3600
# What a run of scripts/test runs at once of the cells of one job.
AT_ONCE = 2
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
HEAD = '| cell | runs | budget | last green |'
ROW = re.compile(r'^\| (\S+) \| [^|]+ \| \d+ s \| (?:(\d{4}-\d\d-\d\d), ([0-9a-f]{7,40})|-) \|$')


def read_table(path):
    """Returns a list of (cell, when, seconds)."""
    rows, seen = [], set()
    with open(path, encoding='utf-8') as f:
        for nr, line in enumerate(f, 1):
            words = line.split()
            if not words or words[0].startswith('#'):
                continue
            if len(words) != 3 or words[1] not in RUNS or not words[2].isdecimal() or words[0] in seen:
                sys.exit(f'{path}:{nr}: is not "CELL WHEN SECONDS", or the cell is there twice: {line.rstrip()}')
            seen.add(words[0])
            rows.append((words[0], words[1], int(words[2])))
    return rows


def night(rows, date):
    """The rows of a night, without those of every day: the longest first, so that none is begun last."""
    return sorted((r for r in rows if r[1] in ('nightly', DAYS[date.weekday()])), key=lambda r: -r[2])


def seconds(rows):
    """How long the rows take at most: jobs one after the other; of a job's cells, which have a core each, AT_ONCE at once."""
    total, jobs = 0, {}
    for cell, _, budget in rows:
        if '/' in cell:
            cores = jobs.setdefault(cell.split('/')[0], [0] * AT_ONCE)
            cores[cores.index(min(cores))] += budget
        else:
            total += budget
    return total + sum(max(cores) for cores in jobs.values())


def check(rows, first):
    """Yields a line for each run that takes too long."""
    daily = [r for r in rows if r[1] == 'daily']
    if seconds(daily) > DAY_LIMIT:
        yield f'an everyday run takes {seconds(daily)} s, more than {DAY_LIMIT}'
    for date in (first + datetime.timedelta(n) for n in range(7)):
        takes = seconds(daily + night(rows, date))
        if takes > NIGHT_LIMIT:
            yield f'the night of {date}, {DAYS[date.weekday()]}, takes {takes} s, more than {NIGHT_LIMIT}'


def green_of_page(path):
    with open(path, encoding='utf-8') as f:
        found = (ROW.match(line.rstrip('\n')) for line in f)
        return {m[1]: (m[2], m[3]) for m in found if m and m[2]}


def last_green(args):
    """CELL: (DATE, COMMIT), the newest of the page and of this machine's runs; of two on one day the later line."""
    green = green_of_page(args.page)
    if args.green and os.path.exists(args.green):
        with open(args.green, encoding='utf-8') as f:
            for line in f:
                words = line.split()
                if len(words) == 3 and words[1] >= green.get(words[0], ('',))[0]:
                    green[words[0]] = (words[1], words[2])
    return green


def page_rows(rows, green):
    yield HEAD
    yield '|---|---|---|---|'
    for cell, when, budget in rows:
        yield f'| {cell} | {RUNS[when]} | {budget} s | {", ".join(green[cell]) if cell in green else "-"} |'


def write(args, rows):
    with open(args.page, encoding='utf-8') as f:
        lines = f.read().split('\n')
    if HEAD not in lines:
        sys.exit(f'{args.page}: has no table "{HEAD}"')
    begin = end = lines.index(HEAD)
    while end < len(lines) and lines[end].startswith('|'):
        end += 1
    lines[begin:end] = page_rows(rows, last_green(args))
    with open(args.page + '.new', 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines))
    os.replace(args.page + '.new', args.page)


def show(args, rows):
    green = last_green(args)
    for cell, when, budget in rows:
        date, commit = green.get(cell, ('never', ''))
        print(f'{cell:44} {when:8} {budget:5} s  {date:10}  {commit}'.rstrip())


def show_night(rows, date):
    todo = night(rows, date)
    print(f'the night of {date}, {DAYS[date.weekday()]}: all of every day, and')
    for cell, when, budget in todo:
        print(f'{cell:44} {when:8} {budget:5} s')
    print(f'{seconds([r for r in rows if r[1] == "daily"] + todo)} s at most, of {NIGHT_LIMIT} s')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--table', default=os.path.join(TOP, 'tests/data/matrix'))
    parser.add_argument('--page', default=os.path.join(TOP, 'docs/supported.md'))
    parser.add_argument('--green')
    parser.add_argument('command', choices=['plan', 'list', 'check', 'show', 'write'])
    parser.add_argument('date', nargs='?', type=datetime.date.fromisoformat)
    args = parser.parse_args()
    rows = read_table(args.table)
    if args.command == 'plan':
        for cell, _, budget in night(rows, args.date) if args.date else [r for r in rows if r[1] == 'daily']:
            print(cell, budget)
    elif args.command == 'list':
        show_night(rows, args.date)
    elif args.command == 'check':
        wrong = list(check(rows, args.date))
        print(*wrong, sep='\n', end='\n' if wrong else '')
        return 1 if wrong else 0
    elif args.command == 'show':
        show(args, rows)
    else:
        write(args, rows)
    return 0


if __name__ == '__main__':
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
