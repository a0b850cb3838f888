# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# watched.sh CALLWATCH -f|'' CMD [ARG...], in the lab: runs CMD with a vmm that CALLWATCH watches, or with -f CMD itself
# under CALLWATCH. At the end it prints the watcher's output on stderr.
callwatch=$1 all=$2
shift 2
mkdir -p /run
# Not in /tmp, where a suite looks for files that are left.
dir=$(mktemp -d /run/watched.XXXXXX) || exit 125
: >"$dir/calls"
# Also for an ordinary user.
chmod 755 "$dir"
cp "$callwatch" "$dir/callwatch"
callwatch=$dir/callwatch
chmod 4755 "$callwatch"
status=0
if [ -n "$all" ]; then
	"$callwatch" -f -o "$dir/calls" "$@" || status=$?
else
	printf '#!/bin/sh\nexec %s -o %s %s "$@"\n' "$callwatch" "$dir/calls" "$(command -v vmm)" >"$dir/vmm"
	chmod 755 "$dir/vmm"
	PATH=$dir:$PATH VMM=$dir/vmm LIMIT=600s "$@" || status=$?
fi
sort -u "$dir/calls" | sed 's/^/#watched /' >&2
rm -r "$dir"
exit "$status"
