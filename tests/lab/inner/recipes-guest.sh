# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# The guest of recipes.sh: the commands that a user would type, one per line. $task comes from the kernel's command
# line.
# shellcheck disable=SC2154
case ${task:-} in
devices)
	for device in /sys/bus/virtio/devices/*; do
		echo "driver: $(cat "$device/device") $(basename "$(realpath "$device/driver")")"
	done
	udhcpc -n -q -i eth0 >/dev/null 2>&1
	echo "address: $(ip -4 addr show eth0 | sed -n 's/.*inet \([0-9.]*\).*/\1/p')"
	echo "route: $(ip route | sed -n 's/^default via \([0-9.]*\).*/\1/p')"
	mount -o ro /dev/vda /root && echo "disk: $(cat /root/hello)"
	mount -t virtiofs -o ro files /mnt && echo "share: $(cat /mnt/hello)"
	[ ! -c /dev/vsock ] || echo "vsock: there"
	;;
*) exit "$task" ;;
esac
