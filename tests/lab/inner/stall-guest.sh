# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/lab/stall.test: reads the disk, a new block each time, and answers on the console and on port 52.

say() {
	printf 'lab: %s\n' "$*"
}

dmesg -n 1
stty -echo
say "modules $(cut -d ' ' -f 1 /proc/modules | grep -E '^virtio_(mmio|blk|net)$|vsock_virtio_transport$' | sort | tr '\n' ' ')of" \
	"$(uname -r)"
ip addr add 10.7.0.2/24 dev eth0
ip link set eth0 up
vsockcat echo vsock:any:52 2>/dev/null &

# Each 8 bytes of the disk are their own offset.
reads() {
	block=0
	while :; do
		before=$(cut -d . -f 1 /proc/uptime)
		got=$(dd if=/dev/vda bs=4096 skip=$block count=1 iflag=direct 2>/dev/null | od -A n -t u8 -N 8 | tr -d ' ')
		took=$(($(cut -d . -f 1 /proc/uptime) - before))
		[ "$got" = $((block * 4096)) ] || say "block $block is wrong: $got"
		[ $took -lt 8 ] || say "block $block was read in $took s"
		block=$((block + 16))
		sleep 0.3
	done
}
reads &
say ready
while read -r line; do
	case $line in
	tick*) echo "echo $line" ;;
	*) say "odd: $line" ;;
	esac
done
