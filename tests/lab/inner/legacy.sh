# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Kernels whose command line disables ACPI, the I/O APIC or the local APIC: console input and output, a disk, the cost
# of idling, and the end of the run. With table=KERNEL every combination on that kernel, otherwise one of each kind.
#
# shellcheck disable=SC2154,SC2317,SC2009 # conditions are called by name, the kernels come as KEY=VALUE, busybox has no pgrep for this
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

dd if=/dev/urandom of="$TEST_TMP/disk" bs=64k count=4 2>/dev/null
sum=$(sha256sum <"$TEST_TMP/disk" | cut -c1-16)
mkfifo "$TEST_TMP/in"

# ticks PID: of CPU time, user and system.
ticks() {
	local stat
	read -r stat <"/proc/$1/stat"
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

# Types a line when the guest reads one. When it is idle: what that costs, in percent of a CPU, and whether KVM has a timer
# for it.
attend() {
	local pid before fed=
	exec 7>"$TEST_TMP/in"
	while [ ! -e "$TEST_TMP/ended" ]; do
		case $(cat "$TEST_TMP/out") in
		*'lab: idle'*)
			pid=$(vmm_pid)
			before=$(ticks "$pid")
			sleep 2
			echo "idle $((($(ticks "$pid") - before) / 2))"
			echo "pit $(ps | grep -c "[k]vm-pit/$pid")"
			return
			;;
		*'lab: reading'*)
			[ -n "$fed" ] || echo hello >&7
			fed=yes
			;;
		esac
		sleep 0.5
	done
}

# attended KERNEL ROOT WORDS ARG...: a boot that is attended, with a disk.
attended() {
	local kernel=$1 root=$2 words=$3
	shift 3
	rm -f "$TEST_TMP/ended"
	meanwhile attend
	status=0
	sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" --timeout "$LIMIT" --kernel "$kernel" --initrd "$root" --mem 256M \
		--append "quiet $words" --disk "path=$TEST_TMP/disk,ro" --log-level info "$@" \
		<"$TEST_TMP/in" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	: >"$TEST_TMP/ended"
	beside
	load_run
	out="$out
$seen"
}

# guest KERNEL ROOT WORDS ARG...: the same, again where the host's KVM has lost an interrupt. A tick of the PIT that comes to
# the 8259 while the guest has its local APIC switched off (Linux does that for some 20 exits) is not delivered when it is
# on again: no request for KVM to look goes with the write to LVT0. All later ones wait behind it, and the CPU is in HLT for
# good. So seen by KVM's trace events in the kernels 6.1; on a loaded lab in one boot of 30.
guest() {
	attended "$@"
	if status_is 124 && ! out_has '^lab: ' && err_has '^CPU 0: (halted|running), 64-bit mode.*interrupts on$'; then
		echo "# no interrupts since the local APIC was off: once more"
		attended "$@"
	fi
}

# works CPUS DISK STATUS [PIT]: the guest ran to its end, its console works in both directions, it has CPUS CPUs, and idle
# costs next to nothing. DISK is ok, or none where the kernel cannot find one. PIT: it has KVM's timer (1), or not (0).
works() {
	local disk=$2
	[ "$disk" = none ] || disk=$sum
	status_is "$3" && out_has '^lab: idled$' && out_has "^lab: read 'hello'\$" && out_has "^lab: disk $disk\$" &&
		out_has "^lab: cpus $1\$" && out_has '^idle [0-4]?[0-9]$' && out_has "^pit ${4:-.}\$"
}

# on KERNEL WORDS ARG...: the kernel by its name, with the root file system that goes with it.
on() {
	local name=$1
	shift
	eval "guest \"\$$name\" \"\$root_$name\" \"\$@\""
}

# A kernel in assembler that programs the timer without using ACPI: tests/integration/pit.test, with real
# virtualization.
run "$VMM" --kernel "$pit" --mem 64M --debug-exit --timeout 60s
check "a kernel that programs the interval timer" status_is 101

if [ "${table:-no}" = no ]; then
	on cloud61 end=poweroff
	check "6.1 cloud: nothing asked for, no timer made" works 1 ok 0 0
	on cloud61 "end=poweroff acpi=off"
	check "6.1 cloud, acpi=off: idle, and halted for good" works 1 none 38 1
	on cloud61 "end=poweroff noapic" --cpus 2
	check "6.1 cloud, 2 CPUs, noapic: as a PC" all_of works 2 ok 0 1 -- err_has 'says noapic: devices interrupt through the 8259s'
	on cloud61 "end=reboot nolapic reboot=k" --cpus 2
	check "6.1 cloud, 2 CPUs, nolapic: one CPU, and a line that says so" all_of works 1 ok 32 1 -- \
		err_has '^vmm: warning: the kernel command line says nolapic: the guest may use only one of its 2 CPUs$'
	on tiny "end=poweroff acpi=noirq" --cpus 2
	check "tiny, 2 CPUs, acpi=noirq: interrupts by the MP table" works 2 ok 0 1
	on tiny "end=poweroff acpi=off nolapic"
	check "tiny, acpi=off nolapic: a disk on the 8259s" works 1 ok 38 1
	finish
fi

# What a kernel makes of an argument (vmm/machine/kernel_args.c). $table names the kernel: Debian's for the cloud read no MP table, and
# only the tiny one finds virtio devices by its command line.
expected() {
	local words=$1 want=$2 acpi=$3 mp=yes
	case $table in cloud*) mp=no ;; esac
	case $acpi$words in *acpi=off* | no*) acpi=no ;; esac
	cpus=$want disk=ok end=0
	case $words in
	*nosmp | *maxcpus=0 | *nolapic | *disableapic) cpus=1 ;;
	*acpi=noirq | *pci=noacpi) [ $mp = yes ] || cpus=1 ;;
	esac
	[ "$acpi" = yes ] || [ "$mp" = yes ] || cpus=1
	[ "$acpi" = yes ] || end=38
	[ "$acpi" = yes ] || [ "$table" = tiny ] || disk=none
}

for words in '' noapic nosmp maxcpus=0 nolapic disableapic acpi=noirq pci=noacpi acpi=off 'acpi=off noapic' 'acpi=off nolapic'; do
	for n in 1 2; do
		expected "$words" $n yes
		on "$table" "end=poweroff $words" --cpus $n
		check "$table, $n CPUs, '$words'" works "$cpus" "$disk" "$end"
	done
	case $words in *acpi=off*) continue ;; esac
	expected "$words" 2 no
	on "$table" "end=poweroff $words" --cpus 2 --no-acpi
	check "$table, 2 CPUs, '$words', --no-acpi" works "$cpus" "$disk" "$end"
done
on "$table" 'end=reboot reboot=k nolapic'
check "$table, reset without a local APIC" works 1 ok 32
finish
