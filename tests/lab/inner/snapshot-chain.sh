# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # guests expand what is typed; the files come as KEY=VALUE
#
# A snapshot of a restored guest, of which a snapshot is made, and so on: each has the files of all before it.
#
# shellcheck source=tests/lab/inner/snapshot-lib.sh
. tests/lab/inner/snapshot-lib.sh
snapshot --append snapload=1 --snapshot "$snap,on=mark:ready,then=exit"
check "the first one, at a mark" all_of status_is 0 -- only ready
last=$snap
for depth in 1 2 3; do
	restored "$last" "echo link $depth >/data/link$depth; cp /data/numbers /run/numbers$depth; echo vmm-mark=link$depth
sleep 60" --snapshot "$snaps/$depth,on=mark:link$depth,then=exit"
	check "number $depth, of a guest that was restored" all_of status_is 0 -- err_has "snapshot written: $snaps/$depth"
	last=$snaps/$depth
done
restored "$last" 'stopped
cat /data/link1 /data/link2 /data/link3
cmp /run/numbers3 /data/numbers && echo same
sums
complaints
poweroff -f'
check "the last has what all wrote, in memory and on the disk" all_of status_is 0 -- out_has '^link 1$' -- out_has '^link 2$' -- \
	out_has '^link 3$' -- out_has '^same$' -- out_has '^lab: sums: 0 wrong, [1-9]'
check "and the clock went on through all of them" all_of clock_went_on "$cpus" -- out_has '^lab: complaints 0$'
finish
