# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernel and guest come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
LIMIT=600s

mkdir /disk
until [ -b "$VMM_LAB_DISKS" ]; do sleep 0.1; done
mount -t ext4 "$VMM_LAB_DISKS" /disk
truncate -s 256M /disk/cached /disk/direct

for job in write verify; do
	before=$(cut -d . -f 1 /proc/uptime)
	boot --kernel "$kernel" --initrd "$guest" --mem 512M --cpus 2 --append "quiet job=$job" --disk path=/disk/cached \
		--disk path=/disk/direct,cache=none,queues=2
	printf '%s\n' "$out" | sed -n 's/^fio: /# /p'
	echo "# $job: $(($(cut -d . -f 1 /proc/uptime) - before)) s"
	check "$job: Debian's modules: $(printf '%s\n' "$out" | sed -n 's/^fio: modules //p')" \
		out_has '^fio: modules virtio_blk virtio_mmio of 6\.1\.'
	check "$job: 256 MB through the page cache" out_has "^fio: vda $job is good: .*\<(256MiB|268MB)\>"
	check "$job: 256 MB past it, by two queues" all_of status_is 0 -- out_has "^fio: vdb $job is good: .*\<(256MiB|268MB)\>"
done
# The contents have changed: so the checks above did read written data.
check "the images are not empty" [ "$(du -m /disk/direct | cut -f 1)" -ge 255 ]
finish
