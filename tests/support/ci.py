#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: ci.py ROOT: the workflow files of two forges and the Containerfile are well-formed, and say what they should

No forge has run these files, and no test here can; each says so in a comment. That they parse, that a step runs .ci/run
and that the packages are those that the scripts ask for can be seen.
"""
import os
import re
import sys

import yaml

root = sys.argv[1]
wrong = []


def read(name):
    with open(os.path.join(root, name), encoding='utf-8') as f:
        return f.read()


def want(truth, text):
    if not truth:
        wrong.append(text)


def github():
    name = '.github/workflows/ci.yml'
    text = read(name)
    flow = yaml.safe_load(text)
    want('# Not run yet' in text, f'{name}: does not say that it has not run')
    # YAML 1.1 takes "on" for a truth value.
    want(set(flow.get('on', flow.get(True, {}))) == {'push', 'pull_request'}, f'{name}: on: push and pull_request')
    want(flow['permissions'] == {'contents': 'read'}, f'{name}: has rights that it does not need')
    for job in flow['jobs'].values():
        steps = job['steps']
        want(all(('run' in s) != ('uses' in s) for s in steps), f'{name}: a step runs or uses')
        want('.ci/run' in [s.get('run') for s in steps], f'{name}: no step runs .ci/run')
        want('runs-on' in job and 'timeout-minutes' in job, f'{name}: no runner, or no time limit')
        uses = [s['uses'].split('@') for s in steps if 'uses' in s]
        want(all(len(u) == 2 for u in uses), f'{name}: an action without a version')
        names = [u[0] for u in uses]
        first = next(i for i, s in enumerate(steps) if s.get('run') == '.ci/run')
        want('actions/checkout' in [s.get('uses', '').split('@')[0] for s in steps[:first]], f'{name}: nothing is checked out')
        want(len(set(names)) == len(names), f'{name}: an action twice')


def gitlab():
    name = '.gitlab-ci.yml'
    text = read(name)
    flow = yaml.safe_load(text)
    want('# Not run yet' in text, f'{name}: does not say that it has not run')
    jobs = {k: v for k, v in flow.items() if k != 'workflow'}
    want(list(jobs) == ['test'], f'{name}: jobs {list(jobs)}')
    job = jobs['test']
    want(job['script'] == ['.ci/run'], f'{name}: the script is not .ci/run')
    want('image' in job and 'timeout' in job, f'{name}: no image, or no time limit')
    # Only files in the project's directory are kept.
    want(job['variables']['VMM_CACHE'] == '$CI_PROJECT_DIR/' + job['cache']['paths'][0], f'{name}: the cache is not kept')
    want(all(isinstance(v, str) for v in job['variables'].values()), f'{name}: a variable that is no string')


def containerfile():
    name = 'Containerfile'
    lines = [line for line in read(name).split('\n') if not line.startswith('#')]
    steps = [s.split(None, 1) for s in re.sub(r'\\\n\s*', '', '\n'.join(lines)).split('\n') if s.strip()]
    stages, packages = [], set()
    for word, rest in steps:
        want(word in ('FROM', 'RUN', 'COPY', 'WORKDIR', 'CMD'), f'{name}: {word} is no instruction that it needs')
        if word == 'FROM':
            image, _, stage = rest.partition(' AS ')
            stages.append(stage)
            want(re.fullmatch(r'[\w.]+/[\w./-]+:[\w.-]+', image), f'{name}: {image}: not a full name')
        want(word == 'FROM' or stages, f'{name}: {word} before FROM')
        source = re.match(r'--from=(\S+)', rest)
        want(not source or source[1] in stages[:-1], f'{name}: COPY from a stage that is not there')
        if word == 'RUN' and len(stages) == 1:
            for part in re.findall(r'install -y --no-install-recommends ([^&]*)', rest):
                packages |= set(part.split())
    # What a quick run of the tests and the package ask for: the arrays and calls of the scripts.
    asked = set(re.search(r'^build_packages=\(([^)]*)\)', read('scripts/lib.sh'), re.M)[1].split())
    for script, pattern in (('scripts/test', r'^need_packages ((?:.*\\\n)*.*)$'), ('scripts/deb', r'^need_packages (.*)$')):
        call = re.search(pattern, read(script), re.M)[1]
        asked |= set(re.findall(r'(?<![\w$"{:+-])[a-z][a-z0-9.+-]+(?![\w}])', re.sub(r'"?\$\{[^}]*\}"?', '', call)))
    want(len(asked) > 15, f'{name}: only {len(asked)} packages are asked for')
    want(asked <= packages, f'{name}: lacks {" ".join(sorted(asked - packages))}')


for check in (github, gitlab, containerfile):
    try:
        check()
    except (KeyError, TypeError, StopIteration, OSError, yaml.YAMLError) as e:
        wrong.append(f'{check.__name__}: {type(e).__name__}: {e}')
print('\n'.join(wrong) or 'all well')
sys.exit(bool(wrong))
