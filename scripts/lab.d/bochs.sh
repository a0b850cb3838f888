# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/lab that is the inner host of --intel: a Debian kernel in Bochs, whose VMX is complete enough for the
# real kvm_intel. Sourced by scripts/lab, whose variables and functions these functions use.
#
# Bochs has no -kernel and no virtio: kernel and archives lie on a CD, from which GRUB loads them, and what comes out comes
# by port 0xe9, byte for byte, in frames that scripts/lab.d/bochs-frames.c takes apart. Nothing goes in after the start.
# scripts/lab.d/bochs-same.c makes two runs of one command the same.
#
# "a && b || c" is meant as it is read.
# shellcheck disable=SC2154,SC2034,SC2015 # scripts/lab has the variables

# bochs_refuse: ends in a usage error for what Bochs cannot do.
bochs_refuse() {
	local none="--intel has no disks"
	[ -z "$icount" ] || usage_error "--intel has no --icount: time there is a count of instructions anyway"
	[ "${cpus:-1}" = 1 ] || usage_error "--intel has one CPU: --cpus $cpus is for the inner host under QEMU"
	[ -z "$scratch_size" ] || usage_error "$none: --scratch is for the inner host under QEMU (use /tmp)"
	[ ${#own_disks[@]} = 0 ] || usage_error "$none: --disk is for the inner host under QEMU (use --file)"
	[ -z "$with_qemu" ] || usage_error "--intel has no --with-qemu: loading QEMU from Bochs's CD takes minutes"
	[ -z "$network" ] || usage_error "--intel has no network: --net is for the inner host under QEMU"
	[ -z "$which_qemu" ] || usage_error "--intel and --qemu are two labs: take one"
	mem=${mem:-1G}
	case $mem in
	*G) [ "${mem%G}" -le 2 ] ;;
	*) [ "${mem%M}" -le 2048 ] ;;
	esac || usage_error "--intel: Bochs gives a machine 2G at most"
	[[ ${host_cpu:-broadwell_ult} =~ ^[a-z0-9_]+$ ]] || usage_error "--host-cpu: bad name '$host_cpu'"
}

# mend_bochs IN OUT: Bochs 2.7 with two mistakes of its VMX corrected, each by as many bytes as it had. Fails unless each
# place is there once, so that no other program is changed by chance.
#
# Bochs takes no external interrupt in a guest while RFLAGS.IF is 0, whatever the control "external-interrupt exiting"
# says (SDM volume 3, 26.2: it does not depend on RFLAGS.IF): `event_mask` (at 0x93b4) is left as the host had it, and
# the host enters with IF=0. KVM's guests that spin with IF=0 then never leave, and no timer of the host runs.
#
# 1. VM entry unmasks only INIT (bit 2) and looks at pending events only if INIT is pending. With the correction it
#    unmasks the PIC's and the local APIC's interrupt as well (bits 10 and 11), and always looks.
# 2. VM exit masks only INIT. It leaves RFLAGS.IF 0, so with the correction it masks these two again; the room comes from a
#    store of an immediate 0, which becomes one of EAX, 0 there (LoadMSRs has returned it).
mend_bochs() {
	perl -0777 -e '
		my $code = <STDIN>;
		my ($mask, $pending, $look) = ("\xb4\x93\0\0", "\xb0\x93\0\0", "\xb8\x93\0\0");
		my ($in_guest, $unblocked, $state, $shadow) = ("\xc1\x8f\0\0", "\xaa\x93\0\0", "\xd8\x93\0\0", "\x3f\x94\0\0");
		my @mends = (
			# and $~INIT, mask; movb $1, in_guest; testb $INIT, pending; je +10; movl $1, look
			["\x83\xa3$mask\xfb\xc6\x83$in_guest\x01\xf6\x83$pending\x04\x74\x0a\xc7\x83$look\x01\0\0\0",
			# and $~(INIT | 0xc00), mask; movb $1, in_guest; movl $1, look; a nop of 6
			"\x81\xa3$mask\xfb\xf3\xff\xff\xc6\x83$in_guest\x01\xc7\x83$look\x01\0\0\0\x66\x0f\x1f\x44\0\0"],
			# or $INIT, mask; cmpb $0, shadow; movb $0, unblocked; movl $0, state
			["\x83\x8b$mask\x04\x80\xbb$shadow\0\xc6\x83$unblocked\0\xc7\x83$state\0\0\0\0",
			# or $(INIT | 0xc00), mask; mov %eax, state; movb $0, unblocked; cmpb $0, shadow; a nop
			"\x81\x8b$mask\x04\x0c\0\0\x89\x83$state\xc6\x83$unblocked\0\x80\xbb$shadow\0\x90"]);
		for (@mends) {
			my ($old, $new) = @$_;
			die "lengths differ\n" if length $old != length $new;
			die "not there just once\n" if 1 != ($code =~ s/\Q$old\E/$new/g);
		}
		print $code;' <"$1" >"$2" 2>/dev/null && chmod +x "$2"
}

# bochs_tools: installs what is missing, and sets `tools` to a directory of the cache with the Bochs that runs and what is compiled for it.
bochs_tools() {
	local version new
	need_packages bochs bochsbios vgabios bochs-sdl grub-pc-bin grub-common xorriso mtools lz4 binutils perl-base cpio gcc \
		libc6-dev
	# shellcheck disable=SC2016 # dpkg-query expands it
	version=$(dpkg-query -W -f '${Version}' bochs | tr -c 'A-Za-z0-9.+\n' _)
	tools=$( (echo "$version"; cat "$here"/lab.d/bochs*) | sha256sum | cut -c 1-16)
	tools=$(cache_dir lab)/bochs-$version-$tools || exit
	[ ! -e "$tools" ] || return 0
	lock lab-bochs
	if ! [ -e "$tools" ]; then
		new=$tools.new
		rm -rf "$new"
		mkdir "$new" || die "cannot make $new"
		mend_bochs /usr/bin/bochs-bin "$new/bochs" ||
			die "the code of this Bochs ($version) is not that of 2.7: scripts/lab.d/bochs.sh, mend_bochs"
		gcc -O2 -Wall -Wextra -o "$new/frames" "$here/lab.d/bochs-frames.c" &&
			gcc -O2 -Wall -Wextra -shared -fPIC -o "$new/same.so" "$here/lab.d/bochs-same.c" ||
			die "cannot compile what is in $here/lab.d"
		mv "$new" "$tools" || die "cannot make $tools"
	fi
	unlock
}

# make_cd FILES: the CD: the kernel, the base's archive, and FILES, which init sees as /files.cpio. GRUB takes 18 instructions
# for each byte of it, and the kernel less than two for each that LZ4 has saved.
make_cd() {
	local dir=$work/iso
	mkdir -p "$dir/boot/grub" && cp "$kernel" "$dir/boot/vmlinuz" && mv "$1" "$work/files.cpio" &&
		(cat "$base" && cd "$work" && echo files.cpio | cpio -o -H newc --quiet) | lz4 -l -q - "$dir/boot/initrd" ||
		die "cannot make $dir"
	cat >"$dir/boot/grub/grub.cfg" <<-GRUB
		set timeout=0
		linux /boot/vmlinuz $append
		initrd /boot/initrd
		boot
	GRUB
	grub-mkrescue --locales= --themes= --fonts= --install-modules="linux normal iso9660 biosdisk part_msdos" \
		-d /usr/lib/grub/i386-pc -o "$work/lab.iso" "$dir" >"$work/grub.log" 2>&1 ||
		{ tail -n 5 "$work/grub.log" >&2; die "cannot make the CD of the inner host"; }
}

# bochs_machine: sets `machine`, the command that runs the inner host. Sound, network and ports of the host: none (SDL's
# dummy driver opens no window, where the other displays want one, or listen). Without the lines for sound Bochs mixes it for
# ALSA, and where there is no such device it can end in a buffer overflow at once.
bochs_machine() {
	local megs=${mem%[MG]}
	[ "$mem" = "${mem%G}" ] || megs=$((megs * 1024))
	# The clock's rate is known, and to measure it takes a while; so do the self-tests of the crypto modules.
	append+=" lab_e9=1 tsc_early_khz=50000 cryptomgr.notests"
	make_cd "$work/files"
	cat >"$work/bochsrc" <<-BOCHS
		config_interface: textconfig
		display_library: sdl2
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		vga: update_freq=1, realtime=0
		megs: $megs
		cpu: model=${host_cpu:-broadwell_ult}, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
		clock: sync=none, time0=1700000000, rtc_sync=0
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path=lab.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=console
		port_e9_hack: enabled=1
		sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
		speaker: enabled=0
		log: bochs.log
		panic: action=fatal
		error: action=ignore
		info: action=report
		debug: action=ignore
	BOCHS
	# Debian's Bochs starts in its debugger: continue; then, at the machine's end, quit.
	printf 'c\nq\n' >"$work/bochs.go"
	# shellcheck disable=SC2016 # for the inner shell
	machine=(env -C "$work" SDL_VIDEODRIVER=dummy BXSHARE=/usr/share/bochs
		LTDL_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/bochs/plugins
		sh -c 'setpriv --pdeathsig KILL env LD_PRELOAD="$1/same.so" "$1/bochs" -q -f bochsrc -rc bochs.go </dev/null |
			setpriv --pdeathsig KILL "$1/frames" out err ctl.out back' sh "$tools")
}
