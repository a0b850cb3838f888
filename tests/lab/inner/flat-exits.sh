# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the programs come as KEY=VALUE
#
# `vmm bench exits`, each path proved: for flat.sh and intel.sh, which source this. It leaves the table in $TEST_TMP/exits.

[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
run "$VMM" bench exits --iterations 300 --warmup 50
cp "$TEST_TMP/out" "$TEST_TMP/exits"
printf '%s\n' "$out" | sed -n '1,/^$/d; /./!q; p' | sed 's/^/# /'
check "every path of bench exits is proved here" all_of status_is 0 -- test -z "$err"
all_rows_run() {
	! printf '%s\n' "$out" | grep -q 'cannot run here'
}
check "every row of bench exits runs here" all_rows_run
# traced ROW: the tracepoint was passed once for each of the 300, or a few times: the end of an interrupt is an exit too
traced() {
	printf '%s\n' "$out" | awk -v row="$1" 'index($0, row) == 1 { for (i = NF; i > 2; i--) if ($i ~ /^[0-9]+$/) break
		found = $(i - 1) >= 300 && $(i - 1) <= 1200 } END { exit !found }'
}
check "the tracepoint kvm:kvm_exit agrees" all_of traced "ring 0              CPUID       KVM" -- \
	traced "ring 0              OUT         VMM" -- traced "ring 3              OUT         VMM" -- \
	traced "ring 3              MMIO store  VMM" -- \
	traced "ring 3, system call RDMSR       KVM" -- traced "ring 0              ioeventfd   KVM"
traced_little() {
	! traced "ring 0              nothing     -  "
}
check "the tracepoint sees nothing where nothing leaves" traced_little
# The hypercall of the other maker, in ring 0 and in a system call
check "a row whose instruction KVM has replaced says so" \
	test "$(printf '%s\n' "$out" | grep -c '^    KVM has replaced the instruction by the processor.s own, VMM*CALL: ')" = 2
