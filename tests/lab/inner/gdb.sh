# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# gdb at a stock kernel with two CPUs: registers, memory, steps, Ctrl-C. QEMU's SVM intercepts no INT3: breakpoints and
# watchpoints are inner/gdb-intel.sh's.
#
# shellcheck disable=SC2119,SC2154 # `debug` with no more arguments; gdb.test has the variables
# shellcheck source=tests/lab/inner/gdb-lib.sh
. tests/lab/inner/gdb-lib.sh

guest --kernel "$kernel" --initrd "$root" --mem 256M --cpus 2 --append quiet
debug <<-'END'
	printf "start %x %x\n", $rip, $cr0
	stepi
	printf "step %x\n", $rip
	stepi
	stepi
	set $saved = $rbx
	set $rbx = 0x1122334455667788
	printf "rbx %lx\n", $rbx
	set $rbx = $saved
	printf "steps %x\n", $rip
	detach
END
check "with wait, it stops before the first instruction" all_of seen_has '^start 1000000 80000011$' -- test ! -s "$TEST_TMP/out"
check "it makes steps, and takes registers" all_of seen_has '^step 10000' -- seen_has '^steps 10000' -- \
	seen_has '^rbx 1122334455667788$'
wait_for "$TEST_TMP/out" '^lab: round 1' 120
check "when gdb has detached, the guest boots" grep -q '^lab: round 1' "$TEST_TMP/out"

# The second CPU makes steps while the first one stays; then both go on, and Ctrl-C stops them.
banner=$(sed -n 's/^lab: symbol linux_banner \([0-9a-f]*\)\r*$/0x\1/p' "$TEST_TMP/out")
rounds=$(grep -c '^lab: round' "$TEST_TMP/out")
debug <<-END
	info threads
	monitor kaslr
	monitor regs 1
	printf "banner %s\n", (char *)$banner
	set scheduler-locking on
	thread 1
	set \$first = \$rip
	thread 2
	set \$second = \$rip
	stepi
	stepi
	stepi
	thread 1
	printf "first stays %d\n", \$rip == \$first
	set scheduler-locking off
	shell (sleep $((6 * SLOW)); kill -INT \$PPID) >/dev/null 2>&1 &
	continue
	printf "interrupted %lx\n", \$rip
	info threads
	kill
END
ended
shown
check "both CPUs are threads" all_of seen_has 'Thread 1 .CPU 0, (running|halted)' -- seen_has 'Thread 2 .CPU 1, (running|halted)'
check "kernel memory, by the tables of the CPU" seen_has '^banner Linux version 6\.1'
check "where the kernel is" all_of seen_has '^kernel at 0xffffffff81000000, moved by 0x0$' -- seen_has '^CPU 1, '
check "one CPU makes steps, the other stays" seen_has '^first stays 1$'
check "Ctrl-C stops a busy guest" all_of seen_has SIGINT -- seen_has '^interrupted '
check "it went on before that" test "$(grep -c '^lab: round' "$TEST_TMP/out")" -gt "$rounds"
check "kill ends the run with 143" status_is 143
check "INT3 of programs and of the kernel are theirs" all_of \
	test "$(grep -c ' of 100 traps' "$TEST_TMP/out")" = "$(grep -c '^lab: 100 of 100 traps' "$TEST_TMP/out")" -- \
	grep -q '^lab: round [0-9]*, probe hit [1-9]' "$TEST_TMP/out"
finish
