# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# gdb on the real kvm_intel, which intercepts INT3 and has debug registers: a kernel with symbols, from its first
# instruction to the INT3 with which it tests itself.
#
# shellcheck disable=SC2154 # gdb-intel.test has them
# shellcheck source=tests/lab/inner/gdb-lib.sh
. tests/lab/inner/gdb-lib.sh

guest --kernel "$kernel" --mem 128M --append quiet
debug "$kernel" <<-'END'
	hbreak start_kernel
	continue
	printf "at %lx, start_kernel %lx\n", $rip, &start_kernel
	backtrace 1
	watch *(char *)&early_boot_irqs_disabled
	continue
	printf "watched %d, rip - start_kernel %d\n", *(char *)&early_boot_irqs_disabled, $rip - (long)&start_kernel < 4096
	delete
	break setup_arch
	continue
	printf "at %lx, setup_arch %lx\n", $rip, &setup_arch
	x/1xb $rip
	backtrace 2
	stepi
	printf "one step %d\n", $rip - (long)&setup_arch
	break rest_init
	break int3_magic
	continue
	printf "at %lx, int3_magic %lx or rest_init %lx\n", $rip, &int3_magic, &rest_init
	continue
	printf "then %lx, rest_init %lx\n", $rip, &rest_init
	kill
END
ended
shown
check "hbreak start_kernel, from the first instruction" seen_has '^at (f*[0-9a-f]+), start_kernel \1$'
check "a watchpoint" seen_has '^watched 1, rip - start_kernel 1$'
check "a software breakpoint" seen_has '^at (f*[0-9a-f]+), setup_arch \1$'
check "the caller is known" seen_has '^#1 .* start_kernel'
check "under it is the guest's own byte" all_of seen_has 'setup_arch.*:.*0x[0-9a-f]{2}$' -- test "$(printf '%s\n' "$seen" | grep -c '0xcc$')" = 0
check "a step from there" seen_has '^one step [1-9]'
check "the kernel's own INT3 came to its handler" seen_has '^at (f*[0-9a-f]+), int3_magic \1 or'
check "and it went on" seen_has '^then (f*[0-9a-f]+), rest_init \1$'
check "kill ends the run with 143" status_is 143
finish
