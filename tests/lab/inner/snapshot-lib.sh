# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2154,SC2317 # suites use what is set here; the files come as KEY=VALUE
#
# For the suites of snapshots: guests whose root is the disk of tests/support/lab-snapshot.sh, in an overlay.
#
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
cpus=${cpus:-1}
snaps=$TEST_TMP/snaps snap=$TEST_TMP/snaps/ready
mkdir "$snaps"

# snapshot ARG...: boots a guest with a disk in an overlay.
snapshot() {
	boot --kernel "$kernel" --initrd "$boot_root" --cpus "$cpus" --mem 192M --append quiet \
		--disk "path=$root,overlay" --debug-exit "$@"
}

# restored FILE INPUT [OPTION...]: what is typed into a restored guest, and its run as that of boot.
restored() {
	local file=$1 input=$2
	shift 2
	status=0
	# shellcheck disable=SC2086 # two words
	printf '%s\n' "$input" | sh -c 'echo $$ >"$0"; exec "$@"' "$TEST_TMP/pid" "$VMM" restore "$file" --timeout "$LIMIT" \
		$boot_sandbox "$@" >"$TEST_TMP/out" 2>"$TEST_TMP/err" || status=$?
	load_run
}

# only FILE...: there are these snapshots, and nothing else beside them
only() {
	[ "$(ls -A "$snaps")" = "$(printf '%s\n' "$@")" ]
}

# clock_went_on CPUS: nothing went back, on any CPU, and the time in which the guest did not exist was none for it.
clock_went_on() {
	printf '%s\n' "$out" | grep '^clock: ' | sed 's/^/# /'
	out_has "^clock: $1 CPUs, .* readings, 0 backwards, longest step [0-9]{1,4} ms\$"
}
