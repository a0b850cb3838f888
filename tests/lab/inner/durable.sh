# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The inner host of tests/lab/durable.test, which it does not survive. The lab's disks have images for two machines:
# first one that flushes nothing, whose images are never written back, then a normal one.
#
# shellcheck disable=SC2086,SC2154 # kernel, guest and nosync come as KEY=VALUE; a list of devices
set -eu
for setting; do
	eval "${setting%%=*}=\${setting#*=}"
done

# Nothing is written back to a disk by itself: only flushed data is.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
set -- $VMM_LAB_DISKS
for n in 0 1 2 3 control; do
	mkdir "/$n"
	until [ -b "$1" ]; do sleep 0.1; done
	mount -t ext4 -o commit=3600 "$1" "/$n"
	shift
done
for n in 0 1 2 3; do
	truncate -s 64M "/$n/disk.img" "/control/$n.img"
done
sync

LD_PRELOAD=$nosync "$VMM" --kernel "$kernel" --initrd "$guest" --mem 128M --append "quiet run=control rounds=20" \
	--disk path=/control/0.img --disk path=/control/1.img --disk path=/control/2.img,cache=none --disk path=/control/3.img
"$VMM" --kernel "$kernel" --initrd "$guest" --mem 128M --append "quiet run=real rounds=4000" \
	--disk path=/0/disk.img --disk path=/1/disk.img --disk path=/2/disk.img,cache=none --disk path=/3/disk.img
