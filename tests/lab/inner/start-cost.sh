# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; files come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# number REGEX: prints its first group, matched in the last run's stderr
number() {
	printf '%s\n' "$err" | sed -nE "s/.*$1.*/\\1/p" | head -n 1
}

# within MIN VALUE MAX
within() {
	awk -v min="$1" -v value="${2:-none}" -v max="$3" \
		'BEGIN { exit !(value ~ /^[0-9.]+$/ && value + 0 >= min && value + 0 <= max) }'
}

vm_is_made_beside() {
	took=$(number 'VM created in ([0-9.]+) ms') waited=$(number 'VM created in [0-9.]+ ms, ([0-9.]+) ')
	echo "# KVM_CREATE_VM took $took ms, of which $waited were waited for"
	within "$1" "$took" 100 && within 0 "$waited" 0.5
}

# cost AT_ONCE COMMAND...: then the least CPU time and the least time to its end are in $cpu and $wall, microseconds
cost() {
	run "$start_cost" 20 "$@"
	echo "# $out"
	# shellcheck disable=SC2086 # words: cpu MIN MEDIAN wall MIN MEDIAN ...
	set -- $out
	cpu=${2:-none} wall=${5:-none}
}

# beyond_ram PROGRAM: KB that are resident outside the mapping of guest RAM, once the guest runs
beyond_ram() {
	"$1" --kernel "$kernel" --mem 128M >/dev/null 2>&1 </dev/null &
	pid=$!
	sleep 0.3
	# Guest RAM is left out of core dumps (dd).
	rss=$(awk '/^Rss:/ { rss = $2 }
		/^VmFlags:/ && !/ dd/ { sum += rss }
		END { print sum }' "/proc/$pid/smaps")
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || :
}

# A host as it comes: its control groups are not mounted with favordynmods.
run "$VMM" check
check "the check explains why KVM_CREATE_VM waits, and the remedy" \
	out_has '^  note +KVM_CREATE_VM +[0-9.]+ ms, since .*mount -o remount,favordynmods /sys/fs/cgroup. ends that'
run "$VMM" --kernel "$kernel" --mem 128M --log-level trace --timeout 1ms
check "the VM is made while the kernel is read" all_of status_is 124 -- vm_is_made_beside 4
mount -o remount,favordynmods /sys/fs/cgroup
run "$VMM" check
check "with favordynmods it does not wait" out_has '^  ok +KVM_CREATE_VM +[0-3]\.[0-9] ms$'
run "$VMM" --kernel "$kernel" --mem 128M --log-level trace --timeout 1ms
check "and a start costs the same as before" all_of status_is 124 -- vm_is_made_beside 0

# kvmtool, which has no sandbox, takes 3.4 to 3.6 ms and 2,016 to 2,112 KB here.
cost 16 "$VMM" --kernel "$reset" --mem 128M
check "CPU time of a start, 16 at once: $cpu us" all_of out_has ' status 32$' -- within 1000 "$cpu" 4300
cost 16 "$static" --kernel "$reset" --mem 128M
# Beside other work 3,442 us were measured, with the code of threads, --out and working sets in the program.
check "the same without shared libraries: $cpu us" all_of out_has ' status 32$' -- within 1000 "$cpu" 3550
cost 1 "$VMM" --kernel "$reset" --mem 128M --sandbox off
check "with shared libraries and without the sandbox: $cpu us" all_of out_has ' status 32$' -- within 1000 "$cpu" 3600
# What a process that owns a socket's path costs, which is made only then.
cost 1 "$VMM" --kernel "$reset" --mem 128M
plain=$cpu
cost 1 "$VMM" --kernel "$reset" --mem 128M --console "socket=$TEST_TMP/console"
check "with --console socket: $((cpu - plain)) us more of CPU" all_of \
	out_has ' status 32$' -- within 0 $((cpu - plain)) 1300
cost 1 "$VMM" --kernel "$reset" --mem 128M --vsock "cid=3,path=$TEST_TMP/vsock"
check "with --vsock: $((cpu - plain)) us more of CPU" all_of \
	out_has ' status 32$' -- within 0 $((cpu - plain)) 2000
beyond_ram "$VMM"
# 2,684 KB on 2026-11-30, with a program of 895,088 bytes; 2,600 was the bound of one of 829,552.
check "RSS beyond guest RAM: $rss KB" within 500 "$rss" 2760
# Of it 47 KB are relocated tables (.data.rel.ro of a release build), of which most are those of commands; the rest is the page
# cache, of which the host maps 64 KB around each fault: a larger program has more of it although a start runs no more of its
# code (tests/integration/size.test bounds that).
beyond_ram "$static"
check "the same without shared libraries: $rss KB" within 500 "$rss" 2160

# Where a VM's parts go in another order, the kernel waits for RCU once more.
cost 1 "$floor" 2 vm
check "a VM by bare ioctls" out_has ' status 32$'
least=$wall
cost 1 "$VMM" --kernel "$reset" --mem 128M
check "ours is reaped after $wall us, 6 ms after one by bare ioctls at most ($least us)" within "$least" "$wall" $((least + 6000))
finish
