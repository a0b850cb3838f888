#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# /sbin/init of the disk that tests/lab/snapshot*.test make: brings up what the kernel's command line asks for (snapload=1: a
# writer and a reader of clocks; snapclock: a clock; snapown=1: a clone), says "lab: ready", sets a mark, then does each line
# that is typed, and says with which status.
#
# shellcheck disable=SC2154 # the kernel hands what it does not know itself to init's environment

say() {
	printf 'lab: %s\n' "$*"
}

# Files of noise, each with its sum beside it, until /run/stop is there.
writer() {
	n=0
	until [ -e /run/stop ]; do
		n=$((n + 1))
		head -c 100000 /dev/urandom | tee "/data/w$n" | sha256sum >"/data/w$n.sum"
		[ $((n % 4)) != 0 ] || sync
		[ "$n" -lt 100 ] || n=0
	done
}

# sums: every file of the tree is right, those that were written meanwhile too, also when they are read from the disk again.
sums() {
	wrong=0 files=0
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sha256sum -c /data/sums >/dev/null || wrong=1
	for sum in /data/w*.sum; do
		[ -s "$sum" ] || continue
		files=$((files + 1))
		[ "$(sha256sum <"${sum%.sum}")" = "$(cat "$sum")" ] || wrong=$((wrong + 1))
	done
	say "sums: $wrong wrong, $files written"
	[ "$wrong" = 0 ]
}

# stopped: the load has ended; the clock's reader prints what it saw, and what has kept its registers whether it did.
stopped() {
	: >/run/stop
	wait
	xstate | cmp - /run/xstate && say "xstate as it was"
}

complaints() {
	bad='soft lockup|rcu.*stall|blocked for more|I/O error|timed out|EXT4-fs (error|warning)|as unstable|BUG:|WARNING: CPU'
	dmesg | grep -E -A 4 "$bad" | sed 's/^/lab: dmesg /'
	say "complaints $(dmesg | grep -cE "$bad")"
}

dmesg -n 1
stty -echo
mount -t tmpfs run /run
mount -t tmpfs -o size=80% tmp /tmp
say "root $(awk '$2 == "/" && $1 != "rootfs" { print $1, $3 }' /proc/mounts)"
[ -z "$snapclock" ] || echo "$snapclock" >/sys/devices/system/clocksource/clocksource0/current_clocksource
say "cpus $(nproc) clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource) of" \
	"$(cat /sys/devices/system/clocksource/clocksource0/available_clocksource)"
if [ -e /sys/class/net/eth0 ]; then
	ip addr add 10.7.0.2/24 dev eth0
	ip link set eth0 up
fi
if [ -n "$snapload" ]; then
	xstate >/run/xstate
	clockwatch /run/stop &
	xstate hold /run/stop &
	writer &
	# The clocks are read, and some files are there.
	until [ -e /data/w4.sum ]; do
		sleep 0.1
	done
fi
say "uptime $(cat /proc/uptime)"
say ready
echo vmm-mark=ready
if [ -n "$snapown" ]; then
	# A clone has no input: what it is says its second disk, "NUMBER END".
	sleep 3
	# shellcheck disable=SC2046 # two words
	set -- $(dd if=/dev/vdb bs=512 count=1 iflag=direct 2>/dev/null | tr -d '\000')
	echo "lab: clone $1" >/data/own
	sync
	echo 3 >/proc/sys/vm/drop_caches
	cat /data/own
	case $2 in
	hold) sleep 3600 ;;
	reset) reboot -f ;;
	panic) echo c >/proc/sysrq-trigger ;;
	esac
	poweroff -f
fi
while read -r line; do
	eval "$line"
	say "did $?"
done
poweroff -f
