# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# For the suites of this directory, which run in the lab: under busybox in an inner host, or on a host with hardware
# virtualization as it is. Source it with "$@"; then call `boot` and the checks of tests/support/tap.sh.
#
# shellcheck disable=SC2034,SC2154 # suites use what is set here; tap.sh has the rest

# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh
for setting; do
	eval "${setting%%=*}=\${setting#*=}"
done
TEST_TMP=$(mktemp -d /tmp/suite.XXXXXX) || exit
trap 'rm -rf "$TEST_TMP"' EXIT
# A second of Bochs's time is 50 million instructions: limits are this many times longer there.
SLOW=1
[ "${VMM_LAB:-}" != bochs ] || SLOW=10
# Of one test of a unit test's program (tests/support/unit.h), where each fork takes milliseconds.
export VMM_TEST_SECONDS=$((300 * SLOW))
# No boot takes this long: it is there so that one that hangs does not take all the others with it.
LIMIT=${LIMIT:-$((150 * SLOW))s}

# Programs may print while the kernel does: a fact has a line of its own, which ends in CR LF.
load_run() {
	out=$(tr -d '\000\r' <"$TEST_TMP/out")
	err=$(tr -d '\000' <"$TEST_TMP/err")
}

# Host kernels before 5.13 have no Landlock, and there is no strict sandbox then. vmm says so once: hosts.sh looks at
# that, and for the other suites it is not there.
boot_sandbox=
case $(uname -r) in
5.10.*) boot_sandbox='--sandbox best-effort' ;;
esac

# boot ARG...: vmm to its end; then $status, $out and $err are as `run` leaves them.
boot() {
	status=0
	: >"$TEST_TMP/out"
	: >"$TEST_TMP/err"
	# The outer redirection is for the shell, which says "Killed" when a test kills.
	{
		# shellcheck disable=SC2086 # two words
		sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" --timeout "$LIMIT" $boot_sandbox "$@" \
			>"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
	} 2>/dev/null
	[ -z "$boot_sandbox" ] || sed -i '/^vmm: warning: the sandbox is not complete: /d' "$TEST_TMP/err"
	load_run
}

# wait_for FILE REGEX [SECONDS]
wait_for() {
	local left=$((${3:-120} * SLOW * 5))
	until grep -qE -- "$2" "$1" 2>/dev/null; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.2
	done
}

# meanwhile CMD...: runs CMD beside the next boot, which must not be in the background: a shell's background jobs ignore
# SIGINT. `beside` waits for it. CMD finds vmm's process in $(vmm_pid).
meanwhile() {
	rm -f "$TEST_TMP/pid"
	: >"$TEST_TMP/out"
	"$@" >"$TEST_TMP/beside" 2>&1 &
	beside_pid=$!
}

beside() {
	beside_status=0
	wait "$beside_pid" || beside_status=$?
	seen=$(cat "$TEST_TMP/beside")
}

vmm_pid() {
	wait_for "$TEST_TMP/pid" . 20
	cat "$TEST_TMP/pid"
}

# threads_of PID FIELD|FIELD...: a line "thread NAME FIELD=VALUE..." for each, with those fields of its status in the
# kernel's order.
threads_of() {
	local task
	for task in /proc/"$1"/task/*; do
		awk -v name="$(cat "$task/comm")" -v fields="^($2):" '
			$0 ~ fields { sub(/:/, "", $1); s = s " " $1 "=" $2 }
			END { print "thread " name s }' "$task/status"
	done
}

# Conditions.
seen_has() {
	printf '%s\n' "$seen" | grep -qE -- "$1"
}

# The guest's kernel spoke, and init's script: the boot went all the way.
greeted() {
	out_has '^vmm guest: Linux '
}

# It is the kernel that it should be: init says what uname says.
release_is() {
	printf '%s\n' "$out" | grep -qF -- "vmm guest: Linux $1, "
}

# for_axis CMD: CMD NAME RELEASE ELF BZIMAGE, for each kernel that axis_guests gave.
for_axis() {
	local name nr=0 elf bz
	for name in $axis; do
		nr=$((nr + 1))
		eval "elf=\$elf$nr bz=\$bz$nr"
		"$1" "$name" "${elf##*/vmlinux-}" "$elf" "$bz"
	done
}

# ram_is BYTES: what e820 gave the guest, but for the 384 KiB below 1 MiB and a page or two.
ram_is() {
	local bytes
	bytes=$(printf '%s\n' "$out" | sed -n 's/^lab: ram \([0-9]*\)$/\1/p')
	[ -n "$bytes" ] && [ "$bytes" -le "$1" ] && [ "$bytes" -gt $(($1 - 1048576)) ]
}

# memory_above KIB: MemTotal.
memory_above() {
	local kib
	kib=$(printf '%s\n' "$out" | sed -n 's/^lab: memory \([0-9]*\) kB$/\1/p')
	[ -n "$kib" ] && [ "$kib" -gt "$1" ]
}

# cpus_are N: in /proc/cpuinfo, online, and each has run a program.
cpus_are() {
	local i=0
	out_has "^lab: cpus $1 online $1\$" || return
	while [ "$i" -lt "$1" ]; do
		out_has "^lab: ran on CPU $i\$" || return
		i=$((i + 1))
	done
	! out_has "^lab: ran on CPU $1\$"
}

# private_of PID: KiB that are its own: of the guest's RAM, which is left out of core dumps (dd), of the rest, of page tables
private_of() {
	awk '$1 == "Private_Dirty:" { private = $2 }
		$1 == "VmFlags:" { sum[/ dd( |$)/] += private }
		END { printf "%d %d ", sum[1], sum[0] }' "/proc/$1/smaps"
	awk '$1 == "VmPTE:" { print $2 }' "/proc/$1/status"
}
