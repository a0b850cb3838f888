# SPDX-License-Identifier: Apache-2.0
# usage: flat-want.py DIR: what the programs of tests/guest/flat print, as files DIR/want.NAME, computed here anew.
import string
import sys


def write(name, text):
    open(f'{sys.argv[1]}/want.{name}', 'w').write(text)
write('hello', 'Hello, World')
write('counter', ''.join(f'{n}\n' for n in range(10)))
a, b, lines = 0, 1, []
for n in range(31):
    lines.append(f'F({n}) = {a}\n')
    a, b = b, a + b
write('fibonacci', ''.join(lines))
A = [[i + j + 1 for j in range(8)] for i in range(8)]
B = [[i * j % 7 for j in range(8)] for i in range(8)]
write('matrix', ''.join(''.join(f'{sum(A[i][k] * B[k][j] for k in range(8)):5}' for j in range(8)) + '\n' for i in range(8)))
text = ('The quick brown fox jumps over the lazy dog. ' * 23)[:1024].lower()
write('letters', ''.join(f'{c}{text.count(c):4}\n' for c in string.ascii_lowercase))
write('table', ''.join(''.join(f'{i * j:4}' for j in range(1, 11)) + '\n' for i in range(1, 11)))
write('ports', 'unsigned 200 65535 4294967295\nsigned -56 -32768 -2147483648 2147483647\nconsole port reads 233\n'
      'no port reads -1\nline status 96\nby the serial port\nby one instruction\n')
