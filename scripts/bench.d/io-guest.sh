# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# The guest of scripts/bench --io, the same under either VMM: fio on /dev/vda, streams over eth0. Each row is a line
# "io|NAME|REQUESTS|NS" by the guest's own CLOCK_MONOTONIC.

# disk NAME REQUESTS ARG...: one fio job
disk() {
	name=$1 requests=$2
	shift 2
	fio --minimal --terse-version=3 --thread --name=job --filename=/dev/vda --direct=1 --randrepeat=1 \
		--number_ios="$requests" --io_size=100g "$@" >/tmp/fio 2>&1 ||
		echo "io: $name: fio failed: $(tail -n 1 /tmp/fio)"
	# fio(1), terse output: the milliseconds of reads and of writes
	[ -z "$name" ] || awk -F ';' -v row="io|$name|$requests" '{ printf "%s|%d\n", row, ($9 + $50) * 1000000 }' /tmp/fio
}

# net NAME REQUESTS ARG...
net() {
	name=$1 requests=$2 how=$3
	shift 3
	ns=$(/tcp-stream "$how" 10.7.0.1 5000 "$1") || echo "io: $name: tcp-stream failed"
	[ -z "$name" ] || echo "io|$name|$requests|$ns"
}

dmesg -n 1
# Debian's kernel takes mq-deadline for a disk with one queue; it only reorders.
echo none >/sys/block/vda/queue/scheduler
echo "io: clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)," \
	"cache $(cat /sys/block/vda/queue/write_cache), driver $(basename "$(readlink /sys/block/vda/device/driver)")"
disk '' 100 --rw=randread --bs=4k --ioengine=psync
disk '4k random read' 2000 --rw=randread --bs=4k --ioengine=psync
disk '4k random write' 2000 --rw=randwrite --bs=4k --ioengine=psync
disk '1M sequential read' 128 --rw=read --bs=1M --ioengine=psync
disk '4k random read, 16 at once' 2000 --rw=randread --bs=4k --ioengine=libaio --iodepth=16
disk '4k random write, 16 at once' 2000 --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16

ip addr add 10.7.0.2/24 dev eth0
ip link set eth0 up
ping -c 1 -W 5 10.7.0.1 >/dev/null || echo "io: no ping"
echo "io: features $(cat /sys/class/net/eth0/device/features)"
net '' 1 to 1048576
net 'TCP to the host, a MiB' 32 to 33554432
net 'TCP from the host, a MiB' 32 from 33554432
net 'TCP, a byte there and back' 1000 turns 1000
grep virtio /proc/interrupts | sed 's/^/io: /'
