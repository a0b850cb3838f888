# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernel and root come as KEY=VALUE
#
# Where the processor has CPUID leaves 0x15 and 0x16, a guest without kvm-clock gets the rate of its TSC from them.
#
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

boot --kernel "$cloud61" --initrd "$root" --mem 192M --append 'quiet cryptomgr.notests no-kvmclock'
printf '%s\n' "$out" | sed -n 's/^lab: \(tsc\|clock\|leaf\)/# &/p'
no_word_of_it() {
	out_has '^lab: cmdline .*no-kvmclock' && ! out_has '^lab: cmdline .*tsc_early_khz='
}
# leaves: 50 MHz, within what a host is off when it measures itself: crystal * EBX / EAX, and leaf 0x16 in MHz
leaves() {
	printf '%s\n' "$out" | awk '
		/^lab: leaf 0x15 / && $4 { mhz = $6 * $5 / $4 / 1000000; n += mhz > 49.5 && mhz < 50.5 }
		/^lab: leaf 0x16 / { n += $4 == 50 && $5 == 50 }
		END { exit n != 2 }'
}
# Linux prints its measurements with the PIT and with the ACPI timer. With the leaves it prints only the result.
nothing_measured() {
	! out_has '^lab: tsc: .*calibrat.* (PIT|PMTIMER|HPET)'
}
check "Debian 6.1 without kvm-clock takes the TSC's rate from CPUID" all_of status_is 0 -- greeted -- no_word_of_it -- \
	leaves -- nothing_measured -- out_has '^lab: tsc: Detected (49\.9|50\.0)[0-9]* MHz processor' -- out_has '^lab: clock tsc'
finish
