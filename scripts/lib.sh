# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Helpers that the scripts share. Source it; it runs nothing by itself.
#
# The cache holds only what can be made again: Debian packages, kernels taken
# out of them, the lab's base image. Everything in it is written under another
# name and then renamed, and made under a lock, so that two scripts at once
# never see half a file. `rm -r` of the whole cache is always safe.

prog=${0##*/}

# die MESSAGE...: one line on stderr, exit 1. A script that must tell its own
# failures from those of what it runs sets die_status.
die() {
	printf '%s: %s\n' "$prog" "$*" >&2
	exit "${die_status:-1}"
}

# usage_error MESSAGE...: one line on stderr, exit 2.
usage_error() {
	printf "%s: %s (see '%s --help')\n" "$prog" "$*" "$prog" >&2
	exit 2
}

note() {
	printf '%s: %s\n' "$prog" "$*" >&2
}

# cache_dir [SUB]: prints the cache directory, made if it is not there.
cache_dir() {
	local dir
	if [ -n "${VMM_CACHE:-}" ]; then
		dir=$VMM_CACHE
	elif [ -n "${XDG_CACHE_HOME:-}" ]; then
		dir=$XDG_CACHE_HOME/vmm
	elif [ -n "${HOME:-}" ]; then
		dir=$HOME/.cache/vmm
	else
		die "no cache directory: set VMM_CACHE, XDG_CACHE_HOME or HOME"
	fi
	case $dir in
	/*) ;;
	*) dir=$PWD/$dir ;;
	esac
	dir=$dir${1:+/$1}
	mkdir -p "$dir" || die "cannot make the cache directory $dir"
	printf '%s\n' "$dir"
}

# Temporary files and directories, removed when the script ends. Add to it, not
# from a subshell.
scratch=()
remove_scratch() {
	[ ${#scratch[@]} = 0 ] || rm -rf "${scratch[@]}"
}

# lock NAME: holds the cache's lock NAME until the script ends or unlock.
# One lock at a time. Children must not keep it: start them with
# {lock_fd}>&- where they may outlive the script.
lock_fd=
lock() {
	local file
	file=$(cache_dir locks)/${1//[^A-Za-z0-9._+-]/_} || exit
	exec {lock_fd}>"$file" || die "cannot open the lock $file"
	if ! flock -n "$lock_fd"; then
		note "waiting for another run that holds $file"
		flock "$lock_fd" || die "cannot lock $file"
	fi
}

unlock() {
	[ -z "$lock_fd" ] || exec {lock_fd}>&-
	lock_fd=
}

# as_root CMD...: runs CMD as root, by sudo when we are not root.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		return 125
	fi
}

# apt_quiet CMD...: apt's chatter is shown only when it fails, and never on
# stdout, which belongs to the script's result.
apt_quiet() {
	local log status=0
	log=$(mktemp) || die "cannot make a temporary file"
	"$@" >"$log" 2>&1 || status=$?
	[ "$status" = 0 ] || tail -n 20 "$log" >&2
	rm -f "$log"
	return "$status"
}

# need_packages NAME...: installs the Debian packages that are missing; with VMM_NO_INSTALL it is an error that names them.
need_packages() {
	local missing=() name
	for name; do
		# shellcheck disable=SC2016 # dpkg-query expands it
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ -z "${VMM_NO_INSTALL:-}" ] || die "nothing is to be installed, and packages are missing: ${missing[*]}"
	command -v apt-get >/dev/null 2>&1 ||
		die "this needs Debian's packages ${missing[*]}; there is no apt-get here, install them by hand"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 ||
		die "packages are missing: as root, run: apt-get install ${missing[*]}"
	note "installing ${missing[*]}"
	local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600)
	if ! apt_quiet as_root "${get[@]}" install --no-install-recommends "${missing[@]}" 2>/dev/null; then
		# The lists may be old or missing.
		apt_quiet as_root "${get[@]}" update || die "apt-get update failed"
		apt_quiet as_root "${get[@]}" install --no-install-recommends "${missing[@]}" ||
			die "cannot install ${missing[*]}"
	fi
}

# other_suite SUITE...: from here on apt_query, apt_update_once and unpack_package speak of other suites of Debian's, with
# lists of our own in the cache, which need no root. The mirror is the one that this machine uses. Of two that have a
# package the last is preferred.
apt_config=
other_suite() {
	local dir mirror suite
	dir=$(cache_dir "apt/$(IFS=+; echo "$*")") || exit
	# shellcheck disable=SC2016 # apt expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | head -n 1)
	[ -n "$mirror" ] || die "apt knows no mirror of Debian"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	for suite; do
		printf 'deb %s%s %s main\n' "$([ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
			echo '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ')" "$mirror" "$suite"
	done >"$dir/sources.list"
	# Nothing is installed there. A file of ours and not /dev/null: apt locks beside it, which no user may do in /dev.
	: >"$dir/status"
	# A mirror that stands still is signed all the same.
	cat >"$dir/apt.conf" <<-END
		Dir::State::Lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir/cache";
		Dir::Etc::SourceList "$dir/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		APT::Sandbox::User "root";
		APT::Default-Release "${!#}";
	END
	apt_config=$dir/apt.conf
}

# apt_query CMD...: apt-cache, of the suite that is asked.
apt_query() {
	if [ -n "$apt_config" ]; then
		APT_CONFIG=$apt_config apt-cache "$@"
	else
		apt-cache "$@"
	fi
}

# apt_update_once: refreshes the package lists, once in a run.
apt_updated=
apt_update_once() {
	[ -z "$apt_updated" ] || return 1
	apt_updated=yes
	note "refreshing apt's package lists"
	if [ -n "$apt_config" ]; then
		apt_quiet env APT_CONFIG="$apt_config" apt-get -q update
	else
		apt_quiet as_root apt-get -q -o DPkg::Lock::Timeout=600 update
	fi
}

# download_package PACKAGE VERSION DIR: fetches the package, a file *.deb, into DIR.
download_package() {
	# apt warns when its own user cannot write here; it matters to nobody.
	(cd "$3" && apt_quiet env ${apt_config:+APT_CONFIG="$apt_config"} \
		apt-get -q -o APT::Sandbox::User=root download "$1=$2")
}

# unpack_package PACKAGE VERSION DIR: fetches the package by apt-get download
# and unpacks it, without installing it, into DIR, which must not exist.
unpack_package() {
	local tmp
	tmp=$(mktemp -d "$(cache_dir)/tmp.XXXXXX") || die "cannot make a temporary directory"
	scratch+=("$tmp")
	if ! download_package "$1" "$2" "$tmp"; then
		rm -rf "$tmp"
		return 1
	fi
	if ! dpkg-deb -x "$tmp"/*.deb "$tmp/root" || ! mkdir -p "${3%/*}" || ! mv -T "$tmp/root" "$3"; then
		rm -rf "$tmp"
		die "cannot unpack $1 into $3"
	fi
	rm -rf "$tmp"
}

# unpack_tree DIR PACKAGE...: the packages and all that they depend on, of the suite that other_suite chose, fetched and
# unpacked into DIR, which must not exist: the files of a system of its own. Nothing is installed or configured, and it
# needs no root. Fails when apt lacks one or cannot fetch it.
unpack_tree() {
	local tmp deb
	tmp=$(mktemp -d "$(cache_dir)/tmp.XXXXXX") || die "cannot make a temporary directory"
	scratch+=("$tmp")
	mkdir -p "$tmp/archives/partial" "$tmp/root"
	if ! apt_quiet env APT_CONFIG="$apt_config" apt-get -q -y --no-install-recommends --download-only \
		-o Dir::Cache::archives="$tmp/archives" install "${@:2}"; then
		rm -rf "$tmp"
		return 1
	fi
	for deb in "$tmp"/archives/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root" || die "cannot unpack ${deb##*/}"
	done
	if ! mkdir -p "${1%/*}" || ! mv -T "$tmp/root" "$1"; then
		die "cannot make $1"
	fi
	rm -rf "$tmp"
}

# axis_names FIELD REGEX: the kernels of tests/data/kernels whose field guest or host matches, one a line.
axis_names() {
	awk -v field="$1" -v regex="^($2)\$" '!/^#/ && NF == 6 && $(field == "guest" ? 5 : 6) ~ regex { print $1 }' \
		"$(dirname "${BASH_SOURCE[0]}")/../tests/data/kernels"
}

# plain_module FILE DIR: a copy of a kernel module in DIR, decompressed, since init hands its bytes to the kernel as they
# are. Sets module_name to the copy's name; an existing one stays.
plain_module() {
	local tool=cat package=
	module_name=${1##*/}
	case $module_name in
	*.xz) tool='xz -dc' package=xz-utils module_name=${module_name%.xz} ;;
	*.zst) tool='zstd -dcq' package=zstd module_name=${module_name%.zst} ;;
	*.gz) tool='gzip -dc' module_name=${module_name%.gz} ;;
	esac
	[ ! -e "$2/$module_name" ] || return 0
	[ -z "$package" ] || command -v "${tool%% *}" >/dev/null 2>&1 || need_packages "$package"
	$tool "$1" >"$2/$module_name" || die "cannot unpack the module $1"
}

# What a build of vmm needs, as Debian packages.
build_packages=(gcc meson ninja-build pkg-config libc6-dev linux-libc-dev zlib1g-dev libinih-dev libseccomp-dev)

# build_vmm: builds vmm in build/ of this tree, setting it up and installing what is missing first, and prints the
# binary's path. Two at once wait for each other.
build_vmm() {
	local root build log
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
	build=$root/build
	need_packages "${build_packages[@]}"
	# Called as $(build_vmm), so that the list in `scratch` is out of reach: the log goes by hand.
	log=$(mktemp) || die "cannot make a temporary file"
	lock "build-$(printf %s "$build" | cksum | tr ' ' -)"
	[ -e "$build/build.ninja" ] || meson setup "$build" "$root" >"$log" 2>&1 {lock_fd}>&- ||
		{ tail -n 20 "$log" >&2; rm -f "$log"; die "meson setup failed"; }
	ninja -C "$build" cmd/vmm >"$log" 2>&1 {lock_fd}>&- ||
		{ tail -n 20 "$log" >&2; rm -f "$log"; die "the build failed (ninja -C $build)"; }
	rm -f "$log"
	unlock
	printf '%s\n' "$build/cmd/vmm"
}
