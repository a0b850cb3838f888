# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# The guest of unique.sh, which does what the word do= of its command line says.
# shellcheck disable=SC3043
do=
# shellcheck disable=SC2013 # words
for word in $(cat /proc/cmdline); do
	case $word in do=*) do=${word#do=} ;; esac
done

reseeds() {
	dmesg | grep -c 'crng reseeded due to virtual machine fork'
}

case $do in
mark)
	vmm-mark ready >/tmp/word
	# The first thing after it.
	read -r uuid </proc/sys/kernel/random/uuid
	echo "uuid $uuid"
	echo "word $(cat /tmp/word) again $(vmm-mark --word)"
	echo "clone $(vmm-mark --clone)"
	vmm-exit poweroff
	;;
driver)
	# The driver alone: as soon as it has reseeded.
	echo "driver $(find /sys/bus/acpi/drivers/vmgenid /sys/bus/platform/drivers/vmgenid -name 'VMMG0001*' 2>/dev/null | wc -l) reseeds $(reseeds)"
	echo "wait here"
	i=0
	while [ "$(reseeds)" = 0 ] && [ "$i" -lt 200 ]; do
		i=$((i + 1))
		usleep 50000
	done
	echo "reseeds $(reseeds)"
	echo "urandom $(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ')"
	;;
lines)
	stty -echo
	vmm-mark ready
	while read -r line; do
		eval "$line"
		vmm-mark "done"
	done
	;;
clock)
	echo "clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	clock-gap print 60
	vmm-mark ready
	clock-gap print 60
	echo "uptime $(cut -d' ' -f1 /proc/uptime)"
	;;
esac
