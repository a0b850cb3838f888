# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernels and programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

check "this kernel has no vDSO" all_of grep -q stack /proc/self/maps -- test "$(grep -c vdso /proc/self/maps)" = 0

STRICT='^vmm: --sandbox strict: .*Landlock is built in but not switched on: add landlock to its lsm= parameter, or use --sandbox best-effort$'
boot --kernel "$tiny" --initrd "$root"
check "strict: an error before the guest starts, which names what is missing and the way out" all_of status_is 125 -- \
	err_is_one_line -- err_has "$STRICT" -- test "$out" = ''
run "$VMM" flat "$hello,mode=long"
check "strict: the same for a program without a kernel" all_of status_is 125 -- err_is_one_line -- err_has "$STRICT"
run "$VMM" check
check "vmm check: what is missing, and that a machine would not start" all_of status_is 125 -- \
	out_has '^ +note +Landlock +built in but not on: add landlock to ' -- out_has '^ +BAD +sandbox +--sandbox strict: '
run "$VMM" check --sandbox best-effort
check "vmm check --sandbox best-effort: that it would" all_of status_is 0 -- out_has '^ +ok +sandbox +best-effort$'

# The filters are still there, in a C library that asks the kernel for the time, shared or not.
look() {
	local pid
	pid=$(vmm_pid) || return
	wait_for "$TEST_TMP/out" '^lab: holding' || return
	threads_of "$pid" 'NoNewPrivs|Seccomp|CapEff'
	kill -TERM "$pid"
}
locked() {
	seen_has "^thread $name CapEff=0+ NoNewPrivs=1 Seccomp=2\$" && seen_has "^thread vcpu0 CapEff=0+ NoNewPrivs=1 Seccomp=2\$"
}
for vmm in "$VMM" "$static"; do
	name=${vmm##*/}
	VMM=$vmm
	meanwhile look
	boot --kernel "$tiny" --initrd "$root" --append lab=hold --append quiet --grace 0s --sandbox best-effort \
		--report "$TEST_TMP/report"
	beside
	check "$name, best effort: Linux starts, and the rest of the sandbox holds" all_of status_is 143 -- greeted -- locked
	check "$name, best effort: says what is missing" err_has \
		'^vmm: warning: the sandbox is not complete: this host.s Landlock is built in but not switched on'
	check "$name, best effort: so does its report" all_of grep -q '"mode": "best-effort"' "$TEST_TMP/report" -- \
		grep -q '"missing": "this host.s Landlock is built in' "$TEST_TMP/report" -- \
		grep -q '"landlock_abi": 0' "$TEST_TMP/report"
	run "$callwatch" -o "$TEST_TMP/calls" "$vmm" flat --sandbox best-effort "$hello,mode=long"
	check "$name, best effort: a program without a kernel" all_of status_is 0 -- test "$out" = 'Hello, World'
	sleep 0.3
	check "$name: without a vDSO it asks the kernel for the time" all_of grep -q 'call	vcpu		clock_gettime' "$TEST_TMP/calls" -- \
		test "$(grep -c '^outside' "$TEST_TMP/calls")" = 0
	rm -f "$TEST_TMP/calls"
done
finish
