#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: flat-compare.sh ACCEL RUNS WANT PROGRAM...: `vmm flat` and QEMU (-accel ACCEL) in turns, from before the fork to after
# the exit. PROGRAM is a path without .protected and .qemu; WANT has what it prints, as files want.NAME. A line for each:
# "NAME VMM QEMU", medians in ms; exit status 1 when one printed something else.
set -u
accel=$1 runs=$2 want=$3
shift 3
vmm=${VMM:-vmm}
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT

# timed OUT CMD...: its microseconds in $us
timed() {
	local out=$1 from to
	shift
	from=${EPOCHREALTIME/[.,]/}
	"$@" >"$out" 2>"$tmp/err" </dev/null || true
	to=${EPOCHREALTIME/[.,]/}
	us=$((to - from))
}

median() {
	sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2000 }'
}

same() {
	cmp -s "$1" "$want/want.$2" || {
		echo "$2: $3 printed something else: $(head -c 200 "$1" "$tmp/err")" >&2
		bad=1
	}
}

bad=0
for program; do
	name=${program##*/}
	: >"$tmp/vmm"
	: >"$tmp/qemu"
	for ((i = 0; i < runs; i++)); do
		timed "$tmp/out" "$vmm" flat "$program.protected,mode=protected" --timeout 60s
		same "$tmp/out" "$name" vmm
		echo "$us" >>"$tmp/vmm"
		timed "$tmp/out" qemu-system-x86_64 -accel "$accel" -M pc -m 16M -nodefaults -no-user-config -display none \
			-no-reboot -debugcon stdio -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$program.qemu"
		same "$tmp/out" "$name" QEMU
		echo "$us" >>"$tmp/qemu"
	done
	echo "$name $(median "$tmp/vmm") $(median "$tmp/qemu")"
done
exit $bad
