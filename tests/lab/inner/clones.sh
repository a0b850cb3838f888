# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # the files come as KEY=VALUE; functions run beside a command
#
# Clones of a stock Linux: each reads from a disk of its own who it is and how it ends, and writes to its overlay of the root.
#
# shellcheck source=tests/lab/inner/snapshot-lib.sh
. tests/lab/inner/snapshot-lib.sh
own=$TEST_TMP/own

# disks N END: what each clone's own disk says
disks() {
	local i=1
	rm -f "$own"*
	while [ "$i" -le "$1" ]; do
		printf '%d %s\n' "$i" "$2" >"$own$i"
		truncate -s 4096 "$own$i"
		i=$((i + 1))
	done
}
# clones N ARG...
clones() {
	local many=$1
	shift
	status=0
	"$VMM" restore "$snap" --clones "$many" --timeout "$LIMIT" --disk "id=own,path=$own%n,ro,changed" "$@" \
		>"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
	load_run
}
each_said_its_line() {
	local i=1
	while [ "$i" -le "$many" ]; do
		[ "$(printf '%s\n' "$out" | grep -c "^$i: lab: clone $i\$")" = 1 ] || return
		i=$((i + 1))
	done
	[ "$(printf '%s\n' "$out" | grep -c '^[0-9]*: lab: clone ')" = "$many" ]
}

disks 1 poweroff
snapshot --disk "id=own,path=${own}1,ro" --append snapown=1 --snapshot "$snap,on=console:lab: ready,then=exit"
check "a stock Linux is kept" all_of status_is 0 -- out_has '^lab: ready' -- only ready

many=$clones
disks "$many" poweroff
clones "$many"
check "$many clones: each has its line, its disk, its overlay, and powers off" all_of status_is 0 -- each_said_its_line
printf '7 panic\n' | dd of="${own}7" conv=notrunc 2>/dev/null
printf '3 reset\n' | dd of="${own}3" conv=notrunc 2>/dev/null
clones "$many" --jobs 4
check "4 at once; the status is that of the first that is not 0" all_of status_is 32 -- each_said_its_line -- \
	err_has "2 of $many clones .* first clone 3 with 32"

# --- Memory

measure() {
	local pid spawner clone i=0
	pid=$(vmm_pid)
	until [ "$(grep -c 'lab: clone ' "$TEST_TMP/out")" = "$many" ]; do
		i=$((i + 1))
		[ "$i" -lt 900 ] || break
		sleep 0.2
	done
	# shellcheck disable=SC2013 # words, of one line
	for spawner in $(cat "/proc/$pid/task/$pid/children"); do
		for clone in $(cat "/proc/$spawner/task/$spawner/children"); do
			private_of "$clone"
		done
	done
	kill -TERM "$pid"
}
many=${held:-$many}
disks "$many" hold
meanwhile measure
status=0
sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" restore "$snap" --clones "$many" --timeout "$LIMIT" --grace 0 \
	--disk "id=own,path=$own%n,ro,changed" >"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
load_run
beside
printf '%s\n' "$seen" | awk '{ ram += $1; rest += $2; pte += $3 }
	END { printf "# private memory of a clone, mean of %d: %.0f KiB of RAM, %.0f KiB beside it, %.0f KiB of page tables\n", NR, ram / NR, rest / NR, pte / NR }'
# A clone's stacks, heap and virtqueues.
little_beside() {
	printf '%s\n' "$seen" | awk -v nr="$many" '$1 > 49152 || $2 > 1024 { much = 1 } END { exit much || NR != nr }'
}
check "of $many clones, each has what it wrote, and less than 1 MiB beside it" all_of status_is 143 -- each_said_its_line -- little_beside
finish
