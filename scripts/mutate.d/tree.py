# SPDX-License-Identifier: Apache-2.0
"""A private copy of the tree, with build directories of its own, and the tests that are run in it."""
import ctypes
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

SKIPPED = 77
PID_MAX = 32768  # the least that Linux has


class Broken(Exception):
    """The tree is not fit for mutants: it does not build, or a test fails without one."""


JOBS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'test.d', 'jobs.sh')


def ask_jobs(script):
    """What a script prints that has sourced the jobs of scripts/test: they say how each build is made."""
    return subprocess.run(['bash', '-c', f'. "$1"; {script}', 'mutate', JOBS], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=True).stdout.split('\n')


def can(*command):
    return subprocess.run([*command, 'true'], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


class Cage:
    """Runs a command so that what a mutant does to processes ends with it: a mutant may kill(-1)."""

    def __init__(self):
        namespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
        self.outer = namespace if can(*namespace) else []
        self.no_random = ['setarch', os.uname().machine, '-R']
        if not can(*self.no_random):
            self.no_random = []

    def run(self, command, cwd, env, limit, log, sanitizer=False):
        """Returns (status, seconds); the status is None after `limit` seconds. Output goes to the file `log`."""
        # The namespace's first process has signals of its own, so that is a shell, and the command its child. Tests name
        # what they make in /tmp by their process's number: that of no other worker.
        first = str(random.randrange(1000, PID_MAX - 1000)) if self.outer else ''
        inner = ['sh', '-c', '[ -z "$0" ] || echo "$0" 2>/dev/null >/proc/sys/kernel/ns_last_pid; "$@"; exit $?', first, *command]
        start = time.monotonic()
        with open(log, 'wb') as out:
            child = subprocess.Popen([*self.outer, *(self.no_random if sanitizer else []), *inner], cwd=cwd, env=env,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                     start_new_session=True, preexec_fn=die_with_parent)
            try:
                status = child.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                child.wait()
        return status, time.monotonic() - start


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def tracked(top):
    """The files of a tree: what git knows or would add; all, where there is no git."""
    try:
        out = subprocess.run(['git', '-C', top, '-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others',
                              '--exclude-standard'], capture_output=True, check=True).stdout.decode()
        files = [f for f in out.split('\0') if f]
    except (OSError, subprocess.CalledProcessError):
        files = []
        for folder, dirs, names in os.walk(top):
            dirs[:] = [d for d in dirs if d != '.git' and not d.startswith('build')]
            files += [os.path.relpath(os.path.join(folder, n), top) for n in names]
    return sorted(f for f in files if os.path.isfile(os.path.join(top, f)))


def read(path):
    with open(path, 'rb') as f:
        return f.read()


class Tree:
    """One worker's copy of the tree. It changes a file, builds, runs tests, and puts the file back."""

    def __init__(self, top, folder):
        self.top, self.folder = top, folder
        self.root = os.path.join(folder, 'tree')
        self.scratch = os.path.join(folder, 'tmp')
        self.log = os.path.join(folder, 'log')
        self.cage = Cage()
        self.sanitizers = dict(w.split('=', 1) for w in ask_jobs("env | grep 'SAN_OPTIONS='") if w)
        self.times = {}   # (build, test) to seconds of the unmutated test, or None for one that is skipped here
        self.clean = {}   # build to the digests of its unmutated targets
        self.holders = {}  # build to {base name of a source: programs that have its object}
        self.tests = {}
        self.commands = {}
        self.vmm = set()
        self.data = ''  # digest of the files of the tree that tests read and no program holds
        self.passes, self.passes_read = {}, 0
        self.killers = {}  # (file, test) to how many mutants of the file the test is known to have killed

    def copy(self):
        """Brings the copy up to the tree. Files that are the same keep their time, and so are not built again."""
        os.makedirs(self.root, exist_ok=True)
        files = tracked(self.top)
        listing = os.path.join(self.folder, 'files')
        old = read(listing).decode().split('\n') if os.path.exists(listing) else []
        for f in sorted(set(old) - set(files)):
            if f and os.path.exists(os.path.join(self.root, f)):
                os.remove(os.path.join(self.root, f))
        for f in files:
            here, there = os.path.join(self.top, f), os.path.join(self.root, f)
            if not os.path.exists(there) or read(here) != read(there) or os.stat(here).st_mode != os.stat(there).st_mode:
                os.makedirs(os.path.dirname(there), exist_ok=True)
                shutil.copyfile(here, there)
                shutil.copymode(here, there)
        with open(listing, 'w', encoding='utf-8') as f:
            f.write('\n'.join(files))
        data = [f for f in files if not f.startswith('docs/') and (not f.endswith(('.c', '.h')) or f.startswith('tests/guest/'))]
        self.data = hashlib.sha256(b'\0'.join(f.encode() + read(os.path.join(self.root, f)) for f in data)).hexdigest()

    def _stamp(self, key):
        """What a test without a mutant depends on: its programs, and the files that it may read."""
        needs = self.tests[key[0]][key[1]]['needs'] if key[0] in self.tests else self.vmm
        builds = [key[0]] if key[0] in self.tests else sorted(self.clean)
        programs = [self.clean[b].get(w, b'') for b in builds for w in sorted(needs)]
        return hashlib.sha256(b''.join(programs) + self.data.encode()).hexdigest()[:16]

    def learnt(self, key):
        """Whether another worker or run has seen the same programs pass the test (or skip it): its time is in `times` then."""
        path = os.path.join(os.path.dirname(self.folder), 'passes.jsonl')
        if os.path.exists(path) and os.path.getsize(path) != self.passes_read:
            text = read(path).decode()
            self.passes_read = len(text.encode())
            for row in (json.loads(line) for line in text.splitlines()):
                if 'of' in row:
                    self.passes[(*row['test'], row['of'])] = row['seconds']
        known = (*key, self._stamp(key))
        if known in self.passes:
            self.times[key] = self.passes[known]
        return key in self.times

    def learn(self, key, seconds):
        self.times[key] = seconds
        with open(os.path.join(os.path.dirname(self.folder), 'passes.jsonl'), 'a', encoding='utf-8') as f:
            f.write(json.dumps({'test': list(key), 'of': self._stamp(key), 'seconds': seconds}) + '\n')

    def build_dir(self, build):
        return os.path.join(self.root, 'build-' + build)

    def _call(self, command, cwd, limit=1800, env=None):
        with open(self.log, 'wb') as out:
            return subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, check=False, timeout=limit).returncode

    def tail(self):
        return read(self.log).decode(errors='replace')[-3000:]

    def ninja(self, build, targets):
        return self._call(['ninja', '--quiet', '-C', self.build_dir(build), *targets], self.root) == 0

    def set_up(self, build):
        """Configures and builds what the unmutated tests need, and learns which program has which object."""
        if build in self.holders:
            return
        folder = self.build_dir(build)
        # A directory of an earlier day may name what is no longer on this machine.
        if not self._configure(build) and not self._configure(build, anew=True):
            raise Broken(f'{folder} cannot be configured or built:\n{self.tail()}')
        self.clean[build] = {}
        if build == 'gcc':
            self.holders[build] = self._find_holders()
        else:
            self.set_up('gcc')
            self.holders[build] = self.holders['gcc']
        self.tests[build] = self._find_tests(build)
        with open(os.path.join(folder, 'compile_commands.json'), encoding='utf-8') as f:
            self.commands[build] = {os.path.relpath(os.path.join(c['directory'], c['file']), self.root): c for c in json.load(f)
                                    if not c['output'].startswith('tests/')}

    def _configure(self, build, anew=False):
        """Sets up a build directory, and builds all of the one whose programs are looked at. A build that ended in the
        middle of a mutant has nothing of it: ninja goes by the files' times. Return: whether it did."""
        folder = self.build_dir(build)
        cc, *options = [w for w in ask_jobs(f'build_options {build}; printf "%s\\n" "$cc" "${{args[@]}}"') if w]
        if anew or not os.path.exists(os.path.join(folder, 'build.ninja')):
            shutil.rmtree(folder, ignore_errors=True)
            if self._call(['meson', 'setup', folder, self.root, '--werror', '-Dtests=enabled', *options], self.root,
                          env={**os.environ, 'CC': cc}):
                return False
        return self.ninja(build, ['build.ninja', *(['all'] if build == 'gcc' else [])])

    def _find_holders(self):
        """Which program has an object of a file of this name: its table of symbols tells. Generators hold all that they make."""
        folder = self.build_dir('gcc')
        with open(os.path.join(folder, 'meson-info', 'intro-targets.json'), encoding='utf-8') as f:
            targets = [t for t in json.load(f) if t['type'] == 'executable']
        programs = [os.path.relpath(t['filename'][0], folder) for t in targets]
        self.vmm = {'cmd/vmm'} & set(programs)
        if not programs:
            raise Broken('the build has no program')
        out = subprocess.run(['readelf', '-sW', *programs], cwd=folder, capture_output=True, text=True, check=False).stdout
        holders, program = {}, programs[0]
        for line in out.splitlines():
            if line.startswith('File: '):
                program = line[6:].strip()
            elif ' FILE ' in line:
                holders.setdefault(line.split()[-1], set()).add(program)
        # A test may have a source in its own, to see what is inside.
        for t, program in zip(targets, programs):
            for source in (s for group in t['target_sources'] for s in group.get('sources', ()) if s.endswith('.c')):
                for name in re.findall(rb'^#include "[^"]*?([^"/]+\.c)"', read(source), re.M):
                    holders.setdefault(name.decode(), set()).add(program)
        with open(os.path.join(folder, 'build.ninja'), encoding='utf-8') as f:
            text = f.read()
        made_by = {p for p in programs if re.search(r'^build [^\n]*: CUSTOM_COMMAND[^\n]* ' + re.escape(p) + r'(\s|$)', text, re.M)}
        for name, found in holders.items():
            if found & made_by:
                holders[name] = {'all'}
        return holders

    def _find_tests(self, build):
        """The tests that meson knows: name, command, and the files of the build that are in it."""
        folder = self.build_dir(build)
        with open(os.path.join(folder, 'meson-info', 'intro-tests.json'), encoding='utf-8') as f:
            tests = json.load(f)
        found = {}
        kvm = os.access('/dev/kvm', os.W_OK)
        for t in tests:
            suites = {s.split(':')[-1] for s in t['suite']}
            if 'lint' in suites or ('kvm' in suites and not kvm):
                continue
            needs = {os.path.relpath(os.path.join(folder, w), folder) for w in t['cmd']}
            # The build with all targets tells a file from what only looks like one.
            needs = {w for w in needs if not w.startswith('..') and os.path.isfile(os.path.join(self.build_dir('gcc'), w))}
            found[t['name']] = {'cmd': t['cmd'], 'env': t['env'], 'needs': needs}
        return found

    def affected(self, build, file):
        """The names of the tests that have the object of a file: what killed most of its mutants first, then those named after
        it, then the quick ones."""
        stem = os.path.basename(file)
        holders = self.holders[build].get(stem, set())
        names = [n for n, t in self.tests[build].items() if holders == {'all'} or t['needs'] & holders]
        words = set(re.split(r'[-_/.]', stem[:-2]))

        def rank(name):
            return (-self.killers.get((file, name), 0) / (1 + (self.times.get((build, name)) or 0)),
                    -len(words & set(re.split(r'[-_]', name))), self.times.get((build, name)) or 0)
        return sorted(names, key=rank)

    def targets_of(self, build, names):
        return {w for n in names for w in self.tests[build][n]['needs']}

    def digests(self, build, targets):
        """What the files of the build are now."""
        return {w: hashlib.sha256(read(os.path.join(self.build_dir(build), w))).digest() for w in targets}

    def environment(self, extra=()):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('VMM', 'MESON', 'NINJA'))}
        if 'VMM_CACHE' in os.environ:
            env['VMM_CACHE'] = os.environ['VMM_CACHE']
        return {**env, **self.sanitizers, 'MALLOC_PERTURB_': '85', 'TMPDIR': self.scratch, **dict(extra)}

    def unit(self, build, name, limit):
        """Runs a test that meson knows. Returns (status, seconds)."""
        t = self.tests[build][name]
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)
        return self.cage.run(t['cmd'], self.build_dir(build), self.environment(t['env']), limit, self.log, build != 'gcc')

    def script(self, path, limit):
        """Runs tests/integration/NAME.test or tests/lab/NAME.test. Returns (status, seconds)."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        os.makedirs(self.scratch)
        gcc, asan = self.build_dir('gcc'), self.build_dir('asan')
        env = {'VMM': gcc + '/cmd/vmm', 'VMM_ASAN': asan + '/cmd/vmm', 'VMM_UNIT': gcc + '/tests/unit',
               'LAB': self.root + '/scripts/lab', 'TEST_TMP': self.scratch}
        return self.cage.run([os.path.join(self.root, path)], self.root, self.environment(env), limit, self.log)

    def object_of(self, file, text):
        """Compiles a text as that file, at -O2 without what only debuggers read. Returns the object, or None."""
        c = self.commands['gcc'].get(file)
        if not c:
            raise Broken(f'{file} is in no target of the build')
        words = shlex.split(c['command'])
        for flag in ('-MQ', '-MF', '-o'):
            at = words.index(flag)
            del words[at:at + 2]
        words.remove('-MD')
        words.remove(c['file'])
        source, out = os.path.join(self.folder, os.path.basename(file)), os.path.join(self.folder, 'object.o')
        with open(source, 'w', encoding='utf-8') as f:
            f.write(text)
        # What is built for size is not inlined so far that the compiler sees how long a text may be.
        failed = self._call([*words, '-O2', '-g0', '-Wno-format-truncation', '-o', out, source], c['directory'], limit=120)
        os.remove(source)
        return None if failed else read(out)

    def write(self, file, text):
        """Ninja goes by the time of a file: one that is right already keeps it."""
        path = os.path.join(self.root, file)
        if read(path) != text.encode():
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)


def failures(log):
    """The tests that an output names as failed, at most two."""
    text = read(log).decode(errors='replace')
    found = re.findall(r'^\[  FAILED  \] (\w+)$', text, re.M) or re.findall(r'^not ok - (.*)$', text, re.M) or \
        re.findall(r'(ERROR: \w+Sanitizer: [\w-]+|runtime error: .{0,60}|WARNING: ThreadSanitizer: [\w ]+|[\w.]+:\d+: \w+: Assertion)', text)
    return ', '.join(dict.fromkeys(found[:2]))


if sys.version_info < (3, 9):
    raise SystemExit('mutate: needs Python 3.9')
