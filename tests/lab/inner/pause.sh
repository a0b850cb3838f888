# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2086 # net-host.sh and the suite have them; fio is a word or none
# shellcheck source=tests/lab/inner/net-host.sh
. tests/lab/inner/net-host.sh

# on_terminal STEP... -- ARG...: a guest whose terminal takes the steps
guest=$TEST_TMP/guest
# With fio's libraries the initramfs is 100 MB and more.
mem=256M
[ -z "$fio" ] || mem=768M
cat >"$guest" <<-END
	#!/bin/sh
	exec "$VMM" --kernel "$kernel" --initrd "$root" --mem $mem --report "$TEST_TMP/report" "\$@"
END
chmod +x "$guest"
on_terminal() {
	status=0
	"$ptykeys" "$TEST_TMP/out" "$@" 2>"$TEST_TMP/err" || status=$?
	load_run
}

# times N STEP...: prints the steps so often, one a line.
steps() {
	local left=$1 step
	shift
	while [ "$left" -gt 0 ]; do
		for step; do
			printf '%s\n' "$step"
		done
		left=$((left - 1))
	done
}

# --- A guest that counts

# Between the two lines of the pause there is no tick, and over all no number is missing.
no_tick_is_missing() {
	printf '%s\n' "$out" | awk '
		/^lab: tick / { if ($3 + 0 != want + 0 || paused) wrong++; want = $3 + 1 }
		/^vmm: the guest is paused/ { paused = 1; pauses++ }
		/^vmm: the guest goes on/ { paused = 0 }
		END { exit !(pauses == 1 && want > 20 && !wrong) }'
}

# Eight seconds are four times the watchdog's.
on_terminal 'next:lab: tick 9' 'send:\x01p' 'next:is paused' wait:8 'send:\x01p' 'next:goes on' 'next:lab: tick 20' \
	'send:x\r' 'next:guest: result' -- "$guest" --append 'quiet pause=tick watchdog_thresh=1' --timeout 120s
check "a guest that counts is paused and continues" all_of status_is 0 -- no_tick_is_missing
check "it does not complain of a lockup, nor of its tasks" out_has '^lab: complaints 0$'

# --- A guest with all its devices at work

truncate -s 64M "$TEST_TMP/image"
"$vsockcat" echo "unix:$TEST_TMP/vsock_1234" 2>/dev/null &
echo=$!
pauses=${pauses:-50}
# What is typed while it is paused has to arrive as well.
# shellcheck disable=SC2046 # a step is a word
set -- $(steps "$pauses" 'send:\x01p' next:is.paused send:x 'send:\x01p' next:goes.on)
on_terminal 'next:lab: loaded' "$@" 'send:\r' 'next:guest: result' -- "$guest" --cpus 4 --timeout 900s \
	--append 'quiet pause=load' --disk "path=$TEST_TMP/image" --net tap=vm0 --vsock "cid=42,path=$TEST_TMP/vsock"
kill "$echo"
check "$pauses pauses with 4 CPUs: it lives, and says so" all_of status_is 0 -- out_has '^lab: complaints 0$'
check "nothing that was typed is lost" out_has "^lab: typed $pauses\$"
for device in disk net vsock $fio; do
	check "$device: every byte came as it went" all_of out_has "^lab: $device: [1-9][0-9]* times\$" -- \
		test "$(printf '%s\n' "$out" | grep -c "^lab: $device: wrong")" = 0
done
# From the request to all stopped: in the report.
grep -o '"name": "paused".*"took": [0-9]*' "$TEST_TMP/report" | sed 's/.*: //' | sort -n | awk '
	{ t[NR] = $1 }
	END { printf "# until all were held: median %.2f ms, most %.2f ms, of %d\n", t[int((NR + 1) / 2)] / 1e6, t[NR] / 1e6, NR }'
check "no pause was refused" test "$(grep -c '"name": "pause_refused"' "$TEST_TMP/report")" = 0
finish
