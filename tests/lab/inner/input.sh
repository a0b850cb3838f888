# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # the files come as KEY=VALUE; conditions are called by name
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# lines N: a script of N lines of six bytes, its size in $bytes, its sum in $sum.
lines() {
	local i=0
	while [ "$i" -lt "$1" ]; do
		printf 'L%04d\n' "$i"
		i=$((i + 1))
	done >"$TEST_TMP/script"
	bytes=$(wc -c <"$TEST_TMP/script")
	sum=$(sha256sum <"$TEST_TMP/script" | cut -d' ' -f1)
}

# with_script ROOT WORDS ARG...: a boot with the script on its standard input from the start.
with_script() {
	local initrd=$1 words=$2
	shift 2
	status=0
	"$VMM" --timeout "$LIMIT" --kernel "$cloud61" --initrd "$initrd" --mem 192M --append "quiet $words lab_bytes=$bytes" "$@" \
		<"$TEST_TMP/script" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}
arrived() {
	out_has "^lab: got $sum\$"
}

lines 150
with_script "$root" lab=script
check "ttyS0: a script that was there before the guest arrives whole" all_of status_is 0 -- arrived
lines 1
with_script "$root" lab=script
check "ttyS0: a short one too" all_of status_is 0 -- arrived
with_script "$root" "lab=script earlycon=uart8250,io,0x3f8"
check "ttyS0: behind an early console, which raises RTS" all_of status_is 0 -- arrived
lines 150
with_script "$hvc" lab=script --console virtio
check "hvc0: a script that was there before its driver arrives whole" all_of status_is 0 -- arrived
lines 1
with_script "$hvc" lab=script --console virtio
check "hvc0: a short one too" all_of status_is 0 -- arrived

# on_terminal STEP... -- "$guest" ARG...
guest=$TEST_TMP/guest
cat >"$guest" <<-END
	#!/bin/sh
	exec "$VMM" --timeout $LIMIT --kernel "$cloud61" --mem 192M "\$@"
END
chmod +x "$guest"
on_terminal() {
	status=0
	"$ptykeys" "$TEST_TMP/out" "$@" 2>"$TEST_TMP/err" || status=$?
	load_run
}

on_terminal 'until:lab: holding' 'send:\x01b' wait:0.5 send:h 'until:show-memory-usage' 'send:\x01x' -- \
	"$guest" --initrd "$root" --append 'quiet lab=hold'
check "Ctrl-A B and h on ttyS0: SysRq's help" all_of status_is 130 -- out_has 'sysrq: HELP : .*show-memory-usage'

bell=$(printf '\a')
on_terminal 'until:lab: holding' 'send:\x01b' "until:$bell" 'send:\x0f' wait:0.5 send:h 'until:show-memory-usage' 'send:\x01x' -- \
	"$guest" --initrd "$hvc" --append 'quiet lab=hold' --console virtio
check "hvc0 has no BREAK, and the bell says so; its SysRq is Ctrl-O" all_of status_is 130 -- \
	out_has 'sysrq: HELP : .*show-memory-usage'

on_terminal wait:8 'send:\x03' wait:0.3 'send:\x03' wait:0.3 'send:\x01x' -- "$guest" --initrd "$root" --cmdline 'panic=1 lab=hold'
check "Ctrl-A X where no driver has opened the port" status_is 130
finish
