#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# /sbin/init of the disk image that tests/lab/virtio-blk.test makes: it says that it runs from the disk, checks and
# leaves files, and powers off.
echo "root: $(awk '$2 == "/" && $1 != "rootfs" { print $1, $3 }' /proc/mounts)"
sha256sum -c /data/sums && echo "root: sums are right"
if [ -e /data/left-behind ]; then
	echo "root: found $(cat /data/left-behind)"
fi
echo "the first boot" >/data/left-behind && sync && echo "root: wrote"
mount -o remount,ro / 2>/dev/null
poweroff -f
