# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # net-host.sh has them
# shellcheck source=tests/lab/inner/net-host.sh
. tests/lab/inner/net-host.sh

# --- a TAP, with every offload

ip link set vm0 mtu 4000
take_uploads 67108864
boot --kernel "$kernel" --initrd "$root" --mem 256M --append 'quiet net=tap' --net tap=vm0,mac=02:00:00:00:07:02
end_uploads
check "TAP: Debian's virtio_net found the device" all_of status_is 0 -- \
	out_has '^net: modules .*\<virtio_mmio\>.*\<virtio_net\>' -- \
	out_has '^net: eth0 mac 02:00:00:00:07:02 carrier 1 driver virtio_net$'
# Bits 0 1 3 5 7 8 9 11 12 13 15 16, INDIRECT_DESC, EVENT_IDX, VERSION_1 (the file has them from bit 0 on).
check "TAP: it took the offloads, mergeable buffers and the MTU" out_has '^net: eth0 features 11010101110111011.* mtu 4000$'
check "TAP: ping" out_has '^net: eth0 ping 3 packets transmitted, 3 packets received'
check "TAP: 64 MB to the guest" out_has "^net: down $blob\$"
check "TAP: 64 MB from the guest" [ "$whole" = "$blob" ]
check "TAP: unbound and bound ten times, it still works" \
	out_has '^net: rebound ping 3 packets transmitted, 3 packets received'
check "TAP: nothing to say on stderr" [ -z "$err" ]

# --- passt, started by us, by an ordinary user

VMM=$user_vmm

# passt of 2023-03 resets a connection when the 50 ms timer of an acknowledgement fires while that is being sent and the
# host is slow (its --pcap has all acknowledged, then a RST): of those with 64 MB, here most. Hence pieces of 4 MB.
# Ports of this host, one of them on one address only, are ports of the guest.
knock() {
	wait_for "$TEST_TMP/out" '^net: listening' || return
	printf knocked >"$TEST_TMP/knock"
	"$send" 10.9.0.2 8081 "$TEST_TMP/knock" 0 7
	"$send" 127.0.0.1 8081 "$TEST_TMP/knock" 0 7 && echo sent
}
take_uploads 4194304
meanwhile knock
boot --kernel "$kernel" --initrd "$root" --mem 256M --append "quiet net=passt gateway=$gateway" \
	--net passt,tcp=127.0.0.1/8081:80,tcp=2222:22,udp=5353:53
end_uploads
beside
check "passt: a port of the host is one of the guest, on the address that was named" all_of seen_has '^sent$' -- \
	out_has '^net: port 80 knocked$'
check "passt: and on no other address" seen_has '^tcp-send: Connection refused$'
check "passt: no root, and the guest gets its address by DHCP" all_of status_is 0 -- \
	out_has "^net: eth0 lease 10\\.9\\.0\\.2 router $gateway mtu 65520\$"
check "passt: ping" out_has '^net: eth0 ping 3 packets transmitted, 3 packets received'
check "passt: 64 MB to the guest" out_has "^net: down $blob\$"
check "passt: 64 MB from the guest" [ "$whole" = "$blob" ]
echo "# passt: connections lost and made again: $lost"
check "passt: nothing to say on stderr" [ -z "$err" ]
check "passt: it went with the machine" [ -z "$(pidof passt passt.avx2)" ]
finish
