# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/lab/pause.test: it says "lab: loaded", does what pause=WORD on the kernel's command line asks for
# until a line is typed, and prints the result.
#
# shellcheck disable=SC2154 # the kernel hands what it does not know itself to init's environment

say() {
	printf 'lab: %s\n' "$*"
}

# until_stop NAME CMD...: repeats CMD; prints how often it succeeded, and whether it failed.
until_stop() {
	local name=$1 good=0
	shift
	until [ -e /stop ]; do
		"$@" || say "$name: wrong after $good times"
		good=$((good + 1))
	done
	say "$name: $good times"
}

# Blocks past the page cache, out and in again, to a place that moves.
on_disk() {
	at=$(((${at:-0} + 1) % 8))
	dd if=/noise of=/dev/vda bs=64k seek=$((at * 16)) conv=notrunc,fsync 2>/dev/null &&
		[ "$(dd if=/dev/vda bs=64k skip=$((at * 16)) count=16 iflag=direct 2>/dev/null | md5sum)" = "$noise" ]
}
on_fio() {
	fio --name=pause --filename=/dev/vda --offset=32M --size=4M --rw=randwrite --bsrange=4k-64k --blockalign=4k --direct=1 \
		--ioengine=libaio --iodepth=8 --randrepeat=0 --verify=crc32c --verify_fatal=1 --eta=never --output=/tmp/log ||
		! cat /tmp/log
}
on_net() {
	[ "$(wget -q -O - http://10.7.0.1:8080/small | md5sum)" = "$small" ]
}
on_vsock() {
	[ "$(vsockcat connect vsock:2:1234 </noise | md5sum)" = "$noise" ]
}
busy() {
	until [ -e /stop ]; do :; done
}

case $pause in
tick)
	(
		i=0
		until [ -e /stop ]; do
			say "tick $i"
			i=$((i + 1))
			sleep 0.1
		done
	) &
	;;
load)
	head -c 1048576 /dev/urandom >/noise
	noise=$(md5sum </noise)
	ip addr add 10.7.0.2/24 dev eth0
	ip link set eth0 up
	small=$(wget -q -O - http://10.7.0.1:8080/small | md5sum)
	busy &
	until_stop disk on_disk &
	until_stop net on_net &
	until_stop vsock on_vsock &
	! command -v fio >/dev/null || until_stop fio on_fio &
	;;
esac
say loaded
read -r typed
: >/stop
wait
say "typed ${#typed}"
say "complaints $(dmesg | grep -cE 'soft lockup|rcu.*stall|blocked for more|I/O error|timed out')"
