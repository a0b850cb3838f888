# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# rootless WHAT RELEASE KERNEL
rootless() {
	boot --kernel "$3" --mem 256M
	check "$1 without a root: status 34, and its last words" all_of status_is 34 -- \
		out_has "Linux version $2" -- out_has 'Kernel panic - not syncing: VFS: Unable to mount root fs' -- \
		err_has '^vmm: the guest panicked \(console text'
}

# reaches_init WHAT RELEASE KERNEL
reaches_init() {
	boot --kernel "$3" --initrd "$root" --mem 256M --append quiet
	check "$1 reaches init" all_of status_is 0 -- greeted -- out_has "^vmm guest: Linux $2"
}

rootless "Debian 6.1 bzImage" '6\.1\.[0-9-]+-cloud-amd64' "$cloud61_bz"
rootless "Debian 6.12 vmlinux" '6\.12\.' "$cloud612"
rootless "Debian 6.12 bzImage" '6\.12\.' "$cloud612_bz"
reaches_init "Debian 6.12 bzImage" '6\.12\.' "$cloud612_bz"
reaches_init "Debian 6.1 vmlinux, flavour amd64" '6\.1\.[0-9-]+-amd64' "$amd64"
reaches_init "Debian 6.1 bzImage, flavour amd64" '6\.1\.[0-9-]+-amd64' "$amd64_bz"
rootless "Debian 6.1 vmlinux, flavour amd64" '6\.1\.[0-9-]+-amd64' "$amd64"
reaches_init "Debian 6.1 vmlinux, flavour rt" '6\.1\.[0-9-]+-rt-amd64' "$rt"
reaches_init "Debian 6.1 bzImage, flavour rt" '6\.1\.[0-9-]+-rt-amd64' "$rt_bz"
finish
