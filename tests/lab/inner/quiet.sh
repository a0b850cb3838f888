# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# Up to init's greeting; the manual has at least the message that every kernel with PCI prints.
nothing_unexplained() {
	grep -qF 'No config space access function' "$explained" &&
		! printf '%s\n' "$out" | sed '/^vmm guest: /,$d' | grep -vF -f "$explained" | grep -q .
}

for kernel in "$cloud61" "$cloud612"; do
	boot --kernel "$kernel" --initrd "$root" --mem 256M --append quiet
	check "a quiet boot of ${kernel##*/} prints what vmm(1) explains" all_of status_is 0 -- greeted -- nothing_unexplained
done
finish
