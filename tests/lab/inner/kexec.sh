# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the kernel comes as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# low_map: the lines of /proc/iomem below 1 MiB that are not devices.
low_map() {
	printf '%s\n' "$out" | sed -n 's/^kexec: iomem 000\(.....\)-000\(.....\) : \(System RAM\|Reserved\)$/\1-\2 \3/p'
}

# The map of a PC: the first page, which Linux keeps for itself, then RAM in one piece up to the EBDA.
whole_low_ram() {
	[ "$(low_map)" = "00000-00fff Reserved
01000-9fbff System RAM
9fc00-9ffff Reserved
e0000-fffff Reserved" ]
}

# start WHAT MEMORY ARG...
start() {
	boot --kernel "$kernel" --initrd "$root" --mem "$2" --append "quiet lab=$1 ${3:-}"
}

start map 256M
check "low RAM is in one piece in /proc/iomem" all_of status_is 0 -- whole_low_ram
start load 512M
check "kexec -l and -e: the second kernel by kexec_load" all_of status_is 0 -- out_has '^kexec: loaded' -- \
	out_has '^kexec: second kernel' -- out_has '^kexec: end of second'
start file 512M
check "kexec -s: the second kernel by kexec_file_load" all_of status_is 0 -- out_has '^kexec: loaded' -- \
	out_has '^kexec: second kernel' -- out_has '^kexec: end of second'

# crashed: the crash kernel saw the memory of the first, 768 MiB less its own 256 and with its text once more, and the
# note of its panic.
crashed() {
	local mib
	mib=$(printf '%s\n' "$out" | sed -n 's/^kexec: vmcore: ELF, \([0-9]*\) MiB$/\1/p')
	out_has '^kexec: crash kernel 1$' && [ -n "$mib" ] && [ "$mib" -gt 480 ] && [ "$mib" -lt 600 ] &&
		out_has '^kexec: vmcore: OSRELEASE=6\.1' && out_has '^kexec: vmcore: CRASHTIME=[1-9]' && out_has '^kexec: end of vmcore'
}

start crash 768M crashkernel=256M
check "kexec -p: a crash kernel by kexec_load, with /proc/vmcore" crashed
start crash-file 768M crashkernel=256M
check "kexec -s -p: a crash kernel by kexec_file_load, with /proc/vmcore" crashed
finish
