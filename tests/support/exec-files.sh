# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Commands natively and as programs of `vmm exec`, in two copies of one tree: for tests/integration/exec-files.test and
# exec-programs.test, which have sourced tap.sh. The commands are in tests/data/exec-commands.

umask 022
base=$TEST_TMP/base
mkdir -p "$base/a/b/c" "$base/empty" "$base/many"
printf 'one two\nthree\n1\n' >"$base/text"
printf 'b 2\na 1\nc 3\na 0\n' >"$base/a/pairs"
printf 'x,1\ny,2\nz,3\n' >"$base/a/b/table.csv"
seq 1 2000 >"$base/numbers"
head -c 300000 /dev/zero | tr '\000' 'q' >"$base/big"
printf '#!/bin/sh\n' >"$base/script"
chmod 755 "$base/script"
chmod 640 "$base/a/pairs"
ln -s ../text "$base/a/link"
ln -s nothing "$base/dangling"
ln -s /w/text "$base/absolute"
ln -s b "$base/a/to_b"
ln "$base/text" "$base/hard"
for i in 1 2 3 4 5 6 7 8 9 10; do echo "file $i" >"$base/many/f$i"; done
find "$base" -exec touch -h -d '2024-05-06 07:08:09' {} +

# The tree as text: names, types, modes, sizes, targets, contents
picture() {
	(cd "$1" && find . ! -type d -printf '%P %y %m %s %n %l\n' -o -printf '%P %y %m\n' | sort &&
		find . -type f | sort | xargs -r sha256sum)
}

# An absolute link is one of the guest's names: natively it would lead elsewhere, so that each side has a link of its own.
fresh() {
	rm -rf "$TEST_TMP/n" "$TEST_TMP/g"
	cp -a "$base" "$TEST_TMP/n"
	cp -a "$base" "$TEST_TMP/g"
	rm "$TEST_TMP/n/absolute" "$TEST_TMP/g/absolute"
}

# What `vmm exec` itself says is no part of the program's output: who ended it.
same_streams() {
	cmp "$TEST_TMP/want.out" "$TEST_TMP/out" && diff "$TEST_TMP/want.err" <(sed '/^vmm: /d' "$TEST_TMP/err")
}

same_trees() {
	picture "$TEST_TMP/n" >"$TEST_TMP/tree.n"
	picture "$TEST_TMP/g" >"$TEST_TMP/tree.g"
	diff "$TEST_TMP/tree.n" "$TEST_TMP/tree.g"
}

# both COMMAND ARG...: natively in one copy of the tree, and as a guest in the other, which has the same name there
both() {
	want=0
	(cd "$TEST_TMP/n" && exec env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/ LANG=C.UTF-8 "$@") <"$base/text" \
		>"$TEST_TMP/want.out" 2>"$TEST_TMP/want.err" || want=$?
	status=0
	"$VMM" exec --timeout 60s --system --tmp --rw "$TEST_TMP/g:$TEST_TMP/n" --cwd "$TEST_TMP/n" "$@" <"$base/text" \
		>"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	# shellcheck disable=SC2034 # conditions of tap.sh read both
	out=$(tr -d '\000' <"$TEST_TMP/out")
	# shellcheck disable=SC2034
	err=$(tr -d '\000' <"$TEST_TMP/err")
}

# is_same KIND: streams and status, and with "+" what has become of the tree
is_same() {
	[ "$status" = "$want" ] && same_streams && { [ "$1" = = ] || same_trees; }
}

differs() {
	! is_same "$1" >/dev/null
}

# run_commands daily|nightly: those of tests/data/exec-commands; their number is left in $count
run_commands() {
	local kind line program reason='' expected=is_same
	count=0
	while read -r kind line; do
		case $kind in
		nightly) [ "$1" = nightly ] || break ;;
		!) reason=": $line" expected=differs ;;
		= | +)
			eval "set -- $1 $line"
			program=$(type -P "$2") || {
				skip "$line" "no $2 here"
				continue
			}
			[ "$kind" = = ] || fresh
			# The shell says there that a signal has ended the command.
			both "$program" "${@:3}" 2>"$TEST_TMP/shell"
			count=$((count + 1))
			check "$line$reason" "$expected" "$kind"
			;;
		esac
	done <tests/data/exec-commands
}
