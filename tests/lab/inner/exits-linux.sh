# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the kernel comes as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# timed: all five rows, each with three figures that do not fall, and a way out takes longer than none
timed() {
	printf '%s\n' "$out" | awk '/^trip [a-z]+ / { n += $3 > 0 && $3 <= $4 && $4 <= $5 && NF == 5; median[$2] = $4 }
		END { exit !(n == 5 && median["cpuid"] > median["nothing"] && median["out"] > median["nothing"] &&
			median["rdmsr"] > median["syscall"]) }'
}
figures() {
	printf '%s\n' "$out" | sed -n "s/^trip /# $1: cycles min, median, p90: /p"
}
# dots_are: the debug console got one for each OUT, 50 of them to warm up
dots_are() {
	[ "$(tr -dc . <"$1" | wc -c)" = 350 ]
}

boot --kernel "$tiny" --initrd "$root" --mem 128M --debugcon --append "quiet reboot=k"
figures vmm
printf '%s\n' "$out" | grep '^\.\.*$' >"$TEST_TMP/dots"
check "the ways out of a Linux guest" all_of status_is 32 -- timed
check "each OUT came to vmm" dots_are "$TEST_TMP/dots"

run timeout 100 qemu-system-x86_64 -M microvm,rtc=on,accel=kvm -cpu host -m 128M -nodefaults -no-user-config -display none \
	-no-reboot -serial stdio -debugcon "file:$TEST_TMP/debugcon" -kernel "$tiny" -initrd "$root" \
	-append "console=ttyS0 quiet reboot=t panic=-1"
load_run
figures "QEMU microvm"
check "the same guest under QEMU" all_of status_is 0 -- timed
check "each OUT came to QEMU's debugcon" dots_are "$TEST_TMP/debugcon"
finish
