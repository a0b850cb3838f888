# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# For the suites with gdb: vmm beside gdb, which is Debian's minimal one and needs no Python.
#
# shellcheck disable=SC2154 # of the suites
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# guest ARG...: vmm in the background, until it waits for gdb.
guest() {
	local left=$((300 * SLOW))
	rm -f "$TEST_TMP/gdb"
	: >"$TEST_TMP/out"
	# shellcheck disable=SC2086 # two words
	"$VMM" --timeout "$LIMIT" $boot_sandbox --gdb "unix:$TEST_TMP/gdb,wait" "$@" >"$TEST_TMP/out" 2>"$TEST_TMP/err" \
		</dev/null &
	vmm=$!
	until [ -S "$TEST_TMP/gdb" ] || ! kill -0 "$vmm" || [ "$left" = 0 ]; do
		sleep 0.1
		left=$((left - 1))
	done
}

# debug [ARG...]: gdb with the commands of stdin, to its end; then $seen.
debug() {
	cat >"$TEST_TMP/commands"
	seen=$(timeout $((120 * SLOW)) "$gdb" -nx -batch -iex 'set confirm off' -iex 'set remotetimeout 60' \
		-iex 'set architecture i386:x86-64' "$@" -ex "target remote $TEST_TMP/gdb" -x "$TEST_TMP/commands" 2>&1 </dev/null)
}

seen_has() {
	printf '%s\n' "$seen" | grep -qE -- "$1"
}

# ended: waits for vmm; then $status, $out and $err.
ended() {
	status=0
	wait "$vmm" || status=$?
	load_run
}

# shown: what gdb printed, for whom a check has failed.
shown() {
	printf '%s\n' "$seen" | sed 's/^/# /'
}
