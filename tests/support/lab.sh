# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests/lab/*.test whose checks run inside the lab: source it, make what the guests need, and end with `suite`.

# guest_root OUT [ARG...]: an initramfs that runs tests/lab/inner/guest.sh; ARG as for scripts/initramfs.
guest_root() {
	local out=$1
	shift
	scripts/initramfs --no-drivers --run 'sh /guest.sh' "$out" tests/lab/inner/guest.sh:/guest.sh "$@" || exit
}

# legacy_root OUT [ARG...]: one that runs tests/lab/inner/legacy-guest.sh.
legacy_root() {
	local out=$1
	shift
	scripts/initramfs --no-drivers --run 'sh /guest.sh' "$out" tests/lab/inner/legacy-guest.sh:/guest.sh "$@" || exit
}

# kernel_of ARG...: prints the path of a kernel, or ends the test: a command substitution alone would go on without.
kernel_of() {
	scripts/kernel "$@" || kill -TERM $$
}

# several CMD...: CMD runs suites one after the other; prints their output, with one plan for all of them at the end.
several() {
	"$@" | awk '
		/^1[.][.][0-9]+$/ { next }
		/^(not )?ok / { n++ }
		{ print; fflush() }
		END { print "1.." n + 0 }'
	return "${PIPESTATUS[0]}"
}

# named WHAT CMD...: CMD prints TAP; each result gets WHAT in front, and the plan is left out. Return: CMD's status.
named() {
	local what=$1 ended=0
	shift
	("$@") >"$TEST_TMP/out" || ended=$?
	sed "s/^\\(not \\)\\?ok - /\\1ok - $what: /; /^1\\.\\./d" "$TEST_TMP/out"
	# The suite that ended before it could report what is wrong.
	[ "$ended" = 0 ] || grep -q '^not ok' "$TEST_TMP/out" || echo "not ok - $what: ended with status $ended"
	return "$ended"
}

# axis_of FIELD REGEX: as axis_names of scripts/lib.sh.
axis_of() {
	(
		# shellcheck source=scripts/lib.sh
		. scripts/lib.sh
		axis_names "$@"
	)
}

# axis_guests NAME...: kernels of tests/data/kernels as arguments of `suite`, one a line: axis= with their names, and elf1=,
# bz1=, elf2=, ... with their files.
axis_guests() {
	local name nr=0
	printf 'axis=%s\n' "$*"
	for name; do
		nr=$((nr + 1))
		printf 'elf%s=%s\n' "$nr" "$(kernel_of --axis "$name" --format vmlinux)"
		printf 'bz%s=%s\n' "$nr" "$(kernel_of --axis "$name" --format bzimage)"
	done
}

# modules_of DIR: what `vmm --root` reads of lib/modules/RELEASE, as options of scripts/lab, a word a line.
modules_of() {
	local name
	printf '%s\n' --file "$1/modules.dep" --file "$1/modules.builtin"
	for name in virtio_mmio virtio_console virtiofs fuse overlay virtio virtio_ring; do
		find "$1" -name "$name.ko*" -printf '--file\n%p\n'
	done
}

# file_of PACKAGE PATH: prints the path of a file out of a Debian package, which is unpacked into the cache, or ends the
# test, as kernel_of does.
file_of() {
	(
		# shellcheck source=scripts/lib.sh
		. scripts/lib.sh
		dir=$(cache_dir packages)/$1 version=$(apt-cache show --no-all-versions "$1" | sed -n 's/^Version: //p' | head -n 1)
		lock "package-$1"
		[ -e "$dir/$2" ] || unpack_package "$1" "$version" "$dir"
		[ -e "$dir/$2" ] && printf '%s\n' "$dir/$2"
	) || kill -TERM $$
}

# tree_of SUITE PACKAGE PATH: the same of another suite, with all that the package depends on beside it: a root for its own
# loader.
tree_of() {
	(
		# shellcheck source=scripts/lib.sh
		. scripts/lib.sh
		trap remove_scratch EXIT
		dir=$(cache_dir packages)/$1-$2
		lock "package-$1-$2"
		if ! [ -e "$dir/$3" ]; then
			other_suite "$1"
			unpack_tree "$dir" "$2" || { apt_update_once && unpack_tree "$dir" "$2"; }
		fi
		[ -e "$dir/$3" ] && printf '%s\n' "$dir/$3"
	) || kill -TERM $$
}

# suite NAME [LAB-OPTION...] -- KEY=VALUE...: runs tests/lab/inner/NAME.sh in the lab, which prints the TAP and sees
# each KEY as a variable. A VALUE that names a file is carried in. Ends the test.
#
# Now and then an inner host spins for ever in QEMU's emulated SVM, and the lab ends it, or QEMU itself ends. Then, and only
# if all was well up to there and the inner kernel complained of nothing, the suite is started once more, which a line of
# the TAP tells.
suite() {
	local name=$1 options=() status=0 out=$TEST_TMP/suite.out err=$TEST_TMP/suite.err
	local lost='it is spinning|the inner host ended by itself' complaint='Kernel panic|BUG:|Oops:|WARNING:'
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	for attempt in 1 2; do
		status=0
		"$LAB" --no-stdin --file tests/support/tap.sh --file tests/lab/inner --file configs "${options[@]}" -- \
			sh "tests/lab/inner/$name.sh" "$@" >"$out" 2>"$err" || status=$?
		if [ "$attempt" = 1 ] && [ "$status" = 125 ] && grep -qE "$lost" "$err" && ! grep -q '^not ok' "$out" &&
			! grep -qE "$complaint" "$err"; then
			echo "# attempt 1 of 2: $(grep -E "$lost" "$err" | tail -n 1), after $(grep -c '^ok' "$out") tests"
			continue
		fi
		break
	done
	cat "$out"
	cat "$err" >&2
	exit "$status"
}
