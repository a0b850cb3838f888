#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh gcc|clang|static...
#
# The Install block of README.md, to the letter, in a copy of the tree: `gcc` with cmocka, so that the tests are built as
# well, `clang` without it, and `static` with the words that leave shared libraries out. No compiler may warn: warnings
# are errors in scripts/test only, and this is how they show at other levels of optimization. Prints TAP; needs TEST_TMP
# and runs at the root of the tree.
#
# Conditions are called by name; the backtick is the README's.
# shellcheck disable=SC2317,SC2016
set -u
# shellcheck source=tests/support/tap.sh
. tests/support/tap.sh

# section: what the README says under Install, up to the next heading.
section() {
	awk '/^## / { on = $2 == "Install" } on' README.md
}

block=$(section | sed -n 's/^    //p')
static=$(section | tr '\n' ' ' | grep -oP '`\K-Dprefer_static[^`]*')
check "the README says how to build and install" test -n "$block"
check "and how to build without shared libraries" test -n "$static"

# source_tree DIR: a copy of the tree as a clone has it.
source_tree() {
	mkdir -p "$1" && git -c safe.directory='*' ls-files -z | tar -c --null --ignore-failed-read -T - | tar -x -C "$1"
}

# install NAME BLOCK [VARIABLE=VALUE...]: runs the block in a copy of the tree, as a user's shell would.
install() {
	local name=$1 block=$2
	shift 2
	source_tree "$TEST_TMP/$name" || return
	run env -C "$TEST_TMP/$name" -u CFLAGS -u LDFLAGS "DESTDIR=$TEST_TMP/$name.dest" "$@" bash -c "$block"
	dest=$(find "$TEST_TMP/$name.dest" -type f 2>/dev/null)
	vmm=$(printf '%s\n' "$dest" | grep '/bin/vmm$')
	printf '# %s: %s bytes stripped\n' "$name" "$(strip -o "$TEST_TMP/stripped" "$vmm" && stat -c %s "$TEST_TMP/stripped")"
}

installed() {
	printf '%s\n' "$dest" | grep -qE -- "$1"
}

# The C library's own note on a static program that looks up groups is the linker's, about its own archive.
no_warning() {
	! printf '%s\n%s\n' "$out" "$err" | grep -E 'warning:' | grep -v 'in statically linked applications requires'
}

# whole WHAT: the last install left a vmm that runs, and what belongs to it.
whole() {
	check "$1: builds and installs" status_is 0
	check "$1: no warning" no_warning
	check "$1: manual pages, completion, licence" all_of installed '/man/man1/vmm\.1$' -- installed '/man/man5/vmm\.conf\.5$' -- \
		installed '/completions/vmm$' -- installed '/site-functions/_vmm$' -- installed '/vmm\.fish$' -- installed '/doc/vmm/LICENSE$'
	check "$1: the scripts behind commands, and the guest's programs" all_of installed '/libexec/vmm/initramfs$' -- \
		installed '/libexec/vmm/kernel$' -- installed '/libexec/vmm/guest/init$' -- installed '/libexec/vmm/guest/vmm-exit$' -- \
		installed '/libexec/vmm/guest/vmm-mark$'
	run "$vmm" --version
	check "$1: the program runs" all_of status_is 0 -- out_has '^vmm [0-9]'
}

# built_as DIR: the options of a build, one a line.
built_as() {
	meson introspect --buildoptions "$1" | sed 's/}, {/}\n{/g'
}

# After scripts/quickstart, whose build is in build/ and of another type.
by_gcc() {
	install gcc "meson setup build && $block" CC=gcc
	whole "gcc, with cmocka"
	check "gcc, with cmocka: it is a release, and the quickstart's build is not" all_of \
		grep -q '"buildtype".*"value": "release"' <(built_as "$TEST_TMP/gcc/build-release") -- \
		grep -q '"buildtype".*"value": "debugoptimized"' <(built_as "$TEST_TMP/gcc/build")
	check "gcc, with cmocka: the tests are there" test -x "$TEST_TMP/gcc/build-release/tests/unit/boot/test-boot-elf"
}

by_clang() {
	# A directory of pkg-config files without cmocka's, and nothing else to find it by.
	local pc=$TEST_TMP/pkgconfig dir
	mkdir "$pc"
	pkg-config --variable pc_path pkg-config | tr ':' '\n' | while read -r dir; do
		find -L "$dir" -maxdepth 1 -name '*.pc' ! -name 'cmocka*' -exec ln -sf -t "$pc" {} + 2>/dev/null
	done
	install clang "$block" CC=clang PKG_CONFIG_LIBDIR="$pc"
	whole "clang, without cmocka"
	check "clang, without cmocka: there are no tests" test ! -e "$TEST_TMP/clang/build-release/tests/unit"
}

# With cmocka again, which is a shared library: the tests cannot be linked then, and vmm can.
by_static() {
	install static "${block/meson setup /meson setup $static }" CC=gcc
	whole "without shared libraries"
	run readelf -l "$vmm"
	check "without shared libraries: no interpreter" all_of status_is 0 -- out_has 'LOAD' -- test "${out##*INTERP*}"
}

for how; do
	"by_$how"
done
finish
