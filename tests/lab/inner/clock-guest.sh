# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guests of tests/lab/clock.test: which clocks there are, and whether the one in use keeps time. The real-time
# clock shows the host's time, in whole seconds.
say() {
	echo "clock: $*"
}

sys=/sys/devices/system/clocksource/clocksource0
rtc=/sys/class/rtc/rtc0/since_epoch
dmesg -n 1
say "available $(cat $sys/available_clocksource)"
say "current $(cat $sys/current_clocksource)"
say "online $(nproc)"
say "cmdline $(cat /proc/cmdline)"
dmesg | sed -n 's/.*tsc: Detected \(.*\) MHz .*/clock: tsc \1/p; s/.*PM-Timer IO Port: \(.*\)/clock: port \1/p'
dmesg | sed -n 's/.*PM-Timer had inconsistent.*/clock: timer given up/p'
# From the beginning of a second to that of the fifth after it, however busy the host is.
start=$(cat $rtc)
while [ "$(cat $rtc)" = "$start" ]; do :; done
from=$(cut -d ' ' -f 1 /proc/uptime)
while [ "$(cat $rtc)" -lt $((start + 6)) ]; do :; done
to=$(cut -d ' ' -f 1 /proc/uptime)
say "5 seconds took $(echo "$from $to" | awk '{ printf "%d", ($2 - $1) * 1000 }') ms"
