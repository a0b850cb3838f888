# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernels and programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# asked_for_time ROLE...: these threads read the time by system calls; no thread made a call outside of its filter.
asked_for_time() {
	local role
	sleep 0.3
	for role; do
		grep -q "^call	$role		clock_gettime" "$TEST_TMP/calls" || return
	done
	! grep '^outside' "$TEST_TMP/calls"
}

truncate -s 8M "$TEST_TMP/disk"
for build in gcc gcc_static clang clang_static; do
	eval "vmm=\$$build"
	VMM=$vmm
	run "$VMM" flat "$hello,mode=long"
	check "$build: a program without a kernel, under strict" all_of status_is 0 -- test "$out" = 'Hello, World' -- test "$err" = ''
	boot --kernel "$tiny" --initrd "$root" --append quiet --disk "path=$TEST_TMP/disk" --balloon
	check "$build: Linux, under strict" all_of status_is 0 -- greeted -- test "$err" = ''

	printf '#!/bin/sh\nexec %s -V -o %s %s "$@"\n' "$callwatch" "$TEST_TMP/calls" "$vmm" >"$TEST_TMP/vmm"
	chmod 755 "$TEST_TMP/vmm"
	VMM=$TEST_TMP/vmm
	rm -f "$TEST_TMP/calls"
	run "$VMM" flat "$hello,mode=long"
	check "$build: a program without a kernel, without the vDSO" all_of status_is 0 -- test "$out" = 'Hello, World' -- \
		test "$err" = '' -- asked_for_time loop vcpu
	rm -f "$TEST_TMP/calls"
	boot --kernel "$tiny" --initrd "$root" --append quiet --disk "path=$TEST_TMP/disk" --balloon
	check "$build: Linux, without the vDSO" all_of status_is 0 -- greeted -- test "$err" = '' -- asked_for_time loop vcpu
done
finish
