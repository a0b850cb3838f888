# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # the kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# rootless NAME RELEASE ELF: to its last words. Kernels for real time write their log so slowly (not looked into: on a busy
# machine 5.10-rt and 6.1-rt did not come to the panic in 150 and 80 s) that they are quiet, and vmm has the verdict
# before the line is whole. 5.10-rt ends the line behind the colon.
rootless() {
	case $1 in
	*-rt)
		boot --kernel "$3" --mem 256M --append quiet
		check "$1 ($2) without a root, quiet: status 34" all_of status_is 34 -- out_has 'Kernel panic - not syncing:' -- \
			err_has '^vmm: the guest panicked \(console text'
		return
		;;
	esac
	boot --kernel "$3" --mem 256M --append "${VMM_LAB_GUEST_APPEND:-}"
	check "$1 ($2) without a root: status 34, and its last words" all_of status_is 34 -- \
		out_has "Linux version $(printf %s "$2" | sed 's/[.+]/\\&/g') " -- \
		out_has 'Kernel panic - not syncing: VFS: Unable to mount root fs' -- err_has '^vmm: the guest panicked \(console text'
}

# whole NAME RELEASE ELF BZIMAGE: to its last words without a root, and as either file to init's script and power-off.
whole() {
	local how
	rootless "$@"
	for how in "ELF $3" "bzImage $4"; do
		boot --kernel "${how#* }" --initrd "$root" --mem 256M --log-level trace --append "quiet ${VMM_LAB_GUEST_APPEND:-}"
		check "$1 ($2), ${how%% *}: to init's script and power-off" all_of status_is 0 -- cpus_are 1 -- \
			release_is "$2" -- err_has "kernel loaded \\(${how%% *}, "
	done
}
for_axis whole
finish
