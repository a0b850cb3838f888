# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/bench runs in the lab: bench-inner.sh KERNEL INITRD RUNS. Each cell is a line "cell NAME MARKER CLOCK SHARE
# MISSED" of medians in ms; "-" where nothing was measured.
kernel=$1 initrd=$2 runs=$3
cmdline='console=ttyS0 reboot=k panic=-1 quiet'

# table TITLE COMMAND: the median of a row of the last table; "-" when it is not there
table() {
	awk -v title="$1" -v who="$2" '/^[a-z]/ { on = index($0, title) == 1 } on && $1 == who { print $3; found = 1; exit }
		END { if (!found) print "-" }' /tmp/out
}

# cell NAME COMMAND
cell() {
	printf 'cell|%s|%s|%s|%s|%s\n' "$1" "$(table 'exec to the marker' "$2" | head -n 1)" "$(table "the guest's own" "$2")" \
		"$(table 'exec to the marker less' "$2")" "$(grep "^$2: the time limit" /tmp/out | tr -dc '0-9')"
}

# boot MARKER VERSUS OPTION...
boot() {
	marker=$1 versus=$2
	shift 2
	vmm bench boot --runs "$runs" --warmup 0 --timeout 8s --marker "$marker" ${versus:+--versus "$versus"} -- \
		--kernel "$kernel" --mem 192M "$@" >/tmp/out 2>/tmp/err || [ $? = 124 ] || sed 's/^/# /' /tmp/err
}

qemu() {
	printf '%s' "qemu-system-x86_64 -M $1,accel=kvm -cpu host -m 192M -nodefaults -no-user-config -display none -no-reboot" \
		" -serial stdio -kernel $kernel -initrd $initrd -append '$cmdline'"
}

# Ours is measured with each, since they take turns; the first row of it stands for all.
first=yes
for machine in microvm,rtc=on pc q35 microvm; do
	boot init-up "$(qemu $machine)" --initrd "$initrd" --cmdline "$cmdline"
	[ -z "$first" ] || cell 'vmm' vmm
	first=
	cell "QEMU $machine" versus
done
boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --kernel-load map
cell 'vmm --kernel-load map' vmm
boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --prefault
cell 'vmm --prefault' vmm
boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --thp
cell 'vmm --thp' vmm
echo 120 >/proc/sys/vm/nr_hugepages
boot init-up '' --initrd "$initrd" --cmdline "$cmdline" --hugepages=2M
cell 'vmm --hugepages 2M' vmm
echo 0 >/proc/sys/vm/nr_hugepages
boot 'Kernel panic' '' --cmdline 'console=ttyS0 reboot=k panic=1 pci=off'
cell 'vmm, to the panic' vmm
boot 'Kernel panic' "qemu-system-x86_64 -M microvm,rtc=on,accel=kvm -cpu host -m 192M -nodefaults -no-user-config -display none -no-reboot -serial stdio -kernel $kernel -append 'console=ttyS0 reboot=k panic=1 pci=off'" \
	--cmdline 'console=ttyS0 reboot=k panic=1 pci=off'
cell 'QEMU microvm,rtc=on, to the panic' versus
