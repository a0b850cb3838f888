# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/kernel can do in vmm's source tree only: build kernels, and know the tests' names of Debian's. It sources
# this file where it is there; it is not installed.
#
# shellcheck disable=SC2154,SC2034 # scripts/kernel has the variables

tree_usage() {
	cat <<'END'

In vmm's source tree, as scripts/kernel, also
  --format tiny              the tiny kernel: ELF with symbols
           tiny-gz            the same, compressed by gzip
           tiny-bzimage-gzip  the same tree as a bzImage with a gzip payload
           tiny-bzimage-zstd  the same tree as a bzImage with a ZSTD payload
           kunit              KUnit's own kernel, which prints KTAP and needs no
                              initrd: a bzImage with the configuration that
                              tools/testing/kunit/kunit.py makes for x86_64
  --axis NAME                flavour, version and suite of the line NAME in
                             tests/data/kernels: 5.10, 6.1, 6.1-rt, 6.12, ...
The tiny kernel is built once from Debian's linux-source package with
configs/guest-x86_64.config, KUnit's from the same package; for these two
--flavour has no meaning.
END
}

# on_axis NAME: sets suite, version and flavour as tests/data/kernels has them. This machine's own suite is asked as apt has
# it, with its security updates.
on_axis() {
	local file=$here/../tests/data/kernels own
	read -r suite version flavour < <(awk -v n="$1" '$1 == n { print $2, $3, $4 }' "$file") ||
		usage_error "--axis: no kernel '$1' in tests/data/kernels (there are: $(axis_names guest '.*' | paste -sd' '))"
	own=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
	[ "$suite" != "$own" ] || suite=
}

# check_config CONFIG: every line of the fragment must have survived; the
# kernel drops silently what its dependencies do not allow.
check_config() {
	local line name got bad=0
	while IFS= read -r line; do
		case $line in
		CONFIG_*=*)
			name=${line%%=*}
			grep -qxF -- "$line" "$1" && continue
			;;
		'# CONFIG_'*' is not set')
			name=${line#\# } name=${name%% *}
			grep -q "^$name=" "$1" || continue
			;;
		*) continue ;;
		esac
		got=$(grep -E "^$name=|^# $name is not set" "$1" || echo 'nothing')
		note "${fragment#"$here/../"}: asked for '$line', got '$got'"
		bad=1
	done <"$fragment"
	[ "$bad" = 0 ] || die "the kernel's own rules dropped what the lines above ask for"
}

# find_source: sets base and source to the name and version of the linux-source package; fails when apt has none.
find_source() {
	base=$(printf '%s' "$version" | cut -d. -f1,2)
	case $version in
	'' | newest)
		base=$(apt_query pkgnames linux-source- | sed -n 's/^linux-source-\([0-9]*\.[0-9]*\)$/\1/p' | sort -V | tail -n 1)
		[ -n "$version" ] || ! version_of linux-source-6.1 >/dev/null || base=6.1
		;;
	*.*.*)
		source=$version
		return
		;;
	esac
	[ -n "$base" ] && source=$(version_of "linux-source-$base")
}

# from_source KIND: tiny or kunit. One build of the tiny kernel makes all four containers, so that they are the same kernel.
from_source() {
	fragment=$here/../configs/guest-x86_64.config
	local kind=$1 base file source
	[ -e "$fragment" ] || die "$fragment is missing"
	# The version is asked of apt only when there is no kernel for this
	# configuration yet: a cached one works offline.
	local sum
	sum=$( (
		[ "$kind" != tiny ] || { cat "$fragment"; sed -n '/^acpi_without_pci()/,/^}/p' "$here/kernel.d/tree.sh"; }
		sed -n "/^build_$kind()/,/^}/p" "$here/kernel.d/tree.sh"
	) | sha256sum | cut -c 1-16)
	local link=$cache/$kind/${suite:+$suite-}${version:-default}-$sum
	if [ -n "$update" ] || ! [ -e "$link/ready" ]; then
		lock "$kind"
		[ -z "$suite" ] || other_suite "$suite"
		if [ -n "$update" ] || ! [ -e "$link/ready" ]; then
			command -v apt-get >/dev/null 2>&1 || die "there is no apt-get here: the source comes from Debian's linux-source"
			find_source || { apt_update_once && find_source; } || die "apt offers no linux-source${version:+-$version}"
			build_source "$kind" "$base" "$source" "$cache/$kind/$source-$sum"
			[ "$source-$sum" = "${link##*/}" ] || ln -sfnT "$source-$sum" "$link"
		fi
		unlock
	fi
	link=$(readlink -f "$link")
	case $want:$format in
	config:*) file=config ;;
	modules:*) die "the $kind kernel has no modules" ;;
	*:tiny) file=vmlinux ;;
	*:tiny-gz) file=vmlinux.gz ;;
	*:tiny-bzimage-gzip) file=bzImage-gzip ;;
	*:tiny-bzimage-zstd) file=bzImage-zstd ;;
	*:kunit) file=bzImage ;;
	esac
	printf '%s\n' "$link/$file"
}

# acpi_without_pci SOURCE: ACPI in kernels without PCI fails as a whole up to
# at least 6.1: it installs a default handler for PCI configuration space, which
# was not compiled in. Later kernels leave it out; so do we.
acpi_without_pci() {
	local list=$1/drivers/acpi/acpica/evhandler.c count=$1/include/acpi/acconfig.h
	! grep -B1 '^[[:space:]]ACPI_ADR_SPACE_PCI_CONFIG,$' "$list" | grep -q '^#if' || return 0
	sed -i '/^[[:space:]]ACPI_ADR_SPACE_PCI_CONFIG,$/d' "$list" &&
		sed -i 's/^\(#define ACPI_NUM_DEFAULT_SPACES[[:space:]]*\)4$/\13/' "$count" &&
		grep -q '^#define ACPI_NUM_DEFAULT_SPACES[[:space:]]*3$' "$count"
}

# build_source KIND BASE SOURCE_VERSION DIR: unpacks the source into $src, has build_KIND make what belongs into DIR.
build_source() {
	[ ! -e "$4/ready" ] || return 0
	need_packages gcc make bc bison flex libelf-dev xz-utils zstd gzip binutils
	local tmp src out ready log=$4.log
	tmp=$(mktemp -d "$cache/tmp.XXXXXX")
	scratch+=("$tmp")
	note "fetching linux-source-$2 $3"
	unpack_package "linux-source-$2" "$3" "$tmp/package" ||
		{ apt_update_once && unpack_package "linux-source-$2" "$3" "$tmp/package"; } ||
		die "cannot download linux-source-$2 $3"
	note "building the $1 kernel, some minutes (log: $log)"
	mkdir -p "$cache/$1"
	rm -rf "$4"
	src=$tmp/src out=$tmp/out ready=$tmp/ready
	mkdir "$src" "$out" "$ready"
	# Fixed names keep the result the same for the same source and compiler.
	local make=(nice -n 5 make -s -C "$src" O="$out" -j "$(nproc)" ARCH=x86_64
		KBUILD_BUILD_USER=vmm KBUILD_BUILD_HOST=localhost KBUILD_BUILD_TIMESTAMP=1970-01-01)
	tar -xf "$tmp"/package/usr/src/linux-source-*.tar.xz -C "$src" --strip-components=1 >"$log" 2>&1 ||
		die "the kernel's source cannot be unpacked: see $log"
	"build_$1"
	touch "$ready/ready"
	mv -T "$ready" "$4"
	rm -rf "$tmp" "$log"
}

# What follows runs in build_source and uses its variables.

build_tiny() {
	{
		acpi_without_pci "$src" &&
			"${make[@]}" KCONFIG_ALLCONFIG="$fragment" allnoconfig
	} >>"$log" 2>&1 || die "the kernel's configuration failed: see $log"
	check_config "$out/.config"
	local kind
	for kind in gzip zstd; do
		{
			"$src/scripts/config" --file "$out/.config" -d KERNEL_GZIP -d KERNEL_ZSTD -e "KERNEL_${kind^^}" &&
				"${make[@]}" olddefconfig && "${make[@]}" bzImage &&
				cp "$out/arch/x86/boot/bzImage" "$ready/bzImage-$kind"
		} >>"$log" 2>&1 || die "the kernel's build failed: see $log"
		[ "$kind" = gzip ] || continue
		cp "$out/vmlinux" "$out/.config" "$ready/"
	done
	mv "$ready/.config" "$ready/config"
	gzip -9nc "$ready/vmlinux" >"$ready/vmlinux.gz"
	# As in extract().
	fallocate --dig-holes "$ready/vmlinux" 2>/dev/null || true
}

# What `kunit.py run --arch=x86_64` configures: KUnit's default choice of tests and the serial console, everything else as
# Kconfig has it. There is no kvm-clock in it, no SMP and no PCI.
build_kunit() {
	{
		cp "$src/tools/testing/kunit/configs/default.config" "$out/.config" &&
			printf '%s\n' CONFIG_SERIAL_8250=y CONFIG_SERIAL_8250_CONSOLE=y >>"$out/.config" &&
			"${make[@]}" olddefconfig && grep -qx CONFIG_KUNIT_EXAMPLE_TEST=y "$out/.config" &&
			"${make[@]}" bzImage && cp "$out/arch/x86/boot/bzImage" "$ready/" && cp "$out/.config" "$ready/config"
	} >>"$log" 2>&1 || die "the kernel's build failed: see $log"
}
