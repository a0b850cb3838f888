# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317,SC2009 # conditions are called by name, busybox has no pgrep for this; the kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

run "$VMM" check --kernel "$tiny" --initrd "$root"
check "vmm check where a kernel boots" all_of status_is 0 -- out_has '^A stock kernel would boot here\.$' -- \
	out_has '^  ok +virtualization +(AMD SVM|Intel VMX)( .*)?$' -- out_has 'the machine can be built as configured'

# in_tiny WORDS ARG...
in_tiny() {
	local words=$1
	shift
	boot --kernel "$tiny" --initrd "$root" --append "quiet $words" "$@"
}
says_nothing() {
	[ -z "$err" ]
}

# --- The guest ends it -------------------------------------------------------

in_tiny lab=poweroff
check "power-off: 0" all_of status_is 0 -- out_has '^lab: doing poweroff$' -- says_nothing

in_tiny "lab=reboot reboot=k"
check "reset by the keyboard controller: 32" all_of status_is 32 -- out_has '^lab: doing reboot$' -- says_nothing

in_tiny "lab=reboot reboot=a" --log-level info
check "reset by ACPI: 32" all_of status_is 32 -- out_has '^lab: doing reboot$' -- err_has 'guest event: reset'

for how in t p; do
	in_tiny "lab=reboot reboot=$how"
	check "reset by triple fault (reboot=$how), which the kernel has announced: 32" all_of status_is 32 -- \
		out_has '^lab: doing reboot$' -- out_has 'reboot: Restarting system' -- says_nothing
done

in_tiny "lab=reboot reboot=t" --panic-text off
check "triple fault whatever the console says: 36, and the CPU's position" all_of status_is 36 -- out_has '^lab: doing reboot$' -- \
	err_has '^vmm: the guest crashed: .*\(triple fault\)$' -- err_has '^CPU 0: .* RIP 0x[0-9a-f]+' -- \
	err_has '^last console output:$'

in_tiny lab=halt --cpus 2
check "halt with both CPUs: 38, and where they stood" all_of status_is 38 -- out_has '^lab: doing halt$' -- \
	err_has '^vmm: the guest halted for good' -- err_has '^CPU 0: halted, .* RIP 0x[0-9a-f]+ .*interrupts off$' -- \
	err_has '^CPU 1: halted, .* interrupts off$'

in_tiny "lab=exit lab_exit=7" --debug-exit
check "7 to the debug-exit port: 15" all_of status_is 15 -- out_has '^lab: exit 7$' -- says_nothing

in_tiny "lab=exit lab_exit=200" --debug-exit=0x500
check "200 to another port: no such port at 0xf4" all_of status_is 0 -- out_has '^lab: exit 200$'

in_tiny "lab=exit lab_exit=200" --debug-exit
check "200 to the debug-exit port: 123, and a message" all_of status_is 123 -- out_has '^lab: exit 200$' -- \
	err_has '^vmm: the guest wrote 200 to the debug-exit port'

# shrink: as an upgrade of the kernel's package might do it, in place.
shrink() {
	wait_for "$TEST_TMP/out" 'Linux version' && : >"$TEST_TMP/kernel"
}
# KVM returns EFAULT for a page that has gone only where the guest has its interrupts off. Where they are on it waits for the
# page (its asynchronous faults), again and again, and the time limit is what ends the guest. What may not happen is SIGBUS.
ended_or_waits() {
	case $status in
	125) err_has 'guest memory has gone; was the kernel file cut' ;;
	124) ;;
	*) return 1 ;;
	esac
}
cp "$tiny" "$TEST_TMP/kernel"
meanwhile shrink
limit=$LIMIT
LIMIT=30s
boot --kernel "$TEST_TMP/kernel" --initrd "$root" --append lab=hold --kernel-load map
LIMIT=$limit
beside
check "a mapped kernel that is cut while the guest runs: 125 or the time limit, not SIGBUS" all_of \
	out_has 'Linux version' -- ended_or_waits
echo "# it ended with $status"

# --- Panic -------------------------------------------------------------------

in_tiny rdinit=/bin/false --no-pvpanic
check "a panic detected by its text: 34" all_of status_is 34 -- \
	out_has 'Kernel panic - not syncing: Attempted to kill init!' -- \
	err_has '^vmm: the guest panicked \(console text, which a program in the guest can fake\): Kernel panic'

in_tiny "rdinit=/bin/false panic=0" --no-pvpanic
check "a panic that does not reset (panic=0), detected by its last line: 34" all_of status_is 34 -- \
	out_has 'end Kernel panic - not syncing: Attempted to kill init!' -- \
	err_has '^vmm: the guest panicked \(console text'

in_tiny rdinit=/bin/false
check "a panic detected by pvpanic, built in: 34" all_of status_is 34 -- out_has 'Kernel panic - not syncing' -- \
	err_has '^vmm: the guest panicked \(pvpanic device\): Kernel panic'

in_tiny rdinit=/bin/false --no-pvpanic --panic-text off
check "a panic whose text decides nothing: the reset that follows, 32" all_of status_is 32 -- \
	out_has 'Kernel panic - not syncing: Attempted to kill init!' -- says_nothing

in_tiny lab=fake
check "a program that prints a panic is no panic" all_of status_is 0 -- out_has '^lab: faked$' -- says_nothing

truncate -s 1M "$TEST_TMP/image"
boot --kernel "$cloud61" --initrd "$debian" --mem 192M --append 'quiet lab=panic' --disk "path=$TEST_TMP/image"
check "Debian 6.1, pvpanic's module: 34" all_of status_is 34 -- out_has '^lab: panicking$' -- \
	out_has 'Kernel panic - not syncing: sysrq triggered crash' -- \
	err_has '^vmm: the guest panicked \(pvpanic device\): Kernel panic'
check "a disk without a driver in the guest is named, the entropy device is not" all_of \
	err_has '^vmm: no driver in the guest started disk0 \(--disk\): its kernel or initrd needs virtio_mmio and virtio_blk$' -- \
	[ "$(printf '%s\n' "$err" | grep -c 'no driver in the guest')" = 1 ]

boot --kernel "$cloud61" --initrd "$debian" --mem 192M --cmdline 'reboot=k panic=-1 pci=off quiet lab=panic'
check "Debian 6.1, pvpanic's module and no console: 34, and why there was none" all_of status_is 34 -- test -z "$out" -- \
	err_has '^vmm: the guest panicked \(pvpanic device\)$' -- \
	err_has '^vmm: the guest wrote nothing to its console: no console= is on its command line'

# --- We end it ---------------------------------------------------------------

# The time has to be enough for the boot on a slow machine; all of it is spent.
boot_until() {
	local limit=$LIMIT
	LIMIT=$1
	shift
	"$@"
	LIMIT=$limit
}

# Nothing takes the CPU from its program, so that is where it is found, at an address of which the kernel's symbols say
# nothing.
boot_until 2s boot --kernel "$program"
check "time limit in a program's loop: 124, where it was and its code" all_of status_is 124 -- \
	out_has '^program: running$' -- err_has '^CPU 0: running, 64-bit mode, RIP 0x7f0000401000, RSP .*, interrupts off$' -- \
	err_has '^ +code: eb fe 90( [0-9a-f]{2}){13}$' -- err_has '^last console output:$' -- err_has '^[|] program: running'

boot_until 25s in_tiny lab=hold
check "time limit in an idle kernel: 124, with the symbol" all_of status_is 124 -- out_has '^lab: holding$' -- \
	err_has '^CPU 0: .*64-bit.* RIP 0xffffffff[0-9a-f]{8} \([a-z_]+\+0x[0-9a-f]+\)' -- \
	err_has '^ +code:( [0-9a-f]{2}){4}'

# signals REGEX SIGNAL [REGEX SIGNAL]: each when the guest or the log has said so.
signals() {
	while [ $# -gt 0 ]; do
		until grep -qE -- "$1" "$TEST_TMP/out" "$TEST_TMP/err"; do sleep 0.2; done
		kill "-$2" "$(vmm_pid)"
		cut -d' ' -f1 /proc/uptime >"$TEST_TMP/sent"
		shift 2
	done
}
# since_sent_within SECONDS SECONDS: from the last signal to now.
since_sent_within() {
	awk -v now="$(cut -d' ' -f1 /proc/uptime)" -v from="$1" -v to="$2" '
		{ print "# since the signal: " now - $1 " s"; exit !(now - $1 >= from && now - $1 <= to) }' "$TEST_TMP/sent"
}

meanwhile signals '^lab: listening' TERM
in_tiny lab=button --grace 100s
beside
check "SIGTERM presses the power button, tiny: 0" all_of status_is 0 -- out_has '^lab: listening$' -- \
	out_has '^vmm guest: power button$' -- since_sent_within 0 60

meanwhile signals '^lab: listening' TERM
boot --kernel "$cloud61" --initrd "$debian" --mem 192M --append 'quiet lab=button' --grace 100s
beside
check "SIGTERM presses the power button, Debian 6.1: 0" all_of status_is 0 -- out_has '^lab: listening$' -- \
	out_has '^vmm guest: power button$'

# Without ACPI the guest does not know of a button.
meanwhile signals '^lab: holding' TERM
in_tiny "lab=hold acpi=off" --grace 2s --log-level info
check "SIGTERM to a guest that ignores it: 143 after the grace" all_of status_is 143 -- since_sent_within 1.9 12 -- \
	out_has '^lab: holding$' -- err_has 'power button pressed, waiting 2000'
beside

meanwhile signals '^lab: holding' TERM 'power button pressed' TERM
in_tiny "lab=hold acpi=off" --grace 300s --log-level info
check "a second SIGTERM: 143, at once" all_of status_is 143 -- since_sent_within 0 10 -- out_has '^lab: holding$'
beside

meanwhile signals '^lab: holding' INT
in_tiny "lab=hold acpi=off" --grace 1s
check "SIGINT to a guest that ignores it: 130" all_of status_is 130 -- out_has '^lab: holding$'
beside

# Threads of KVM's own, the PIT's among them, carry the VMM's process id in their names.
meanwhile signals '^lab: holding' KILL
in_tiny lab=hold --cpus 2
pid=$(vmm_pid)
beside
nothing_left() {
	[ ! -e "/proc/$pid" ] && ! ps | grep -E "kvm[a-z-]*[/-]$pid( |\$)"
}
sleep 1
check "SIGKILL leaves nothing behind" all_of status_is 137 -- out_has '^lab: holding$' -- nothing_left
finish
