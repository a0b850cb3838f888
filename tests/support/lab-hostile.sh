# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the lab's tests with the hostile driver: source it, and call hostile_suite WHAT... with devices, or groups of them as
# DEVICE.GROUP.

# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh

hostile_suite() {
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/sockecho" tests/support/sockecho.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tap-launch" tests/support/tap-launch.c
	suite hostile --timeout 900 --file tests/support/hostile.sh -- hostile_elf="${VMM%/cmd/vmm}/tests/guest/hostile/hostile.elf" \
		sockecho="$TEST_TMP/sockecho" launch="$TEST_TMP/tap-launch" cases="$*"
}

# The devices that such a machine has.
# shellcheck disable=SC2034 # for the caller
hostile_devices='blk blk-ro net rng vsock console balloon'
