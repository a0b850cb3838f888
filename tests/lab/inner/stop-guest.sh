# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# In the guest of tests/lab/inner/stop.sh: writes a disk and reads it back, three times, while a ping is running.
dmesg -n 1
ip addr add 10.7.0.2/24 dev eth0
ip link set eth0 up
ping -i 0.1 10.7.0.1 >/tmp/ping 2>&1 &
ping=$!
head -c 1536k /dev/urandom >/tmp/data
echo "lab: busy"
round=0
while [ "$round" -lt 3 ]; do
	round=$((round + 1))
	dd if=/tmp/data of=/dev/vda bs=64k conv=fsync 2>/dev/null || echo "lab: write failed"
	echo 3 >/proc/sys/vm/drop_caches
	head -c 1536k /dev/vda | cmp - /tmp/data && echo "lab: round $round is right"
done
kill -INT "$ping"
wait "$ping"
sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) .*/lab: ping \1 \2/p' /tmp/ping
