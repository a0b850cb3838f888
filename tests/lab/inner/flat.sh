# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# shellcheck source=tests/lab/inner/flat-programs.sh
. tests/lab/inner/flat-programs.sh

# --- Benchmarks --------------------------------------------------------------

# shellcheck source=tests/lab/inner/flat-exits.sh
. tests/lab/inner/flat-exits.sh

run "$VMM" bench lifecycle --count 20 --alive 100 --rounds 2
printf '%s\n' "$out" | sed 's/^/# /'
check "bench lifecycle" all_of status_is 0 -- out_has '^dirty pages only, by the log ' -- out_has '^dirty pages only, by the ring  *[0-9]' -- out_has '^above a run without reset: '

# --- QEMU --------------------------------------------------------------------

# figures WHO: prints the program's measurements in the TAP
figures() {
	printf '%s\n' "$out" | grep -v '^\.' | sed "s/^/# $1: cycles min, median, p90: /"
}
# trips: the last run printed 300 dots, and three figures that do not fall for each of CPUID and OUT.
trips() {
	printf '%s\n' "$out" | awk '/^cpuid |^out / { n += $2 > 0 && $2 <= $3 && $3 <= $4 && NF == 4 } /^\.+$/ { dots = length($0) }
		END { exit !(n == 2 && dots == 300) }'
}

run "$VMM" flat "$progs/trips.protected,mode=protected" --timeout 20s
figures vmm
check "a program times its own round trips" all_of status_is 0 -- trips
run qemu-system-x86_64 -accel kvm -M pc -m 16M -nodefaults -no-user-config -display none -no-reboot -debugcon stdio \
	-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$progs/trips.qemu"
figures "QEMU -accel kvm"
check "the same program times QEMU's debugcon" all_of status_is 1 -- trips
compared() {
	[ "$(wc -l <"$TEST_TMP/out")" = 6 ]
}
run "$bash" "$compare" kvm 1 "$want" "$progs/hello" "$progs/counter" "$progs/fibonacci" "$progs/matrix" "$progs/letters" \
	"$progs/table"
printf '%s\n' "$out" | sed 's/^/# QEMU -accel kvm: /'
check "the same programs under QEMU with KVM print the same" all_of status_is 0 -- compared
finish
