# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# --- Programs ----------------------------------------------------------------

# printed NAME: the last run printed what it should, to the letter.
printed() {
	cmp "$TEST_TMP/out" "$want/want.$1"
}

# exits N: the line of --stats says so.
exits() {
	printf '%s\n' "$err" | awk -v n="$1" '/^(hello|counter)/ { found = $3 == n } END { exit !found }'
}

# trips: the last run printed 300 dots, and three figures that do not fall for each of CPUID and OUT.
trips() {
	printf '%s\n' "$out" | awk '/^cpuid |^out / { n += $2 > 0 && $2 <= $3 && $3 <= $4 && NF == 4 } /^\.+$/ { dots = length($0) }
		END { exit !(n == 2 && dots == 300) }'
}

for mode in real protected long; do
	for p in fibonacci matrix letters table; do
		run "$VMM" flat "$progs/$p.$mode,mode=$mode" --timeout 20s
		check "$p in $mode mode, to the letter" all_of status_is 0 -- printed $p
	done
	run "$VMM" flat "$progs/ports.$mode,mode=$mode" --timeout 20s
	check "every port in $mode mode, and status 11 for 5" all_of status_is 11 -- printed ports
	run "$VMM" flat --stats "$progs/hello.$mode,mode=$mode"
	check "hello in $mode mode: to the letter, in 13 exits" all_of status_is 0 -- printed hello -- exits 13
	run "$VMM" flat --stats "$progs/counter.$mode,mode=$mode"
	check "counter in $mode mode: to the letter, in 21 exits" all_of status_is 0 -- printed counter -- exits 21
	run "$VMM" flat "$progs/spin.$mode,mode=$mode" --timeout 300ms
	check "a program in $mode mode that never ends" all_of status_is 124 -- err_is_one_line -- \
		err_has "^vmm: spin.$mode: the time limit ran out \\(CS 0x[0-9a-f]+, RIP 0x[0-9a-f]+\\)"
done
for mode in protected long; do
	run "$VMM" flat "$progs/hello-$mode.elf"
	check "hello as a static ELF for $mode mode" all_of status_is 0 -- printed hello
done

# wild HOW MODE WORDS
wild() {
	run "$VMM" flat "$progs/wild$1.$2,mode=$2" --timeout 5s
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
	run "$VMM" flat --$isolate --timeout 20s "$progs/fibonacci.long,mode=long" \
		"$progs/matrix.protected,mode=protected" "$progs/letters.real" "$progs/wild4.long,mode=long"
	check "four at once, --$isolate: the fault of one is its own" all_of status_is 36 -- err_is_one_line -- \
		err_has '^vmm: wild4.long: page fault'
	for p in fibonacci.long matrix.protected letters.real; do
		sed -n "s/^$p: //p" "$TEST_TMP/out" >"$TEST_TMP/one"
		check "four at once, --$isolate: $p, to the letter" cmp "$TEST_TMP/one" "$want/want.${p%.*}"
	done
done

# --- Benchmarks --------------------------------------------------------------

[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
run "$VMM" bench exits --iterations 300 --warmup 50
printf '%s\n' "$out" | sed -n '1,/^$/d; /./!q; p' | sed 's/^/# /'
check "every path of bench exits is proved here" all_of status_is 0 -- test -z "$err"
all_rows_run() {
	! printf '%s\n' "$out" | grep -q 'cannot run here'
}
check "every row of bench exits runs here" all_rows_run
# traced ROW: the tracepoint was passed once for each of the 300, or a few times: the end of an interrupt is an exit too
traced() {
	printf '%s\n' "$out" | awk -v row="$1" 'index($0, row) == 1 { for (i = NF; i > 2; i--) if ($i ~ /^[0-9]+$/) break
		found = $(i - 1) >= 300 && $(i - 1) <= 1200 } END { exit !found }'
}
check "the tracepoint kvm:kvm_exit agrees" all_of traced "ring 0               CPUID       KVM" -- \
	traced "ring 0               OUT         VMM" -- traced "ring 3               OUT         VMM" -- \
	traced "ring 3               MMIO store  VMM" -- \
	traced "ring 3, system call  RDMSR       KVM" -- traced "ring 0               ioeventfd   KVM"
traced_little() {
	! traced "ring 0               nothing     -  "
}
check "the tracepoint sees nothing where nothing leaves" traced_little
# The hypercall of the other maker, in ring 0 and in a system call
check "a row whose instruction KVM has replaced says so" \
	test "$(printf '%s\n' "$out" | grep -c '^    KVM has replaced the instruction by the processor.s own, VMM*CALL: ')" = 2

run "$VMM" bench lifecycle --count 20 --alive 100 --rounds 2
printf '%s\n' "$out" | sed 's/^/# /'
check "bench lifecycle" all_of status_is 0 -- out_has '^dirty pages only \(dirty log\) ' -- out_has '^dirty pages only \(dirty ring\)  *[0-9]' -- out_has '^above a run without reset: '

# --- QEMU --------------------------------------------------------------------

# figures WHO: what the program timed, in the TAP
figures() {
	printf '%s\n' "$out" | grep -v '^\.' | sed "s/^/# $1: cycles min, median, p90: /"
}
run "$VMM" flat "$progs/trips.protected,mode=protected" --timeout 20s
figures vmm
check "a program times its own round trips" all_of status_is 0 -- trips
run qemu-system-x86_64 -accel kvm -M pc -m 16M -nodefaults -no-user-config -display none -no-reboot -debugcon stdio \
	-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$progs/trips.qemu"
figures "QEMU -accel kvm"
check "the same program times QEMU's debugcon" all_of status_is 1 -- trips
compared() {
	[ "$(wc -l <"$TEST_TMP/out")" = 6 ]
}
run "$bash" "$compare" kvm 1 "$want" "$progs/hello" "$progs/counter" "$progs/fibonacci" "$progs/matrix" "$progs/letters" \
	"$progs/table"
printf '%s\n' "$out" | sed 's/^/# QEMU -accel kvm: /'
check "the same programs under QEMU with KVM print the same" all_of status_is 0 -- compared
finish
