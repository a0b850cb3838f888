# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guest of share: facts about what is shared with it, in lines `lab: ...`.

say() {
	printf 'lab: %s\n' "$*"
}

# fails CMD...: prints what it says
fails() {
	"$@" 2>&1 && echo "it works"
}

dmesg -n 1
mkdir -p /mnt/tree /mnt/side /tmp
echo "the guest's own" >/etc/passwd
mount -t virtiofs -o ro tree /mnt/tree && mount -t virtiofs -o ro share1 /mnt/side && say "mounted"
say "listing $(cd /mnt/tree && find . | sort | sha256sum | cut -d ' ' -f 1)"
say "contents $(cd /mnt/tree && find . -type f ! -name nobodys -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)"
sharecalls run /mnt/tree >/tmp/calls
say "calls $(tail -n 1 /tmp/calls)"
say "differ $(diff /mnt/side/calls /tmp/calls | grep -c '^[<>]')"
diff /mnt/side/calls /tmp/calls | grep '^[<>]' | head -n 20
say "out $(cat /mnt/tree/out-relative)"
say "unreadable $(fails cat /mnt/tree/nobodys)"
say "foreign $(find /mnt/side/mounted | wc -l) $(fails cat /mnt/side/mounted/secret)"
say "write $(fails mkdir /mnt/tree/new)"
umount /mnt/tree
mount -t virtiofs tree /mnt/tree
say "rewrite $(fails mkdir /mnt/tree/new) $(fails rm /mnt/tree/one) $(fails sh -c ': >>/mnt/tree/one')"
say "df $(df -P /mnt/tree | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2)"

# What the host does meanwhile: it removes what is open here, replaces a file, and says so by another one.
exec 3</mnt/side/open 4</mnt/side/open
read -r line <&3
say "opened $line"
until [ -e /mnt/side/go ]; do
	sleep 0.3
done
there=0
for name in /mnt/side/*; do
	[ "$name" != /mnt/side/open ] || there=1
done
say "unlinked $(cat <&4) $there"
say "replaced $(cat /mnt/side/replaced)"
exec 3<&- 4<&-

# Twice the same file with a cache between: from memory, and it is read anew when it has changed.
say "large $(sha256sum </mnt/tree/large | cut -d ' ' -f 1) $(sha256sum </mnt/tree/large | cut -d ' ' -f 1)"
echo 3 >/proc/sys/vm/drop_caches
say "again $(sha256sum </mnt/tree/large | cut -d ' ' -f 1)"
