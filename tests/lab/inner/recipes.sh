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

mkdir "$TEST_TMP/files"
echo "from the directory" >"$TEST_TMP/files/hello"
boot --kernel "$kernel" --initrd "$root" --mem 192M --append "quiet task=devices" --share "$TEST_TMP/files,tag=files" --disk "path=$disk,ro" --net passt \
	--vsock "cid=3,path=$TEST_TMP/vm.sock" --balloon --console virtio
check "the guest ends well" all_of status_is 0 -- test -z "$err"
for driver in '0x0001 virtio_net' '0x0002 virtio_blk' '0x0003 virtio_console' '0x0004 virtio_rng' \
	'0x0005 virtio_balloon' '0x0013 vmw_vsock_virtio_transport' '0x001a virtiofs'; do
	check "a device and its driver: $driver" out_has "^driver: $driver\$"
done
check "udhcpc gets the address and the route from passt" all_of out_has '^address: 10\.9\.0\.2$' -- \
	out_has '^route: 10\.9\.0\.1$'
check "the disk is mounted" out_has '^disk: from the disk$'
check "the directory is mounted" out_has '^share: from the directory$'
check "sockets are there" out_has '^vsock: there$'

# A test: 0 is a pass; the README has one that fails.
boot --kernel "$kernel" --initrd "$root" --mem 192M --debug-exit --append "quiet debug_exit=0xf4 task=0"
check "a test that passes ends with 0" status_is 0

# Modules of another kernel cannot be loaded, and init prints that once.
boot --kernel "$other" --initrd "$root" --mem 192M --append "quiet task=0"
check "drivers of another kernel: one line" all_of status_is 0 -- \
	test "$(printf '%s\n' "$out" | grep -c '^init: ')" = 1 -- out_has '^init: no drivers for virtio: .* Linux 6\.'
# The lines of README.md with vmm, in the directory that has what the others made. A boot is measured once, not ten
# times, and a busy machine has more time than a user's.
mkdir -p "$work"
cd "$work" || exit
PATH=$(dirname "$VMM"):$PATH
measured() {
	[ "$status" = 0 ] || [ "$status" = 40 ] || [ "$status" = 41 ]
}
while read -r line; do
	run sh -c "kernel=$kernel; $(printf '%s\n' "$line" | sed "s/--runs 10/--runs 1 --warmup 0/; s/ci.ini\|vmm test/& --timeout $LIMIT/")"
	out=$(printf '%s\n' "$out" | tr -d '\r')
	case $line in
	*'--cpus 2 --append quiet') check "README: $line" all_of status_is 0 -- out_has '^Linux .*x86_64' -- out_has '^2$' ;;
	'vmm --config configs/ci.ini '*)
		check "README: $line" all_of out_has '^status 7$' -- grep -q 'I am process' console.log
		;;
	*'--net passt --disk '*)
		check "README: $line" all_of status_is 0 -- out_has '10\.9\.0\.2' -- out_has '(^| )ci\.ini( |$)'
		;;
	'vmm test '*)
		check "README: $line" all_of out_has '^status 1$' -- out_has '^2 of 2 tests.*: 1 as expected, 1 not' -- \
			grep -q '<failure' results.xml
		;;
	*'--root / '*) check "README: $line" all_of out_has '^6\.' -- out_has '^status 3$' ;;
	*'--report run.json') check "README: $line" all_of status_is 0 -- grep -q '"schema' run.json ;;
	'vmm report run.json') check "README: $line" all_of status_is 0 -- out_has '^guest +[0-9.]+ +[0-9.]+ \|' ;;
	'vmm report --svg '*) check "README: $line" all_of status_is 0 -- grep -q '<svg' run.svg ;;
	*'--json good.json'*) check "README: $line" all_of status_is 0 -- out_has 'median|boots?' -- test -s good.json ;;
	*'--max-ratio '*) check "README: $line" all_of measured -- out_has 'ratio' ;;
	*) fail "a line of the README that nothing checks: $line" ;;
	esac
done <"$lines"
finish
