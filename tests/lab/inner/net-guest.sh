# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/lab/virtio-net.test. Says what it sees, each fact in a line "net: ...", and then does what
# net=WORD on the kernel's command line asks for.
#
# shellcheck disable=SC2154 # the kernel hands what it does not know itself to init's environment

say() {
	printf 'net: %s\n' "$*"
}

dmesg -n 1
say "modules $(cut -d ' ' -f 1 /proc/modules | sort | tr '\n' ' ')"
for dir in /sys/class/net/eth*; do
	dev=${dir##*/}
	ip link set "$dev" up
	say "$dev mac $(cat "$dir/address") carrier $(cat "$dir/carrier") driver $(basename "$(readlink "$dir/device/driver")")"
	say "$dev features $(cat "$dir/device/features") mtu $(cat "$dir/mtu")"
done

sum_of() {
	md5sum | cut -d ' ' -f 1
}

# dhcp DEV: as a distribution would.
dhcp() {
	cat >/tmp/dhcp <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
ip addr add "$ip/${mask:-24}" dev "$interface"
[ -z "$router" ] || ip route add default via "$router" dev "$interface"
echo "net: $interface lease $ip router $router mtu $mtu"
END
	chmod +x /tmp/dhcp
	udhcpc -q -n -O mtu -i "$1" -s /tmp/dhcp >/tmp/dhcp.log 2>&1 || say "$1 no lease: $(tail -n 1 /tmp/dhcp.log)"
	grep '^net: ' /tmp/dhcp.log
}

# try_ping DEV HOST
try_ping() {
	say "$1 ping $(ping -c 3 -W 5 "$2" 2>&1 | grep 'packets transmitted')"
}

# both_ways HOST PIECES: the blob comes from port 8080, and goes back to port 9000, in that many connections.
both_ways() {
	wget -q -O /blob "http://$1:8080/blob" || say "wget failed"
	say "down $(sum_of </blob)"
	piece=0 lost=0
	while [ "$piece" -lt "$2" ] && [ "$lost" -le "$2" ]; do
		if /tcp-send "$1" 9000 /blob $((piece * 67108864 / $2)) $((67108864 / $2)); then
			piece=$((piece + 1))
		else
			lost=$((lost + 1))
		fi
	done
	say "up done"
}

case $net in
tap)
	ip addr add 10.7.0.2/24 dev eth0
	try_ping eth0 10.7.0.1
	both_ways 10.7.0.1 1
	# The driver goes and comes back, and everything is negotiated anew.
	dev=$(basename "$(readlink /sys/class/net/eth0/device)")
	i=0
	while [ "$i" -lt 10 ]; do
		echo "$dev" >/sys/bus/virtio/drivers/virtio_net/unbind
		echo "$dev" >/sys/bus/virtio/drivers/virtio_net/bind
		i=$((i + 1))
	done
	ip addr add 10.7.0.2/24 dev eth0
	ip link set eth0 up
	try_ping rebound 10.7.0.1
	;;
passt)
	dhcp eth0
	try_ping eth0 10.6.0.1
	# What a host reaches by a port that passt forwards.
	nc -l -p 80 >/tmp/knock &
	sleep 0.5
	say "listening"
	both_ways "$gateway" 16
	say "port 80 $(cat /tmp/knock)"
	;;
four)
	for disk in /dev/vd[a-h]; do
		head -c 1048576 /dev/urandom >"/tmp/${disk##*/}"
		dd if="/tmp/${disk##*/}" of="$disk" bs=64k conv=fsync 2>/dev/null &
	done
	ip addr add 10.7.0.2/24 dev eth0
	ip addr add 10.8.0.2/24 dev eth1
	ip addr add 10.9.0.2/24 dev eth2
	ip addr add 10.9.0.2/24 dev eth3
	try_ping eth0 10.7.0.1
	try_ping eth1 10.8.0.1
	for dev in eth2 eth3; do
		ip route replace "$gateway" dev "$dev"
		ip route replace 10.6.0.1 via "$gateway" dev "$dev"
		try_ping "$dev" 10.6.0.1
		say "$dev small $(wget -q -O - "http://$gateway:8080/small" | sum_of)"
	done
	say "eth0 small $(wget -q -O - "http://10.7.0.1:8080/small" | sum_of)"
	say "eth1 small $(wget -q -O - "http://10.8.0.1:8080/small" | sum_of)"
	say kill-passt
	tries=100
	while [ "$(cat /sys/class/net/eth3/carrier)" = 1 ] && [ "$tries" -gt 0 ]; do
		sleep 0.1
		tries=$((tries - 1))
	done
	say "carriers $(cat /sys/class/net/eth[0-3]/carrier | tr '\n' ' ')"
	ping -c 1 -W 1 -I eth3 "$gateway" >/dev/null 2>&1 # into the void
	try_ping after 10.7.0.1
	wait
	echo 3 >/proc/sys/vm/drop_caches
	good=0
	for disk in /dev/vd[a-h]; do
		head -c 1048576 "$disk" | cmp -s - "/tmp/${disk##*/}" && good=$((good + 1))
	done
	say "disks $good"
	;;
esac
