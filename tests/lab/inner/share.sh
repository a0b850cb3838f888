# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # kernel, root and sharecalls come as KEY=VALUE; functions run beside a boot
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
LIMIT=600s

field() {
	printf '%s\n' "$out" | sed -n "s/^lab: $1 *//p" | head -n 1
}
digest() {
	sha256sum | cut -d ' ' -f 1
}

tree=$TEST_TMP/tree side=$TEST_TMP/side
mkdir "$tree" "$side"
mount -t tmpfs tree "$tree"
"$sharecalls" make "$tree"
mount -o remount,ro "$tree"
# Reading a hole of a tmpfs fills it: what counts is the second run.
"$sharecalls" run "$tree" >/dev/null
"$sharecalls" run "$tree" >"$side/calls"
mount -o remount,rw "$tree"
mkdir "$side/mounted"
mount -t tmpfs other "$side/mounted"
echo "another file system" >"$side/mounted/secret"
echo "before" >"$side/replaced"
printf 'the first line\nand what comes behind it\n' >"$side/open"

# state: of each file, but not when it was read
state() {
	(cd "$tree" && find . -exec stat -c '%n %f %u %h %s %Y' {} + | sort | digest)
}
before=$(state)

# What happens on the host while the guest has a file open.
change() {
	wait_for "$TEST_TMP/out" '^lab: opened' || return
	rm "$side/open"
	echo "after" >"$side/new"
	mv "$side/new" "$side/replaced"
	: >"$side/go"
}
change &
boot --kernel "$kernel" --initrd "$root" --mem 256M --append quiet --share "$tree,tag=tree" --share "path=$side"
wait $!

check "a guest mounts two directories by Debian's driver" all_of status_is 0 -- out_has '^lab: mounted$'
check "find has the same names" test "$(field listing)" = "$(cd "$tree" && find . | sort | digest)"
check "sha256sum has the same contents" test "$(field contents)" = \
	"$(cd "$tree" && find . -type f ! -name nobodys -print0 | sort -z | xargs -0 sha256sum | digest)"
nr=$(tail -n 1 "$side/calls")
check "as many calls as natively ($nr)" all_of test "$(field calls)" = "$nr" -- test "${nr#calls: }" -gt 2000
check "all of them answer the same" test "$(field differ)" = 0
printf '%s\n' "$out" | grep '^[<>]' | sed 's/^/# /'
check "a link that leads out leads to the guest's own file" test "$(field out)" = "the guest's own"
check "what vmm may not read the guest may not either" out_has '^lab: unreadable .*Permission denied'
check "another file system is an empty directory" out_has '^lab: foreign 1 .*No such file'
check "nothing is written, mounted ro" out_has '^lab: write .*Read-only file system'
check "nor mounted rw" out_has '^lab: rewrite .*Read-only.*Read-only.*Read-only'
# It is writable here: only the device has kept the guest from it.
check "the host's tree is as it was" test "$(state)" = "$before"
check "df has the size of the host's file system" test "$(field df)" = "$(df -P "$tree" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2)"
check "an open file that is removed is read to its end" out_has '^lab: unlinked the first line$' -- true
check "a name that is replaced is the new file" test "$(field replaced)" = after
sum=$(digest <"$tree/large")
check "5 MiB, from the host and from the guest's cache" all_of test "$(field large)" = "$sum $sum" -- \
	test "$(field again)" = "$sum"
umount "$side/mounted" "$tree"
finish
