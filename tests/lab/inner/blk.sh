# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernels and images come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# guest WHAT ARG...
guest() {
	what=$1
	shift
	boot --kernel "$kernel" --initrd "$guest" --mem 192M --append "quiet blk=$what" "$@"
}

said() {
	out_has "^blk: $1"
}

unsaid() {
	! out_has "$1"
}

# The image is carried in on a read-only file system, or is somebody else's.
work=$TEST_TMP/root.img
cp "$image" "$work"
chmod 644 "$work"

guest write --disk "path=$work,id=the-first-disk"
check "Debian's virtio_mmio and virtio_blk drive it" said 'modules virtio_blk virtio_mmio'
check "size, sectors, serial, cache" said 'vda size 196608 logical 512 ro 0 serial the-first-disk queues 1 cache write-back'
check "an ext4 made by mke2fs is mounted and right" said 'sums are right'
check "32 MB are written and read back" all_of status_is 0 -- said 'what was written is there'
check "the file system trims" said trimmed
run "$e2fsck" -fn "$work"
check "fsck finds the image in order" status_is 0

before=$(sha256sum <"$work")
guest again --disk "path=$work,ro" --disk "path=$work,overlay"
check "the next machine reads the written data" all_of status_is 0 -- said 'what the last machine wrote is there'
check "a read-only disk says so" said 'vda size [0-9]* logical 512 ro 1'
check "a read-only disk cannot be written" unsaid 'a read-only disk was written'
check "an overlay can be written" all_of said 'wrote to the overlay' -- said 'the overlay kept it' -- \
	said 'wrote past the file system'
check "the image is as it was" [ "$(sha256sum <"$work")" = "$before" ]

boot --kernel "$kernel" --initrd "$disk" --mem 192M --disk "path=$work" --append 'quiet root=/dev/vda'
check "Debian's kernel runs from the disk" all_of status_is 0 -- out_has '^root: /dev/vda ext4' -- \
	out_has '^root: wrote'
boot --kernel "$kernel" --initrd "$disk" --mem 192M --disk "path=$work,overlay,queues=2" --cpus 2 --append quiet
check "and again, from an overlay" all_of status_is 0 -- out_has '^root: found the first boot'

# Block devices of the host with sectors of 4096.
for n in 0 1; do
	head -c 33554432 /dev/zero | tr '\000' '\252' >"$TEST_TMP/4k.$n"
	[ -b /dev/loop$n ] || mknod /dev/loop$n b 7 $n
	"$losetup" --sector-size 4096 /dev/loop$n "$TEST_TMP/4k.$n" || echo "no loop device $n"
done
guest fourk --disk path=/dev/loop0 --disk path=/dev/loop1
check "sectors of 512 on a device of 4096: no discard and no write-zeroes is an error" all_of status_is 0 -- \
	said 'discarded a sector' -- said 'discarded 32 sectors' -- said 'cleared a sector' -- said 'cleared 32 sectors' -- \
	said mounted -- said trimmed -- said 'errors 0'
for n in 0 1; do
	"$losetup" -d /dev/loop$n
done
# range FROM TO BYTE: of 4k.0, in sectors
range() {
	[ "$(dd if="$TEST_TMP/4k.0" bs=512 skip="$1" count=$(($2 - $1)) 2>/dev/null | tr -d "$3" | wc -c)" = 0 ]
}
check "discards take whole sectors of the host only" all_of range 0 16 '\252' -- range 40 129 '\252'
check "zeroes are those that were asked for" all_of range 129 130 '\000' -- range 130 137 '\252' -- range 137 169 '\000' -- \
	range 169 65536 '\252'
"$losetup" --sector-size 4096 /dev/loop0 "$TEST_TMP/4k.0"
boot --kernel "$kernel" --disk path=/dev/loop0,cache=none
check "without the page cache they are refused, with the way out" all_of status_is 2 -- \
	err_has '/dev/loop0: cache=none needs logical=4096'
boot --kernel "$tiny" --initrd "$guest" --mem 128M --disk path=/dev/loop0,cache=none,logical=4096 --append 'quiet blk=first'
check "with which they work" all_of status_is 0 -- said 'disks 1$'
"$losetup" -d /dev/loop0

set --
for n in 0 1 2 3 4 5 6 7; do
	truncate -s 16M "$TEST_TMP/disk$n"
done
# One of each kind.
guest eight --cpus 2 --disk "path=$TEST_TMP/disk0" --disk "path=$TEST_TMP/disk1,queues=2" \
	--disk "path=$TEST_TMP/disk2,logical=4096" --disk "path=$TEST_TMP/disk3,rate=8M" --disk "path=$TEST_TMP/disk4,overlay" \
	--disk "path=$TEST_TMP/disk5,overlay,queues=2" --disk "path=$TEST_TMP/disk6,logical=4096,queues=2" \
	--disk "path=$TEST_TMP/disk7,id=12345678901234567890"
check "eight disks at once" all_of status_is 0 -- said '8 disks kept what was written'
check "two queues" said 'vdb size 32768 logical 512 ro 0 serial disk1 queues 2'
check "sectors of 4096" said 'vdc size 32768 logical 4096'
check "a serial number of 20 characters" said 'vdh .*serial 12345678901234567890 '
check "unbind and bind, ten times" said 'bound 10 times'
check "discard" said 'discarded'
check "data written to an overlay is gone" [ -z "$(tr -d '\000' <"$TEST_TMP/disk4" | head -c 1)" ]

# --- Found by the kernel's command line, with a kernel that reads it -----------

echo 'hello, disk 0!' >"$TEST_TMP/small"
truncate -s 4096 "$TEST_TMP/small"
for how in 'acpi=off' 'by option' 'by acpi'; do
	set -- --kernel "$tiny" --initrd "$guest" --mem 128M --disk "path=$TEST_TMP/small" --append 'quiet blk=first'
	words=2
	case $how in
	acpi=off) set -- "$@" --append acpi=off ;;
	'by option') set -- "$@" --discovery cmdline ;;
	*) words=0 ;;
	esac
	boot "$@"
	[ "$words" = 0 ] || check "$how: the command line tells of both" said "cmdline [12]"
	check "$how: the disk is there, once" all_of said 'disks 1$' -- said 'first hello, disk 0!'
done
finish
