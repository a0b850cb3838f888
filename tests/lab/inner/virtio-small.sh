# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # kernel, root and vsockcat come as KEY=VALUE; functions run beside a boot
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

guest() {
	local what=$1
	shift
	boot --kernel "$kernel" --initrd "$root" --mem 256M --append "quiet lab=$what" "$@"
}

# Of the process itself: RssShmem is not ours, and huge pages of the pool do not count.
rss_kib() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(vmm_pid)/status"
}

field() {
	printf '%s\n' "$out" | sed -n "s/^lab: $1 *//p" | head -n 1
}

# --- Entropy: virtio-rng.ko --------------------------------------------------

# loaded MODULE
loaded() {
	out_has "^lab: modules .*\<$1\> .*of 6\.1\."
}
modules() {
	field modules
}

guest rng
check "Debian's modules: $(modules)" loaded virtio_rng
gzipped=$(field gzipped)
check "hwrng is the device, and gives noise" all_of status_is 0 -- out_has '^lab: rng virtio_rng.0' -- \
	out_has '^lab: driver virtio_rng' -- out_has '^lab: read 262144$' -- test "${gzipped:-0}" -gt 262144
guest rng --no-rng
check "--no-rng: no device" all_of status_is 0 -- out_has '^lab: read 0$'

# --- Console: virtio_console.ko ----------------------------------------------

type_line() {
	wait_for "$TEST_TMP/out" '^line 499 of many' 100 || return
	echo hello >&3
}
mkfifo "$TEST_TMP/keys"
exec 3<>"$TEST_TMP/keys"
: >"$TEST_TMP/out"
meanwhile type_line
status=0
"$VMM" --timeout "$LIMIT" --kernel "$kernel" --initrd "$root" --mem 256M --append "lab=console" --console virtio \
	<"$TEST_TMP/keys" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
exec 3>&-
beside
load_run
check "Debian's modules: $(modules)" loaded virtio_console
check "hvc0 is the console, in both directions" all_of status_is 0 -- out_has '^lab: console hvc0$' -- \
	out_has '^lab: typed hello$' -- test "$(printf '%s\n' "$out" | grep -c '^line [0-9]* of many$')" = 500
check "output from before hvc0 is there, and only once" \
	test "$(printf '%s\n' "$out" | grep -c 'Linux version ')" = 1

# --- Sockets: vmw_vsock_virtio_transport.ko ----------------------------------

sockets() {
	local sock=$TEST_TMP/vsock i=0
	wait_for "$TEST_TMP/out" '^lab: ready' 120 || return
	"$vsockcat" echo "unix:${sock}_1234" 2>/dev/null &
	head -c 1000000 /dev/urandom >"$TEST_TMP/noise"
	until "$vsockcat" connect "unix:$sock" 52 </dev/null >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -lt 100 ] || return 1
		sleep 0.2
	done
	[ "$("$vsockcat" connect "unix:$sock" 52 <"$TEST_TMP/noise" 2>/dev/null | sha256sum)" = "$(sha256sum <"$TEST_TMP/noise")" ] &&
		echo "host to guest and back"
	"$vsockcat" connect "unix:$sock" 77 </dev/null 2>&1 | sed 's/^/port 77: /'
	printf 'HELLO\n' | "$vsockcat" connect "unix:$sock" | wc -c | sed 's/^/nonsense: /'
	for i in 1 2 3 4 5 6 7 8; do
		"$vsockcat" connect "unix:$sock" 52 <"$TEST_TMP/noise" 2>/dev/null | sha256sum >"$TEST_TMP/sum$i" &
	done
	wait_for "$TEST_TMP/out" 'no such machine' 120
	while [ "$(cat "$TEST_TMP"/sum? | wc -l)" -lt 8 ] && [ "$i" -lt 300 ]; do
		i=$((i + 1))
		sleep 0.2
	done
	echo "eight at once: $(cat "$TEST_TMP"/sum? | sort -u | wc -l)"
	"$vsockcat" echo "unix:${sock}_1235" 2>/dev/null &
	wait_for "$TEST_TMP/out" 'result' 60
	kill $! 2>/dev/null
}
meanwhile sockets
guest vsock --vsock "cid=42,path=$TEST_TMP/vsock"
beside
check "Debian's modules: $(modules)" loaded vmw_vsock_virtio_transport
check "the guest connects to a program of the host, 1 MB each way" all_of status_is 0 -- out_has '^lab: guest to host and back'
check "a port without a listener, an unknown CID: reset" all_of out_has '^lab: nobody there: .*reset' -- \
	out_has '^lab: no such machine: .*(reset|No such device|unreachable)'
check "the host connects to a program of the guest, 1 MB each way" seen_has '^host to guest and back'
check "a port without a listener in the guest, and an invalid request: closed" all_of seen_has '^port 77: vsockcat: refused: ""' -- \
	seen_has '^nonsense: 0$'
check "eight connections at once" seen_has '^eight at once: 1$'
check "the socket is gone" test ! -e "$TEST_TMP/vsock"
[ "$tap_failed" = 0 ] || printf '# %s\n' "$seen" | head -n 20

# In an empty root, as another user, whom the programs of the host let in.
jailed_sockets() {
	local sock=$TEST_TMP/open/vsock i=0
	wait_for "$TEST_TMP/out" '^lab: ready' 120 || return
	open_to_all "${sock}_1234"
	printf hello >"$TEST_TMP/hello"
	# The program in the guest takes a moment to listen.
	until [ "$("$vsockcat" connect "unix:$sock" 52 <"$TEST_TMP/hello" 2>/dev/null)" = hello ]; do
		i=$((i + 1))
		[ "$i" -lt 100 ] || return 1
		sleep 0.2
	done
	echo "host to guest and back"
	wait_for "$TEST_TMP/out" 'no such machine' 120
	echo "broker: $(cat /proc/[0-9]*/comm 2>/dev/null | grep -cx vmm-broker)"
	open_to_all "${sock}_1235"
}
# open_to_all SOCKET: a program that echoes, which anybody may connect to
open_to_all() {
	"$vsockcat" echo "unix:$1" 2>/dev/null &
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -S "$1" ] && break
		sleep 0.2
	done
	chmod 777 "$1"
}
mkdir "$TEST_TMP/open"
chmod 777 "$TEST_TMP/open"
chmod 755 "$TEST_TMP"
meanwhile jailed_sockets
guest vsock --vsock "cid=42,path=$TEST_TMP/open/vsock" --chroot --user 1234:1234
beside
check "the same in an empty root, as another user: the guest connects to a program of the host" all_of status_is 0 -- \
	out_has '^lab: guest to host and back' -- seen_has '^broker: 1$'
check "and the host to a program of the guest" seen_has '^host to guest and back'
check "the socket is gone" test ! -e "$TEST_TMP/open/vsock"
[ "$tap_failed" = 0 ] || printf '# %s\n' "$seen" | head -n 20

# --- Balloon: virtio_balloon.ko ----------------------------------------------

# balloon_run: tells the guest to go on, and looks at the process between.
balloon_run() {
	wait_for "$TEST_TMP/out" '^lab: filled' 120 || return
	echo "rss $(rss_kib) filled"
	echo >&3
	wait_for "$TEST_TMP/out" '^lab: removed' 60
	# Free page reporting works every two seconds.
	sleep "$1"
	echo "rss $(rss_kib) removed"
	echo >&3
	wait_for "$TEST_TMP/out" '^lab: free .* before' 60
	kill -USR1 "$(vmm_pid)"
	wait_for "$TEST_TMP/err" 'balloon: 67108864 bytes given back' 60
	echo "rss $(rss_kib) inflated"
	echo >&3
	wait_for "$TEST_TMP/out" '^lab: free .* inflated' 60
	kill -USR2 "$(vmm_pid)"
	for _ in $(seq 60); do
		tail -n 1 "$TEST_TMP/err" | grep -q 'balloon: 0 bytes given back' && break
		sleep 1
	done
	echo "rss $(rss_kib) deflated"
	echo >&3
	wait_for "$TEST_TMP/out" '^lab: wrote' 60
}

# with_balloon SECONDS: the run; then rss_* and free_* are set.
with_balloon() {
	: >"$TEST_TMP/out"
	rm -f "$TEST_TMP/keys"
	mkfifo "$TEST_TMP/keys"
	exec 3<>"$TEST_TMP/keys"
	meanwhile balloon_run "$1"
	status=0
	sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" --timeout "$LIMIT" --kernel "$kernel" --initrd "$root" \
		--mem 256M --append "quiet lab=balloon" --balloon=step=64M,poll=1s --log-level info \
		<"$TEST_TMP/keys" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	exec 3>&-
	beside
	load_run
	for word in filled removed inflated deflated; do
		eval "rss_$word=$(printf '%s\n' "$seen" | sed -n "s/^rss \([0-9]*\) $word/\1/p")"
		eval "free_$word=$(printf '%s\n' "$out" | sed -n "s/^lab: free \([0-9]*\) $word/\1/p")"
	done
	free_before=$(printf '%s\n' "$out" | sed -n "s/^lab: free \([0-9]*\) before/\1/p")
	echo "# RSS $rss_filled filled, $rss_removed removed, $rss_inflated inflated, $rss_deflated deflated;" \
		"free in the guest $free_before, $free_inflated, $free_deflated KiB"
	[ "$(field wrote)" = "$(field found)" ] && [ -n "$(field wrote)" ] && status_is 0
}

less_by() {
	[ -n "$1" ] && [ -n "$2" ] && [ $(($1 - $2)) -gt "$3" ]
}

with_balloon 12
memory_is_good=$?
check "Debian's modules: $(modules)" loaded virtio_balloon
check "memory keeps its contents after a balloon was inflated and deflated" test "$memory_is_good" = 0
check "free pages leave the VMM's memory by themselves" less_by "$rss_filled" "$rss_removed" 120000
check "the guest gives 64 MB to the balloon, and has them back" all_of less_by "$free_before" "$free_inflated" 60000 -- \
	less_by "$free_deflated" "$free_inflated" 60000
check "statistics are reported" err_has 'balloon: 67108864 bytes given back; in the guest [0-9]+ free'
# Most of it is pages that were reported or never touched; the rest had been in use, in pieces too small for a report.
check "inflated pages leave the VMM's memory" less_by "$rss_removed" "$rss_inflated" 4000
finish
