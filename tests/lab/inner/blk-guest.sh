# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guest of tests/lab/virtio-blk.test. blk=WHAT on the kernel's command line says what to do; facts are lines that
# begin with "blk:".
# shellcheck disable=SC2154 # $blk: from the kernel's command line
say() {
	echo "blk: $*"
}

sum_of() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# Drops the page cache, since reads from it prove nothing about the disk.
forget() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

facts() {
	say "modules $(lsmod | awk '/^virtio_(mmio|blk) / { print $1 }' | sort | tr '\n' ' ')"
	for disk in /sys/block/vd*; do
		say "${disk##*/} size $(cat "$disk/size") logical $(cat "$disk/queue/logical_block_size") ro $(cat "$disk/ro")" \
			"serial $(cat "$disk/serial") queues $(find "$disk/mq" -mindepth 1 -maxdepth 1 | wc -l)" \
			"cache $(tr ' ' - <"$disk/queue/write_cache")"
	done
}

case $blk in
write)
	facts
	mkdir -p /m
	mount -t ext4 /dev/vda /m && (cd /m && sha256sum -c data/sums) && say "sums are right"
	head -c 33554432 /dev/urandom >/m/data/new
	before=$(sum_of /m/data/new)
	umount /m
	forget
	mount -t ext4 /dev/vda /m
	[ "$(sum_of /m/data/new)" = "$before" ] && say "what was written is there"
	echo "$before" >/m/data/new.sum
	rm /m/data/noise
	fstrim /m && say "trimmed"
	umount /m
	;;
again)
	facts
	mkdir -p /m
	mount -t ext4 -o ro /dev/vda /m
	[ "$(sum_of /m/data/new)" = "$(cat /m/data/new.sum)" ] && say "what the last machine wrote is there"
	umount /m
	mount -t ext4 /dev/vda /m 2>/dev/null && touch /m/x 2>/dev/null && say "a read-only disk was written"
	umount /m 2>/dev/null
	dd if=/dev/zero of=/dev/vda bs=4096 count=1 2>/dev/null && say "a read-only disk was written"
	# The overlay: the same image, and everything on it changes.
	mount -t ext4 /dev/vdb /m && echo changed >/m/data/numbers && rm -r /m/bin && sync && say "wrote to the overlay"
	umount /m
	forget
	mount -t ext4 -o ro /dev/vdb /m && [ "$(cat /m/data/numbers)" = changed ] && say "the overlay kept it"
	umount /m
	dd if=/dev/urandom of=/dev/vdb bs=1M count=8 seek=40 2>/dev/null && say "wrote past the file system"
	;;
fourk)
	# Sectors of 512 on devices with sectors of 4096: one full of 0xaa, one for a file system of smaller blocks.
	facts
	/usr/bin/blkdiscard -o 512 -l 512 /dev/vda && say "discarded a sector"
	/usr/bin/blkdiscard -o 4608 -l 16384 /dev/vda && say "discarded 32 sectors"
	/usr/bin/blkdiscard -z -o 66048 -l 512 /dev/vda && say "cleared a sector"
	/usr/bin/blkdiscard -z -o 70144 -l 16384 /dev/vda && say "cleared 32 sectors"
	mkdir -p /m
	mkfs.ext4 -q -F -b 1024 /dev/vdb && mount -t ext4 -o discard /dev/vdb /m && say "mounted"
	i=0
	while [ $i -lt 100 ]; do
		head -c $((1024 * (1 + i % 7))) /dev/urandom >/m/f$i
		i=$((i + 1))
	done
	sync
	rm /m/f?
	sync
	fstrim /m && say "trimmed"
	umount /m
	say "errors $(dmesg | grep -c 'I/O error')"
	;;
eight)
	facts
	for disk in /dev/vd[a-h]; do
		(
			head -c 1048576 /dev/urandom >"/tmp/${disk##*/}"
			dd if="/tmp/${disk##*/}" of="$disk" bs=64k 2>/dev/null
		) &
	done
	wait
	forget
	good=0
	for disk in /dev/vd[a-h]; do
		head -c 1048576 "$disk" | cmp -s - "/tmp/${disk##*/}" && good=$((good + 1))
	done
	say "$good disks kept what was written"
	driver=/sys/bus/virtio/drivers/virtio_blk
	device=$(basename "$(readlink -f /sys/block/vda/device)")
	good=0
	tries=0
	while [ $tries -lt 10 ]; do
		tries=$((tries + 1))
		dd if=/dev/vda of=/dev/null bs=64k count=4 2>/dev/null &
		wait
		echo "$device" >$driver/unbind
		[ -e /sys/block/vda ] || echo "$device" >$driver/bind
		head -c 1048576 /dev/vda | cmp -s - /tmp/vda && good=$((good + 1))
	done
	say "bound $good times"
	# Zeroes by request: mounted file systems do the same.
	/usr/bin/blkdiscard -z /dev/vdb 2>/dev/null || blkdiscard /dev/vdb && say "discarded"
	;;
first)
	say "cmdline $(grep -o 'virtio_mmio.device=[^ ]*' /proc/cmdline | wc -l)"
	say "disks $(find /sys/block -name "vd*" | wc -l)"
	say "first $(head -c 16 /dev/vda)"
	;;
esac
