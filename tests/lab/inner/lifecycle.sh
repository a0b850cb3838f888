# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # conditions are called by name
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh

# rows_within RATIO: eight rows of the tables, and none with a higher ratio of ours to the floor's
rows_within() {
	printf '%s\n' "$out" | awk -v most="$1" '/^(guests share|each has|run again|memory |dirty pages only)/ { n++; high += $NF > most }
		/^ *200 +[0-9.]+ / { n++; high += $7 > most } END { exit !(n == 8 && !high) }'
}

# cheaper TIMES: the last line, "above a run without reset: clearing X us, dirty pages Y us, Z times less"
cheaper() {
	printf '%s\n' "$out" | awk -v least="$1" '/^above a run/ { found = $7 > 0 && $11 > 0 && $13 >= least } END { exit !found }'
}

# closed_within SECONDS
closed_within() {
	printf '%s\n' "$out" | awk -v most="$1" '/^closing all 200, 64 at a time, took / { found = $(NF - 1) <= most }
		END { exit !found }'
}

run "$VMM" bench lifecycle --count 20 --alive 200 --rounds 3
printf '%s\n' "$out" | sed -n 's/^\(above\|closing\)/# \1/p'
check "the benchmark" status_is 0
check "ours over the floor is at most 1.15 in each row" rows_within 1.15
check "resetting the dirty page of 4 MB is 10 times cheaper than clearing them" cheaper 10
# One after the other they take 12 ms each: three ticks of the inner host's clock.
check "200 guests are closed together, and not each after the other" closed_within 1.2
finish
