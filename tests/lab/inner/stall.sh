# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # programs come as KEY=VALUE; functions run beside a boot
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
LIMIT=100s

[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }
"$launch" make vm0 0
ip addr add 10.7.0.1/24 dev vm0
ip link set vm0 up
mkdir "$TEST_TMP/fs"
log=$TEST_TMP/stallfs.log

# disk_of [direct]: the file system anew, with its server.
disk_of() {
	: >"$log"
	"$stallfs" "$TEST_TMP/fs" 67108864 10 "$log" "$@" &
	server=$!
	wait_for "$log" mounted 20
}

no_disk() {
	umount "$TEST_TMP/fs"
	wait "$server"
}

# stall: until a read hangs.
stall() {
	: >"$log"
	kill -USR1 "$server"
	wait_for "$log" waits 20
}

# trips NAME: round trips of the console, of a socket and of the network, all three at once.
trips() {
	"$rtt" "$TEST_TMP/console" 30 'echo ' 2>>"$TEST_TMP/said" | sed "s/^/$1 console /" &
	local one=$!
	"$rtt" "$TEST_TMP/vsock" 30 '' 52 2>/dev/null | sed "s/^/$1 vsock /" &
	local two=$!
	ping -c 3 -i 0.1 10.7.0.2 >/dev/null
	ping -c 30 -i 0.1 10.7.0.2 | sed -n "s,^round-trip min/avg/max = [0-9.]*/\([0-9.]*\)/\([0-9.]*\) ms.*,$1 net median \1 max \2,p"
	wait "$one" "$two"
}

ready() {
	"$rtt" wait "$TEST_TMP/console" 'lab: ready' 2>"$TEST_TMP/said" || return
	until "$rtt" "$TEST_TMP/vsock" 1 '' 52 >/dev/null 2>&1; do sleep 0.2; done
}

machine() {
	boot --kernel "$kernel" --initrd "$root" --mem 128M --append quiet --disk "path=$TEST_TMP/fs/disk,$1" --net tap=vm0 \
		--vsock "cid=7,path=$TEST_TMP/vsock" --console "socket=$TEST_TMP/console" --grace 0
	beside
	printf '%s\n' "$seen" | sed 's/^/# /'
}

# in_time TURN [KIND...]: each kind of round trip took no more than 100 ms longer while the disk was stalled.
in_time() {
	local turn=$1 kind
	seen=$(cat "$TEST_TMP/beside")
	shift
	[ $# -gt 0 ] || set -- console vsock net
	for kind; do
		at_most "$(number "$turn stalled $kind .* max")" "$(number "$turn idle $kind .* max")" || return
	done
}

# number LINE: what stands at its end, in tenths of a millisecond.
number() {
	printf '%s\n' "$seen" | sed -n "s/^$1 \([0-9]*\)\.\([0-9]\).*$/\1\2/p" | tail -n 1
}

# at_most A B: A is no more than 100 ms later than B.
at_most() {
	[ -n "$1" ] && [ -n "$2" ] && [ "$1" -le $(($2 + 1000)) ]
}

not_seen() {
	! seen_has "$1"
}

not_in_said() {
	! grep -q "$1" "$TEST_TMP/said"
}

# The lab has delays of its own, so a slow result is measured again: a device that waits for a disk is always slow.
whole() {
	local pid turn
	pid=$(vmm_pid)
	ready || return
	for turn in 1 2; do
		trips "$turn idle"
		stall
		trips "$turn stalled"
		grep -q answered "$log" && echo "the stall was over too early"
		kill -USR2 "$server"
		wait_for "$log" answered 30
		in_time "$turn" && break
	done
	"$rtt" "$TEST_TMP/console" 10 'echo ' 2>>"$TEST_TMP/said" | sed 's/^/after console /'
	"$rtt" term "$pid" | sed 's/^/idle /'
}
disk_of
meanwhile whole
machine ro
idle_gone=$(number 'idle .* gone') idle_ended=$(number 'idle ended')
check "Debian's modules: $(tr -d '\r' <"$TEST_TMP/said" | sed -n 's/^lab: modules //p')" grep -q \
	'^lab: modules virtio_blk virtio_mmio virtio_net vmw_vsock_virtio_transport of' "$TEST_TMP/said"
check "a disk that does not hang is not reported" test -z "$err"
check "a read takes 10 s, and is right" all_of grep -q 'lab: block [0-9]* was read in' "$TEST_TMP/said" -- \
	not_in_said 'is wrong' -- seen_has '^after console' -- not_seen 'too early'
turn=$(printf '%s\n' "$seen" | sed -n 's/^\([12]\) stalled .*/\1/p' | tail -n 1)
for kind in console vsock net; do
	check "meanwhile, $kind: no more than 100 ms later than without" in_time "$turn" "$kind"
done

ended() {
	local pid
	pid=$(vmm_pid)
	ready || return
	stall
	"$rtt" term "$pid" | sed "s/^/$1 /"
	grep -c answered "$log" | sed "s/^/$1 answered /"
	kill -USR2 "$server"
}

# ends NAME LINE IDLE: a machine that is ended in a stall; once more if the lab had a hiccup.
ends() {
	local turn
	for turn in 1 2; do
		meanwhile ended "$1"
		machine ro
		if at_most "$(number "$2")" "$3" || [ "$turn" = 2 ]; then
			return
		fi
		wait_for "$log" answered 15
	done
}
ends stalled 'stalled .* gone' "$idle_gone"
check "meanwhile, SIGTERM: no more than 100 ms later than without" all_of status_is 143 -- \
	at_most "$(number 'stalled .* gone')" "$idle_gone" -- seen_has '^stalled answered 0'
check "a disk that hangs is reported, and the socket's path is removed all the same" all_of err_is_one_line -- \
	err_has '^vmm: .*disk0: the host has not answered a request' -- test ! -e "$TEST_TMP/vsock"
no_disk

# --- Without the page cache of the host, a reader waits for the server, which no signal ends

disk_of direct
ends direct 'direct ended' "$idle_ended"
check "a sleep that the kernel does not end: vmm itself has ended in time" all_of status_is 143 -- \
	at_most "$(number 'direct ended')" "$idle_ended" -- err_has 'disk0: the host has not answered'
no_disk
finish
