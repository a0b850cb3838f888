# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # programs and cases come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
# shellcheck source=tests/support/hostile.sh
. tests/support/hostile.sh

# Who answers ARP is the kernel, which has nothing else to say on this interface.
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
"$launch" make hostile0 0
echo 1 >/proc/sys/net/ipv6/conf/hostile0/disable_ipv6 2>/dev/null
ip addr add 10.7.0.1/24 dev hostile0
ip link set hostile0 up

# shellcheck disable=SC2034 # of hostile.sh
hostile_vmm=$VMM
cd "$TEST_TMP" || exit
truncate -s 8M disk ro
"$sockecho" vsock_1234 &
echo_pid=$!
until [ -S vsock_1234 ]; do sleep 0.1; done
# shellcheck disable=SC2034 # of hostile.sh
hostile_net=offload
for what in $cases; do
	hostile_vmm "$what" --net tap=hostile0
	hostile_verdicts guest "$what"
	check "$what: the run ends well" hostile_ended
done
kill "$echo_pid"
finish
