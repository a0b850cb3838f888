# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # kernel and modules come as KEY=VALUE; sh in the guest expands
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# run_vmm ARG...: vmm with no input; then $status, $out and $err.
run_vmm() {
	status=0
	"$VMM" "$@" --timeout "$LIMIT" </dev/null >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}

# restore_with WORD...: a clone of $TEST_TMP/snap that runs this; then as run_vmm.
restore_with() {
	status=0
	"$VMM" restore "$TEST_TMP/snap" --timeout "$LIMIT" --report "$TEST_TMP/report.json" -- "$@" \
		<"${input:-/dev/null}" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}

# started_us FILE: when the command of a report began, in us from the start of its vmm.
started_us() {
	tr -d '\n ' <"$1" | sed -n 's/.*"name":"command-started","source":"init","t_ns":\([0-9]*\)[0-9]\{3\}[^0-9].*/\1/p'
}

cd "$TEST_TMP" || exit
echo "of the host" >file
echo "first" >changed
mkdir dir && echo inner >dir/inner
run_vmm --kernel "$kernel" --modules "$modules" --root / --mem 192M --snapshot "$TEST_TMP/snap,on=ready"
check "a guest that is ready for a command is a snapshot" all_of status_is 0 -- test -s snap -- test "${err#*snapshot written}" != "$err"

echo "second, and longer" >changed
echo "put there since" >new
printf 'typed' >typed
input=typed
export WORD="of the clone"
restore_with sh -c 'cat; echo; cat file changed new dir/inner; pwd; id -u; echo "$WORD"; cat /proc/sys/kernel/random/uuid; date +%s; echo error >&2; exit 7'
input=
now=$(date +%s)
check "a clone runs a command, with its status and streams" all_of status_is 7 -- out_has '^typed$' -- test "$err" = error
check "with the host's files as they are now" all_of out_has '^of the host$' -- out_has '^second, and longer$' -- \
	out_has '^put there since$' -- out_has '^inner$'
check "in its directory, with its variables" all_of out_has "^$TEST_TMP\$" -- out_has '^of the clone$'
check "its clock is right" test "$((now - $(grep -E '^[0-9]{10}$' out | tail -n 1)))" -le "$((5 * SLOW))"
grep -E '^[0-9a-f-]{36}$' out >uuids
restore_with sh -c 'cat /proc/sys/kernel/random/uuid; cat /proc/sys/kernel/random/boot_id; echo changed >file; cat file'
grep -E '^[0-9a-f-]{36}$' out >>uuids
check "another one has other random bytes" test "$(sort -u uuids | wc -l)" = 3
check "and what it writes is its own" all_of out_has '^changed$' -- test "$(cat file)" = "of the host"

# What a further test costs: until its command begins, in a boot and in clones.
run_vmm --kernel "$kernel" --modules "$modules" --root / --mem 192M --console file=console --append "quiet loglevel=5" --report boot.json -- true
boot=$(started_us boot.json)
best=
for _ in 1 2 3; do
	restore_with true
	clone=$(started_us report.json)
	[ -n "$best" ] && [ "$best" -le "$clone" ] || best=$clone
done
echo "# a command begins after $boot us of a boot and $best us of a clone"
check "a clone's command begins in a tenth of the time" test "$((10 * best))" -le "$boot"
finish
