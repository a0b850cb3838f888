# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests/lab/intel*.test: what inner/intel.sh needs, and a run of it on the real kvm_intel.
#
# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh

# intel_needs: makes what goes into the inner host and the guest.
intel_needs() {
	gcc -O2 -Wall -Wextra -Werror -static -s -o "$TEST_TMP/xstate" tests/guest/xstate.c
	mkdir -p "$TEST_TMP/want"
	python3 tests/support/flat-want.py "$TEST_TMP/want"
	scripts/initramfs --no-drivers --run 'sh /intel.sh' "$TEST_TMP/root.cpio" tests/lab/inner/guest.sh:/guest.sh \
		tests/lab/inner/intel-guest.sh:/intel.sh "$TEST_TMP/xstate:/bin/xstate" module:virtio_mmio module:virtio_blk
	# What a baseline belongs to.
	compiler=$("$VMM" --version | sed -n 's/.* by \(.*\) for .*/\1/p')
	progs=${VMM%/cmd/vmm}/tests/guest/flat
}

# intel_tsc [LAB-OPTION...]: inner/intel-tsc.sh; ends the test.
intel_tsc() {
	suite intel-tsc --intel "$@" -- root="$TEST_TMP/root.cpio" cloud61="$(kernel_of --format vmlinux)"
}

# intel_suite [LAB-OPTION...] -- KEY=VALUE...: inner/intel.sh; ends the test.
intel_suite() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	suite intel --intel "${options[@]}" --file "$TEST_TMP/xstate" --file "$TEST_TMP/want" --file "$progs" -- \
		progs="$progs" want="$TEST_TMP/want" xstate="$TEST_TMP/xstate" root="$TEST_TMP/root.cpio" \
		cloud61="$(kernel_of --format vmlinux)" compiler="$compiler" "$@"
}
