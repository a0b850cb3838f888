# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The jobs of scripts/test, which sources it: job_NAME for each row of its table. A job runs at the root of the tree, prints
# its log, and adds to the file $counts what scripts/test.d/count.py says: `N passed, ...`, `FAILED what`, `SKIPPED what: why`.
#
# Jobs are called by their names in the table; meson's options have commas.
# shellcheck disable=SC2154,SC2317,SC2054 # scripts/test has the variables

# scripts/mutate reads these and build_options as well.
export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export LSAN_OPTIONS=print_suppressions=0

# build_options NAME: sets cc and args to the compiler and meson's options of build-NAME.
build_options() {
	cc=gcc args=()
	case $1 in
	gcc) ;;
	clang) cc=clang ;;
	asan) args=(-Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all) ;;
	tsan)
		cc=clang
		args=(-Db_sanitize=thread -Db_lundef=false)
		;;
	esac
}

# build NAME: configures build-NAME when it is not, or not as today's table says, and builds it.
build() {
	local dir=$top/build-$1 cc args
	build_options "$1"
	if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.setup" 2>/dev/null)" != "$cc --werror ${args[*]-}" ]; then
		rm -rf "$dir"
		# Warnings are errors here and nowhere else: a compiler that is newer than ours must not keep anyone from a build.
		CC=$cc meson setup "$dir" "$top" --werror -Dtests=enabled ${args[@]+"${args[@]}"} || return
		printf '%s\n' "$cc --werror ${args[*]-}" >"$dir/.setup"
	fi
	# Quiet and to the end: the log has the errors and nothing else.
	ninja --quiet -k 0 -C "$dir"
}

# meson_tests NAME [ARG...]: builds, runs the tests that meson knows, and counts them.
meson_tests() {
	local dir=$top/build-$1 status=0 kvm=() runner=(env)
	case $1 in asan | tsan) runner+=(${wrap[@]+"${wrap[@]}"}) ;; esac
	if ! build "$1"; then
		echo "FAILED build-$1 does not build" >>"$counts"
		return 1
	fi
	# Tests of suite kvm need /dev/kvm; tests/lab/unit-kvm.test runs them in the lab on every machine.
	if [ ! -w /dev/kvm ]; then
		echo "no /dev/kvm here: suite kvm is left to tests/lab/unit-kvm.test"
		kvm=(--no-suite kvm)
	fi
	rm -f "$dir/meson-logs/testlog.json"
	"${runner[@]}" meson test -C "$dir" --no-rebuild --print-errorlogs ${kvm[@]+"${kvm[@]}"} "${@:2}" || status=$?
	if ! python3 scripts/test.d/count.py meson "$dir/meson-logs/testlog.json" >>"$counts"; then
		echo "FAILED build-$1: meson test ended with $status and left no results" >>"$counts"
		return 1
	fi
	return $status
}

job_gcc() {
	need_packages gcc
	meson_tests gcc
}

job_clang() {
	need_packages clang
	meson_tests clang
}

job_asan() {
	need_packages gcc
	meson_tests asan
}

job_tsan() {
	need_packages clang libclang-rt-dev llvm
	meson_tests tsan --suite unit --suite kvm -t 3
}

# tap_of NAME CMD...: runs a program that prints TAP, shows it and counts it.
tap_of() {
	local name=$1 status=0
	shift
	"$@" >"$tmp/$name.tap" || status=$?
	cat "$tmp/$name.tap"
	python3 scripts/test.d/count.py tap "$name" "$status" "$tmp/$name.tap" "$tmp/$name.tap" >>"$counts"
	return $status
}

# install_by HOW...: what scripts/test.d/install.sh says of these.
install_by() {
	mkdir -p "$tmp/install"
	TEST_TMP=$tmp/install tap_of install scripts/test.d/install.sh "$@"
}

job_install() {
	install_by gcc
}

job_install-more() {
	need_packages clang
	install_by clang static
}

job_lint() {
	tap_of lint scripts/lint --quick
}

job_tidy() {
	tap_of tidy scripts/lint tidy
}

job_fuzz() {
	local status=0
	if [ -z "$cells_only" ]; then
		tap_of fuzz scripts/fuzz --seconds 3 || status=$?
	fi
	rm -rf "$tmp/files"
	start_cells fuzz
	end_files || status=$?
	return $status
}

# command_of CELL: sets command to what runs a cell of the matrix (tests/data/matrix).
command_of() {
	IFS=/ read -r -a command <<<"$1"
	case $1 in
	lab/* | integration/*) command=("tests/${command[0]}/${command[1]}.test" "${command[@]:2}") ;;
	# What saves and restores devices drives them as well, but is not about that.
	fuzz/state) command=(scripts/fuzz --minutes 5 state) ;;
	fuzz/*) command=(scripts/fuzz --minutes 5 --operations 10000000 "${command[@]:1}") ;;
	*) return 1 ;;
	esac
}

# green CELL: notes that it has passed, when the tree is the commit's.
green() {
	[ -z "$commit" ] || printf '%s %s %s\n' "$1" "$today" "$commit" >>"$green_file"
}

# passed_all COUNT: something was tested, and nothing failed or was left out.
passed_all() {
	grep -q '^[1-9][0-9]* passed' "$1" && ! grep -qE '^(FAILED|SKIPPED)' "$1"
}

# run_one NAME BUDGET CMD...: its output and its count go to files, so that several can run at once. Notes a cell that was green.
run_one() {
	local name=$1 budget=$2 dir=$tmp/files/${1//\//+} status=0 start=$SECONDS
	shift 2
	mkdir -p "$dir/tmp"
	if [ ! -x "$1" ] || [ -z "$budget" ]; then
		echo "FAILED $name: is not executable, or has no line '# budget: SECONDS'" >"$dir/count"
		return
	fi
	# On a busy machine the time of the CPUs says more about a budget than the clock's.
	local TIMEFORMAT='%U + %S'
	{
		time TEST_TMP=$dir/tmp timeout -k 10 $((budget * 3)) "$@" >"$dir/out" 2>"$dir/err" </dev/null || status=$?
	} 2>"$dir/cpu"
	{
		printf '== %s: status %s, %s s (budget %s s), %s s of CPU\n' "$name" "$status" $((SECONDS - start)) "$budget" \
			"$(cat "$dir/cpu")"
		cat "$dir/out"
		[ ! -s "$dir/err" ] || sed 's/^/err: /' "$dir/err"
	} >"$dir/log"
	[ $((SECONDS - start)) -le "$budget" ] || echo "OVER $name: $((SECONDS - start)) s, its budget is $budget s" >>"$dir/log"
	python3 scripts/test.d/count.py tap "$name" "$status" "$dir/out" "$dir/err" >"$dir/count" ||
		echo "FAILED $name: cannot count its results" >"$dir/count"
	# At once: a night that does not come to its end has shown this all the same.
	[[ $name != */* ]] || ! passed_all "$dir/count" || green "$name"
	rm -rf "$dir/tmp"
}

# is_wanted FILE: not one for the night only, or this is one.
is_wanted() {
	[ -n "$nightly" ] || ! sed -n 1,20p "$1" | grep -q '^# nightly$'
}

# start_one NAME BUDGET CMD...: run_one in the background, as many at once as there are cores.
running=0 at_once=$(nproc)
start_one() {
	if [ "$running" -ge "$at_once" ]; then
		wait -n
		running=$((running - 1))
	fi
	run_one "$@" &
	running=$((running + 1))
}

# start_cells JOB: the cells of tonight that are this job's.
start_cells() {
	local cell budget command
	while read -r cell budget; do
		if [[ $cell = "$1"/* ]] && command_of "$cell"; then
			start_one "$cell" "$budget" "${command[@]}"
		fi
	done <"$plan"
}

# end_files: waits for what was started, shows and counts it; what failed comes last, where a log's end is shown.
end_files() {
	local dir cell status=0 last=()
	wait
	running=0
	for dir in "$tmp"/files/*; do
		[ -d "$dir" ] || continue
		if grep -q '^FAILED' "$dir/count"; then
			last+=("$dir/log")
		else
			cat "$dir/log"
		fi
		cat "$dir/count" >>"$counts"
		! grep -q '^FAILED' "$dir/count" || status=1
		cell=${dir##*/}
		cell=${cell//+//}
		[[ $cell != */* ]] || echo "$cell" >>"$tmp/ran"
	done
	cat "${last[@]}" /dev/null 2>/dev/null
	return $status
}

# names DIR VARIABLE: a test of today has this variable, which is a build's, in its text. Of cells alone those count.
names() {
	[ -z "$cells_only" ] ||
		sed -n "s|^\\(${1#tests/}/[^/ ]*\\).*|tests/\\1.test|p" "$plan" | sort -u | xargs -d '\n' grep -qs "$2"
}

# test_files DIR: the tests of every day, the longest first, so that no core waits for one at the end; and tonight's cells
test_files() {
	local file budget name found='' builds=(gcc)
	! names "$1" VMM_ASAN || builds+=(asan)
	if [ -n "$nightly$cells_only" ] && names "$1" VMM_CLANG; then
		need_packages clang
		builds+=(clang)
	fi
	for name in "${builds[@]}"; do
		build "$name" && continue
		echo "FAILED build-$name, which the tests of $1 need, does not build" >>"$counts"
		return 1
	done
	[[ " ${builds[*]} " != *' clang '* ]] || export VMM_CLANG=$top/build-clang/cmd/vmm
	export VMM=$top/build-gcc/cmd/vmm VMM_UNIT=$top/build-gcc/tests/unit LAB=$top/scripts/lab
	[[ " ${builds[*]} " != *' asan '* ]] || export VMM_ASAN=$top/build-asan/cmd/vmm
	rm -rf "$tmp/files"
	while read -r budget file; do
		[ -f "$file" ] || continue
		found=yes
		[ -z "$cells_only" ] || continue
		if sed -n 1,20p "$file" | grep -q '^# nightly$'; then
			[ -n "$nightly" ] || echo "== $file: only with --nightly"
			continue
		fi
		name=${file##*/}
		start_one "${name%.test}" "${budget#-}" "$file"
	done < <(for file in "$1"/*.test; do
		budget=$(sed -n '1,20s/^# budget: *\([0-9][0-9]*\)$/\1/p' "$file")
		printf '%s %s\n' "${budget:--}" "$file"
	done | sort -rn)
	start_cells "${1#tests/}"
	end_files || return
	if [ -z "$found" ]; then
		echo "FAILED $1 has no *.test" >>"$counts"
		return 1
	fi
}

job_integration() {
	need_packages zsh fish
	test_files tests/integration
}

# axis_words: the kernels of tests/data/kernels that the tests of today ask for, as scripts/kernel's words. The lab's inner
# hosts are bzImages with modules.
axis_words() {
	local when=daily name
	[ -z "$nightly" ] || when='daily|nightly'
	for name in $(axis_names guest "$when"); do
		echo "--axis $name --format vmlinux"
	done
	for name in $(axis_names host "$when|always"); do
		echo "--axis $name --modules-dir"
	done
}

# Before the lab's tests, so that minutes of compiling do not count as theirs.
job_kernels() {
	local file words=() made=0 status=0 distro
	while read -r distro; do
		if scripts/distro "$distro"; then
			made=$((made + 1))
		else
			echo "FAILED scripts/distro $distro" >>"$counts"
			status=1
		fi
	done < <(sed -n 's|^lab/distros/\([^/]*\)/.*|\1|p' "$plan" | sort -u)
	while read -r -a words; do
		if scripts/kernel "${words[@]}"; then
			made=$((made + 1))
		else
			echo "FAILED scripts/kernel ${words[*]}" >>"$counts"
			status=1
		fi
	done < <(axis_words; for file in tests/lab/*.test; do
		# What has a variable in it is of the axis, or made when it is needed.
		! is_wanted "$file" || grep -oP '(kernel_of|scripts/kernel) \K[^)]+' "$file" | grep -v '[$"]'
	done | sort -u)
	# The lab's own QEMU and the base of its inner host too.
	if scripts/lab --tcg --where --no-vmm --no-stdin -- true; then
		made=$((made + 1))
	else
		echo "FAILED scripts/lab --tcg -- true" >>"$counts"
		status=1
	fi
	echo "$made passed, 0 failed, 0 skipped" >>"$counts"
	return $status
}

job_lab() {
	# An inner host is one busy thread, or two.
	test_files tests/lab
}

job_mutate() {
	need_packages gcc clang libclang-rt-dev llvm
	# A third of the list each night; what is known of the nights before counts too, where build-mutate is still there.
	tap_of mutate scripts/mutate --night today/3
}
