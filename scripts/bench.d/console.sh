# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/bench about the consoles, which sources it.
# shellcheck disable=SC2154 # scripts/bench sets them

# console_part VERSION IMAGE: virtual time for a program's text, ours beside QEMU's. $VMM_BEFORE, another binary, has a column
# of its own.
console_part() {
	local others=()
	gcc -Os -Wall -Wextra -static -s -o "$work/console-text" "$here/bench.d/console-text.c" || die "cannot compile the text"
	# shellcheck disable=SC2016 # the guest's shell
	"$here/initramfs" --no-drivers --version "$1" --run 'if [ "$tty" = hvc0 ]; then console-text hvc0 65536 1048576; else console-text ttyS0 4096 32768; fi' \
		"$work/console.cpio" "$work/console-text:/bin/console-text" module:virtio_mmio module:virtio_console || exit
	if [ -n "${VMM_BEFORE:-}" ]; then
		cp "$VMM_BEFORE" "$work/before"
		others+=("$work/before")
	fi
	LAB_STALL_TIMEOUT=${LAB_STALL_TIMEOUT:-240} VMM=$vmm "$here/lab" --icount --with-qemu --mem 2G --timeout $((runs * 20))m \
		--no-stdin --file "$here/bench.d/console-inner.sh" -- sh "$here/bench.d/console-inner.sh" "$2" \
		"$work/console.cpio" "$runs" vmm "${others[@]}" >"$work/lab" || note "the lab ended early (status $?)"
	[ -z "$keep" ] || cat "$work/lab" >>"$keep"
	echo "### A program's text on a console in the lab, counted in instructions"
	echo
	echo "\`scripts/lab --icount\`; Debian's kernel with its own modules, 256M, output to a file. By the guest's CLOCK_MONOTONIC, from write"
	echo "to drained, best of $runs. QEMU: microvm, isa-serial and virtconsole."
	echo
	awk -F '|' '
		$2 == "console" && $5 > 0 {
			key = $3 "|" $4
			if (!(key in rows)) { rows[key] = 1; order[++n] = key }
			sub(".*/", "", $1)
			if (!(($1, key) in cell) || $5 < cell[$1, key]) cell[$1, key] = $5
			if (!($1 in column)) { column[$1] = 1; name[++columns] = $1 }
		}
		END {
			printf "| us a byte, ttyS0; ms a MiB, hvc0 | bytes |"
			for (c = 1; c <= columns; c++) printf " %s |", name[c]
			printf "\n|---|---|"
			for (c = 1; c <= columns; c++) printf "---|"
			for (i = 1; i <= n; i++) {
				split(order[i], k, "|")
				printf "\n| %s | %d |", k[1], k[2]
				for (c = 1; c <= columns; c++) {
					ns = cell[name[c], order[i]]
					printf " %s |", ns ? sprintf("%.1f", k[1] == "hvc0" ? ns / k[2] * 1.048576 : ns / k[2] / 1000) : "-"
				}
			}
			printf "\n"
		}' "$work/lab"
	sed -n '/^#/p' "$work/lab" >&2
}
