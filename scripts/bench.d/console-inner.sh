# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/bench --console runs in the lab: console-inner.sh KERNEL INITRD RUNS VMM... VMMs in turns; prints what
# console-text says in each, as lines "WHO|console|TTY|BYTES|NANOSECONDS".
kernel=$1 initrd=$2 runs=$3
shift 3

# guest WHO COMMAND...: what it prints goes to a file first, so that nothing but the VMM and its guest runs meanwhile.
guest() {
	who=$(basename "$1")
	shift
	timeout 240 "$@" </dev/null >/tmp/out 2>/tmp/err
	tr -d '\r' </tmp/out | sed -n "s/^console|/$who|&/p"
	sed "s/^/# $who: /" /tmp/err
}

cmdline='console=ttyS0 reboot=k panic=-1 quiet'
while [ "$runs" -gt 0 ]; do
	for vmm; do
		guest "$vmm" "$vmm" --kernel "$kernel" --initrd "$initrd" --mem 256M --cmdline "$cmdline tty=ttyS0"
		guest "$vmm" "$vmm" --kernel "$kernel" --initrd "$initrd" --mem 256M --console virtio --append "quiet tty=hvc0"
	done
	# Alike: a machine without anything else on it.
	set_qemu="-M microvm,accel=kvm,rtc=on -global virtio-mmio.force-legacy=false -cpu host -m 256M -nodefaults -no-user-config
		-display none -no-reboot -kernel $kernel -initrd $initrd"
	# shellcheck disable=SC2086 # words
	guest QEMU qemu-system-x86_64 $set_qemu -serial stdio -append "$cmdline tty=ttyS0"
	# shellcheck disable=SC2086
	guest QEMU qemu-system-x86_64 $set_qemu -device virtio-serial-device -chardev stdio,id=c -device virtconsole,chardev=c \
		-append "console=hvc0 reboot=k panic=-1 quiet tty=hvc0"
	runs=$((runs - 1))
done
