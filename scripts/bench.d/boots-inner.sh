# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/bench runs in the lab: boots-inner.sh KERNEL INITRD RUNS WHAT. WHAT is `boots` (beside QEMU), `memory`
# (kinds of memory compared, and where the time goes), `all` (both), `many` (boots per second) or `samples` (where the guest
# is, ms by ms; under --icount each boot is like the last). Lines of medians in ms; "-" where nothing was measured:
#
#	cell|NAME|MARKER|BANNER|CLOCK|SHARE|MISSED
#	where|NAME|OWN|KVM|RUN TO CLOCK|CLOCK TO BYTE|EXITS
#	many|AT ONCE|BOOTS|SECONDS|BOOTS PER SECOND
#	sample|MS SINCE MAIN|ADDRESS
kernel=$1 initrd=$2 runs=$3 what=$4
cmdline='console=ttyS0 reboot=k panic=-1 quiet'
panic='console=ttyS0 reboot=k panic=1 pci=off'
# For us the holes that scripts/kernel made, which were filled on the way in (not by busybox's fallocate). Not for what
# maps the file: here it lies in a tmpfs, which fills a hole that is looked at. QEMU is slower with them.
whole=$kernel ours=/tmp/kernel
kernel=$ours
cp "$whole" "$ours"
/usr/bin/fallocate --dig-holes "$ours" || echo "# the kernel's file has no holes"

# table TITLE COMMAND: the median of a row of the last table; "-" when it is not there
table() {
	awk -v title="$1" -v who="$2" '/^[a-z]/ { on = index($0, title) == 1 } on && $1 == who { print $3; found = 1; exit }
		END { if (!found) print "-" }' /tmp/out
}

# cell NAME COMMAND
cell() {
	printf 'cell|%s|%s|%s|%s|%s|%s\n' "$1" "$(table 'exec to the marker, ms' "$2")" "$(table 'exec to "Linux version"' "$2")" \
		"$(table "the guest's own" "$2")" "$(table 'exec to the marker less' "$2")" \
		"$(grep "^$2: the time limit" /tmp/out | tr -dc '0-9')"
}

# boot MARKER VERSUS OPTION...
boot() {
	marker=$1 versus=$2
	shift 2
	vmm bench boot --runs "$runs" --warmup 0 --timeout 8s --marker "$marker" ${versus:+--versus "$versus" --versus-name versus} -- \
		--kernel "$kernel" --mem 192M "$@" >/tmp/out 2>/tmp/err || [ $? = 124 ] || sed 's/^/# /' /tmp/err
}

qemu() { # qemu MACHINE OPTIONS
	printf '%s' "qemu-system-x86_64 -M $1,accel=kvm -cpu host -m 192M -nodefaults -no-user-config -display none -no-reboot" \
		" -serial stdio -kernel $whole $2"
}

# mapped COMMAND...: with the kernel as a file that is mapped is to be
mapped() {
	kernel=$whole
	"$@"
	kernel=$ours
}

# Ours is measured with each, since they take turns; the first row of it stands for all.
beside_qemu() {
	first=yes
	for machine in microvm,rtc=on pc q35 microvm; do
		boot init-up "$(qemu $machine "-initrd $initrd -append '$cmdline'")" --initrd "$initrd" --cmdline "$cmdline"
		[ -z "$first" ] || cell 'vmm' vmm
		first=
		cell "QEMU $machine" versus
	done
	boot 'Kernel panic' "$(qemu microvm,rtc=on "-append '$panic'")" --cmdline "$panic"
	cell 'vmm, to the panic' vmm
	cell 'QEMU microvm,rtc=on, to the panic' versus
	mapped boot 'Kernel panic' '' --cmdline "$panic" --kernel-load map
	cell 'vmm --kernel-load map, to the panic' vmm
}

memories() {
	mapped boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --kernel-load map
	cell 'vmm --kernel-load=map' vmm
	for option in --prefault --thp; do
		boot init-up '' --initrd "$initrd" --cmdline "$cmdline" $option
		cell "vmm $option" vmm
	done
	echo 120 >/proc/sys/vm/nr_hugepages
	boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --hugepages=2M
	cell 'vmm --hugepages=2M' vmm
	boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --hugepages=2M --prefault
	cell 'vmm --hugepages=2M --prefault' vmm
	echo 0 >/proc/sys/vm/nr_hugepages
}

# number KEY: of the report, where it is the first of that name
number() {
	grep -o "\"$1\": [0-9]*" /tmp/report | head -n 1 | tr -dc '0-9'
}

# The second run ends when the guest's clock has begun: its report has the exits up to there.
where() {
	name=$1
	shift
	set -- vmm --kernel "$kernel" --mem 192M --initrd "$initrd" --cmdline 'console=ttyS0 reboot=k panic=-1' --report /tmp/report "$@"
	"$@" --timeout 1s >/tmp/out 2>/tmp/err </dev/null
	own=$(number own_ns) kvm=$(number kvm_ioctl_ns) run=$(number total_ns) zero=$(number zero_ns)
	byte=$(sed -n 's/.*"name": "first_byte", "t_ns": \([0-9]*\).*/\1/p' /tmp/report)
	[ -n "$zero" ] || return
	"$@" --timeout "${zero}ns" >/tmp/out 2>/tmp/err </dev/null
	exits=$(grep -A 500 '"kvm_vcpu"' /tmp/report | grep -o '"exits": [0-9]*' | head -n 1 | tr -dc '0-9')
	awk -v name="$name" -v own="$own" -v kvm="$kvm" -v run="$run" -v zero="$zero" -v byte="$byte" -v exits="$exits" 'BEGIN {
		printf "where|%s|%.3f|%.3f|%.3f|%.3f|%d\n", name, own / 1e6, kvm / 1e6, (zero - run) / 1e6, (byte - zero) / 1e6, exits }'
}

many() {
	for n in 1 2 4 8 16; do
		start=$(cut -d ' ' -f 1 /proc/uptime)
		seq 16 | xargs -P $n -I '{}' vmm --kernel "$kernel" --mem 128M --append 'panic=-1 quiet' --timeout 300s \
			>/dev/null 2>/tmp/err
		echo "$start $(cut -d ' ' -f 1 /proc/uptime)" | awk -v n=$n '{ t = $2 - $1; printf "many|%d|16|%.2f|%.2f\n", n, t, 16 / t }'
	done
}

# The time limit ends each run a ms later than the one before, and says where the CPU was.
samples() {
	for at in $(seq 36 135); do
		vmm --kernel "$kernel" --initrd "$initrd" --mem 192M --cmdline "$cmdline" --timeout "${at}ms" >/tmp/out 2>/tmp/err </dev/null
		echo "sample|$at|$(sed -n 's/.*RIP \(0x[0-9a-f]*\).*/\1/p' /tmp/err)"
	done
}

case $what in
many | samples)
	$what
	exit
	;;
esac
[ "$what" = memory ] || beside_qemu
if [ "$what" != boots ]; then
	memories
	where 'vmm'
	where 'vmm --prefault' --prefault
	mapped where 'vmm --kernel-load=map' --kernel-load=map
fi
