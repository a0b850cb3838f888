# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/bench about boots in the lab, beside QEMU and many at once, which it sources.
# shellcheck disable=SC2154 # scripts/bench sets them

# lab_for KERNEL [--icount] WHAT: what boots-inner.sh prints goes to $work/lab
lab_for() {
	local kernel=$1
	shift
	VMM=$vmm "$here/lab" "${@:1:$#-1}" --with-qemu --timeout 40m --no-stdin --file "$here/bench.d/boots-inner.sh" \
		--file /usr/bin/fallocate -- sh "$here/bench.d/boots-inner.sh" "$kernel" "$work/root.cpio" "$runs" \
		"${*: -1}" >"$work/lab" ||
		note "the lab ended early (status $?)"
	[ -z "$keep" ] || cat "$work/lab" >>"$keep"
}

boots_part() {
	local i what
	gcc -O2 -static -o "$work/bench-init" "$here/bench.d/init.c" || die "cannot compile the init"
	"$here/initramfs" "$work/root.cpio" --no-busybox --init "$work/bench-init" --run none || exit
	echo "### Boots in the lab, counted in instructions"
	echo
	echo "\`scripts/lab --icount\`: one CPU, 1 ns an instruction, so without noise, and blind to caches, TLBs and the price of a world"
	echo "switch. 192M, \`console=ttyS0 reboot=k panic=-1 quiet\`; medians in ms. Share: exec to the marker less the guest's own clock."
	echo "To the panic: no initrd, \`console=ttyS0 reboot=k panic=1 pci=off\`; the marker is the panic's line."
	echo
	for i in "${!images[@]}"; do
		what=boots
		[ "$i" -gt 0 ] || what=all
		lab_for "${images[i]}" --icount "$what"
		echo "#### $(basename "${images[i]}")"
		echo
		echo "| | exec to the marker | to \"Linux version\" | guest's clock | share | boots out of time |"
		echo "|---|---|---|---|---|---|"
		sed -n 's/^cell|\(.*\)|\(.*\)|\(.*\)|\(.*\)|\(.*\)|\(.*\)$/| \1 | \2 | \3 | \4 | \5 | \6 |/p' "$work/lab"
		echo
		[ "$what" = all ] || continue
		echo "Where exec to init goes, one boot each, ms; the guest's printk clock begins with its kvm-clock, CLOCK_MONOTONIC later:"
		echo
		echo "| | main to KVM_RUN, ours | inside KVM's ioctls | KVM_RUN to printk's 0 | printk's 0 to the first byte | exits by then |"
		echo "|---|---|---|---|---|---|"
		sed -n 's/^where|\(.*\)|\(.*\)|\(.*\)|\(.*\)|\(.*\)|\(.*\)$/| \1 | \2 | \3 | \4 | \5 | \6 |/p' "$work/lab"
		echo
	done
	lab_for "${images[-1]}" many
	echo "### Whole boots in the lab, many at once"
	echo
	echo "\`scripts/lab\` without \`--icount\`: one CPU that is emulated, so the figures compare and say nothing of hardware. $(basename "${images[-1]}"),"
	echo "128M, to its panic, which ends it."
	echo
	echo "| at once | boots | seconds | boots per second |"
	echo "|---|---|---|---|"
	sed -n 's/^many|\(.*\)|\(.*\)|\(.*\)|\(.*\)$/| \1 | \2 | \3 | \4 |/p' "$work/lab"
}
