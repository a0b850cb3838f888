# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154,SC2317 # guests expand what is typed; the files come as KEY=VALUE; functions run beside
#
# A guest with a network, sockets and an inflated balloon is kept and restored.
#
# shellcheck source=tests/lab/inner/snapshot-lib.sh
. tests/lab/inner/snapshot-lib.sh
LIMIT=$((300 * SLOW))s
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
"$launch" make vm0 0
ip addr add 10.7.0.1/24 dev vm0
ip link set vm0 up
echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
"$vsockcat" echo "unix:$TEST_TMP/vsock_1234" 2>/dev/null &
echo=$!
mkfifo "$TEST_TMP/keys"
exec 3<>"$TEST_TMP/keys"

# driven CMD...: vmm with keys from descriptor 3; CMD runs beside it.
driven() {
	local drive=$1
	shift
	meanwhile "$drive"
	status=0
	sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" "$@" --timeout "$LIMIT" --log-level info \
		<"$TEST_TMP/keys" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	beside
	load_run
}
# did N: so many lines that were typed have been done
did() {
	local left=600
	until [ "$(grep -c '^lab: did' "$TEST_TMP/out")" -ge "$1" ]; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
}
# What is the process's own: pages of the snapshot's file that it has not written are not.
own_kib() {
	sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(vmm_pid)/status"
}
given_back() {
	wait_for "$TEST_TMP/err" "balloon: $1 bytes given back" 60
}

# A connection that stays, and 64 MB in the balloon.
keep() {
	wait_for "$TEST_TMP/out" '^lab: ready' || return
	echo 'mkfifo /run/hold; (vsockcat connect vsock:2:1234 </run/hold >/run/got 2>&1; echo "old $?" >/run/old) &' >&3
	echo 'exec 5>/run/hold; echo hello >&5; until grep -q hello /run/got; do sleep 0.1; done; say connected' >&3
	echo 'ping -c 1 -w 20 10.7.0.1 >/dev/null && say pinged' >&3
	did 3 || return
	kill -USR1 "$(vmm_pid)"
	given_back 67108864
	kill -35 "$(vmm_pid)"
}
driven keep --kernel "$kernel" --initrd "$boot_root" --mem 256M --append quiet --disk "path=$root,overlay" --net tap=vm0 \
	--vsock "cid=42,path=$TEST_TMP/vsock" --balloon=step=64M,poll=1s --snapshot "$snap,on=signal,then=exit"
check "a guest with a connection, a network and 64 MB in its balloon is kept" all_of status_is 0 -- only ready -- \
	out_has '^lab: connected$' -- out_has '^lab: pinged$' -- err_has 'balloon: 67108864 bytes given back'

use() {
	echo 'until [ -s /run/old ]; do sleep 0.1; done; say "connection: $(cat /run/old)"' >&3
	echo 'echo anew | (cat; sleep 1) | vsockcat connect vsock:2:1234 | sed "s/^/lab: /"' >&3
	echo 'ping -c 3 -w 60 10.7.0.1 >/dev/null && say pinged' >&3
	did 3 || return
	kill -USR2 "$(vmm_pid)"
	given_back 0
	# What the balloon had is there to be used.
	echo 'head -c 20000000 /dev/urandom >/tmp/fill; dd if=/dev/zero of=/tmp/zeroes bs=1M count=120 2>/dev/null; md5sum </tmp/fill >/run/sum; echo 1 >/proc/sys/vm/drop_caches' >&3
	echo 'say "kept $(md5sum </tmp/fill | cmp - /run/sum && echo whole)"' >&3
	did 5 || return
	echo "own $(own_kib) filled"
	echo 'rm /tmp/fill /tmp/zeroes' >&3
	did 6 || return
	kill -USR1 "$(vmm_pid)"
	sleep 1
	given_back 67108864
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		[ "$(own_kib)" -gt 90000 ] || break
		sleep 1
	done
	echo "own $(own_kib) given back"
	echo 'complaints; poweroff -f' >&3
}
driven use restore "$snap"
printf '%s\n' "$seen" | sed 's/^/# KiB: /'
own() {
	printf '%s\n' "$seen" | sed -n "s/^own \([0-9]*\) $1\$/\1/p"
}
check "restored, its driver learns that the connection is gone" all_of status_is 0 -- out_has '^lab: connection: old 1$'
check "a new connection works" out_has '^lab: anew$'
check "so does its network" out_has '^lab: pinged$'
check "what the balloon had is the guest's again" out_has '^lab: kept whole$'
filled=$(own filled) less=$(own 'given back')
check "and leaves the process when it is given back" test "${filled:-0}" -gt $((${less:-999999} + 60000))
check "its kernel complains of nothing" out_has '^lab: complaints 0$'
kill "$echo"
finish
