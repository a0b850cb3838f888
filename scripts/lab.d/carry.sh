# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/lab that carries files into the inner host and back, each at its own absolute path: a tree of links in $stage,
# packed into an archive that is a disk there. Sourced by scripts/lab, whose variables these functions use.
#
# "a && b || c" is meant as it is read.
# shellcheck disable=SC2154,SC2034,SC2015 # scripts/lab has the variables

# What is in the tree, by its name in the inner host.
declare -A carried=()

# place REAL NAME: puts REAL, to be read at packing, at the absolute NAME. The
# inner host has a merged /usr, whatever this one has.
place() {
	local name=$2
	case $name in
	/bin/* | /sbin/* | /lib/* | /lib64/*) name=/usr$name ;;
	esac
	mkdir -p "$stage${name%/*}" && ln -sfn "$1" "$stage$name" || die "cannot carry in $2"
}

# carry_libraries PROGRAM NAME: what ldd finds, and its interpreter; a script's interpreter.
carry_libraries() {
	local magic path line
	LC_ALL=C IFS= read -r -d '' -n 4 magic <"$1" 2>/dev/null
	case $magic in
	$'\x7fELF')
		while read -r path; do
			carry_file "$path" "$path"
		done < <(ldd "$1" 2>/dev/null | sed -n -e 's/.* => \(\/.*\) (0x.*/\1/p' -e 's/^[[:space:]]*\(\/.*\) (0x.*/\1/p')
		;;
	'#!'*)
		IFS= read -r line <"$1"
		line=${line#\#!}
		# shellcheck disable=SC2086 # the words of the line
		set -- $line
		case ${1:-} in
		*/env) path=$(type -P -- "${2:-}") || return 0 ;;
		*) path=${1:-} ;;
		esac
		case $path in
		'' | */sh | */busybox) ;;
		/*) [ ! -f "$path" ] || carry_file "$path" "$path" ;;
		esac
		;;
	esac
}

carry_file() {
	[ -z "${carried[$2]:-}" ] || return 0
	carried[$2]=yes
	[ -r "$1" ] || die "cannot read $1"
	place "$(realpath "$1")" "$2"
	case $1 in
	*.so | *.so.*) ;;
	*) [ ! -x "$1" ] || carry_libraries "$1" ;;
	esac
}

absolute() {
	case $1 in
	/*) printf '%s' "$1" ;;
	*) printf '%s' "$PWD/$1" ;;
	esac
}

# carry PATH: a file under the name it was given, made absolute. Directories
# that the name only passes through (a/../b) must be there too.
carry() {
	local name plain
	name=$(absolute "$1")
	case $name in
	/dev/* | /proc/* | /sys/*) return 0 ;;
	esac
	plain=$(realpath -ms "$name")
	[ "$plain" = "$name" ] || mkdir -p "$stage${name%/*}"
	carry_file "$name" "$plain"
}

carry_tree() {
	local name file
	name=$(realpath -s "$(absolute "$1")")
	if [ -f "$1" ]; then
		carry "$1"
		return
	fi
	[ -d "$1" ] || die "--file: '$1' is neither a file nor a directory"
	[ "$name" != / ] || die "--file: the whole root is too much"
	mkdir -p "$stage$name"
	(cd "$name" && find -L . -type d -print0 | (cd "$stage$name" && xargs -0 mkdir -p --)) 2>/dev/null
	while IFS= read -r -d '' file; do
		[ -z "${carried[$file]:-}" ] || continue
		if [ -x "$file" ]; then
			carry_file "$file" "$file"
		else
			carried[$file]=yes
			ln -sfn "$(realpath "$file")" "$stage$file"
		fi
	done < <(find -L "$name" -type f -print0)
}

carry_argument() {
	local piece
	[ ! -f "$1" ] || carry "$1"
	case $1 in
	*[=,]*) ;;
	*) return ;;
	esac
	local IFS=,
	set -f
	# shellcheck disable=SC2086 # split at commas
	set -- $1
	set +f
	for piece; do
		while :; do
			[ ! -f "$piece" ] || carry "$piece"
			case $piece in
			*=*) piece=${piece#*=} ;;
			*) break ;;
			esac
		done
	done
}

# pack DIR OUT: DIR with what its links point to.
pack() {
	(cd "$1" && find -L . -mindepth 1 \( -type d -o -type f \) | cpio -o -L -H newc -R 0:0 -C 1048576 --quiet) >"$2" 2>"$work/cpio.log" || {
		cat "$work/cpio.log" >&2
		die "cannot pack the files to carry in"
	}
	# A disk is whole sectors.
	truncate -s %512 "$2"
}

# carry_qemu: sets peer to an archive of the installed QEMU, its libraries and its firmware, made once for each version.
carry_qemu() {
	local dir file
	need_packages qemu-system-x86
	peer=$(cache_dir lab)/qemu-$(installed_qemu | tr -c 'A-Za-z0-9.+\n' _).cpio || exit
	[ ! -e "$peer" ] || return 0
	lock lab-qemu
	if ! [ -e "$peer" ]; then
		stage=$work/qemu carried=()
		carry_file /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64
		for dir in /usr/share/qemu /usr/share/seabios; do
			[ ! -d "$dir" ] || while IFS= read -r -d '' file; do
				case $file in
				*.bin | *.rom | *.img | *.dtb | */keymaps/*) place "$(realpath "$file")" "$file" ;;
				esac
			done < <(find -L "$dir" -type f -size -2M ! -name '*edk2*' ! -name '*skiboot*' ! -name '*u-boot*' -print0)
		done
		pack "$stage" "$work/peer"
		mv "$work/peer" "$peer.$$" && mv "$peer.$$" "$peer"
		stage=$work/root
	fi
	unlock
}

# out_path PATH: adds what --out names to outs, absolute; what could not be brought back is refused before anything runs.
out_path() {
	local name
	name=$(realpath -ms -- "$(absolute "$1")")
	case $name in
	/ | /dev | /dev/* | /proc | /proc/* | /sys | /sys/* | /lab | /lab/*) usage_error "--out: '$1' cannot be brought back" ;;
	esac
	[ -d "${name%/*}/" ] || usage_error "--out: there is no directory '${name%/*}' here to bring '${name##*/}' to"
	[ -w "${name%/*}/" ] || usage_error "--out: '${name%/*}' is a directory that you cannot write to"
	[ ${#outs[@]} -lt 64 ] || usage_error "--out: more than 64 of them"
	outs+=("$name")
}

# bring_back: what CMD left at the paths of --out, to the same paths here. Fails, with a line for each, where one is missing,
# cannot be written, or holds what is no file, directory or link.
bring_back() {
	local name from odd failed='' got=$work/got
	mkdir "$got" || return 1
	if [ -s "$work/back" ] && ! tar -C "$got" --no-same-owner -xf "$work/back" 2>"$work/tar.log"; then
		note "--out: not all of it came back whole: $(tail -n 1 "$work/tar.log")"
		failed=yes
	fi
	for name in "${outs[@]}"; do
		from=$got$name
		if ! [ -e "$from" ] && ! [ -L "$from" ]; then
			note "--out: CMD left nothing at $name"
			failed=yes
			continue
		fi
		while IFS= read -r -d '' odd; do
			note "--out: ${odd#"$got"} is no file, directory or link: it stays there"
			rm -f "$odd"
			failed=yes
		done < <(find "$from" ! -type f ! -type d ! -type l -print0)
		if [ -d "$from" ] && ! [ -L "$from" ]; then
			mkdir -p "$name" && cp -a "$from/." "$name/"
		elif [ -e "$from" ] || [ -L "$from" ]; then
			# Whole or not at all.
			cp -a "$from" "$name.lab.$$" && mv -fT "$name.lab.$$" "$name" || { rm -f "$name.lab.$$"; false; }
		fi || failed=yes
	done
	[ -z "$failed" ]
}
