#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# acpi-iasl.sh ACPI-DUMP: judges the ACPI tables of the example boards with ACPICA's tools.
#
#  - iasl disassembles each table and compiles the result again: without an error, warning or remark, and to the same
#    bytes, except for the compiler's name and version in the header and the checksum over them. This iasl does not
#    disassemble an RSDP, so that one is compiled from its fields, and iasl works out both checksums itself.
#  - acpiexec, which is the interpreter that Linux has, loads DSDT, FADT and MADT, checks every _CRS, presses the power
#    button and goes to S5. Not those of the full model: its hardware there is a PC's, and it complains of each part that
#    is not ours (GPE blocks, a timer). The DSDT is the same.
#
# Skips (77) where the tools are missing; where every test has to run (CI=true or VMM_TEST_REQUIRED=1) that is a failure.
set -eu

dump=$1

die()
{
	echo "FAILED: $*" >&2
	exit 1
}

for tool in iasl acpiexec; do
	command -v "$tool" >/dev/null && continue
	if [ "${CI:-}" = true ] || [ "${VMM_TEST_REQUIRED:-}" = 1 ]; then
		die "$tool is missing (Debian: acpica-tools), and every test has to run here"
	fi
	echo "SKIPPED: $tool is missing (Debian: acpica-tools)" >&2
	exit 77
done

dump=$(realpath "$dump")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# The table without its checksum (byte 9) and its creator's id and revision (bytes 28 to 35); ACPI 6.5, 5.2.6.
essence()
{
	head -c 9 "$1"
	head -c 28 "$1" | tail -c +11
	tail -c +37 "$1"
}

# Hexadecimal digits of little-endian bytes OFFSET COUNT of FILE, most significant first.
field()
{
	od -An -v -tx1 -j "$2" -N "$3" "$1" | tr ' ' '\n' | grep . | tac | tr -d '\n'
}

check_table()
{
	board=$1 table=$2
	iasl -vs -p "ours-$table" -d "$table.dat" >log 2>&1 || { cat log; die "$board: iasl does not disassemble $table"; }
	# 4089: nothing in the table refers to ADDR of VGEN, which drivers evaluate.
	iasl -vs -w3 -we -vw 4089 -p "theirs-$table" -tc "ours-$table.dsl" >log 2>&1 ||
		{ cat log; die "$board: iasl does not compile $table"; }
	grep -q ' 0 Errors, 0 Warnings, 0 Remarks' log || { cat log; die "$board: iasl has remarks on $table"; }
	essence "$table.dat" >ours
	essence "theirs-$table.aml" >theirs
	cmp ours theirs || die "$board: iasl makes other bytes of $table"
}

check_rsdp()
{
	board=$1
	[ "$(head -c 8 rsdp.dat)" = "RSD PTR " ] || die "$board: the RSDP has no signature"
	cat >rsdp.asl <<-END
	[0008] Signature : "RSD PTR "
	[0001] Checksum : 00
	[0006] Oem ID : "VMM   "
	[0001] Revision : 02
	[0004] RSDT Address : $(field rsdp.dat 16 4)
	[0004] Length : 00000024
	[0008] XSDT Address : $(field rsdp.dat 24 8)
	[0001] Extended Checksum : 00
	[0003] Reserved : 000000
	END
	iasl -vs -p theirs-rsdp rsdp.asl >log 2>&1 || { cat log; die "$board: iasl does not compile the RSDP"; }
	cmp rsdp.dat theirs-rsdp.aml || die "$board: iasl makes other bytes of the RSDP"
}

# Two runs of acpiexec in the background, since each spends a second on leaving: one with every operation region filled
# with 1, so that the event register says "button", and one with all other bits set, among them "generation".
start_runs()
{
	commands="integrity;resources *"
	! grep -q _S5 ours-dsdt.dsl || commands="$commands;evaluate \\_S5;sleep 5"
	! grep -q _EVT ours-dsdt.dsl || commands="$commands;execute \\_SB.GED._EVT 1"
	for fill in 1 254; do
		{
			status=0
			acpiexec -r -fv "$fill" -b "$commands" dsdt.dat facp.dat apic.dat >"log.$fill" 2>&1 || status=$?
			echo "$status" >"status.$fill"
		} &
	done
}

expect()
{
	grep -q "$2" "$1" || { cat "$1"; die "$board: acpiexec does not say '$2'"; }
}

refuse()
{
	! grep -qE "$2" "$1" || { cat "$1"; die "$board: acpiexec should not say '$2'"; }
}

check_runs()
{
	board=$1
	for fill in 1 254; do
		log=log.$fill
		# Another thread of acpiexec prints a newline of its own, anywhere: the text is read as one line. No device of ours
		# has a _SRS, so that one complaint of "resources" is right. Newer ones (2025) count at their end what their own
		# caches still hold, for that thread.
		tr -d '\n' <"$log" | sed -E 's/AcpiSetCurrentResources failed: AE_NOT_FOUND//g
			s/ACPI Error: [0-9]+ \(0x[0-9A-F]+\) Outstanding cache allocations//g' >"$log.flat"
		mv "$log.flat" "$log"
		[ "$(cat "status.$fill")" = 0 ] || { cat "$log"; die "$board: acpiexec ends with $(cat "status.$fill")"; }
		refuse "$log" 'ACPI (BIOS )?(Error|Warning|Exception)|failed|not found|AE_'
		expect "$log" 'Using ACPI 5.0 Hardware Reduced Mode'
		expect "$log" 'Verified .* namespace nodes'
	done
	if grep -q _S5 ours-dsdt.dsl; then
		expect log.1 'Integer. = 0000000000000005'
		expect log.1 'HwExtendedSleep .* Entering sleep state .S5.'
	fi
	if grep -q _EVT ours-dsdt.dsl; then
		expect log.1 'Received a Device Notify on .PWRB. .* Value 0x80'
		expect log.254 'Evaluating ._SB.GED._EVT'
		refuse log.1 'Device Notify on .VGEN'
		refuse log.254 'Device Notify on .PWRB'
		if grep -q VGEN ours-dsdt.dsl; then
			expect log.254 'Received a Device Notify on .VGEN. .* Value 0x80'
			noted=$((noted + 1))
		else
			refuse log.254 'Device Notify'
		fi
	fi
}

is_reduced()
{
	grep -q 'Hardware Reduced (V5) : 1' ours-facp.dsl
}

boards=0 reduced=0 noted=0
for board in $("$dump" --list); do
	mkdir "$board"
	"$dump" "$board" "$board" || die "$board: no tables"
	cd "$board"
	check_rsdp "$board"
	for table in xsdt facp apic dsdt; do
		check_table "$board" "$table"
	done
	if is_reduced; then
		start_runs
		reduced=$((reduced + 1))
	fi
	cd ..
	boards=$((boards + 1))
done
{ [ "$reduced" -gt 0 ] && [ "$boards" -gt "$reduced" ]; } || die "$boards example boards, $reduced of them hardware-reduced"
wait
for board in $("$dump" --list); do
	cd "$board"
	! is_reduced || check_runs "$board"
	cd ..
done
[ "$noted" -gt 0 ] || die "no board with a generation id"
echo "$boards boards: ACPICA agrees with every table"
