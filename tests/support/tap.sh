# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests/integration/*.test and tests/lab/*.test (scripts/test says what such a file is). Source it, call the checks,
# end with `finish`. Each check prints one TAP line; a failed one goes on, and finish ends with 1. The lab's busybox sh
# reads it too, so it has no arrays.

tap_failed=0
tap_count=0

# pass WHAT, fail WHAT [DETAIL...]
pass() {
	tap_count=$((tap_count + 1))
	printf 'ok - %s\n' "$1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok - %s\n' "$1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

# skip WHAT WHY
skip() {
	tap_count=$((tap_count + 1))
	printf 'ok - %s # SKIP %s\n' "$1" "$2"
}

# run CMD...: leaves its stdout in $out, its stderr in $err, its exit status in $status.
run() {
	status=0
	"$@" >"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null || status=$?
	out=$(tr -d '\000' <"$TEST_TMP/out")
	err=$(tr -d '\000' <"$TEST_TMP/err")
}

run_report() {
	printf 'status %s\n' "$status"
	printf '%s\n' "$out" | tail -n 20 | sed 's/^/out: /'
	printf '%s\n' "$err" | tail -n 20 | sed 's/^/err: /'
}

# check WHAT CONDITION...: CONDITION is a command; the last run is shown when it fails.
check() {
	local what=$1
	shift
	if "$@"; then
		pass "$what"
	else
		fail "$what" "failed: $*" "$(run_report)"
	fi
}

# Conditions on the last run.
status_is() {
	[ "$status" = "$1" ]
}

out_has() {
	printf '%s\n' "$out" | grep -qE -- "$1"
}

err_has() {
	printf '%s\n' "$err" | grep -qE -- "$1"
}

# One line on stderr, as for every error.
err_is_one_line() {
	[ "$(wc -l <"$TEST_TMP/err")" = 1 ]
}

# all_of COND [ARG...] -- COND [ARG...] ...: several conditions in one check.
all_of() {
	local word nr=0 cond=''
	for word; do
		nr=$((nr + 1))
		if [ "$word" = -- ]; then
			eval "$cond" || return
			cond=
		else
			cond="$cond \"\${$nr}\""
		fi
	done
	eval "$cond"
}

finish() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" = 0 ] || exit 1
	exit 0
}
