# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernels come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

snap=$TEST_TMP/snap

# start WHAT [ARG...]: the guest of unique-guest.sh, up to a snapshot
start() {
	local what=$1
	shift
	rm -f "$snap"
	boot --kernel "$kernel" --initrd "$root" --mem 192M --append "quiet do=$what" "$@"
}

restore() {
	status=0
	"$VMM" restore "$snap" --timeout "$LIMIT" "$@" >"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
	load_run
}

# different N REGEX: N lines of the output are, after REGEX, a word each, and no two of them are the same.
different() {
	[ "$(printf '%s\n' "$out" | sed -n "s/^.*$2//p" | grep -c .)" = "$1" ] &&
		[ "$(printf '%s\n' "$out" | sed -n "s/^.*$2//p" | sort -u | grep -c .)" = "$1" ]
}

mark_part() {
	start mark --snapshot "$snap,on=mark:ready"
	check "vmm-mark: a snapshot, and the guest goes on without a word" all_of status_is 0 -- test -s "$snap" -- \
		out_has '^word  again $' -- out_has '^clone 0 0$' -- out_has '^uuid [0-9a-f-]{36}$'
	restore --word 'hello there'
	check "restored: the word, and which one it is" all_of status_is 0 -- out_has '^word hello there again hello there$' -- \
		out_has '^clone 1 1$'
	# That of all together, which share the lab's one CPU.
	LIMIT=$((clones * 20 * SLOW + 150))s
	restore --clones "$clones" --jobs 4 --word w
	LIMIT=$((150 * SLOW))s
	check "$clones clones read $clones uuids first thing after the mark" all_of status_is 0 -- different "$clones" 'uuid ' -- \
		out_has "^$clones: clone $clones $clones\$"
}

lines_part() {
	start lines --snapshot "$snap,on=mark:ready,then=exit"
	check "a guest for lines" status_is 0
	status=0
	for n in 1 2 3 4 5 6 7 8 9 10; do
		echo "read -r u </proc/sys/kernel/random/uuid; echo \"line $n uuid \$u\""
	done | "$VMM" restore "$snap" --each-line --line-timeout 60s >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
	check "each line of --each-line reads another uuid" all_of status_is 0 -- different 10 'uuid '
}

driver_part() {
	start driver --snapshot "$snap,on=console:wait here,then=exit"
	check "the kernel has found the generation id" all_of status_is 0 -- out_has '^driver 1 reseeds 0$'
	all=
	for n in 1 2 3; do
		restore
		check "restored: the driver reseeds" all_of status_is 0 -- out_has '^reseeds 1$' -- out_has '^urandom [0-9a-f]{32}$'
		all="$all$out
"
	done
	out=$all
	check "and /dev/urandom is another one" different 3 'urandom '
}

# compare CMD...: runs a guest; $gap is by how many microseconds its time of day is behind the host's
compare() {
	"$@" --timeout "$LIMIT" </dev/null 2>"$TEST_TMP/err" | "$gap_program" compare >"$TEST_TMP/gap" 2>"$TEST_TMP/out"
	load_run
	gap=$(sed -n 's/^gap \(-\{0,1\}[0-9]*\) us, lines [0-9]*$/\1/p' "$TEST_TMP/gap")
	echo "# $(cat "$TEST_TMP/gap")"
}

# moved_by LOW HIGH: the gap, since before the snapshot. What a guest's clock differs from that of a host in an emulator
# before it was ever saved is not the restore's.
moved_by() {
	[ -n "$gap" ] && [ -n "$before" ] && [ "$((gap - before))" -gt "$1" ] && [ "$((gap - before))" -lt "$2" ]
}

clock_part() {
	gap_program=$gap
	for source in kvm-clock tsc; do
		rm -f "$snap"
		compare "$VMM" --kernel "$kernel" --initrd "$root" --mem 192M --append "quiet do=clock clocksource=$source" \
			--snapshot "$snap,on=mark:ready,then=exit"
		before=$gap
		check "$source: a snapshot" all_of test -s "$snap" -- out_has "^clocksource $source\$"
		sleep 15
		compare "$VMM" restore "$snap" --clock realtime
		check "$source, --clock realtime: the time of day is right within 10 ms" all_of moved_by -10000 10000 -- out_has '^uptime'
		compare "$VMM" restore "$snap"
		check "$source, without it: it is behind" moved_by 15000000 600000000
	done
}

# shellcheck disable=SC2086 # words
for part in $parts; do
	"${part}_part"
done
finish
