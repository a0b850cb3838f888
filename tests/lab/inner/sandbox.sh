# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # kernels and programs come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
# shellcheck source=tests/lab/inner/storm-lib.sh
. tests/lab/inner/storm-lib.sh

export VMM_TEST_REQUIRED=1
for program in "$landlock" "$stages" "$rules"; do
	run "$program"
	check "${program##*/} on this kernel" status_is 0
done

run "$VMM" check
case $(uname -r) in
6.1.*)
	check "vmm check: Landlock, and what it cannot deny" out_has '^ +note +Landlock +ABI 2, which cannot deny truncation, TCP, device ioctls, signals, abstract sockets, Unix sockets by path, UDP;'
	;;
[56].*) check "vmm check: Landlock, and what it cannot deny" out_has '^ +note +Landlock +ABI [0-9]+, which cannot deny .*Unix sockets by path, UDP;' ;;
*) check "vmm check: Landlock denies all that it can" out_has '^ +ok +Landlock +ABI [0-9]+$' ;;
esac

# hold ARG...: a guest that waits; a test looks at it meanwhile and ends it.
hold() {
	boot --kernel "$tiny" --initrd "$root" --append lab=hold --append quiet "$@"
}

# What every thread is like, and the process. KVM's own worker has no filter, which it does not need.
look() {
	local pid
	pid=$(vmm_pid) || return
	wait_for "$TEST_TMP/out" '^lab: holding' || return
	threads_of "$pid" 'NoNewPrivs|Seccomp|CapInh|CapPrm|CapEff|CapAmb'
	awk '/^(Uid|Gid|Groups|CapBnd):/ { $1 = "process " $1; print }' "/proc/$pid/status"
	awk '/^Max (core|open)/ { print "limit " $2, $(NF - 1) } /^Max (data|file) / { print "limit " $2, $(NF - 1) }' "/proc/$pid/limits"
	echo "open: $(ls -l "/proc/$pid/fd" | sed -n 's/.* -> //p' | grep -E '^(/dev/kvm|anon_inode:kvm-vm)$' | sort | paste -sd' ')"
	echo "root $(ls -A "/proc/$pid/root" 2>&1 | wc -l)"
	[ "$(readlink "/proc/$pid/ns/user")" = "$(readlink /proc/self/ns/user)" ] || echo "users of its own"
	[ "$(readlink "/proc/$pid/ns/net")" = "$(readlink /proc/self/ns/net)" ] || echo "network of its own"
	kill -TERM "$pid"
}

CLEAN='CapInh=0000000000000000 CapPrm=0000000000000000 CapEff=0000000000000000 CapAmb=0000000000000000 NoNewPrivs=1 Seccomp=2'

# threads_are NAME...: these are there, and every thread but KVM's worker is locked.
threads_are() {
	local name
	for name; do
		seen_has "^thread $name $CLEAN\$" || return
	done
	! printf '%s\n' "$seen" | grep '^thread' | grep -v '^thread kvm-' | grep -vq " $CLEAN\$"
}

truncate -s 8M "$TEST_TMP/disk"
meanwhile look
hold --cpus 2 --grace 0s --disk "path=$TEST_TMP/disk" --vsock "cid=3,path=$TEST_TMP/vsock" --balloon --log-level trace
beside
check "every thread: no new privileges, no capability, a filter" threads_are vmm vcpu0 vcpu1 disk0.0 virtio
check "no core, few files" all_of seen_has '^limit core 0' -- seen_has '^limit open [0-9]{2,3}$'
check "files of a bounded size, memory too: RAM and 256 MiB more, about" all_of seen_has '^limit file [0-9]{10,12}$' -- \
	seen_has '^limit data [45][0-9]{8}$'
check "the VM is open, /dev/kvm is not" seen_has '^open: anon_inode:kvm-vm$'
check "root's bounding set is empty" seen_has '^process CapBnd: 0+$'
first_before() {
	[ "$(printf '%s\n' "$err" | grep -n "$1" | head -n 1 | cut -d: -f1)" -lt "$(printf '%s\n' "$err" | grep -n "$2" | head -n 1 | cut -d: -f1)" ]
}
check "locked before the guest runs" first_before 'sandbox: stage lock' 'enters KVM_RUN'
case $(uname -r) in
6.1.*) check "what this Landlock lacks is in the log" err_has 'Landlock ABI 2 of this host cannot deny .*truncation' ;;
[56].*) check "what this Landlock lacks is in the log" err_has 'Landlock ABI [0-9]+ of this host cannot deny .*UDP' ;;
*) check "this Landlock lacks nothing, and nothing is in the log" eval '! err_has "cannot deny"' ;;
esac
sandbox_ms() {
	printf '%s\n' "$err" | awk '/sandbox: stage .* took/ { for (i = 1; i < NF; i++) if ($i == "took") s += $(i + 1) } END { print s }'
}
printf '# the stages took %s ms here (TCG)\n' "$(sandbox_ms)"

meanwhile look
hold --grace 0s --user 1234:2345 --chroot --netns
beside
check "--user: another user, in no group" all_of seen_has '^process Uid: 1234 1234 1234 1234$' -- \
	seen_has '^process Gid: 2345 2345 2345 2345$' -- seen_has '^process Groups: *$' -- threads_are vmm vcpu0
check "--chroot: an empty root" seen_has '^root 0$'
check "--netns: another network" seen_has '^network of its own$'

# A host that hands cores of processes that changed their user to a program (Ubuntu's and systemd's do): RLIMIT_CORE does
# not hold for a pipe, and a core has the heap.
# shellcheck disable=SC2016 # the hook's own $1
printf '#!/bin/sh\ncat >/dev/null\necho "$1" >>%s/cores\n' "$TEST_TMP" >"$TEST_TMP/core-hook"
chmod 755 "$TEST_TMP/core-hook"
old_pattern=$(cat /proc/sys/kernel/core_pattern) old_dumpable=$(cat /proc/sys/fs/suid_dumpable)
echo "|$TEST_TMP/core-hook %e" >/proc/sys/kernel/core_pattern
echo 2 >/proc/sys/fs/suid_dumpable
crash() {
	local pid
	sh -c 'kill -SEGV $$'
	pid=$(vmm_pid) && wait_for "$TEST_TMP/out" '^lab: holding' && kill -SEGV "$pid"
}
for args in '' '--user 1234:2345'; do
	rm -f "$TEST_TMP/cores"
	meanwhile crash
	# shellcheck disable=SC2086 # words
	hold --grace 0s $args
	beside
	sleep 0.5
	run cat "$TEST_TMP/cores"
	check "killed by SIGSEGV, with a program that takes cores: none of vmm ${args:-}" all_of out_has '^sh$' -- \
		test -z "$(grep -v '^sh$' "$TEST_TMP/cores")"
done
echo "$old_pattern" >/proc/sys/kernel/core_pattern
echo "$old_dumpable" >/proc/sys/fs/suid_dumpable

in_cgroup() {
	local pid
	pid=$(vmm_pid) && wait_for "$TEST_TMP/out" '^lab: holding' && cat "/proc/$pid/cgroup"
	kill -TERM "$pid"
}
run mkdir "$TEST_TMP/cgroup"
run mount -t cgroup2 cgroup2 "$TEST_TMP/cgroup"
check "control groups are there" status_is 0
run mkdir "$TEST_TMP/cgroup/machine"
meanwhile in_cgroup
hold --grace 0s --cgroup "$TEST_TMP/cgroup/machine"
beside
check "--cgroup" seen_has ':/machine$'
umount "$TEST_TMP/cgroup"

# An ordinary user in group kvm.
chmod 660 /dev/kvm
chown 0:108 /dev/kvm
root_vmm=$VMM
printf '#!/bin/sh\nexec %s --reuid 1234 --regid 1234 --groups 108 %s "$@"\n' "$setpriv" "$root_vmm" >"$TEST_TMP/as-user"
chmod 755 "$TEST_TMP" "$TEST_TMP/as-user"
VMM=$TEST_TMP/as-user
meanwhile look
hold --grace 0s
beside
check "an ordinary user in group kvm, strict" all_of threads_are vmm vcpu0 -- seen_has '^process Uid: 1234 1234 1234 1234$'
check "in a user namespace, with an empty root and no capability to gain" all_of seen_has '^users of its own$' -- \
	seen_has '^root 0$' -- seen_has '^process CapBnd: 0+$'
meanwhile look
hold --grace 0s --netns
beside
check "and, when asked, without a network" seen_has '^network of its own$'
meanwhile look
hold --grace 0s --userns off
beside
check "--userns off: none of it" all_of threads_are vmm vcpu0 -- eval '! seen_has "of its own"' -- eval '! seen_has "^root 0$"'
run "$VMM" --kernel "$tiny" --userns off --chroot
check "an ordinary user gets an error" all_of status_is 125 -- err_has '^vmm: --chroot: .*only root can' -- err_is_one_line
VMM=$root_vmm

boot --kernel "$tiny" --mem 64M --sandbox off
check "--sandbox off says so" err_has '^vmm: warning: --sandbox off: '

# Killed, by an ordinary user's machine with everything: nothing is left. Only when the process that owns a socket's path
# is killed as well is that path, which the next machine takes over, as it does the TAP.
storm_host
# Processes of ours, and KVM's workers, one of which is the lab's own: its name ends in its maker's number.
ours() {
	grep -hE '^(vmm|vcpu|disk|virtio|passt|kvm-nx)' /proc/[0-9]*/comm 2>/dev/null | sort
}
kill_it() {
	local pid
	pid=$(vmm_pid) && wait_for "$TEST_TMP/place/log" '^lab: holding' && ours && kill "$1" "$pid"
}
processes_gone() {
	local left=25
	# The kernel takes a moment to take a large process apart. The name of a process is its first thread's.
	until ours >"$TEST_TMP/left" && cmp -s "$TEST_TMP/left" "$TEST_TMP/before"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return
		sleep 0.2
	done
}
# nothing_left NAME...: but these, in the place of our files.
nothing_left() {
	processes_gone && [ "$(ls -A "$TEST_TMP/place" | paste -sd' ')" = "$*" ] &&
		[ "$(find /tmp /var/tmp -newer "$TEST_TMP/before" -type f ! -path "$TEST_TMP/*" 2>/dev/null)" = '' ]
}
# all_devices: a machine that the caller will end.
all_devices() {
	hold --grace 0s --console "file=$TEST_TMP/place/log" --disk "path=$TEST_TMP/storm/disk,overlay" --net tap=storm0 --net passt \
		--vsock "cid=3,path=$TEST_TMP/place/vsock" --balloon
}
mkdir "$TEST_TMP/place"
chown "$storm_user" "$TEST_TMP/place"
VMM=$storm_vmm
ours >"$TEST_TMP/before"
meanwhile kill_it -KILL
all_devices
beside
check "killed: status 137, with passt beside it until then" all_of status_is 137 -- seen_has '^passt' -- seen_has '^vmm$'
check "killed: no process and no file is left" nothing_left log
sed 's/^/# left: /' "$TEST_TMP/left"
rm "$TEST_TMP/place/log" # kill_it waits for what the next one says
kill_both() {
	local pid broker
	pid=$(vmm_pid) && wait_for "$TEST_TMP/place/log" '^lab: holding' || return
	grep -lx vmm-broker /proc/[0-9]*/comm | cut -d/ -f3 | while read -r broker; do
		threads_of "$broker" 'CapEff|NoNewPrivs|Seccomp'
		awk '/^Uid:/ { $1 = "broker " $1; print }' "/proc/$broker/status"
		kill -KILL "$broker"
	done
	kill -KILL "$pid"
}
meanwhile kill_both
all_devices
beside
check "the broker of a machine: an ordinary user's, no capability, a filter" all_of \
	seen_has '^thread vmm-broker CapEff=0000000000000000 NoNewPrivs=1 Seccomp=2$' -- seen_has "^broker Uid: $storm_user "
check "killed together with its broker: the path of the socket is left" nothing_left log vsock
rm "$TEST_TMP/place/log"
meanwhile kill_it -TERM
all_devices
beside
check "the next one takes over the path and the TAP" all_of status_is 143 -- test "$err" = ''
check "and leaves neither" nothing_left log
VMM=$root_vmm

# A C library that was linked in, and no vDSO.
printf '#!/bin/sh\nexec %s -V -o %s %s "$@"\n' "$callwatch" "$TEST_TMP/calls" "$static" >"$TEST_TMP/static"
chmod 755 "$TEST_TMP/static"
VMM=$TEST_TMP/static
boot --kernel "$tiny" --initrd "$root" --append quiet
check "vmm without shared libraries and vDSO: Linux under strict" all_of status_is 0 -- greeted -- test "$err" = ''
check "its threads ask the kernel for the time, and for nothing that they may not" all_of \
	grep -q 'call	loop		clock_gettime' "$TEST_TMP/calls" -- grep -q 'call	vcpu		clock_gettime' "$TEST_TMP/calls" -- \
	test "$(grep -c '^outside' "$TEST_TMP/calls")" = 0
VMM=$root_vmm

storm_for "$seconds"
finish
