# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the programs come as KEY=VALUE
#
# The programs of tests/guest/flat in each mode, and their faults: for flat.sh and intel.sh, which source this.

# printed NAME: the last run printed exactly the expected output.
printed() {
	cmp "$TEST_TMP/out" "$want/want.$1"
}

# exits N: the line of --stats has N exits.
exits() {
	printf '%s\n' "$err" | awk -v n="$1" '/^(hello|counter)/ { found = $3 == n } END { exit !found }'
}

for mode in real protected long; do
	for p in fibonacci matrix letters table; do
		run "$VMM" flat "$progs/$p.$mode,mode=$mode" --timeout "$((20 * SLOW))s"
		check "$p in $mode mode, to the letter" all_of status_is 0 -- printed $p
	done
	run "$VMM" flat "$progs/ports.$mode,mode=$mode" --timeout "$((20 * SLOW))s"
	check "every port in $mode mode, and status 11 for 5" all_of status_is 11 -- printed ports
	run "$VMM" flat --stats "$progs/hello.$mode,mode=$mode"
	check "hello in $mode mode: to the letter, in 13 exits" all_of status_is 0 -- printed hello -- exits 13
	run "$VMM" flat --stats "$progs/counter.$mode,mode=$mode"
	check "counter in $mode mode: to the letter, in 21 exits" all_of status_is 0 -- printed counter -- exits 21
	run "$VMM" flat "$progs/spin.$mode,mode=$mode" --timeout "$((300 * SLOW))ms"
	check "a program in $mode mode that never ends" all_of status_is 124 -- err_is_one_line -- \
		err_has "^vmm: spin.$mode: the time limit ran out \\(CS 0x[0-9a-f]+, RIP 0x[0-9a-f]+\\)"
done
for mode in protected long; do
	run "$VMM" flat "$progs/hello-$mode.elf"
	check "hello as a static ELF for $mode mode" all_of status_is 0 -- printed hello
done

# wild HOW MODE WORDS
wild() {
	run "$VMM" flat "$progs/wild$1.$2,mode=$2" --timeout "$((5 * SLOW))s"
	check "wild $1 in $2 mode: $3" all_of status_is 36 -- err_is_one_line -- err_has "^vmm: wild$1.$2: $3" -- \
		out_has '^here$'
}

for mode in real protected long; do
	wild 0 $mode "invalid opcode \\(vector 6\\), CS 0x[0-9a-f]+, RIP 0x[0-9a-f]+"
	wild 1 $mode "divide error \\(vector 0\\), CS 0x"
done
wild 2 protected "general protection fault \\(vector 13\\)"
wild 2 long "page fault \\(vector 14\\) at address 0x20000000, CS 0x8, RIP 0x20000000"
wild 3 real "general protection fault"
wild 3 protected "general protection fault"
wild 3 long "page fault \\(vector 14\\) at address 0x20000000, CS 0x8, RIP 0x1"
wild 4 long "page fault \\(vector 14\\) at address 0x0, .* error code 0x2"
# QEMU's software processor knows no limits of segments: there the stack that is none is memory that is none, and KVM gives up.
wild 5 protected "(triple fault|KVM internal error)"
wild 5 long "invalid opcode"
wild 6 real "INT 0x10, and nothing answers it"

for isolate in no-isolate isolate; do
	run "$VMM" flat --$isolate --timeout "$((20 * SLOW))s" "$progs/fibonacci.long,mode=long" \
		"$progs/matrix.protected,mode=protected" "$progs/letters.real" "$progs/wild4.long,mode=long"
	check "four at once, --$isolate: the fault of one is its own" all_of status_is 36 -- err_is_one_line -- \
		err_has '^vmm: wild4.long: page fault'
	for p in fibonacci.long matrix.protected letters.real; do
		sed -n "s/^$p: //p" "$TEST_TMP/out" >"$TEST_TMP/one"
		check "four at once, --$isolate: $p, to the letter" cmp "$TEST_TMP/one" "$want/want.${p%.*}"
	done
done
