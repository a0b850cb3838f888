#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scripts/lab for tests/lab/calls.test: every vmm that CMD runs is watched by $CALLWATCH (tests/support/callwatch.c),
# whose output is appended to $CALLS. With --no-vmm, CMD and every process that it starts are watched.
set -u
here=$(cd "$(dirname "$0")" && pwd)
options=() all=
while [ "$1" != -- ]; do
	case $1 in
	--timeout) # watched, everything is several times slower
		options+=(--timeout 60m)
		shift 2
		continue
		;;
	--no-vmm) all=-f ;;
	esac
	options+=("$1")
	shift
done
shift
err=$(mktemp) || exit 125
trap 'rm -f "$err"' EXIT
status=0
"$here/../../scripts/lab" "${options[@]}" -- sh "$here/watched.sh" "$CALLWATCH" "$all" "$@" 2>"$err" || status=$?
sed -n 's/^#watched //p' "$err" >>"$CALLS"
grep -v '^#watched ' "$err" >&2
exit "$status"
