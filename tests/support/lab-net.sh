# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the network's tests in tests/lab: source it, and end with `net_suite` or `pause_suite`.

# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh

# net_suite NAME: runs tests/lab/inner/NAME.sh, which sources net-host.sh, with all that it needs.
net_suite() {
	local passt setpriv
	passt=$(command -v passt) || {
		echo "passt is missing (apt-get install passt)"
		exit 77
	}
	setpriv=$(command -v setpriv)
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tap-launch" tests/support/tap-launch.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tcp-send" tests/support/tcp-send.c
	scripts/initramfs --no-drivers --run 'sh /net-guest.sh' "$TEST_TMP/root.cpio" tests/lab/inner/net-guest.sh:/net-guest.sh \
		"$TEST_TMP/tcp-send:/tcp-send" \
		module:virtio_mmio module:virtio_net module:af_packet module:virtio_blk
	suite "$1" --timeout 600 --mem 3G --file "$passt" --file "$setpriv" -- kernel="$(kernel_of --format vmlinux)" \
		root="$TEST_TMP/root.cpio" launch="$TEST_TMP/tap-launch" send="$TEST_TMP/tcp-send" passt="$passt" setpriv="$setpriv"
}

# pause_suite PAUSES [FIO]: runs tests/lab/inner/pause.sh, which sources net-host.sh, with all that it needs; with FIO, the
# program, that one works in the guest too.
pause_suite() {
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tap-launch" tests/support/tap-launch.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/vsockcat" tests/guest/vsockcat.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/ptykeys" tests/support/ptykeys.c -lutil
	scripts/initramfs --no-drivers --run 'sh /pause-guest.sh' "$TEST_TMP/root.cpio" tests/lab/inner/pause-guest.sh:/pause-guest.sh \
		"$TEST_TMP/vsockcat:/bin/vsockcat" module:virtio_mmio module:virtio_net module:virtio_blk \
		module:vmw_vsock_virtio_transport ${2:+"$2"}
	suite pause --timeout 1500 --mem 3G -- kernel="$(kernel_of --format vmlinux)" root="$TEST_TMP/root.cpio" pauses="$1" \
		fio="${2:+fio}" launch="$TEST_TMP/tap-launch" vsockcat="$TEST_TMP/vsockcat" ptykeys="$TEST_TMP/ptykeys" setpriv=
}
