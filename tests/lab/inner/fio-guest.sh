# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guest of tests/lab/virtio-fio.test. job=write or job=verify comes from the kernel's command line.
# shellcheck disable=SC2154
say() {
	echo "fio: $*"
}

dmesg -n 1
say "modules $(lsmod | awk '/^virtio_(mmio|blk) / { print $1 }' | sort | tr '\n' ' ')of $(uname -r)"
set -- --rw=randwrite --size=256M --bsrange=4k-256k --blockalign=4k --direct=1 --ioengine=libaio --iodepth=8 --randseed=7 \
	--verify=crc32c --verify_fatal=1 --eta=never --output=/tmp/log
[ "$job" = write ] || set -- "$@" --verify_only
for disk in vda vdb; do
	if fio --name=$disk --filename=/dev/$disk "$@"; then
		say "$disk $job is good: $(grep -E '^ *(WRITE|READ):' /tmp/log | sed 's/ *run=.*//' | tr -s ' \n' ' ')"
	else
		say "$disk $job failed"
		cat /tmp/log
	fi
done
