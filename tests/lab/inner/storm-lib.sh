# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # storm comes as KEY=VALUE
#
# storm_for SECONDS, after storm_host: one hostile guest after the other, with every device there is, each with its other side: a disk, a TAP
# that the host talks to, passt, sockets with a client, a console, a balloon. A guest may end in any way a guest can; vmm may
# not fail (125), trap (159), crash or hang, nor take more memory or log than it should.

# Most memory beyond the guest's, in KiB, and of the log, in bytes.
STORM_MEMORY=24576
STORM_LOG=65536

# Peak of memory other than guest RAM (VmHWM has both), sampled until vmm has ended.
watch_memory() {
	local pid kib peak=0
	pid=$(vmm_pid) || return
	while kib=$(awk '/^RssAnon:/ { a = $2 } /^RssFile:/ { f = $2 } END { print a + f }' "/proc/$pid/status" 2>/dev/null) && [ -n "$kib" ]; do
		[ "$kib" -le "$peak" ] || peak=$kib
		sleep 0.3
	done
	echo "peak $peak"
}

# The host of the storm: an ordinary user, since passt wants one, and his TAP, with the default route that passt wants too.
storm_user=1000
storm_host() {
	chmod 666 /dev/kvm
	mkdir -p /dev/net
	[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
	chmod 666 /dev/net/tun
	chmod 1777 /tmp
	"$launch" make storm0 "$storm_user"
	ip addr add 10.7.0.1/24 dev storm0
	ip link set storm0 up
	ip route add default via 10.7.0.2 dev storm0
	mkdir "$TEST_TMP/storm"
	truncate -s 8M "$TEST_TMP/storm/disk"
	chown -R "$storm_user:$storm_user" "$TEST_TMP/storm"
	chmod 755 "$TEST_TMP"
	storm_vmm=$TEST_TMP/storm-vmm # vmm as that user
	printf '#!/bin/sh\nexec %s --reuid %s --regid %s --clear-groups %s "$@"\n' "$setpriv" "$storm_user" "$storm_user" "$VMM" \
		>"$storm_vmm"
	chmod 755 "$storm_vmm"
}

# The host's side, as long as the storm lasts: pings that nobody answers, programs that are connected to, that connect and
# leave.
storm_traffic() {
	local port beside
	ping -q 10.7.0.2 >/dev/null 2>&1 &
	beside=$!
	for port in 1024 1025; do
		"$setpriv" --reuid "$storm_user" --regid "$storm_user" --clear-groups \
			"$sockecho" "$TEST_TMP/storm/vsock_$port" &
		beside="$beside $!"
	done
	# shellcheck disable=SC2064,SC2086 # these, now
	trap "kill $beside; exit" TERM
	while :; do
		printf 'CONNECT %s\nhello' $((1024 + $(date +%s) % 4)) | timeout 1 "$sockcat" "$TEST_TMP/storm/vsock" >/dev/null 2>&1
		sleep 0.2
	done
}

# devices_reached: how many devices have had more than 20 writes to their registers so far.
devices_reached() {
	awk '{ w[$1] += $2 } END { for (d in w) n += w[d] > 20; print n + 0 }' "$TEST_TMP/storm/reached"
}

storm_for() {
	local begin end now runs=0 bad='' ends='' most=0 peak longest=0 size traffic reached
	VMM=$storm_vmm
	storm_traffic &
	traffic=$!
	begin=$(date +%s)
	end=$((begin + $1))
	: >"$TEST_TMP/storm/reached"
	while now=$(date +%s); do
		if [ "$now" -ge "$end" ]; then
			# A slow host needs longer for all of them.
			if [ "$now" -ge $((begin + $1 + 50)) ] || [ "$(devices_reached)" = 7 ]; then
				break
			fi
			end=$((now + 10))
		fi
		meanwhile watch_memory
		# shellcheck disable=SC2034 # of lib.sh
		LIMIT=$((end - now))s
		boot --kernel "$storm" --mem 64M --cpus 2 --debug-exit --debugcon --grace 1s \
			--disk "path=$TEST_TMP/storm/disk" --net tap=storm0 --net passt \
			--vsock "cid=3,path=$TEST_TMP/storm/vsock" --balloon \
			--console "virtio,file=$TEST_TMP/storm/console" --console-cap 1M --report "$TEST_TMP/storm/report"
		beside
		sed -n 's/.*"writes": \([0-9]*\),.*"device": "\([^"]*\)",.*"to_guest_bytes": \([0-9]*\), "from_guest_bytes": \([0-9]*\).*/\2 \1 \3 \4/p' \
			"$TEST_TMP/storm/report" >>"$TEST_TMP/storm/reached"
		runs=$((runs + 1))
		ends="$ends $status"
		peak=$(printf '%s\n' "$seen" | sed -n 's/^peak //p')
		[ "${peak:-0}" -le "$most" ] || most=$peak
		size=$(wc -c <"$TEST_TMP/err")
		[ "$size" -le "$longest" ] || longest=$size
		case $status in
		0 | 32 | 34 | 36 | 38 | 124) ;;
		125 | 126 | 127 | 128 | 129 | 130 | 131 | 132 | 133 | 134 | 135 | 136 | 137 | 138 | 139 | 143 | 159) bad="$bad $status" ;;
		*) [ $((status % 2)) = 1 ] || bad="$bad $status" ;;
		esac
		[ -z "$bad" ] || break
	done
	kill "$traffic"
	wait "$traffic" 2>/dev/null
	printf '# %s guests in %s s; ended with%s; %s KiB at most with the 64 MiB of the guest, %s bytes of log\n' "$runs" \
		$(($(date +%s) - begin)) \
		"$(printf '%s\n' "${ends# }" | tr ' ' '\n' | sort -n | uniq -c | awk '{ printf " %sx%s", $1, $2 }')" "$most" "$longest"
	# Of each device: registers written, bytes to the guest and from it.
	reached=$(awk '{ w[$1] += $2; t[$1] += $3; f[$1] += $4 } END { for (d in w) print d, w[d], t[d], f[d] }' "$TEST_TMP/storm/reached")
	printf '%s\n' "$reached" | sed 's/^/# reached: /'
	check "a hostile guest: it reaches all seven devices, and some of them serve its requests" all_of \
		test "$(devices_reached)" = 7 -- \
		test "$(printf '%s\n' "$reached" | awk '$3 + $4 > 0' | wc -l)" -ge 2
	check "a hostile guest: vmm stays what it is for $1 s" all_of test "$runs" -gt 0 -- test -z "$bad"
	check "a hostile guest: its memory is bounded" all_of test "$most" -gt 0 -- test "$most" -le $((STORM_MEMORY + 65536))
	check "a hostile guest: its log is bounded" test "$longest" -le "$STORM_LOG"
	check "a hostile guest: its console file is capped" test "$(wc -c <"$TEST_TMP/storm/console")" -le 1048576
	check "a hostile guest: its disk is as large as it was" test "$(wc -c <"$TEST_TMP/storm/disk")" = 8388608
	check "a hostile guest: passt and the socket's path went with it" all_of test -z "$(pidof passt passt.avx2)" -- \
		test ! -e "$TEST_TMP/storm/vsock"
}
