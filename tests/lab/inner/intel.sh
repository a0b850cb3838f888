# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; programs and kernels come as KEY=VALUE
#
# What kvm_intel does otherwise than kvm_amd, from the host's check to a stock kernel.
#
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# --- The host ----------------------------------------------------------------

# The module runs as it was asked to: kvm=PARAMETER=VALUE,...
for setting in $(printf %s "${kvm:-}" | tr , ' '); do
	file=/sys/module/kvm_intel/parameters/${setting%%=*}
	value=$(tr NY 01 <"$file")
	check "kvm_intel has $setting" test "$value" = "${setting#*=}"
done
run "$VMM" check
check "vmm check on kvm_intel" all_of status_is 0 -- out_has '^  ok +virtualization +Intel VMX \(kvm_intel\), emulated by Bochs$' -- \
	out_has '^  ok +XSAVE and XRSTOR +works$' -- out_has '^  ok +STAC and CLAC +works$' -- \
	out_has '^A stock kernel would boot here\.$'
run "$VMM" cpuid --cpus 2
printf '%s\n' "$out" | sed -n '1,3s/^/# /p'
check "vmm cpuid: of Intel, and with AVX" all_of status_is 0 -- out_has '^host: +GenuineIntel, family 6' -- \
	out_has '^guest: 2 CPUs'
# leaf_0xd WHO: its registers, of the host or of the guest
leaf_0xd() {
	run "$VMM" cpuid --raw="$1"
	printf '%s\n' "$out" | grep '^0x0000000d '
}
leaf_0xd host >"$TEST_TMP/0xd.host"
leaf_0xd guest >"$TEST_TMP/0xd.guest"
check "leaf 0xD of the guest is the host's" all_of grep -q '0x0000000d 0x02 ' "$TEST_TMP/0xd.host" -- \
	cmp "$TEST_TMP/0xd.host" "$TEST_TMP/0xd.guest"

# --- Guests without Linux ----------------------------------------------------

# shellcheck source=tests/lab/inner/flat-programs.sh
. tests/lab/inner/flat-programs.sh

# --- The price of an exit ----------------------------------------------------

# shellcheck source=tests/lab/inner/flat-exits.sh
. tests/lab/inner/flat-exits.sh
# medians: a line "MEDIAN ROW" for each way to us, of the table that the last run printed, whose rows end in ns.
medians() {
	awk 'substr($0, 33, 4) == "VMM " && $NF ~ /^[0-9]+$/ { split(substr($0, 37), n, " "); row = substr($0, 1, 20) " " substr($0, 21, 11)
		gsub(/ +/, " ", row); sub(/ $/, "", row); print n[2], row }' "$TEST_TMP/exits"
}
host="$(uname -r) $(uname -v | sed 's/.*\(Debian [^ ]*\).*/\1/')"
# grown: rows that cost over 2 % more than the baseline of this kernel and this compiler has.
grown() {
	medians | awk -v host="$host" -v compiler="$compiler" -v file="$baseline" '
		BEGIN {
			FS = "\t"
			while ((getline <file) > 0)
				if ($1 == host && $2 == compiler)
					was[$4] = $3
			FS = " "
		}
		{ median = $1; sub(/^[0-9]+ /, "") }
		{ printf "# %s: %d cycles, baseline %s\n", $0, median, ($0 in was) ? was[$0] : "none" >"/dev/stderr" }
		$0 in was && median > was[$0] * 1.02 { print }'
}
no_exit_grew() {
	[ -z "$grew" ] && [ "$(medians | wc -l)" -ge 4 ]
}
if [ -z "${kvm:-}" ] && [ -n "${baseline:-}" ]; then
	grew=$(grown 2>"$TEST_TMP/figures")
	cat "$TEST_TMP/figures"
	err=$grew
	if grep -qF "$(printf '%s\t%s\t' "$host" "$compiler")" "$baseline"; then
		check "no way to us has grown by more than 2 %" no_exit_grew
	else
		# Nothing to compare with: the lines to put there.
		echo "# WARNING: tests/data/intel-exits has no baseline for $host, $compiler:"
		medians | while read -r median row; do
			printf '# %s\t%s\t%s\t%s\n' "$host" "$compiler" "$median" "$row"
		done
		check "the ways to us are measured" no_exit_grew
	fi
fi

# --- A stock kernel ----------------------------------------------------------

"$xstate" >"$TEST_TMP/xstate"
host_has_avx() {
	grep -q 'xcr0 0x7$' "$TEST_TMP/xstate" && grep -q 'AVX lies right in' "$TEST_TMP/xstate" &&
		grep -q 'two programs keep' "$TEST_TMP/xstate"
}
out=$(cat "$TEST_TMP/xstate") err='' status=0
check "the inner host has AVX" host_has_avx
# same_xstate: the guest's XSAVE state is the same as the host's.
same_xstate() {
	printf '%s\n' "$out" | grep '^xstate: ' >"$TEST_TMP/xstate.guest"
	diff "$TEST_TMP/xstate" "$TEST_TMP/xstate.guest" >"$TEST_TMP/diff" && return
	err=$(cat "$TEST_TMP/diff")
	return 1
}
seq 1 200000 | head -c 1048576 >"$TEST_TMP/image"
sum=$(sha256sum <"$TEST_TMP/image" | cut -d' ' -f1)
truncate -s 2M "$TEST_TMP/image"
boot --kernel "$cloud61" --initrd "$root" --cpus 2 --mem 192M --append 'quiet cryptomgr.notests' --disk "path=$TEST_TMP/image"
written() {
	[ "$(dd if="$TEST_TMP/image" bs=512 skip=2048 count=1 2>/dev/null | head -c 20)" = "written by the guest" ]
}
check "Debian 6.1 with a disk and two CPUs" all_of status_is 0 -- greeted -- cpus_are 2 -- \
	out_has "^lab: disk $sum\$" -- written
check "the guest's XSAVE and AVX are the host's" same_xstate
check "it takes the TSC's rate from kvm-clock, and the TSC for its clock" all_of out_has '^lab: kvm-clock: Using msrs ' -- \
	out_has '^lab: tsc: Detected (49\.9|50\.0)[0-9]* MHz processor' -- out_has '^lab: clock tsc$'
finish
