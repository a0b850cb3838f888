# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guests of tests/lab/kexec.test. lab=WHAT on the kernel's command line says what to do; facts are lines that
# begin with "kexec:".
# shellcheck disable=SC2154 # $lab: from the kernel's command line
say() {
	echo "kexec: $*"
}

# load ARG...: the kernel and initramfs that this one carries; $next is what the second one is to do.
load() {
	kexec "$@" /vmlinuz --initrd=/second.cpio.gz \
		--command-line="console=ttyS0 reboot=k panic=-1 quiet lab=$next" && say "loaded"
}

dmesg -n 1
case $lab in
map)
	sed 's/^/kexec: iomem /' /proc/iomem
	;;
load)
	next=second load -c -l && kexec -e
	;;
file)
	next=second load -s -l && kexec -e
	;;
crash | crash-file)
	if [ "$lab" = crash ]; then
		next=vmcore load -c -p
	else
		next=vmcore load -s -p
	fi
	say "crash kernel $(cat /sys/kernel/kexec_crash_loaded)"
	echo c >/proc/sysrq-trigger
	sleep 60
	;;
second)
	say "second kernel: memory $(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
	;;
vmcore)
	# An ELF core of the memory that the first kernel had, with the note that this one left when it panicked.
	say "vmcore: $(head -c 4 /proc/vmcore | tail -c 3), $(($(stat -c %s /proc/vmcore) >> 20)) MiB"
	head -c 65536 /proc/vmcore | grep -a -o -E '(OSRELEASE|CRASHTIME)=[0-9a-z.-]*' | sed 's/^/kexec: vmcore: /'
	;;
esac
say "end of $lab"
