# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; files come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# The route that passt wants.
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
"$launch" make up0 1000
ip addr add 10.9.0.2/24 dev up0
ip link set up0 up
ip route add default via 10.9.0.1 dev up0

boot --kernel "$kernel" --initrd "$root" --mem 192M --append "quiet task=devices" --disk "path=$disk,ro" --net passt \
	--vsock "cid=3,path=$TEST_TMP/vm.sock" --balloon --console virtio
check "the guest ends well" all_of status_is 0 -- test -z "$err"
for driver in '0x0001 virtio_net' '0x0002 virtio_blk' '0x0003 virtio_console' '0x0004 virtio_rng' \
	'0x0005 virtio_balloon' '0x0013 vmw_vsock_virtio_transport'; do
	check "a device and its driver: $driver" out_has "^driver: $driver\$"
done
check "udhcpc gets the address and the route from passt" all_of out_has '^address: 10\.9\.0\.2$' -- \
	out_has '^route: 10\.9\.0\.1$'
check "the disk is mounted" out_has '^disk: from the disk$'
check "sockets are there" out_has '^vsock: there$'

# A test: 0 is a pass.
boot --kernel "$kernel" --initrd "$root" --mem 192M --debug-exit --append "quiet debug_exit=0xf4 task=0"
check "a test that passes ends with 0" status_is 0
boot --kernel "$kernel" --initrd "$root" --mem 192M --debug-exit --append "quiet debug_exit=0xf4 task=3"
check "a test that fails with 3 ends with 7" status_is 7

# The modules of another kernel are not for this one, and init says so once.
boot --kernel "$other" --initrd "$root" --mem 192M --append "quiet task=0"
check "drivers of another kernel: one line" all_of status_is 0 -- \
	test "$(printf '%s\n' "$out" | grep -c '^init: ')" = 1 -- out_has '^init: no drivers for virtio: .* Linux 6\.'
finish
