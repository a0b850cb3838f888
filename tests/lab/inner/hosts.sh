# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernels and programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

host="host $release"
check "$host: it is the kernel that it should be" test "$(uname -r)" = "$release"

# The filters are there with Landlock and without.
look() {
	local pid
	pid=$(vmm_pid) || return
	wait_for "$TEST_TMP/out" '^lab: holding' || return
	threads_of "$pid" 'NoNewPrivs|Seccomp|CapEff'
	kill -TERM "$pid"
}
locked() {
	seen_has '^thread vmm CapEff=0+ NoNewPrivs=1 Seccomp=2$' && seen_has '^thread vcpu0 CapEff=0+ NoNewPrivs=1 Seccomp=2$'
}

# holds ARG...: a guest to its script, which waits; all is looked at meanwhile.
holds() {
	meanwhile look
	boot --kernel "$tiny" --initrd "$root" --append lab=hold --append quiet --grace 0s "$@"
	beside
}

run "$VMM" check
case $release in
5.10.*)
	boot_sandbox=
	MISSING="this host's kernel has no Landlock \\(5\\.13 or later has it, with CONFIG_SECURITY_LANDLOCK\\)"
	check "$host, vmm check: no Landlock, so that a strict machine would not start" all_of status_is 125 -- \
		out_has '^ +ok +virtualization +AMD SVM .*emulated by QEMU TCG' -- out_has "^ +BAD +sandbox +--sandbox strict: $MISSING"
	boot --kernel "$tiny" --initrd "$root"
	check "$host, strict: an error before the guest starts, with the way out" all_of status_is 125 -- err_is_one_line -- \
		err_has "^vmm: --sandbox strict: $MISSING: update it, or use --sandbox best-effort\$" -- test "$out" = ''
	holds --sandbox best-effort
	check "$host, best effort: to init's script, and the rest of the sandbox holds" all_of status_is 143 -- greeted -- locked
	check "$host, best effort: says what is missing" err_has "^vmm: warning: the sandbox is not complete: $MISSING"
	how='--sandbox best-effort'
	;;
*)
	check "$host, vmm check: Landlock denies all that it can" all_of status_is 0 -- \
		out_has '^ +ok +Landlock +ABI [0-9]+$' -- out_has '^ +ok +sandbox +strict$' -- out_has 'A stock kernel would boot here\.'
	export VMM_TEST_REQUIRED=1
	for program in "$landlock" "$stages"; do
		run "$program"
		check "$host: ${program##*/}" status_is 0
	done
	holds
	check "$host, strict: to init's script, every thread locked" all_of status_is 143 -- greeted -- locked
	how='--sandbox strict'
	;;
esac
# shellcheck disable=SC2086 # two words
boot --kernel "$tiny" --initrd "$root" --append quiet --cpus 2 $how
check "$host: two CPUs to init's script and power-off" all_of status_is 0 -- cpus_are 2
# shellcheck disable=SC2086 # two words
run "$VMM" flat --mem 64K "$event,mode=real" $how
check "$host: MMIO behind an interrupt that the guest delivered to itself" all_of status_is 0 -- test "$out" = '1,000 stores' -- \
	test -z "$(printf '%s\n' "$err" | grep -v 'the sandbox is not complete')"
finish
