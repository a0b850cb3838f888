# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/lab that makes the inner host's initramfs: init, busybox and the modules in the order of loading.
# Sourced by scripts/lab, whose variables it uses.
# shellcheck disable=SC2154 # scripts/lab has the variables

# make_base OUT
make_base() {
	local tmp name path line
	tmp=$(mktemp -d "$(cache_dir)/tmp.XXXXXX") || die "cannot make a temporary directory"
	scratch+=("$tmp")
	mkdir -p "$tmp/root/dev" "$tmp/root/proc" "$tmp/root/sys" "$tmp/root/modules.d"
	gcc -O2 -static -Wall -Wextra -o "$tmp/root/init" "$init_source" || die "cannot compile $init_source"
	cp /bin/busybox "$tmp/root/busybox"
	for name in $modules; do
		if ! line=$(grep -E "/${name//[-_]/[-_]}\.ko[.a-z]*:" "$module_dir/modules.dep"); then
			grep -qE "/${name//[-_]/[-_]}\.ko" "$module_dir/modules.builtin" && continue
			die "the inner host's kernel has no module $name"
		fi
		for path in $(printf '%s\n' "$line" | tr -d : | tr ' ' '\n' | tac); do
			plain_module "$module_dir/$path" "$tmp/root/modules.d"
			grep -qxF "/modules.d/$module_name" "$tmp/root/modules" 2>/dev/null ||
				echo "/modules.d/$module_name" >>"$tmp/root/modules"
		done
	done
	# Half of what there is to load, and in Bochs each byte counts.
	[ -z "$intel" ] || strip --strip-debug "$tmp"/root/modules.d/* || die "cannot strip the modules"
	mknod "$tmp/root/dev/console" c 5 1 2>/dev/null # only root can; the kernel does without
	(cd "$tmp/root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/base.cpio" || die "cannot pack the base image"
	mv "$tmp/base.cpio" "$1"
	rm -rf "$tmp"
}
