# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# "a && b || c" is meant as it is read.
# shellcheck disable=SC2015
#
# For scripts/lab, which sources it: the QEMU whose software CPU is the inner host's.
#
# A wrapper that is first on PATH is taken as it is. Else there are two. Debian 12's QEMU, 7.2, leaves a guest's XSETBV to
# the host's own XCR0, so that Linux guests up to 6.17 give XSAVE up and later ones panic without noxsave; and VMRUN sets a
# bit of the CPU's pending interrupts without a lock, so that an inner host with two CPUs loses one now and then. QEMU 11.1 of
# Debian's backports has XSAVE in guests, and the bit is set atomically. With the libraries of its release it lies in
# the cache, unpacked and not installed, and is started by that release's loader. --icount stays with this machine's
# own, so that its figures stay comparable.
#
# Both are mended. VMRUN leaves the vector of an interrupt that it has injected in exception_index (helper_vmrun,
# SVM_EVTINJ_TYPE_INTR). When QEMU's loop is left before the next #VMEXIT, since a timer has run out, it takes that for an
# exception to deliver: the guest in the inner host gets the interrupt twice, the second time whatever RFLAGS.IF says, and
# spins on a lock that it holds itself. With --icount that ended one stream over a TAP in five; without that store (a nop
# of the same length): none of 20. A QEMU whose code is another one runs as it is.

# And when it has delivered an event in a guest it clears the valid bit of EVENTINJ alone (do_interrupt_all). The next #VMEXIT
# copies the rest to EXITINTINFO, of which KVM since 6.14 looks at the type only (svm_check_emulate_instruction): an MMIO exit
# behind an exception that the guest took by itself was "KVM internal error, suberror 3", the delivery of an event by MMIO.
# Now all of it is cleared. tests/lab/hosts.test runs such a program.

# And INT3 of a guest asks for the intercept of INT n (SVM_EXIT_SWINT), where a processor looks at that of #BP (APM 2, 15.12):
# KVM never saw a software breakpoint. Now #BP's is asked for (0x43 in place of 0x75), which KVM sets while a guest is debugged
# and at no other time; INT n, whose intercept KVM does not use, would then look like #BP. tests/lab/gdb.test sets breakpoints.

# mend_qemu IN OUT: fails where the code is not as known; IN may be mended already. The three stores are env->error_code,
# exception_index (which lies before env, at a negative offset) and env->exception_is_int = 0; the offsets are each version's
# own. Then lea 0xa8, which is EVENTINJ's place, into the second argument, a call that loads it, and with 0x7fffffff. Last the
# intercept's number between xor edx,edx and a call.
mend_qemu() {
	perl -0777 -ne '
		$nop = "\x66\x0f\x1f\x44\0\0";
		exit 1 if 1 != s/(\x44\x89\xab..\0\0)(?:\x89\xb3..\xff\xff|$nop)(\xc7\x83..\0\0\0\0\0\0)/$1$nop$2/gs;
		exit 1 if 1 != s/(\x48\x8d\xb0\xa8\0\0\0\xe8.{4}.{0,48}?(?:\x25|\x81[\xe0-\xe7]))
			(?:\xff\xff\xff\x7f|\0\0\0\0)/$1\0\0\0\0/gsx;
		exit 1 if 1 != s/(\x31\xd2\xbe)[\x75\x43](\0\0\0\xe8)/$1\x43$2/gs;
		print' <"$1" >"$2" && chmod +x "$2" && return
	note "the code of VMRUN in $1 is not as known: it runs as it is (scripts/lab.d/qemu.sh)"
	rm -f "$2"
	return 1
}

# mend_key: of what a copy was mended by.
mend_key() {
	declare -f mend_qemu | sha256sum | cut -c1-16
}

# The version of the qemu-system-x86 package that is installed here, or nothing.
installed_qemu() {
	# shellcheck disable=SC2016 # dpkg-query expands it
	dpkg-query -W -f '${Version}' qemu-system-x86 2>/dev/null
}

# newer_qemu: sets qemu to the command of a QEMU of Debian's backports, fetched once. Fails, with $why, where it is not available;
# then it is not asked for again for a day.
newer_qemu() {
	local suites=(trixie trixie-backports) root
	root=$(cache_dir lab)/qemu-${suites[-1]} || exit
	if [ "$(cat "$root/ready" 2>/dev/null)" != "$(mend_key)" ]; then
		[ -e "$root/ready" ] || command -v apt-get >/dev/null 2>&1 || { why="there is no apt-get here"; return 1; }
		lock lab-newer-qemu
		if [ ! -e "$root/ready" ]; then
			why="a newer QEMU could not be fetched"
			[ -z "$(find "$root.failed" -mmin -1440 2>/dev/null)" ] || { unlock; return 1; }
			note "fetching QEMU and its libraries from Debian's ${suites[-1]}"
			rm -rf "$root"
			if ! (
				other_suite "${suites[@]}"
				apt_update_once && unpack_tree "$root" qemu-system-x86
			); then
				touch "$root.failed"
				unlock
				return 1
			fi
			rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root.failed"
		fi
		if [ "$(cat "$root/ready" 2>/dev/null)" != "$(mend_key)" ]; then
			! mend_qemu "$root/usr/bin/qemu-system-x86_64" "$root/mended" ||
				mv "$root/mended" "$root/usr/bin/qemu-system-x86_64"
			mend_key >"$root/ready"
		fi
		unlock
	fi
	qemu=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu"
		"$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
}

# own_qemu: sets qemu to the command of this machine's.
own_qemu() {
	local dir
	need_packages qemu-system-x86
	dir=$(cache_dir lab)/qemu-$(installed_qemu | tr -c 'A-Za-z0-9.+\n' _)-mended-$(mend_key) || exit
	qemu=(/usr/bin/qemu-system-x86_64)
	if ! [ -e "$dir" ]; then
		lock lab-qemu
		if ! [ -e "$dir" ]; then
			rm -rf "$dir.new"
			mkdir -p "$dir.new/bin" || die "cannot make $dir.new"
			# It looks for its files and modules from where it lies.
			# shellcheck disable=SC2015 # either may fail
			ln -s /usr/share "$dir.new/share" && ln -s /usr/lib "$dir.new/lib" || die "cannot make links in $dir.new"
			! mend_qemu "${qemu[0]}" "$dir.new/qemu" || mv "$dir.new/qemu" "$dir.new/bin/qemu-system-x86_64"
			mv "$dir.new" "$dir" || die "cannot make $dir"
		fi
		unlock
	fi
	[ ! -x "$dir/bin/qemu-system-x86_64" ] || qemu=("$dir/bin/qemu-system-x86_64")
}

# choose_qemu WHICH: sets qemu, the words of its command, and qemu_version. WHICH is own, newer, or empty: newer where it
# is available and this machine's is not as new.
choose_qemu() {
	local why='' first
	first=$(type -P qemu-system-x86_64)
	# A wrapper is taken as it is, but one that calls us would start labs for ever.
	[ -z "${VMM_LAB_QEMU:-}" ] ||
		die "$VMM_LAB_QEMU, the first qemu-system-x86_64 on PATH, calls scripts/lab, which runs it: take it from PATH"
	export VMM_LAB_QEMU=$first
	if [ -n "$first" ] && [ "$(realpath "$first")" != /usr/bin/qemu-system-x86_64 ]; then
		qemu=("$first")
	elif [ "$1" = own ] || { [ -z "$1" ] && dpkg --compare-versions "$(installed_qemu)" ge 1:11.1; }; then
		own_qemu
	elif ! newer_qemu; then
		[ "$1" != newer ] || die "$why"
		note "$why: this machine's own instead"
		own_qemu
	fi
	qemu_version=$("${qemu[@]}" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
	[ -n "$qemu_version" ] || die "${qemu[*]} does not run"
}
