# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # programs come as KEY=VALUE; functions run beside a boot
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# --- SIGTERM: the guest is notified when it can take it

# term_after SECONDS
term_after() {
	local pid
	pid=$(vmm_pid)
	sleep "$1"
	kill -TERM "$pid"
	grep -c '^lab: listening' "$TEST_TMP/out" | sed 's/^/listened already: /'
}

meanwhile term_after 1.5
boot --kernel "$cloud" --initrd "$button" --mem 192M --append 'quiet lab=button' --grace 60s
beside
check "SIGTERM while Debian's kernel boots: it powers off when it is up" all_of status_is 0 -- \
	out_has '^vmm guest: power button$' -- seen_has '^listened already: 0$' -- test -z "$err"

meanwhile term_after 0.3
boot --kernel "$tiny" --initrd "$root" --mem 128M --append 'quiet lab=button' --grace 60s
beside
check "SIGTERM while a small kernel boots: it powers off when it is up" all_of status_is 0 -- \
	out_has '^vmm guest: power button$' -- seen_has '^listened already: 0$' -- test -z "$err"

# term_when REGEX
term_when() {
	wait_for "$TEST_TMP/out" "$1" && kill -TERM "$(vmm_pid)"
}

meanwhile term_when '^lab: holding'
boot --kernel "$cloud" --initrd "$root" --mem 192M --append 'quiet lab=hold' --grace 2s
beside
check "a guest without a driver of the button: the end says so" all_of status_is 143 -- out_has '^lab: holding$' -- \
	err_has '^vmm: warning: the guest did not react to its power button within 2000.* ms: no program in it acted' -- err_is_one_line

meanwhile term_when '^lab: holding'
boot --kernel "$tiny" --initrd "$root" --mem 128M --append 'quiet lab=hold acpi=off' --grace 2s
beside
check "a guest without ACPI: the end says so" all_of status_is 143 -- out_has '^lab: holding$' -- \
	err_has '^vmm: warning: the guest did not react to its power button within 2000.* ms: its kernel never took' -- err_is_one_line

# --- Stops of the whole process

[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; }
"$launch" make vm0 0
ip addr add 10.7.0.1/24 dev vm0
ip link set vm0 up
mkdir "$TEST_TMP/cgroup"
mount -t cgroup2 cgroup2 "$TEST_TMP/cgroup"
mkdir "$TEST_TMP/cgroup/freeze"
truncate -s 2M "$TEST_TMP/disk"

# frozen 0|1: how the cgroup says that it is
frozen() {
	echo "$1" >"$TEST_TMP/cgroup/freeze/cgroup.freeze"
	wait_for "$TEST_TMP/cgroup/freeze/cgroup.events" "^frozen $1" 10
}

# stopped PID: every thread of ours
stopped() {
	local tries=50
	while grep -L '^State:.*T (stopped)' "/proc/$1/task"/*/status | grep -q .; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# stops HOW: as long as the guest is busy, ten times at least
stops() {
	local pid n=0
	pid=$(vmm_pid)
	wait_for "$TEST_TMP/out" '^lab: busy' || return
	[ "$1" = signal ] || echo "$pid" >"$TEST_TMP/cgroup/freeze/cgroup.procs"
	while ! grep -q '^lab: round 3' "$TEST_TMP/out" && kill -0 "$pid"; do
		if [ "$1" = signal ]; then
			kill -STOP "$pid"
			stopped "$pid" || echo "it does not stop"
			kill -CONT "$pid"
		else
			frozen 1 || echo "it does not freeze"
			frozen 0
		fi
		n=$((n + 1))
		sleep 0.1
	done
	echo "stops: $n"
}

many_stops() {
	local n
	n=$(printf '%s\n' "$seen" | sed -n 's/^stops: //p')
	[ -n "$n" ] && [ "$n" -ge 10 ] && ! seen_has 'does not'
}

# The ping went on to its end.
pinged() {
	local n
	n=$(printf '%s\n' "$out" | sed -n 's/^lab: ping [0-9]* //p')
	[ -n "$n" ] && [ "$n" -ge 5 ]
}

for how in signal freezer; do
	meanwhile stops "$how"
	boot --kernel "$cloud" --initrd "$busy" --mem 192M --append quiet --cpus 2 --disk "path=$TEST_TMP/disk,rate=1M" \
		--net tap=vm0 --vsock "cid=7,path=$TEST_TMP/vsock" --balloon
	beside
	printf '%s\n' "$seen" | sed 's/^/# /'
	check "stopped again and again by the $how: the guest does not notice" all_of status_is 0 -- many_stops -- \
		out_has '^lab: round 1 is right$' -- out_has '^lab: round 3 is right$' -- pinged -- test -z "$err"
done
umount "$TEST_TMP/cgroup"
finish
