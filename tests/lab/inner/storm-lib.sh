# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # storm comes as KEY=VALUE
#
# storm_for SECONDS: one hostile guest after the other, with every device that needs nothing of the host. A guest may end in
# any way a guest can; vmm may not fail (125), trap (159), crash or hang, nor take more memory or log than it should.

# Most memory beyond the guest's, in KiB, and of the log, in bytes.
STORM_MEMORY=24576
STORM_LOG=65536

# Peak of what is not the guest's RAM (VmHWM has both), again and again until vmm has gone.
watch_memory() {
	local pid kib peak=0
	pid=$(vmm_pid) || return
	while kib=$(awk '/^RssAnon:/ { a = $2 } /^RssFile:/ { f = $2 } END { print a + f }' "/proc/$pid/status" 2>/dev/null) && [ -n "$kib" ]; do
		[ "$kib" -le "$peak" ] || peak=$kib
		sleep 0.3
	done
	echo "peak $peak"
}

storm_for() {
	local end=$(($(date +%s) + $1)) now runs=0 bad='' ends='' most=0 peak longest=0 size
	truncate -s 8M "$TEST_TMP/disk"
	while now=$(date +%s) && [ "$now" -lt "$end" ]; do
		meanwhile watch_memory
		# shellcheck disable=SC2034 # of lib.sh
		LIMIT=$((end - now))s
		boot --kernel "$storm" --mem 64M --cpus 2 --debug-exit --debugcon --grace 1s \
			--disk "path=$TEST_TMP/disk" --console "file=$TEST_TMP/console" --console-cap 1M
		beside
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
	printf '# %s guests in %s s; ended with%s; %s KiB at most with the 64 MiB of the guest, %s bytes of log\n' "$runs" "$1" \
		"$(printf '%s\n' "${ends# }" | tr ' ' '\n' | sort -n | uniq -c | awk '{ printf " %sx%s", $1, $2 }')" "$most" "$longest"
	check "a hostile guest: vmm stays what it is for $1 s" all_of test "$runs" -gt 0 -- test -z "$bad"
	check "a hostile guest: its memory is bounded" all_of test "$most" -gt 0 -- test "$most" -le $((STORM_MEMORY + 65536))
	check "a hostile guest: its log is bounded" test "$longest" -le "$STORM_LOG"
	check "a hostile guest: its console file is capped" test "$(wc -c <"$TEST_TMP/console")" -le 1048576
}
