# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; the kernel comes as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# Every suite that the plan in the second line counts has its result, and none is "not ok".
ktap_is_whole() {
	local plan
	plan=$(printf '%s\n' "$out" | sed -n '/^\(K\)\{0,1\}TAP version/,$s/^1\.\.\([0-9]*\)$/\1/p' | head -n 1)
	[ -n "$plan" ] && out_has "^ok $plan " && ! out_has '^ *not ok ' &&
		[ "$(printf '%s\n' "$out" | grep -c '^ok [0-9]')" = "$plan" ]
}

boot --kernel "$kernel" --append kunit_shutdown=reboot
check "KUnit's default kernel prints its KTAP and reboots" all_of status_is 32 -- ktap_is_whole -- \
	out_has '^ok [0-9]+ (- )?example$'
check "it knows the TSC's rate" out_has 'tsc: Detected [1-9][0-9.]+ MHz'
finish
