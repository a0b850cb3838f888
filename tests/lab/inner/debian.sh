# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # kernel and initrd come as KEY=VALUE; a function runs beside a boot
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

disk=$VMM_LAB_DISKS
until [ -b "$disk" ]; do sleep 0.1; done

log_in() {
	wait_for "$TEST_TMP/out" 'vmm-guest login: ' 700 || return
	echo "login: after $(cut -d . -f 1 /proc/uptime) s"
	echo root >&3
	wait_for "$TEST_TMP/out" 'root@vmm-guest:~# ' 100 || return
	# In two pieces, so that the terminal's echo is not taken for the answer.
	cat >&3 <<'END'
echo "shell"": $(id -un) on $(tty), $(cat /etc/debian_version), $(uname -r)"
echo "mod""ules: $(lsmod | cut -d ' ' -f 1 | grep -E '^virtio_(mmio|blk|net)$|^virtio_rng$|^ext4$' | sort | tr '\n' ' ')"
echo "ro""ot: $(findmnt -n -o SOURCE,FSTYPE /)"
systemctl is-system-running --wait | sed 's/^/sys''tem: /'
systemctl --failed --no-legend --plain | sed 's/^/fai''led: /'
echo kept >/root/mark; poweroff
END
}

no_failed() {
	! out_has '^failed: '
}

mkfifo "$TEST_TMP/keys"
: >"$TEST_TMP/out"
exec 3<>"$TEST_TMP/keys"
meanwhile log_in
status=0
before=$(cut -d . -f 1 /proc/uptime)
"$VMM" --timeout 800s --kernel "$kernel" --initrd "$initrd" --mem 512M --disk "path=$disk" --append 'quiet root=/dev/vda' \
	<"$TEST_TMP/keys" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
exec 3>&-
beside
load_run
# Without the shell's control sequences for the terminal.
out=$(printf '%s\n' "$out" | sed "s/$(printf '\033')\[[0-9;?]*[A-Za-z]//g")
echo "# started at $before s of the inner host; $seen"
check "Debian boots from the disk to its login prompt" out_has 'Debian GNU/Linux .* vmm-guest ttyS0'
check "root logs in on the console" out_has '^shell: root on /dev/ttyS0, 12\.[0-9]+, 6\.1\.'
check "its own modules drive it: $(printf '%s\n' "$out" | sed -n 's/^modules: //p')" \
	out_has '^modules: .*virtio_blk .*virtio_mmio .*virtio_rng '
check "the root is the disk" out_has '^root: /dev/vda ext4'
check "no unit has failed" all_of out_has '^system: running' -- no_failed
check "it powers off" status_is 0
mkdir /m
mount -t ext4 -o ro "$disk" /m
check "the data that it wrote is on the disk" [ "$(cat /m/root/mark)" = kept ]
umount /m
finish
