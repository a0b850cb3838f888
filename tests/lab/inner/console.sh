# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# The kernel comes as KEY=VALUE, and so does times: how often the guest sends 64 KB back.
#
# shellcheck disable=SC2154,SC2317,SC2094 # settings; called by name; a file that is read while it is written
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
[ "$times" -lt 10 ] || LIMIT=140m

# noise BYTES TIMES: makes the paste, in which is every byte that a line discipline could take for something else.
noise() {
	local i=0
	bytes=$1
	back=$(($1 * $2))
	head -c "$bytes" /dev/urandom >"$TEST_TMP/paste"
	paste_sum=$(sha256sum <"$TEST_TMP/paste" | cut -d' ' -f1)
	back_sum=$(
		while [ "$i" -lt "$2" ]; do
			cat "$TEST_TMP/paste"
			i=$((i + 1))
		done | sha256sum | cut -d' ' -f1
	)
	words="quiet lab=echo lab_bytes=$bytes lab_times=$2"
}

# sent_back: the sum of what stands between the two lines of the file "got", byte for byte.
sent_back() {
	local begin
	begin=$(strings -a -t d "$TEST_TMP/got" | sed -n 's/^ *\([0-9]*\) lab: data begin$/\1/p')
	[ -n "$begin" ] || return
	tail -c +$((begin + 18)) "$TEST_TMP/got" | head -c "$back" | sha256sum | cut -d' ' -f1
}

# echoes WHAT: the checks on "got" and the last boot.
echoes() {
	local sum
	sum=$(sent_back)
	out=$(tr -d '\000\r' <"$TEST_TMP/got" | grep -a '^[a-zA-Z0-9:., -]*$')
	check "$1: $bytes bytes pasted at once arrive" all_of status_is 0 -- greeted -- out_has "^lab: got $paste_sum"
	check "$1: $back bytes come back" all_of [ "$sum" = "$back_sum" ] -- out_has '^lab: data end$' -- \
		test -z "$(printf %s "$err" | grep -v '^vmm: console is ')"
}

# --- stdin and stdout --------------------------------------------------------

noise 65536 "$times"
mkfifo "$TEST_TMP/keys"
paste_into_fifo() {
	wait_for "$TEST_TMP/got" '^lab: ready' 120 || return
	cat "$TEST_TMP/paste" >&3
}
: >"$TEST_TMP/got"
exec 3<>"$TEST_TMP/keys"
meanwhile paste_into_fifo
status=0
"$VMM" --timeout "$LIMIT" --kernel "$tiny" --initrd "$root" --append "$words" \
	<"$TEST_TMP/keys" >"$TEST_TMP/got" 2>"$TEST_TMP/err" || status=$?
exec 3>&-
beside
err=$(cat "$TEST_TMP/err")
echoes "stdin and stdout"

# --- pty ---------------------------------------------------------------------

# A byte of the serial port costs 100 us in the lab: what both ports have in common has been tested above.
noise 16384 1

# Its reader connects and stays; it gets the output from before, too.
use_pty() {
	local pty
	wait_for "$TEST_TMP/err" '^vmm: console is ' 60 || return
	pty=$(sed -n 's/^vmm: console is //p' "$TEST_TMP/err")
	stty -F "$pty" raw -echo
	cat "$pty" >"$TEST_TMP/got" 2>/dev/null &
	wait_for "$TEST_TMP/got" '^lab: ready' 120 || return
	cat "$TEST_TMP/paste" >"$pty"
	wait $!
}
: >"$TEST_TMP/got"
: >"$TEST_TMP/err"
meanwhile use_pty
boot --kernel "$tiny" --initrd "$root" --append "$words" --console pty
beside
echoes "pty"

# --- socket ------------------------------------------------------------------

use_socket() {
	local left=300
	until [ -S "$TEST_TMP/console" ]; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
	{
		wait_for "$TEST_TMP/got" '^lab: ready' 120 || return
		cat "$TEST_TMP/paste"
	} | "$sockcat" "$TEST_TMP/console" >"$TEST_TMP/got"
}
: >"$TEST_TMP/got"
meanwhile use_socket
boot --kernel "$tiny" --initrd "$root" --append "$words" --console "socket=$TEST_TMP/console"
beside
echoes "socket"
check "the socket is gone" test ! -e "$TEST_TMP/console"

# --- file --------------------------------------------------------------------

boot --kernel "$tiny" --initrd "$root" --append "quiet lab=flood lab_bytes=20000" \
	--console "file=$TEST_TMP/log" --console-cap 8K
size=$(wc -c <"$TEST_TMP/log")
file_status=$status
tr -d '\r' <"$TEST_TMP/log" >"$TEST_TMP/out"
load_run
status=$file_status
check "a file stops at its limit, the guest does not, and the loss is reported" all_of status_is 0 -- greeted -- \
	[ "$size" = 8192 ] -- out_has '^lab: flooding$' -- err_has 'size cap of 8192 bytes' -- \
	err_has '[0-9]+ bytes of guest console output were lost'
finish
