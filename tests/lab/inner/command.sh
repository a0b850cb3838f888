# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # kernel, bzimage and modules come as KEY=VALUE; sh in the guest expands
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# command_in STDIN ARG...: a command in a guest; then $status, $out and $err. `--` is among the arguments.
limit=$LIMIT
command_in() {
	local input=$1
	shift
	status=0
	"$VMM" --kernel "$kernel" --modules "$modules" --root / --mem 256M --timeout "$limit" "$@" \
		<"$input" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}

printf 'some input\nwithout an end of line' >"$TEST_TMP/input"
mkdir "$TEST_TMP/dir"
echo "of the host" >"$TEST_TMP/dir/file"
cat >"$TEST_TMP/script" <<'END'
#!/bin/sh
cat
echo "error" >&2
echo "words: $#" "<$1>" "<$2>"
echo "in: $(pwd) as: $(id -u)"
echo "env: $WORD"
echo "read: $(cat "$1/file")"
echo changed >"$1/file" && echo "write: $(cat "$1/file")"
echo "devices: $(ls /dev | grep -c -x -e null -e zero -e random -e fd)"
mkdir "$VMM_OUT/dir" && echo "comes back" >"$VMM_OUT/dir/file" && chmod 700 "$VMM_OUT/dir/file"
echo "lo: $(ip -o link show lo 2>/dev/null | grep -c UP)"
exit 7
END
chmod +x "$TEST_TMP/script"
cd "$TEST_TMP/dir" || exit
export WORD="with a
line break"
command_in "$TEST_TMP/input" --out "$TEST_TMP/files" -- ../script "$TEST_TMP/dir" "$WORD"
check "a command's status is vmm's" status_is 7
check "standard input, output and error are its own" all_of out_has '^some input$' -- out_has '^without an end of linewords: 2 ' \
	-- test "$err" = error
check "words and variables arrive as they are" all_of out_has '^line break>$' -- out_has '^env: with a$'
check "in the same directory" out_has "^in: $TEST_TMP/dir as: 0\$"
check "the host's files are there" out_has '^read: of the host$'
check "and can be written, in memory" all_of out_has '^write: changed$' -- test "$(cat file)" = "of the host"
check "with a /dev" out_has '^devices: 4$'
check "files come back from VMM_OUT" all_of test "$(cat "$TEST_TMP/files/dir/file")" = "comes back" -- test -x "$TEST_TMP/files/dir/file"
cd / || exit

command_in /dev/null --out "$TEST_TMP/files" --report "$TEST_TMP/report.json" -- sh -c '
	cd $VMM_OUT && ln -s /etc/passwd link && mkfifo fifo && head -c 3000000 /dev/zero >big && echo new >"a name"
	yes | head -c 3000000; kill -TERM $$'
check "3 MB of output arrive" test "$(wc -c <"$TEST_TMP/out")" = 3000000
check "a signal is 128 and its number" status_is 143
check "large files come back, with files of other runs beside" all_of test "$(wc -c <"$TEST_TMP/files/big")" = 3000000 -- \
	test "$(cat "$TEST_TMP/files/a name")" = new -- test -e "$TEST_TMP/files/dir/file"
check "no link and no FIFO does, which is told" all_of test "$(ls "$TEST_TMP/files" | wc -l)" = 3 -- test "${err#*: 2 left out}" != "$err"
check "the report says that the command ended" grep -q '"command"' "$TEST_TMP/report.json"

command_in /dev/null -- /no/such/program
check "127 where there is no such program" all_of status_is 127 -- test "${err#*/no/such/program}" != "$err"

command_in /dev/null -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
check "255 where the kernel panics, and why" all_of status_is 255 -- test "${err#*panicked}" != "$err"

limit=$((20 * SLOW))s
command_in /dev/null -- sleep 1000
limit=$LIMIT
check "124 at the time limit" status_is 124

# A reader that leaves: the command gets SIGPIPE as anywhere.
status=0
"$VMM" --kernel "$kernel" --modules "$modules" --root / --mem 256M --timeout "$LIMIT" -- \
	sh -c 'trap "" PIPE; while echo y; do :; done 2>/dev/null; exit 9' 2>"$TEST_TMP/err" </dev/null | head -n 1 >"$TEST_TMP/out"
check "it ends when nobody reads its output" test "$(cat "$TEST_TMP/out")" = y

# On a terminal of its own. Ctrl-C is for the command's foreground group.
"$ptykeys" "$TEST_TMP/pty" until:ready 'send:\x03' until:interrupted -- \
	"$VMM" --kernel "$kernel" --modules "$modules" --root / --mem 256M --timeout "$LIMIT" -- \
	sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size; trap "echo interrupted; exit 5" INT; echo ready; sleep 100'
status=$?
out=$(tr -d '\r' <"$TEST_TMP/pty")
check "a terminal is the command's, with its size and its keys" all_of status_is 5 -- out_has '^24 80$' -- out_has interrupted

# SIGTERM for vmm is the command's.
meanwhile sh -c 'until grep -q ready "$1/out"; do sleep 0.2; done; kill -TERM "$(cat "$1/pid")"' sh "$TEST_TMP"
boot --kernel "$kernel" --modules "$modules" --root / --mem 256M -- \
	sh -c 'trap "echo got it; exit 3" TERM; echo ready; while :; do sleep 1; done'
beside
check "SIGTERM is the command's" all_of status_is 3 -- out_has '^got it$'

# A compressed kernel, and a kernel whose modules are missing.
kernel=$bzimage
command_in /dev/null -- sh -c 'echo $((6*7))'
check "from a bzImage" all_of status_is 0 -- out_has '^42$'
mkdir "$TEST_TMP/none"
: >"$TEST_TMP/none/modules.dep"
modules=$TEST_TMP/none
command_in /dev/null -- true
check "a driver that the kernel has not is named before the boot" all_of status_is 2 -- \
	test "${err#*CONFIG_VIRTIO_MMIO}" != "$err"
finish
