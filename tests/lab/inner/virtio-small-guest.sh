# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guest of virtio-small: what lab=WORD on the kernel's command line asks for.
#
# shellcheck disable=SC2154 # the kernel hands what it does not know itself to init's environment

say() {
	printf 'lab: %s\n' "$*"
}

free_kib() {
	sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

dmesg -n 1
say "modules $(cut -d ' ' -f 1 /proc/modules | grep -E '^virtio_(mmio|rng|console|balloon)$|vsock' | sort | tr '\n' ' ')of" \
	"$(uname -r)"
case $lab in
rng)
	say "rng $(cat /sys/class/misc/hw_random/rng_current)"
	say "driver $(basename "$(readlink /sys/bus/virtio/devices/virtio0/driver)")"
	say "read $(dd if=/dev/hwrng bs=4096 count=64 2>/dev/null | tee /tmp/noise | wc -c)"
	# Noise does not get smaller.
	say "gzipped $(gzip -c /tmp/noise | wc -c)"
	;;
console)
	say "console $(cat /sys/class/tty/console/active)"
	say "tty $(tty)"
	i=0
	while [ $i -lt 500 ]; do
		echo "line $i of many"
		i=$((i + 1))
	done
	read -r line
	say "typed $line"
	;;
vsock)
	say "ready"
	vsockcat echo vsock:any:52 2>/dev/null &
	head -c 1000000 /dev/urandom >/tmp/noise
	n=0
	# The host says when it listens: a connection that it refuses is a fast answer.
	until vsockcat connect vsock:2:1234 </dev/null 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 300 ] || break
		sleep 0.2
	done
	[ "$(vsockcat connect vsock:2:1234 </tmp/noise | sha256sum)" = "$(sha256sum </tmp/noise)" ] && say "guest to host and back"
	vsockcat connect vsock:2:99 </dev/null 2>&1 | sed 's/^/lab: nobody there: /'
	vsockcat connect vsock:7:99 </dev/null 2>&1 | sed 's/^/lab: no such machine: /'
	# Until the host has done its part.
	vsockcat connect vsock:2:1235 </dev/null
	until vsockcat connect vsock:2:1235 </dev/null 2>/dev/null; do
		sleep 0.2
	done
	;;
balloon)
	mkdir -p /mnt
	mount -t tmpfs -o size=90% none /mnt
	dd if=/dev/zero of=/mnt/fill bs=1M count=150 2>/dev/null
	say "filled"
	read -r _
	rm /mnt/fill
	say "removed"
	read -r _
	say "free $(free_kib) before"
	read -r _
	say "free $(free_kib) inflated"
	read -r _
	say "free $(free_kib) deflated"
	head -c 33554432 /dev/urandom | tee /mnt/fill | md5sum | sed 's/^/lab: wrote /'
	md5sum </mnt/fill | sed 's/^/lab: found /'
	;;
esac
