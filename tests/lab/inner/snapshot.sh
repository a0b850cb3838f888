# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154,SC2317 # guests expand what is typed; the files come as KEY=VALUE
#
# A guest is kept while it writes files and reads clocks, and restored twice.
#
# shellcheck source=tests/lab/inner/snapshot-lib.sh
. tests/lab/inner/snapshot-lib.sh

# Where the TSC is invariant, Linux prefers it.
source=${clock:-kvm-clock}
[ "${VMM_LAB:-}" != bochs ] || source=tsc
# The load begins when the clock has been chosen.
snapshot --append "snapload=1 snapclock=${clock:-}" --snapshot "$snap,on=console:lab: ready,then=exit"
printf '%s\n' "$out" | grep -E '^lab: (cpus|uptime)' | sed 's/^/# /'
check "a guest is kept: $release, $cpus CPUs, under load" all_of status_is 0 -- out_has '^lab: root /dev/vda ext4' -- \
	err_has "snapshot written: $snap" -- only ready -- out_has "^lab: cpus $cpus clock $source "
run "$VMM" snapshot check "$snap"
check "its file is right" all_of status_is 0 -- out_has '^checksums state right, RAM and disks right'
restored "$snap" 'echo "lab: $((6 * 7))"
stopped
sums
complaints
poweroff -f'
printf '%s\n' "$out" | grep -E '^lab: (sums|dmesg)' | sed 's/^/# /'
check "restored, it does what is typed, and powers off" all_of status_is 0 -- out_has '^lab: 42$' -- test "$err" = ''
check "its clock goes on" clock_went_on "$cpus"
registers='were held'
[ "${VMM_LAB:-}" = bochs ] || registers='(YMM and x87 registers were held|no AVX)'
check "a program has its registers, and the processor is what it was" all_of out_has "^xstate: .*$registers" -- out_has '^lab: xstate as it was$'
printf '%s\n' "$out" | grep '^xstate: ' | sed 's/^/# /'
check "its disk has what it wrote before and since" out_has '^lab: sums: 0 wrong, [1-9]'
check "its kernel complains of nothing" out_has '^lab: complaints 0$'
restored "$snap" 'stopped
sums
complaints
reboot -f'
check "restored again, from the same state, with a status of its own" all_of status_is 32 -- out_has '^lab: sums: 0 wrong, [1-9]' -- \
	out_has '^lab: complaints 0$' -- clock_went_on "$cpus"
finish
