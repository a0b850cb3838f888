#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""typed.py SHELL SCRIPT LINE...: what SHELL (bash, zsh or fish) offers at the end of each LINE, with the completion that SCRIPT is.

bash and zsh get a terminal and a user who types the line and TAB; fish is asked by its own `complete -C`. Prints, for each LINE, a
line `= LINE` and what is then on the screen, a word a line, without a "=" at its end. The working directory is that of the caller."""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

SET_UP = {
    "bash": "PS1='> '; bind 'set show-all-if-ambiguous on'; bind 'set bell-style none'; bind 'set page-completions off';"
            " bind 'set completion-query-items 0'; bind 'set enable-bracketed-paste off'; . %s\n",
    "zsh": "PS1='> '; LISTMAX=9999; zmodload zsh/zle; unsetopt beep automenu menucomplete zle_bracketed_paste; fpath=(%s $fpath);"
           " autoload -U compinit; compinit -u -D; zstyle ':completion:*' verbose no\n",
}
ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)|[\x07\r\x00]")


class Shell:
    """A shell on a terminal."""

    def __init__(self, argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", COLUMNS="200", LINES="500", HISTFILE="", INPUTRC="/dev/null", SAVEHIST="0")
            os.execvp(argv[0], argv)

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_to(self, mark, seconds=60):
        """All that comes, up to MARK and the prompt behind it, since what is typed before that is no line to edit yet."""
        seen, end = "", time.monotonic() + seconds
        prompt = re.compile(mark + r"\n[\s%#]*> $")
        while not prompt.search(seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                sys.exit(f"typed.py: no '{mark}' in {seconds} s; there is: {seen[-2000:]!r}")
            try:
                seen += ESCAPE.sub("", os.read(self.fd, 65536).decode(errors="replace"))
            except OSError:
                sys.exit(f"typed.py: the shell has ended: {seen[-2000:]!r}")
        return seen

    def end(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def typed(name, script, lines):
    argv = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}[name]
    shell = Shell(argv)
    shell.type(SET_UP[name] % (script if name == "bash" else os.path.dirname(script)))
    # In two parts, so that the echo of the command is not taken for its output.
    shell.type("stty cols 200 rows 500; echo set''up\n")
    shell.read_to("setup")
    for nr, line in enumerate(lines):
        # The line, TAB, and Ctrl-U, which removes it.
        shell.type(line + "\t")
        shell.type("\x15echo sc''reen%d\n" % nr)
        seen = shell.read_to("screen%d" % nr)
        print("=", line)
        print("\n".join(w.rstrip("=") for w in re.split(r"[\s>]+", seen) if w.rstrip("=")))
    shell.type("exit\n")
    shell.end()


def asked(script, lines):
    # fish makes the directory of its configuration, wherever that is to be.
    with tempfile.TemporaryDirectory() as home:
        for line in lines:
            done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", script, line],
                                  capture_output=True, text=True, check=True, timeout=60,
                                  env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home})
            print("=", line)
            for offered in done.stdout.splitlines():
                print(offered.split("\t")[0].rstrip("="))


if __name__ == "__main__":
    if sys.argv[1] == "fish":
        asked(sys.argv[2], sys.argv[3:])
    else:
        typed(sys.argv[1], sys.argv[2], sys.argv[3:])
