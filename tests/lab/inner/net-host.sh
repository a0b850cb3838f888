# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The host of the network suites: TAPs, a route, a file server, an ordinary user. Source it with "$@".
#
# shellcheck disable=SC2034,SC2154 # suites use what is set here; the files come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# --- the inner host: two TAPs, one that carries the default route (passt wants one), a blob, and who serves it

echo '0 2147483647' >/proc/sys/net/ipv4/ping_group_range
chmod 666 /dev/kvm
mkdir -p /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
chmod 666 /dev/net/tun
user=1000
chmod 1777 /tmp
chmod 755 "$TEST_TMP"

# interface NAME ADDRESS
interface() {
	"$launch" make "$1" "$user"
	ip addr add "$2" dev "$1"
	ip link set "$1" up
}
interface vm0 10.7.0.1/24
interface vm1 10.8.0.1/24
interface up0 10.9.0.2/24
# What a guest behind passt pings: an address that only the host has. Its gateway is the host too, but for TCP and UDP.
ip addr add 10.6.0.1/32 dev lo
ip route add default via 10.9.0.1 dev up0
gateway=10.9.0.1

mkdir "$TEST_TMP/www"
head -c 67108864 /dev/urandom >"$TEST_TMP/www/blob"
head -c 300000 /dev/urandom >"$TEST_TMP/www/small"
sum_of() {
	md5sum | cut -d ' ' -f 1
}
blob=$(sum_of <"$TEST_TMP/www/blob")
small=$(sum_of <"$TEST_TMP/www/small")
httpd -p 8080 -h "$TEST_TMP/www"

# Uploads to port 9000, each of a known size, one after the other, into the file "whole"; one that was cut short leaves
# nothing but a line in "lost". The sender learns of the end when all is written.
take_uploads() {
	: >"$TEST_TMP/whole"
	: >"$TEST_TMP/lost"
	cat >"$TEST_TMP/take" <<END
cat >$TEST_TMP/piece
if [ \$(wc -c <$TEST_TMP/piece) = $1 ]; then
	cat $TEST_TMP/piece >>$TEST_TMP/whole
else
	echo cut >>$TEST_TMP/lost
fi
END
	nc -ll -p 9000 -e sh "$TEST_TMP/take" &
	uploads=$!
}

end_uploads() {
	kill "$uploads"
	wait "$uploads" 2>/dev/null
	whole=$(sum_of <"$TEST_TMP/whole")
	lost=$(wc -l <"$TEST_TMP/lost")
}

# $user_vmm: vmm as that user, for boot.
vmm_was=$VMM
user_vmm=/tmp/vmm-user
printf '#!/bin/sh\nexec %s --reuid %s --regid %s --clear-groups %s "$@"\n' "$setpriv" "$user" "$user" "$vmm_was" \
	>"$user_vmm"
chmod 755 "$user_vmm"
