# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guests of intel.sh after guest.sh has said its part.
sh /guest.sh

# The first MiB of the disk as it was, and a line of ours behind it.
if [ -b /dev/vda ]; then
	echo "lab: disk $(dd if=/dev/vda bs=64k count=16 2>/dev/null | sha256sum | cut -d' ' -f1)"
	echo "written by the guest" | dd of=/dev/vda bs=512 seek=2048 conv=notrunc 2>/dev/null
	sync
fi
xstate 0 0x15 0x16
echo "lab: clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
dmesg | sed -n -e 's/^\(\[[ 0-9.]*\] \)*\(tsc: .*\)/lab: \2/p' -e 's/^\(\[[ 0-9.]*\] \)*\(kvm-clock: .*\)/lab: \2/p'
echo "lab: cmdline $(cat /proc/cmdline)"
