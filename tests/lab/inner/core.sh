# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Cores of guests that end badly, or on request, with --core. The cores are written to the inner host's disk as a tar,
# one after the other, and tests/lab/core.test reads them where crash and gdb are available.
# shellcheck disable=SC2154,SC2317 # the files come as KEY=VALUE, lib.sh has the rest; conditions are called by name
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
LIMIT=400s

cores=$TEST_TMP/cores
mkdir "$cores"

# guest WORDS ARG...: one with KASLR, which the decompressor does, and two CPUs
guest() {
	words=$1
	shift
	boot --kernel "$kernel" --initrd "$root" --mem 160M --cpus 2 --core "$cores/%s" \
		--cmdline "console=ttyS0 reboot=k panic=-1 quiet cryptomgr.notests $words" "$@"
}

# core_after WORDS: asks for one once the guest has said them, and waits for it
core_after() {
	wait_for "$TEST_TMP/out" "$1" && kill -36 "$(vmm_pid)" && wait_for "$TEST_TMP/err" 'core written'
}
core_of() {
	all_of test -s "$cores/$1" -- err_has "core written: $cores/$1\$"
}

guest lab=panic
check "a panic: status 34 and a core" all_of status_is 34 -- core_of panic
mv "$cores/panic" "$cores/1-panic"

# Both CPUs are in a loop: the core is requested from outside, which then ends the guest.
ask_and_end() {
	core_after 'lab: hanging'
	kill -TERM "$(vmm_pid)"
}
meanwhile ask_and_end
guest lab=hang --grace 0
beside
check "one that hangs: a core on request" all_of status_is 143 -- core_of request
mv "$cores/request" "$cores/2-hang"

# What ends a run is not the kernel's age.
if [ "$version" = 6.1 ]; then
	guest 'lab=reboot reboot=t' --panic-text off
	check "a triple fault: status 36 and a core" all_of status_is 36 -- core_of crash
	rm -f "$cores/crash"

	guest lab=halt
	check "halted for good: status 38 and a core" all_of status_is 38 -- core_of halt
	rm -f "$cores/halt"
fi

# On request, while two CPUs work
meanwhile core_after 'lab: working'
guest lab=work
beside
check "busy: a core on request, it continues, its sums are right" all_of status_is 0 -- core_of request -- out_has '^lab: worked 4$'
mv "$cores/request" "$cores/3-work"

(cd "$cores" && sha256sum -- [123]-* && tar -cf "${VMM_LAB_DISKS%% *}" -- [123]-* && sync) >"$TEST_TMP/sums" ||
	fail "the cores cannot be carried out"
sed 's/^/# sum /' "$TEST_TMP/sums"
finish
