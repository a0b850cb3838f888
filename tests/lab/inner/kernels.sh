# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# The first words of the README's promise, as issue 2 has them: no initrd, no option but the memory.
boot --kernel "$cloud61" --mem 128M
check "Debian 6.1 vmlinux without a root: status 34, and its last words" all_of status_is 34 -- \
	out_has 'Linux version 6\.1\.[0-9]+-[0-9]+-cloud-amd64' -- \
	out_has 'Kernel panic - not syncing: VFS: Unable to mount root fs' -- \
	err_has '^vmm: the guest panicked \(console text.*\): Kernel panic - not syncing: VFS'

# loads WHAT FORMAT KERNEL ARG...: to init, and the trace says how the image was taken.
loads() {
	local what=$1 format=$2 kernel=$3
	shift 3
	boot --kernel "$kernel" --initrd "$root" --log-level trace --append quiet "$@"
	check "$what" all_of status_is 0 -- greeted -- out_has '^lab: cpus 1 online 1$' -- \
		err_has "kernel loaded \\($format, "
}

# ends NAME RELEASE ELF BZIMAGE: to init's script and power-off, as either file, and it is the kernel that it should be.
ends() {
	local elf_mem=128M bz_mem=160M
	case $1 in newest) elf_mem=256M bz_mem=256M ;; esac
	loads "$1 ($2), vmlinux, mapped" 'ELF' "$3" --mem "$elf_mem" --kernel-load map --append "${VMM_LAB_GUEST_APPEND:-}"
	check "it is $2" release_is "$2"
	loads "$1 ($2), bzImage, unpacked by itself" 'bzImage' "$4" --mem "$bz_mem" --append "${VMM_LAB_GUEST_APPEND:-}"
	check "it is $2" release_is "$2"
}
for_axis ends

# Its file ends within the last paragraph of 16 bytes that its header counts.
LIMIT=20s
boot --kernel "$memtest" --mem 64M --cmdline console=ttyS0,115200
LIMIT=150s
check "memtest86+ tests the guest's memory" all_of status_is 124 -- out_has 'Memtest86\+ v[0-9]' -- out_has '64MB' -- \
	out_has '#[0-9]+ +\[[A-Z]' -- out_has 'Errors: 0 ' -- out_has 'Pass: +0'

loads "tiny vmlinux, read" 'ELF' "$tiny" --kernel-load read
loads "tiny vmlinux, mapped" 'ELF' "$tiny" --kernel-load map
loads "tiny vmlinux in gzip" 'ELF, gzip' "$tiny_gz"
loads "tiny bzImage in gzip, inflated on the host" 'bzImage, payload inflated on the host' "$tiny_bz_gzip"
loads "tiny bzImage in ZSTD, unpacked by the guest" 'bzImage' "$tiny_bz_zstd"
finish
