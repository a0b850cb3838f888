# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For the lab's tests with a hostile guest: source it, and give `suite` the words of storm_words, which
# tests/lab/inner/storm-lib.sh uses.

# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh

# storm_words: makes the guest and what its host needs, and sets `words`.
storm_words() {
	local passt
	passt=$(command -v passt) || {
		echo "passt is missing (apt-get install passt)"
		exit 77
	}
	sh tests/support/storm-cc.sh "$TEST_TMP/storm"
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/tap-launch" tests/support/tap-launch.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/sockcat" tests/support/sockcat.c
	gcc -Os -Wall -Wextra -Werror -static -s -o "$TEST_TMP/sockecho" tests/support/sockecho.c
	# shellcheck disable=SC2034 # for the caller
	words=(storm="$TEST_TMP/storm" launch="$TEST_TMP/tap-launch" sockcat="$TEST_TMP/sockcat"
		sockecho="$TEST_TMP/sockecho" passt="$passt"
		setpriv="$(command -v setpriv)")
}
