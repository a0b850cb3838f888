# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154,SC2317 # guests expand what they get; the files come as KEY=VALUE
#
# vmm restore --each-line with a stock Linux: lines that pass, write, panic, hang, reset and power off, each of which costs
# itself alone; with $rounds, RAM in full after each hundredth line.
#
# shellcheck source=tests/lab/inner/snapshot-lib.sh
. tests/lab/inner/snapshot-lib.sh

# When it waits for a line, and has printed all of the one before.
keep() {
	wait_for "$TEST_TMP/out" '^vmm-mark=ready' || return
	sleep 2
	kill -35 "$(vmm_pid)"
}
meanwhile keep
snapshot --snapshot "$snap,on=signal,then=exit"
beside
check "a stock Linux is kept at its prompt" all_of status_is 0 -- out_has '^lab: ready' -- only ready

# answer N STATUS HOW OUTPUT: the object of line N
answer() {
	out_has "^\{\"n\": $1, \"status\": $2, \"how\": \"$3\", \"ns\": [0-9]+, \"reset_ns\": [0-9]+, \"pages\": [0-9]+, \"replaced\": 0, \"output\": \"$4"
}
cat >"$TEST_TMP/lines" <<'END'
echo $((6 * 7)); echo vmm-mark=1
echo left >/data/left; echo left >/run/left; sync; cat /data/left /run/left; echo vmm-mark=1
ls /data/left /run/left 2>&1 | grep -c 'No such file'; sums; echo vmm-mark=1
poweroff -f
echo c >/proc/sysrq-trigger
reboot -f
echo hangs; while :; do :; done
cut -d ' ' -f 1 /proc/uptime; complaints; echo vmm-mark=1
END
status=0
"$VMM" restore --each-line=json --line-timeout $((15 * SLOW))s "$snap" --timeout "$LIMIT" <"$TEST_TMP/lines" >"$TEST_TMP/out" \
	2>"$TEST_TMP/err" || status=$?
load_run
check "eight lines, eight answers" all_of test "$(printf '%s\n' "$out" | wc -l)" = 8 -- test "$err" = ''
check "the status is that of the first that is not 0" status_is 34
check "a line that passes" answer 1 0 mark '42'
check "one that writes to the disk and to memory" answer 2 0 mark 'left.*left'
check "which the next one does not find" answer 3 0 mark '2.*lab: sums: 0 wrong, 0 written'
check "a guest that powers off costs its line" answer 4 0 poweroff ''
check "so does one that panics" answer 5 34 panic ''
check "one that resets" answer 6 32 reset ''
check "and one that hangs" answer 7 124 timeout 'hangs'
check "the last one is well" answer 8 0 mark '[0-9.]*.*lab: complaints 0'
printf '%s\n' "$out" | sed -n 's/^{"n": \([0-9]*\).*"how": "\([a-z]*\)", "ns": \([0-9]*\), "reset_ns": \([0-9]*\), "pages": \([0-9]*\),.*/# line \1: \2 after \3 ns, reset in \4 ns, \5 pages/p'

# --- Many rounds

[ -n "${rounds:-}" ] || finish
mkfifo "$TEST_TMP/lines.fifo"
# answers N: there are so many
answers() {
	local left=3000
	until [ "$(grep -c . "$TEST_TMP/out")" -ge "$1" ]; do
		left=$((left - 1))
		[ "$left" -gt 0 ] && kill -0 "$vmm" || return 1
		sleep 0.1
	done
}
ram() {
	"$ramcmp" "$vmm" "$snap" $((192 << 20)) >"$TEST_TMP/ram"
}
: >"$TEST_TMP/out"
"$VMM" restore --each-line "$snap" --timeout 3600s <"$TEST_TMP/lines.fifo" >"$TEST_TMP/out" 2>"$TEST_TMP/err" &
vmm=$!
exec 3>"$TEST_TMP/lines.fifo"
# While a guest runs its RAM is not that of the file, or nothing below would mean anything.
echo 'echo a; sleep 5; echo vmm-mark=1' >&3
sleep 1
ram || true
check "RAM of a guest that runs is not that of the snapshot" grep -q '^ram: [12] compared, [1-9]' "$TEST_TMP/ram"
answers 1
done=1 same=0
while [ "$done" -lt "$rounds" ]; do
	i=0
	while [ "$i" -lt 100 ]; do
		i=$((i + 1))
		echo "echo line $((done + i)) >/run/own; head -c 50000 /dev/urandom >/data/own; cat /run/own; echo vmm-mark=1" >&3
	done
	done=$((done + 100))
	answers "$done" || break
	if ram; then same=$((same + 1)); fi
	sed 's/^/# /' "$TEST_TMP/ram"
done
exec 3>&-
status=0
wait "$vmm" || status=$?
out=
err=$(cat "$TEST_TMP/err")
{ echo a; seq 2 "$done" | sed 's/^/line /'; } >"$TEST_TMP/want"
tr -d '\r' <"$TEST_TMP/out" >"$TEST_TMP/lines"
check "$rounds rounds and one, each with its own answer" all_of status_is 0 -- cmp "$TEST_TMP/want" "$TEST_TMP/lines"
check "all of RAM but the wall clock that KVM writes was that of the snapshot after each hundredth" test "$same" = $((rounds / 100))
finish
