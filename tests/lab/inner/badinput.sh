# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the directory comes as bad=
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
[ "${VMM_LAB:-}" ] || exit 1

no_sanitizer() {
	! err_has 'Sanitizer|runtime error'
}

MEM=64M STATUS=2
# refused WHAT REGEX ARG...
refused() {
	local what=$1 words=$2
	shift 2
	run "$VMM" --timeout 5s --mem "$MEM" "$@"
	check "$what" all_of status_is "$STATUS" -- err_is_one_line -- no_sanitizer -- err_has "^vmm: ($words)" -- test -z "$out"
}

while IFS='|' read -r name words; do
	refused "$name" "kernel $bad/$name: .*($words)" --kernel "$bad/$name"
done <"$bad/list"

# The largest first: both directions of "does it fit".
truncate -s 100M "$TEST_TMP/initrd"
refused "an initrd that does not fit" "initrd .*100M long, does not fit: .*there is room for" \
	--kernel "$bad/good-elf" --initrd "$TEST_TMP/initrd"
long=$(head -c 300 /dev/zero | tr '\0' a)
# With what vmm puts in front of it (tsc_early_khz=, which is as long as the host's frequency).
refused "a command line longer than cmdline_size" "command line of 3[0-9][0-9] bytes is longer than the 255 that this kernel takes" \
	--kernel "$bad/good-bz" --cmdline "$long"
refused "a command line longer than any" "command line of [0-9]+ bytes is longer than the [0-9]+" \
	--kernel "$bad/good-elf" --cmdline "$(head -c 5000 /dev/zero | tr '\0' a)"
run "$VMM" --kernel "$bad/good-elf" --mem 3G
check "memory beyond the host" all_of status_is 2 -- err_is_one_line -- err_has '^vmm: --mem 3G: this host has [0-9]+M'
# Things that the host lacks, rather than wrong arguments.
MEM=1G STATUS=125
refused "1G huge pages that nobody reserved" ".*1 huge pages of 1G are needed|.*this host has no 1G huge pages" \
	--kernel "$bad/good-elf" --hugepages=1G
MEM=64M

# --- /dev/kvm ----------------------------------------------------------------

nobody() {
	# By its path: busybox has one of that name, which cannot do this.
	run "$setpriv" --reuid 65534 --regid 65534 --clear-groups "$VMM" --kernel "$bad/good-elf"
}
chmod -R a+rX "$bad"
echo 'kvm:x:104:' >>/etc/group
chown 0:104 /dev/kvm
chmod 660 /dev/kvm
nobody
check "/dev/kvm not permitted: which group" all_of status_is 125 -- err_is_one_line -- \
	err_has '^vmm: /dev/kvm: permission denied: join group kvm \(usermod -aG kvm USER'
chown 0:0 /dev/kvm
chmod 600 /dev/kvm
nobody
check "/dev/kvm only for its owner: the error says what to do" all_of status_is 125 -- err_is_one_line -- \
	err_has '^vmm: /dev/kvm: permission denied.*(run as root|chgrp kvm)'
mv /dev/kvm /dev/kvm.away
refused "/dev/kvm absent" "/dev/kvm is not there: load kvm_amd or kvm_intel.*emulated SVM" --kernel "$bad/good-elf"
run "$VMM" check
check "vmm check without /dev/kvm" all_of status_is 125 -- out_has '^  MISSING +/dev/kvm +/dev/kvm is not there' -- \
	out_has '^A stock kernel would not boot here'
mknod /dev/kvm c 1 3
refused "/dev/kvm is something else" "/dev/kvm is not KVM: " --kernel "$bad/good-elf"
finish
