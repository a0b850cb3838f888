# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernel, root and bare come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# device INDEX BASE TEXT: the report's entry.
device() {
	tr -d ' \n' <"$TEST_TMP/report" | grep -qE \
		"\"name\":\"virtio-mmiodevice\",\"index\":$1,\"space\":\"memory\",\"base\":$2,[^}]*\"payload\":\\{$3"
}

threads() {
	wait_for "$TEST_TMP/out" '^lab: word' && threads_of "$(vmm_pid)" Seccomp
}

meanwhile threads
boot --kernel "$kernel" --initrd "$root" --mem 256M --sandbox strict --append quiet --report "$TEST_TMP/report"
beside
check "it ends well, in strict mode" status_is 0
check "the kernel has a driver for the device, at the last place of the board" all_of \
	out_has '^lab: virtio0 0x0004 virtio_rng' -- out_has '^lab: virtio1 0x0004 virtio_rng'
check "the driver's requests are answered" all_of out_has '^lab: current virtio_rng.1' -- out_has '^lab: word tinytiny'
check "the report has it, with its counters" device 1 $((0xd0001000)) '"device":"virtio-tiny","driven":true,"to_guest_bytes":[1-9]'
check "and the one in front of it, where it always is" device 0 $((0xd0000000)) '"device":"virtio-rng","driven":true'
check "its thread has a filter" seen_has '^thread virtio Seccomp=2'

boot --kernel "$kernel" --initrd "$bare" --mem 256M --sandbox strict
check "a guest without the driver: the hint names it" all_of status_is 0 -- \
	err_has 'no driver in the guest started virtio-tiny \(--tiny\): its kernel or initrd needs virtio_mmio and virtio_rng'
