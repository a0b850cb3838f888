# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guests of tests/lab/legacy.test: says what works, each fact in a line "lab: ...".
#
# shellcheck disable=SC2154,SC3045 # what the kernel does not know itself goes to init's environment; this is busybox

say() {
	printf 'lab: %s\n' "$*"
}

# within SECONDS FILE: FILE has something in it by then.
within() {
	local left=$(($1 * 5))
	until [ -s "$2" ]; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
}

dmesg -n 1
say "cpus $(nproc)"
say reading
read -r -t 8 line
say "read '$line'"
if [ -b /dev/vda ]; then
	# A disk whose interrupts are lost keeps its reader, whatever is sent to that.
	dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum >/tmp/sum &
	if within 6 /tmp/sum; then say "disk $(cut -c1-16 /tmp/sum)"; else say "disk hangs"; fi
else
	say "disk none"
fi
say "serial $(sed -n 's/^ *\([0-9]*\):.* \([^ ]*\) *\([^ ]*\) *ttyS0$/\1 \2 \3/p' /proc/interrupts)"
say idle
sleep 3
say idled
sync
vmm-exit "$end"
sleep 60
