# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The parts of scripts/bench that are measured on this host: the binary, its start, memory, guests per second. It sources
# them.
# shellcheck disable=SC2154 # scripts/bench sets them

binary_part() {
	local libraries
	echo "### Binary"
	echo
	strip -o "$work/stripped" "$vmm" || die "strip failed"
	libraries=$(ldd "$vmm" | grep -oE '[a-z]+\.so\.[0-9]+' | grep -v -e ^vdso -e '^ld-' | sort -u | paste -sd ' ')
	echo "| stripped | libraries |"
	echo "|---|---|"
	echo "| $(stat -c %s "$work/stripped") bytes | $libraries |"
	echo
}

# median FILE TITLE: of our row of a table of vmm bench boot
median() {
	awk -v title="$2" '/^[a-z]/ { on = index($0, title) == 1 } on && $1 == "vmm" { print $3; exit }' "$1"
}

# Ours without KVM's part, of a start told on stdin
own_ms() {
	sed -n 's/^vmm: \[ *\([0-9.]*\)\] vCPU 0 enters KVM_RUN; \([0-9.]*\) ms .*/\1 \2/p' | awk '{ printf "%.3f\n", $1 - $2 }'
}

own_times() {
	local i load sandbox
	gcc -O2 -o "$work/floor" "$here/bench.d/read-floor.c" || die "cannot compile the floor"
	for ((i = 0; i < native; i++)); do
		for sandbox in strict off; do
			for load in read map; do
				"$vmm" --kernel "$image" --mem 128M --kernel-load $load --sandbox $sandbox --log-level trace --timeout 1ms \
					2>&1 >/dev/null </dev/null | own_ms >>"$work/own-$load-$sandbox"
			done
		done
		"$work/floor" "$image" 1 | cut -d ' ' -f 2 >>"$work/own-floor-"
	done
	for load in read map; do
		for sandbox in strict off; do
			echo "| kernel $load | $sandbox | $(low_and_middle "$work/own-$load-$sandbox") |"
		done
	done
	echo "| floor of reading | | $(low_and_middle "$work/own-floor-") |"
}

# low_and_middle FILE: "MIN | MEDIAN" of a column of numbers
low_and_middle() {
	sort -n "$1" | awk '{ x[NR] = $1 } END { print (NR ? x[1] " | " x[int((NR + 1) / 2)] : "- | -") }'
}

start_part() {
	local line load row
	echo "### Start on this host's KVM, 128M, $(basename "$image")"
	echo
	if [ -w /dev/kvm ]; then
		echo "Medians of $native, ms from exec to the log line: \`vmm bench boot --marker LINE -- --log-level trace\`."
		echo
		echo "| until | kernel read | kernel mapped |"
		echo "|---|---|---|"
		for line in 'start (' 'enters KVM_RUN'; do
			row="| \`$line\` |"
			for load in read map; do
				"$vmm" bench boot --runs "$native" --marker "$line" -- --kernel "$image" --mem 128M --kernel-load $load \
					--log-level trace >"$work/out" 2>"$work/err" </dev/null || note "$line: $(tail -n 1 "$work/err")"
				row="$row $(median "$work/out" 'exec to the marker') |"
			done
			echo "$row"
		done
		echo
		echo "From main to the first KVM_RUN less the time inside KVM's ioctls, ms: the smallest and the median of $native, each way in turn."
		echo "Floor: the kernel's segments read into fresh memory by a loop of pread that does nothing else (scripts/bench.d/read-floor.c)."
		echo
		echo "| | sandbox | min | median |"
		echo "|---|---|---|---|"
		own_times
		echo
		for load in read map; do
			echo "The phases of $native starts with \`--kernel-load $load\`, ms (\`vmm bench boot --phases\`, which writes a report each time):"
			echo
			echo '```'
			"$vmm" bench boot --phases --runs "$native" --marker 'enters KVM_RUN' -- --kernel "$image" --mem 128M --kernel-load $load \
				--log-level trace 2>"$work/err" </dev/null | sed -n '/^phase/,/enter the guest/p' | cut -c 1-56 | sed 's/ *$//'
			echo '```'
			echo
		done
		echo "One start with the kernel mapped, in ms from main, with every KVM call of more than 1 ms:"
		echo
		echo '```'
		"$vmm" --kernel "$image" --mem 128M --kernel-load map --log-level trace --timeout 200ms 2>&1 >/dev/null </dev/null |
			sed -n 's/^vmm: \(\[ *[0-9.]*\] .*\)/\1/p; /enters KVM_RUN/q'
		echo '```'
	else
		echo "Not measured: no /dev/kvm here."
	fi
	echo
}

memory_part() {
	local mem pid
	echo "### Memory beyond guest RAM"
	echo
	if [ -w /dev/kvm ]; then
		echo "Private pages outside the mapping of guest RAM, one second after the start (\`/proc/PID/smaps\`)."
		echo
		echo "| guest RAM | KiB |"
		echo "|---|---|"
		for mem in 128 256 512 1024; do
			"$vmm" --kernel "$image" --mem ${mem}M --timeout 30s >/dev/null 2>&1 </dev/null &
			pid=$!
			sleep 1
			# Guest RAM is left out of core dumps (dd).
			echo "| ${mem}M | $(awk '
				/^Size:/ { private = 0 }
				/^Private_(Clean|Dirty):/ { private += $2 }
				/^VmFlags:/ && !/ dd/ { sum += private }
				END { print sum + 0 }' "/proc/$pid/smaps") |"
			kill -KILL $pid # asynchronous commands of a script ignore SIGQUIT
			wait $pid 2>/dev/null
		done
	else
		echo "Not measured: no /dev/kvm here."
	fi
	echo
}

# per_second N ARG...: guests per second of a pool that keeps N of them running
per_second() {
	local n=$1 start
	shift
	start=$(date +%s%N)
	seq $((4 * at_once)) | xargs -P "$n" -I '{}' "$vmm" "$@" >/dev/null 2>&1
	echo $(((4 * at_once * 10000000000 / ($(date +%s%N) - start) + 5) / 10))
}

rate_part() {
	local flags n
	echo "### Guests per second on this host"
	echo
	if [ -w /dev/kvm ]; then
		flags=$(grep -m 1 ^flags /proc/cpuinfo)
		if [[ " $flags " =~ \ (svm|vmx)\  ]]; then
			echo "Boots of $(basename "${images[-1]}") to its panic, which ends them, $((4 * at_once)) in all, from before the first exec to after the"
			echo "last exit."
		else
			echo "This host's KVM is a software one and boots no stock kernel, so: \`vmm flat\` with a program of three instructions"
			echo "(\`flat\`), and starts of $(basename "${images[-1]}") ended 1 ms after they could run (\`start\`), $((4 * at_once)) each, from before the"
			echo "first exec to after the last exit; in the sandbox, as always."
		fi
		echo
		echo "| at once | what | guests per second |"
		echo "|---|---|---|"
		printf '\260!\346\351\364' >"$work/hello" # mov $'!', %al; out %al, $0xe9; hlt
		for ((n = 1; n <= at_once; n *= 2)); do
			if [[ " $flags " =~ \ (svm|vmx)\  ]]; then
				echo "| $n | boot | $(per_second "$n" --kernel "${images[-1]}" --mem 128M --timeout 20s --append 'panic=-1 quiet') |"
			else
				echo "| $n | flat | $(per_second "$n" flat "$work/hello") |"
				echo "| $n | start | $(per_second "$n" --kernel "${images[-1]}" --mem 128M --timeout 1ms) |"
			fi
		done
	else
		echo "Not measured: no /dev/kvm here."
	fi
	echo
}
