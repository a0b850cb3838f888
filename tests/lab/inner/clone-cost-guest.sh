# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The guest of clone-cost.sh. It prints SNAP for a snapshot, goes on with "up", and prints SNAP for another one before it
# answers lines: each is a number of pages that are written, and ends in a mark.
stty -echo
echo SNAP
sleep 0.3
echo up
echo SNAP
while read -r pages; do
	[ -z "$pages" ] || dd if=/dev/zero of=/tmp/pages bs=4k count="$pages" conv=notrunc 2>/dev/null
	echo vmm-mark=done
done
