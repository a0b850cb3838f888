# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# start CPUS WORDS [ARG...]
start() {
	local cpus=$1 words=$2
	shift 2
	boot --kernel "$kernel" --initrd "$root" --cpus "$cpus" --mem 256M --append "$words" "$@"
}

# current CLOCK: it is in use, and 5 seconds of the host are as many of the guest, to a tenth of them: under load the
# reads at both ends are late.
current() {
	local ms
	ms=$(printf '%s\n' "$out" | sed -n 's/^clock: 5 seconds took \([0-9]*\) ms$/\1/p')
	out_has "^clock: current $1\$" && [ -n "$ms" ] && [ "$ms" -gt 4500 ] && [ "$ms" -lt 5500 ]
}

# timer_reads N: of the ACPI timer, each an exit.
timer_reads() {
	tr -d ' \n' <"$TEST_TMP/report" | grep -qE '"name":"ACPItimer","index":0,"space":"port","base":1544,"reads":'"$1",
}

# The rate that the guest works with is the one that KVM told vmm, to the kHz.
rate_is_told() {
	local khz
	khz=$(printf '%s\n' "$out" | sed -n 's/^clock: cmdline tsc_early_khz=\([0-9]*\) .*/\1/p')
	[ -n "$khz" ] && out_has "^clock: tsc ${khz%???}\.${khz#"${khz%???}"}\$"
}

start 1 quiet --report "$TEST_TMP/report"
check "kvm-clock: it is the clock, and the ACPI timer costs two reads" all_of status_is 0 -- current kvm-clock -- \
	timer_reads 2 -- out_has '^clock: timer given up' -- out_has '^clock: port 0x608$' -- \
	eval '! out_has "^clock: available .*acpi_pm"'
start 1 'quiet clocksource=acpi_pm'
check "kvm-clock, and the ACPI timer is asked for" all_of status_is 0 -- current acpi_pm
start 1 'quiet no-kvmclock'
check "no-kvmclock: boots, with vmm's rate of the TSC" all_of status_is 0 -- current '(tsc|tsc-early|acpi_pm)' -- \
	rate_is_told -- out_has '^clock: available .*acpi_pm'
start 1 'quiet no-kvmclock tsc=unstable'
check "no-kvmclock tsc=unstable: the ACPI timer is the clock" all_of status_is 0 -- current acpi_pm
# Two CPUs share the lab's one, and may stand still for longer than the 4.7 s after which 24 bits of the timer wrap: what
# time it is then depends on the host's load.
start 2 'quiet no-kvmclock clocksource=acpi_pm'
check "no-kvmclock clocksource=acpi_pm, 2 CPUs" all_of status_is 0 -- \
	out_has '^clock: current acpi_pm$' -- out_has '^clock: online 2$'
start 2 'quiet no-kvmclock'
check "no-kvmclock, 2 CPUs" all_of status_is 0 -- out_has '^clock: current (tsc|tsc-early|acpi_pm)$' -- \
	out_has '^clock: online 2$'
finish
