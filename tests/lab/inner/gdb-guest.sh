# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guest of the suite gdb: prints the addresses of functions, and then makes both CPUs call them until the
# run ends.
# shellcheck disable=SC2154 # of the kernel's command line
say() {
	printf 'lab: %s\n' "$*"
}

dmesg -n 1
echo 0 >/proc/sys/kernel/kptr_restrict
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
for name in emergency_restart linux_banner __x64_sys_newuname virtio_read; do
	say "symbol $name $(awk -v name="$name" '$3 == name { print $1; exit }' /proc/kallsyms)"
done
# A breakpoint of the kernel's own
echo 0 >/proc/sys/debug/kprobes-optimization 2>/dev/null
echo 'p:probe __x64_sys_sethostname' >/sys/kernel/tracing/kprobe_events
echo 1 >/sys/kernel/tracing/events/kprobes/probe/enable
say ready
round=0
while :; do
	for cpu in 0 1; do
		taskset -c "$cpu" uname >/dev/null
	done
	head -c 16 /dev/hwrng >/dev/null
	own-int3
	hostname lab
	round=$((round + 1))
	say "round $round, probe hit $(grep -c probe: /sys/kernel/tracing/trace) times"
done
