# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guests of the lab's suites: prints facts about the guest, each in a line "lab: ...", and then does what
# lab=WORD on the kernel's command line asks for. Init powers off when this ends.
#
# shellcheck disable=SC2154,SC2016,SC2013 # what the kernel does not know itself goes to init's environment

say() {
	printf 'lab: %s\n' "$*"
}

# Keeps the kernel's messages out of these lines; those of a panic are printed all the same.
dmesg -n 1

say "cpus $(grep -c ^processor /proc/cpuinfo) online $(nproc)"
cpu=0
# proc(5): the 39th field of stat is the CPU last run on; the first two go before the split, since a name may have blanks.
on_cpu='read -r stat </proc/self/stat; set -- ${stat#*) }; echo "lab: ran on CPU ${37}"'
while taskset -c "$cpu" sh -c "$on_cpu" 2>/dev/null; do
	cpu=$((cpu + 1))
done
say "memory $(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
ram=0
for range in $(sed -n 's/^\([0-9a-f]*-[0-9a-f]*\) : System RAM$/\1/p' /proc/iomem); do
	ram=$((ram + 0x${range#*-} + 1 - 0x${range%-*}))
	say "range $range"
done
say "ram $ram"

# power_button: does a process listen to it? init does if there is evdev.
power_button() {
	grep -q 'Power Button' /proc/bus/input/devices 2>/dev/null && ls /dev/input/event* >/dev/null 2>&1
}

case $lab in
'') ;;
padding)
	say "padding $(sha256sum </padding)"
	;;
hold)
	# Until somebody outside ends it.
	say holding
	sleep 600
	;;
button)
	tries=20
	until power_button || [ "$tries" = 0 ]; do
		tries=$((tries - 1))
		sleep 0.2
	done
	power_button && say listening
	sleep 600
	;;
reboot | halt | poweroff)
	say "doing $lab"
	vmm-exit "$lab"
	;;
exit)
	say "exit $lab_exit"
	vmm-exit "$lab_exit"
	;;
panic)
	# Where there is no sysrq, rdinit=/bin/false does it.
	say panicking
	# The line is out before the kernel writes its own: one that begins in the middle of another is not recognized.
	sleep 1
	echo c >/proc/sysrq-trigger
	sleep 60
	;;
hang)
	# A loop for each CPU, which nothing in the guest ends.
	taskset -c 1 sh -c 'while :; do :; done' &
	taskset -c 0 sh -c 'sleep 1; echo "lab: hanging"; while :; do :; done'
	;;
work)
	# Two writers of files at a time, whose sums are taken again.
	say working
	good=0
	for file in 1 2 3 4; do
		head -c 300000 /dev/urandom | tee /tmp/$file.data | sha256sum >/tmp/$file.sum &
		[ $((file % 2)) = 1 ] || wait
	done
	for file in 1 2 3 4; do
		[ "$(sha256sum </tmp/$file.data)" != "$(cat /tmp/$file.sum)" ] || good=$((good + 1))
	done
	say "worked $good"
	;;
fake)
	printf 'Kernel panic - not syncing: says a program\n'
	say faked
	;;
flood)
	say flooding
	head -c "$lab_bytes" /dev/zero | tr '\0' x
	echo
	say flooded
	;;
script)
	# lab_bytes of input, which may have been there since before the guest was started.
	sleep 2
	say "got $(timeout 60 head -c "$lab_bytes" | sha256sum | cut -d' ' -f1)"
	;;
echo)
	# Takes lab_bytes bytes, and sends them back lab_times times, between two lines.
	stty raw -echo
	say ready
	head -c "$lab_bytes" >/tmp/paste
	printf 'lab: got %s\r\n' "$(sha256sum </tmp/paste)"
	printf 'lab: data begin\r\n'
	times=${lab_times:-1}
	while [ "$times" -gt 0 ]; do
		cat /tmp/paste
		times=$((times - 1))
	done
	printf '\r\nlab: data end\r\n'
	stty -raw
	;;
*)
	say "no such word: $lab"
	;;
esac
