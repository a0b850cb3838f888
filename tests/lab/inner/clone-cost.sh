# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; files come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# within MIN VALUE MAX
within() {
	awk -v min="$1" -v value="${2:-none}" -v max="$3" \
		'BEGIN { exit !(value ~ /^[0-9.]+$/ && value + 0 >= min && value + 0 <= max) }'
}

# alive N: how many of N clones at once were alive
alive() {
	printf '%s\n' "$out" | awk -v n="$1" 'NF == 7 && $1 == n { print $2 }'
}

show() {
	printf '%s\n' "$out" | sed -n '/^reset of a flat/,$s/^/# /p'
}

mount -o remount,favordynmods /sys/fs/cgroup
export TMPDIR=/scratch
run "$VMM" --kernel "$kernel" --initrd "$initrd" --mem 256M --cmdline 'console=ttyS0 quiet' --timeout 8s \
	--snapshot "/scratch/s%n,on=console:SNAP,every"
check "two snapshots of a guest" all_of test -s /scratch/s1 -- test -s /scratch/s2

printf '0\n10\n100\n1000\n' >"$TEST_TMP/lines"
run "$VMM" bench clone --runs 3 --rounds 10 --input '' --clones 0 --lines "$TEST_TMP/lines" -- /scratch/s2
show
check "restores, snapshots and resets" all_of status_is 0 -- out_has '^first KVM_RUN'
ratio=$(printf '%s\n' "$out" | sed -nE 's|^first KVM_RUN / floor: ([0-9.]+),.*|\1|p')
check "exec to the first KVM_RUN, of the floor: $ratio" within 0.9 "$ratio" 3
run "$static" bench clone --runs 2 --rounds 1 --input '' --clones 0 -- /scratch/s2
show
check "the same without shared libraries" all_of status_is 0 -- out_has '^first KVM_RUN'
run "$VMM" bench clone --runs 1 --rounds 1 --marker up --clones "$clones" -- /scratch/s1
show
check "clones at once, up to $clones" all_of status_is 0 -- test "$(alive "$clones")" = "$clones"

# Private memory of a clone that is not guest RAM.
"$VMM" restore --clones 4 --timeout 4s /scratch/s2 >/dev/null 2>&1 </dev/null &
sleep 2
for dir in /proc/[0-9]*; do
	# The clones have the spawner's name too.
	case " $(pidof vmm-spawner) " in
	*" $(awk '{ print $4 }' "$dir/stat" 2>/dev/null) "*) ;;
	*) continue ;;
	esac
	private_of "${dir#/proc/}"
done >"$TEST_TMP/private"
wait
sed 's/^/# private KiB of a clone: of RAM, of the rest, of page tables: /' "$TEST_TMP/private"
# shellcheck disable=SC2016 # awk's fields
check "private memory of a forked clone" awk '{ n++; bad += $2 < 50 || $2 > 2000 } END { exit bad || n < 4 }' "$TEST_TMP/private"
finish
