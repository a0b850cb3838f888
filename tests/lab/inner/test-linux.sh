# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # kernel and modules come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# outcome_is FILE NAME OUTCOME [WHY]: of a test in a report; WHY is a regular expression.
outcome_is() {
	tr -d '\n' <"$1" | sed 's/{ *"name"/\n&/g' | grep -F "\"name\": \"$2\"" | grep -qE "\"outcome\": \"$3\".*${4:+\"why\": \".*$4}"
}

tests() {
	status=0
	"$VMM" test --kernel "$kernel" --modules "$modules" --root / --mem 192M --jobs 1 "$@" \
		<"$TEST_TMP/names" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}

cd "$TEST_TMP" || exit
cat >run.sh <<'END'
echo "KTAP version 1"
echo "1..2"
echo "ok 1 name is $1"
echo "error of $1" >&2
case $1 in
splat) echo '<2>WARNING: CPU: 0 PID: 1 at lib/test.c:1 nothing+0x0/0x10' >/dev/kmsg ;;
hang) sleep 1000 ;;
fails) echo "not ok 2 second"; exit 0 ;;
panics) echo c >/proc/sysrq-trigger; sleep 1000 ;;
esac
echo "ok 2 second"
END
printf 'pass\nsplat\n' >names
tests --timeout "$LIMIT" --json names.json --keep-logs logs - -- sh ./run.sh '{}'
check "a command is run for each name" all_of status_is 1 -- out_has '^2 of 2 tests'
check "both in clones of one guest" test -z "$(grep 'no clones' err)"
check "one passes, with its results" all_of outcome_is names.json pass pass -- grep -q 'ok 1 name is pass' logs/*-pass.1.log
check "its standard error is in its log" grep -q '^error of pass' logs/*-pass.1.log
check "what the kernel complains of is a splat" outcome_is names.json splat splat 'WARNING: CPU: 0 PID: 1 at lib/test.c'

cat >list.ini <<END
[hangs]
command = sh ./run.sh hang
timeout = $((20 * SLOW))s
expect = timeout

[fails]
command = sh ./run.sh fails
expect = fail

[panics]
command = sh ./run.sh panics
expect = panic
as = root
END
: >names
for how in clones boots; do
	tests --timeout "$LIMIT" --json list.json "$([ $how = boots ] && echo --fresh || echo --no-fresh)" list.ini
	check "a list has commands and what is expected of them: $how" all_of status_is 0 -- out_has '^3 of 3 tests'
	check "one that hangs is ended by its time limit: $how" outcome_is list.json list.ini:hangs timeout 'CPU 0: '
	check "results of a command are read: $how" outcome_is list.json list.ini:fails fail second
	check "the line of a panic is its reason: $how" \
		outcome_is list.json list.ini:panics panic 'Kernel panic - not syncing: sysrq triggered crash'
done
finish
