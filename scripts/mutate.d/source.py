# SPDX-License-Identifier: Apache-2.0
"""Places in C sources that a mutant can be made of, found by rules over the tokens of a file.

It is no C parser: it relies on the tree's own style (.clang-format), and a mutant that does not compile is drawn again.
"""
import re
from dataclasses import dataclass

# The rules, each with its share of a room's mutants, in percent.
RULES = {'relation': 20, 'constant': 20, 'statement': 25, 'sync': 10, 'swap': 10, 'error': 15}

DROPPED = '(void)0;'
TOKEN = re.compile(r'''
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|\\\n)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+\.\d+\w*|\d+[uUlL]*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)
''', re.X | re.S)
HEADS = {'if', 'while', 'for', 'switch'}
JUMPS = {'return', 'goto', 'break', 'continue'}
OPPOSITE = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '=='}
# Calls that order threads, memory or what is on a disk.
SYNC = re.compile(r'pthread_mutex_(un)?lock|pthread_cond_(wait|timedwait|signal|broadcast)|pthread_(join|clockjoin_np)|'
                  r'\w*_fence|f(data)?sync|msync|fflush|\w+_flush|(un)?lock_\w+|\w+_(un)?lock')
WEAKER = {'memory_order_seq_cst': 'memory_order_relaxed', 'memory_order_acquire': 'memory_order_relaxed',
          'memory_order_release': 'memory_order_relaxed', 'memory_order_acq_rel': 'memory_order_relaxed',
          '__ATOMIC_SEQ_CST': '__ATOMIC_RELAXED', '__ATOMIC_ACQUIRE': '__ATOMIC_RELAXED',
          '__ATOMIC_RELEASE': '__ATOMIC_RELAXED', '__ATOMIC_ACQ_REL': '__ATOMIC_RELAXED'}
# With glibc they only mark what nobody uses any more.
UNSEEN = re.compile(r'pthread_(mutex|cond|attr|condattr)_destroy')
# The same whatever the order.
SYMMETRIC = {'MIN', 'MAX', 'calloc'}
# Their first two arguments are, where `!` asks whether they are equal.
COMPARED = {'strcmp', 'strncmp', 'strcasecmp', 'strncasecmp', 'memcmp'}
RESULTS = {'r', 'ret', 'rc', 'err'}
FAILED = re.compile(r'<\s*0\b|!=\s*0\b|==\s*(NULL|MAP_FAILED|-1)|^!|^\w+$')


@dataclass
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Statement:
    """`kind`: head (up to its parenthesis), plain (up to its semicolon), or line, outside of functions."""
    kind: str
    first: int  # indices of tokens, the last one inclusive
    last: int
    function: str
    returns: str


@dataclass
class Mutant:
    """A change of one place. Its name has no line number, so that it stays the same when the rest of the file changes."""
    file: str
    function: str
    rule: str
    before: str
    after: str
    ordinal: int
    start: int
    end: int
    new: str

    @property
    def key(self):
        return (self.file, self.function, self.ordinal, self.before, self.after)

    @property
    def name(self):
        nr = '' if self.ordinal == 1 else f' (#{self.ordinal})'
        return f'{self.file}: {self.function}: {self.before} => {self.after}{nr}'

    def apply(self, text):
        """The text with the change, and no line moved."""
        lost = text.count('\n', self.start, self.end) - self.new.count('\n')
        return text[:self.start] + self.new + '\n' * lost + text[self.end:]


def blanked(text):
    """The text with its preprocessor lines blanked, but for `#define NAME VALUE`."""
    def blank(m):
        plain = re.match(r'#define \w+ +\S', m.group(0)) and '\n' not in m.group(0)
        return re.sub('#define', '       ', m.group(0)) if plain else re.sub(r'[^\n]', ' ', m.group(0))
    return re.sub(r'^#(?:[^\n\\]|\\.|\\\n)*', blank, text, flags=re.M | re.S)


def tokens_of(text):
    return [Token(m.lastgroup, m.group(0), m.start(), m.end()) for m in TOKEN.finditer(text) if m.lastgroup != 'skip']


def plain(text):
    """One line, without comments."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', text, flags=re.S)
    return ' '.join(text.split())


class Source:
    """A file's mutants."""

    def __init__(self, file, text):
        self.file = file
        self.text = text
        self.tokens = tokens_of(blanked(text))
        self.depth = [0] * len(self.tokens)  # of the brackets around a token
        self.close = self._match_brackets()
        self.statements = []
        self._walk()

    def _match_brackets(self):
        """Index of an opening bracket to that of its closing one, and the other way."""
        close, stack = {}, []
        for i, t in enumerate(self.tokens):
            if t.text in (')', ']', '}') and stack:
                j = stack.pop()
                close[i], close[j] = j, i
            self.depth[i] = len(stack)
            if t.text in ('(', '[', '{'):
                stack.append(i)
        return close

    def _walk(self):
        i, line_start = 0, 0
        while i < len(self.tokens):
            t = self.tokens[i]
            if t.text == '{' and i and self.tokens[i - 1].text == ')' and i in self.close:
                name = self.close.get(i - 1, 0) - 1
                if name > 0 and self.tokens[name].kind == 'word':
                    self._outside(line_start, name)
                    words = [x.text for x in self.tokens[line_start:name]]
                    returns = 'int' if 'int' in words and '*' not in words else ''
                    self._body(i + 1, self.close[i], self.tokens[name].text, returns)
                    i = line_start = self.close[i] + 1
                    continue
            if t.text in (';', '}') and not self.depth[i]:
                self._outside(line_start, i + 1)
                line_start = i + 1
            i += 1
        self._outside(line_start, len(self.tokens))

    def _outside(self, first, last):
        """Outside of functions, a statement is a line: tables are too long to be one."""
        row = []
        for i in range(first, last):
            if row and '\n' in self.text[self.tokens[row[-1]].end:self.tokens[i].start]:
                self.statements.append(Statement('line', row[0], row[-1], '-', ''))
                row = []
            row.append(i)
        if row:
            self.statements.append(Statement('line', row[0], row[-1], '-', ''))

    def _body(self, i, last, function, returns):
        start = i
        while i < last:
            t = self.tokens[i]
            if i == start and (t.text in HEADS or t.text.startswith('for_each')) and self.tokens[i + 1].text == '(':
                end = self.close[i + 1]
                self.statements.append(Statement('head', i, end, function, returns))
                i = start = end + 1
            elif i == start and (t.text in ('else', 'do', '{', '}', ';') or self._is_label(i)):
                if t.text in ('case', 'default') or self._is_label(i):
                    while self.tokens[i].text != ':':
                        i += 1
                i = start = i + 1
            elif t.text in ('(', '[', '{') and i in self.close:
                i = self.close[i] + 1
            elif t.text == ';':
                self.statements.append(Statement('plain', start, i, function, returns))
                i = start = i + 1
            else:
                i += 1

    def _is_label(self, i):
        t = self.tokens[i]
        return t.text in ('case', 'default') or (t.kind == 'word' and self.tokens[i + 1].text == ':')

    def span(self, st):
        return self.tokens[st.first].start, self.tokens[st.last].end

    def words(self, st):
        return self.tokens[st.first:st.last + 1]

    def is_declaration(self, st):
        w = [t.text for t in self.words(st)[:3]]
        kinds = [t.kind for t in self.words(st)[:3]]
        if w[0] in ('static', 'const', 'struct', 'union', 'enum', 'unsigned', 'char', 'int', 'bool', 'size_t', 'void', 'long'):
            return True
        return len(kinds) > 2 and kinds[0] == 'word' and w[0] not in JUMPS and (
            kinds[1] == 'word' or (w[1] == '*' and kinds[2] == 'word') or w[1:3] == ['*', '*'])

    def is_assertion(self, st):
        return self.tokens[st.first].text in ('assert', 'static_assert', '_Static_assert')

    def calls(self, st):
        """(index of the name, index of its opening parenthesis) of each call in a statement."""
        for i in range(st.first, st.last):
            t = self.tokens[i]
            if t.kind == 'word' and self.tokens[i + 1].text == '(' and t.text not in HEADS | {'sizeof', 'return', 'assert'}:
                if i + 1 in self.close and self.close[i + 1] <= st.last:
                    yield i, i + 1

    # Each rule yields (start, end, new text) for a statement.

    def is_open(self, i):
        """Whether a token asks if a descriptor is one. 0 is none that vmm makes: limits_fill_standard_fds() has been before."""
        return self.tokens[i].text in ('<', '>=') and self.tokens[i - 1].text.endswith('fd') and self.tokens[i + 1].text == '0'

    def relation(self, st):
        if st.kind != 'line':
            for i in range(st.first, st.last + 1):
                t = self.tokens[i]
                if t.text in OPPOSITE and not self.is_open(i):
                    yield t.start, t.end, OPPOSITE[t.text]

    def constant(self, st):
        declaration = st.kind == 'plain' and self.is_declaration(st)
        for i in range(st.first, st.last + 1):
            t = self.tokens[i]
            if t.kind != 'number' or '.' in t.text:
                continue
            before, after = self.tokens[i - 1].text, self.tokens[i + 1].text if i + 1 < len(self.tokens) else ''
            if (declaration and before == '[') or (t.text == '0' and before == '{' and after == '}') or self.is_open(i - 1):
                continue
            digits = t.text.rstrip('uUlL')
            value = int(digits, 16 if digits[:2] in ('0x', '0X') else 10)
            for new in (value + 1, value - 1) if value else (1,):
                yield t.start, t.end, (hex(new) if digits[:2] in ('0x', '0X') else str(new)) + t.text[len(digits):]

    def statement(self, st):
        if st.kind != 'plain' or self.is_declaration(st) or self.is_assertion(st):
            return
        first = self.tokens[st.first]
        if first.kind == 'word' and (SYNC.fullmatch(first.text) or UNSEEN.fullmatch(first.text)):
            return
        start, end = self.span(st)
        yield start, end, DROPPED

    def sync(self, st):
        for i, opening in self.calls(st):
            if not SYNC.fullmatch(self.tokens[i].text):
                continue
            end = self.close[opening]
            if st.kind == 'plain' and i == st.first and end + 1 == st.last:
                yield *self.span(st), DROPPED
            elif st.kind != 'line':
                yield self.tokens[i].start, self.tokens[end].end, '(0)'
        for t in self.words(st):
            if t.text in WEAKER:
                yield t.start, t.end, WEAKER[t.text]

    def swap(self, st):
        if st.kind == 'line':
            return
        for i, opening in self.calls(st):
            if self.tokens[i].text in SYMMETRIC | {'static_assert', '_Static_assert'}:
                continue
            starts, j, end = [opening + 1], opening + 1, self.close[opening]
            while j < end:
                if self.tokens[j].text in ('(', '[', '{') and j in self.close:
                    j = self.close[j]
                elif self.tokens[j].text == ',':
                    starts.append(j + 1)
                j += 1
            starts.append(end + 1)
            if end == opening + 1:
                continue
            args = [(self.tokens[a].start, self.tokens[b - 2].end) for a, b in zip(starts, starts[1:])]
            if self.tokens[i].text in COMPARED and i and self.tokens[i - 1].text == '!':
                args = args[1:]
            for (a, b), (c, d) in zip(args, args[1:]):
                if self.text[a:b] != self.text[c:d]:
                    yield a, d, self.text[c:d] + self.text[b:c] + self.text[a:b]

    def error(self, st):
        start, end = self.span(st)
        w = self.words(st)
        if st.kind == 'head' and w[0].text == 'if' and self._leaves(st.last + 1):
            a, b = w[2].start, w[-2].end
            cond = self.text[a:b]
            if FAILED.search(cond) and (any(True for _ in self.calls(st)) or {t.text for t in w} & (RESULTS | {'fd', 'n'})):
                yield a, b, f'({cond}) && 0'
        if st.kind == 'plain' and len(w) > 4 and w[-2].text == ')':
            if w[0].text in RESULTS and w[1].text == '=' and w[2].kind == 'word' and w[3].text == '(' and \
                    self.close[st.first + 3] == st.last - 1:
                yield start, end, f'{w[0].text} = ({self.text[w[2].start:w[-2].end]}, 0);'
            if w[0].text == 'return' and st.returns == 'int' and w[1].kind == 'word' and w[2].text == '(' and \
                    self.close[st.first + 2] == st.last - 1:
                yield start, end, f'return ({self.text[w[1].start:w[-2].end]}, 0);'

    def _leaves(self, i):
        """Whether what follows an if ends in a jump."""
        if self.tokens[i].text == '{' and i in self.close:
            last = self.close[i] - 2
            while last > i and self.tokens[last].text not in (';', '{', '}'):
                last -= 1
            i = last + 1
        return self.tokens[i].text in ('return', 'goto', 'break')

    def mutants(self):
        """All that the rules make of the file, in its order."""
        seen = {}
        found = []
        for rule in RULES:
            for st in self.statements:
                if st.kind != 'line' and self.is_assertion(st):
                    continue
                start, end = self.span(st)
                before = plain(self.text[start:end])
                for a, b, new in getattr(self, rule)(st):
                    m = Mutant(self.file, st.function, rule, before, '', 1, a, b, new)
                    m.after = 'dropped' if new == DROPPED else plain(self.text[start:a] + new + self.text[b:end])
                    seen[m.key] = seen.get(m.key, 0) + 1
                    m.ordinal = seen[m.key]
                    found.append(m)
        return found
