# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # net-host.sh has them
# shellcheck source=tests/lab/inner/net-host.sh
. tests/lab/inner/net-host.sh

# --- four at once, and eight disks; one of them loses its other side

"$setpriv" --reuid "$user" --regid "$user" --clear-groups \
	"$passt" --quiet --foreground --one-off --socket /tmp/passt.sock >/tmp/passt.log 2>&1 &
wait_for /proc/net/unix /tmp/passt.sock 20 || cat /tmp/passt.log
# shellcheck disable=SC2317 # meanwhile calls it
kill_passt() {
	wait_for "$TEST_TMP/out" '^net: kill-passt' && kill "$1"
}
printf '#!/bin/sh\nexec %s 7 vm1 %s %s "$@"\n' "$launch" "$user" "$vmm_was" >/tmp/vmm-launched
chmod 755 /tmp/vmm-launched
VMM=/tmp/vmm-launched
meanwhile kill_passt $!
set --
for n in 0 1 2 3 4 5 6 7; do
	truncate -s 4M "/tmp/disk$n"
	chown "$user" "/tmp/disk$n"
	set -- "$@" --disk "path=/tmp/disk$n"
done
boot --kernel "$kernel" --initrd "$root" --mem 256M --append "quiet net=four gateway=$gateway" \
	--net tap=vm0 --net fd=7 --net passt --net passt=/tmp/passt.sock "$@"
beside
check "four, and eight disks, by Debian's virtio_mmio, virtio_net, virtio_blk" all_of out_has '^net: disks 8$' -- \
	out_has '^net: modules .*\<virtio_blk\>.*\<virtio_mmio\>.*\<virtio_net\>'
check "four: all are there, each with a MAC of its own" all_of status_is 0 -- \
	[ "$(printf '%s\n' "$out" | sed -n 's/^net: eth[0-3] mac \(02:[^ ]*\) carrier 1 .*/\1/p' | sort -u | wc -l)" = 4 ]
for dev in eth0 eth1 eth2 eth3; do
	check "four: $dev pings" out_has "^net: $dev ping 3 packets transmitted, 3 packets received"
	check "four: $dev carries a file" out_has "^net: $dev small $small\$"
done
check "four: passt dies, and that link alone goes down" out_has '^net: carriers 1 1 1 0 $'
check "four: the others go on" out_has '^net: after ping 3 packets transmitted, 3 packets received'
check "four: the log reports it, and nothing else" all_of err_is_one_line -- err_has '^vmm: .*net3: passt has gone'

# --- what an operator can get wrong: one line, status 2 (125 for what this host lacks), before the guest starts

# refused STATUS WORDS WHAT VMM ARG...
refused() {
	local want=$1 words=$2 what=$3
	VMM=$4
	shift 4
	boot --kernel "$kernel" "$@"
	check "refused: $what" all_of status_is "$want" -- err_has "$words" -- err_is_one_line -- [ -z "$out" ]
}
holder() {
	"$launch" 7 vm0 0 sleep 100 &
	held=$!
	sleep 0.5
}
holder
refused 2 'tap=vm0: interface vm0 is in use by another program$' "a TAP in use" "$vmm_was" --net tap=vm0
kill "$held"
refused 2 "tap=new0: there is no interface new0, and making one is not permitted; as root: ip tuntap add dev new0 mode tap user $user\$" \
	"a TAP that a user may not make" "$user_vmm" --net tap=new0
"$launch" make theirs 4711
refused 2 'tap=theirs: interface theirs belongs to another user' "another user's TAP" "$user_vmm" --net tap=theirs
refused 2 'tap=lo: interface lo is not a TAP interface' "an interface that is no TAP" "$vmm_was" --net tap=lo
refused 2 "tap=a-name-that-is-too-long: .* is no name of an interface" "a name that is too long" "$vmm_was" \
	--net tap=a-name-that-is-too-long
refused 2 'fd=9: no file descriptor 9 was passed' "a descriptor that nobody passed" "$vmm_was" --net fd=9
refused 2 'passt=/nowhere: cannot connect to /nowhere: No such file' "a socket that is not there" "$vmm_was" \
	--net passt=/nowhere
printf '#!/bin/sh\nexec %s "$@" 9</dev/null\n' "$vmm_was" >/tmp/vmm-null
printf '#!/bin/sh\nPATH=/nowhere exec %s "$@"\n' "$vmm_was" >/tmp/vmm-pathless
chmod 755 /tmp/vmm-null /tmp/vmm-pathless
refused 2 'fd=9: descriptor 9 is not a TAP interface$' "a descriptor that is no TAP" /tmp/vmm-null --net fd=9
refused 125 'passt: passt is not installed' "no passt" /tmp/vmm-pathless --net passt
ip route del default
refused 125 'passt: passt ended while it started' "a passt that cannot work here" "$vmm_was" --net passt
mv /dev/net/tun /dev/net/tun.away
refused 125 'tap=vm0: this host has no TUN driver' "no TUN" "$vmm_was" --net tap=vm0
mv /dev/net/tun.away /dev/net/tun
chmod 600 /dev/net/tun
refused 125 'tap=vm0: cannot open /dev/net/tun: Permission denied' "no permission" "$user_vmm" --net tap=vm0
finish
