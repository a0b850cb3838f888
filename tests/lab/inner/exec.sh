# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the programs come as KEY=VALUE
#
# For tests/lab/exec.test, and with all=1 for exec-more.test.
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# same WHAT PROGRAM ARG...: output and status as natively
same() {
	local what=$1 want=0
	shift
	(exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/ LANG=C.UTF-8 "$@") </dev/null >"$TEST_TMP/want" 2>/dev/null || want=$?
	run "$VMM" exec --timeout 40s "$@"
	check "$what: as natively" all_of status_is "$want" -- cmp "$TEST_TMP/want" "$TEST_TMP/out"
}

same hello "$probe"
same "position-independent" "$pie" x pie
whats='divide int3 out step stub jump jump_far protect overflow churn errors avx stack_high step_call flags'
more='null trap int1 hlt in outs cli lret noncanonical align gone noexec abort exec reserve move heap clocks \
	stack_odd stack_none registers selector swapgs sysret cr3 wrmsr invlpg tss'
for what in $whats ${all:+$more}; do
	same "$what" "$probe" "$what"
done
# Frames of handlers, the IRET that loads what SYSRET cannot, and XSAVE, which a software KVM may not have.
for what in exceptions registers wide_registers stacks queues suspended ${all:+loop small_stack zero_frame many}; do
	same "signals: $what" "$signals" "$what"
done
# Not 6, reserved bits of MXCSR: the XRSTOR of QEMU loads them, a real one does not, nor do KVM and we.
for i in 0 1 2 4 5 ${all:+3 7 8 9 10 11 12}; do
	same "signals: forged $i" "$signals" forged "$i"
done
for what in int80 sysenter; do
	run "$VMM" exec "$probe" $what
	check "$what is SIGSEGV or SIGILL" all_of test "$status" = 139 -o "$status" = 132 -- err_is_one_line
done
run "$VMM" exec "$probe" blocked
check "a blocked signal waits" status_is 143
run "$VMM" exec --mem 4M "$probe" touch
check "too much memory: SIGKILL" status_is 137
run "$VMM" exec --timeout 500ms "$probe" spin
check "a time limit" status_is 124
run "$VMM" exec --timeout 500ms "$probe" wait
check "a time limit while it waits" status_is 124
# shellcheck disable=SC2016 # the inner shell expands it
run "$VMM" exec /bin/busybox sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); done; echo $i; exit 3'
check "busybox sh" all_of status_is 3 -- test "$out" = 100

finish
