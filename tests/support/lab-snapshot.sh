# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests/lab/snapshot*.test, clones.test and each-line*.test: source it; `snapshot_needs` makes what the guests need.
#
# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh

# snapshot_needs [NAME]: $root, a disk with ext4 that has tests/lab/inner/snapshot-guest.sh as its init, and $boot, an initrd
# with the drivers of the kernel NAME of tests/data/kernels (6.1).
snapshot_needs() {
	local tree=$TEST_TMP/tree mke2fs program
	mke2fs=$(PATH=$PATH:/usr/sbin:/sbin command -v mke2fs) || {
		echo "mke2fs is missing (apt-get install e2fsprogs)"
		exit 77
	}
	mkdir -p "$tree"/{bin,sbin,dev,proc,sys,run,tmp,data,etc,lib}
	cp /bin/busybox "$tree/bin/busybox"
	busybox --list | while read -r program; do
		ln -s busybox "$tree/bin/$program" 2>/dev/null || true
	done
	cp tests/lab/inner/snapshot-guest.sh "$tree/sbin/init"
	chmod 755 "$tree/sbin/init"
	gcc -O2 -Wall -Wextra -Werror -static -s -pthread -o "$tree/bin/clockwatch" tests/guest/clockwatch.c
	gcc -O2 -Wall -Wextra -Werror -static -s -o "$tree/bin/xstate" tests/guest/xstate.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/vsockcat" tests/guest/vsockcat.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tap-launch" tests/support/tap-launch.c
	cp "$TEST_TMP/vsockcat" "$tree/bin/vsockcat"
	head -c 2000000 /dev/urandom >"$tree/data/noise"
	seq 1 30000 >"$tree/data/numbers"
	(cd "$tree" && find bin/busybox bin/clockwatch data -type f -print0 | xargs -0 sha256sum | sed 's/  /  \//') >"$TEST_TMP/sums"
	cp "$TEST_TMP/sums" "$tree/data/sums"
	boot=$TEST_TMP/boot.cpio root=$TEST_TMP/root.img
	scripts/initramfs --root-disk --kernel-modules "$(kernel_of --axis "${1:-6.1}" --modules-dir)" "$boot" \
		module:virtio_net module:af_packet module:vmw_vsock_virtio_transport module:virtio_balloon
	"$mke2fs" -q -t ext4 -E root_owner=0:0 -d "$tree" "$root" 48M >/dev/null
}

# snapshot_suite NAME KERNEL [LAB-OPTION...] -- KEY=VALUE...: tests/lab/inner/NAME.sh with them; ends the test.
snapshot_suite() {
	local name=$1 kernel=$2 options=()
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	snapshot_needs "$kernel"
	suite "$name" --timeout 900 --mem 3G "${options[@]}" -- kernel="$(kernel_of --axis "$kernel" --format vmlinux)" \
		release="${kernel%%-*}" boot_root="$boot" root="$root" vsockcat="$TEST_TMP/vsockcat" launch="$TEST_TMP/tap-launch" "$@"
}
