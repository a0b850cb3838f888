# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/bench --io runs in the lab: io-inner.sh KERNEL INITRD STREAM RUNS. VMMs in turns, on the same file
# in the host's tmpfs and the same TAP. Prints what io-guest.sh says in each, as lines "WHO|io|...".
kernel=$1 initrd=$2 stream=$3 runs=$4
image=/tmp/disk
cmdline='console=ttyS0 reboot=k panic=-1 quiet'

dd if=/dev/zero of=$image bs=1M count=128 2>/dev/null
# The host's page cache moves a page between its lists at the second access: neither VMM is to pay for it.
cat $image $image $image >/dev/null
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
tunctl -t vm0 >/dev/null || exit 125
ip addr add 10.7.0.1/24 dev vm0
ip link set vm0 up
"$stream" serve 5000 &
server=$!

# guest WHO COMMAND...
guest() {
	who=$1
	shift
	timeout 120 "$@" </dev/null 2>/tmp/err | tr -d '\r' | while IFS= read -r line; do
		case $line in io*) echo "$who|$line" ;; esac # at once, so that a slow lab shows where it is
	done
	sed "s/^/# $who: /" /tmp/err
}

qemu() {
	guest QEMU qemu-system-x86_64 -M microvm,accel=kvm,rtc=on -global virtio-mmio.force-legacy=false -cpu host -m 512M \
		-nodefaults -no-user-config -display none -no-reboot -serial stdio -kernel "$kernel" -initrd "$initrd" \
		-append "$cmdline" -drive "if=none,id=disk,format=raw,cache=writeback,file=$image" \
		-netdev tap,id=net,ifname=vm0,script=no,downscript=no,vhost=off \
		-device virtio-net-device,netdev=net,mac=02:00:00:00:07:02 -device virtio-blk-device,drive=disk
}

while [ "$runs" -gt 0 ]; do
	guest vmm vmm --kernel "$kernel" --initrd "$initrd" --mem 512M --cmdline "$cmdline" --disk "path=$image" \
		--net tap=vm0,mac=02:00:00:00:07:02
	qemu
	runs=$((runs - 1))
done
kill "$server"
