# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests/integration/inject*.test: machines whose threads execute the calls of tests/support/inject_table.c.
inject=${VMM%/cmd/vmm}/tests/inject
: >"$TEST_TMP/tried"

# Of a socket's path, 108 bytes at most
host=$(mktemp -d /tmp/inject.XXXXXX) || exit
trap 'rm -rf "$host"' EXIT

# inject WHAT OPTIONS VMM-ARG...: OPTIONS are words for inject; HOST in the rest is the directory of the host.
inject() {
	local what=$1 options=$2
	shift 2
	rm -rf "$host"
	mkdir "$host" "$host/cores"
	tests/support/spin-kernel.py "$host/kernel" >/dev/null
	# shellcheck disable=SC2086
	run "$inject" $options -o "$TEST_TMP/tried" "$host" "$VMM" "${@//HOST/$host}"
	# shellcheck disable=SC2154 # of `run`
	printf '%s\n' "$out" | grep '^#' | tail -n 1
	check "$what" status_is 0
}

# Every row of the table that has HOLE: in it is in SECURITY.md, by the same words.
holes_are_named() {
	printf '%s\n' "$out" | sed -n 's/.*\tHOLE: //p' | sort -u >"$TEST_TMP/holes"
	while IFS= read -r hole; do
		grep -qxF -- "- Hole: $hole" SECURITY.md || {
			printf '# SECURITY.md does not name: %s\n' "$hole"
			return 1
		}
	done <"$TEST_TMP/holes"
	# and none that is mended
	test "$(grep -c '^- Hole: ' SECURITY.md)" = "$(wc -l <"$TEST_TMP/holes")"
}
