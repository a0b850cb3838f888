# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guest of virtio-kind: its kernel sees two entropy devices, the second of which is the new kind.
dmesg -n 1
for d in /sys/bus/virtio/devices/*; do
	echo "lab: $(basename "$d") $(cat "$d/device") $(basename "$(readlink "$d/driver")")"
done
echo virtio_rng.1 >/sys/class/misc/hw_random/rng_current
echo "lab: current $(cat /sys/class/misc/hw_random/rng_current)"
echo "lab: word $(dd if=/dev/hwrng bs=8 count=1 2>/dev/null)"
sleep 3 # the suite looks at vmm's threads
