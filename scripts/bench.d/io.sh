# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of scripts/bench about a disk and a TAP, which sources it.
# shellcheck disable=SC2154 # scripts/bench sets them

# io_part VERSION IMAGE: virtual time for a request, ours beside QEMU's.
io_part() {
	need_packages fio
	gcc -Os -Wall -Wextra -static -s -o "$work/tcp-stream" "$here/bench.d/tcp-stream.c" || die "cannot compile the streams"
	"$here/initramfs" --no-drivers --version "$1" --run 'sh /io-guest.sh' "$work/io.cpio" \
		"$here/bench.d/io-guest.sh:/io-guest.sh" "$(type -P fio)" "$work/tcp-stream:/tcp-stream" \
		module:virtio_mmio module:virtio_blk module:virtio_net module:af_packet || exit
	# A minute where nothing else runs.
	# The lab's clock beats every two seconds of virtual time, which are a minute or more where the CPUs have other work.
	LAB_STALL_TIMEOUT=${LAB_STALL_TIMEOUT:-240} VMM=$vmm "$here/lab" --icount --with-qemu --mem 3G --timeout $((runs * 10))m \
		--no-stdin --file "$here/bench.d/io-inner.sh" -- sh "$here/bench.d/io-inner.sh" "$2" \
		"$work/io.cpio" "$work/tcp-stream" "$runs" >"$work/lab" || note "the lab ended early (status $?)"
	[ -z "$keep" ] || cat "$work/lab" >>"$keep"
	echo "### A disk and a TAP in the lab, counted in instructions"
	echo
	echo "\`scripts/lab --icount\`; Debian's kernel with its own modules, 512M. Microseconds a request by the guest's CLOCK_MONOTONIC,"
	echo "best of $runs. Disk: fio with direct=1 on the same file in tmpfs, writeback. TAP: one TCP connection, the same offloads, no"
	echo "vhost. QEMU: microvm, virtio 1. Share: ours over QEMU's."
	echo
	awk -F '|' '
		$2 == "io" && $5 > 0 {
			if (!($3 in rows)) { rows[$3] = $4; order[++n] = $3 }
			us = $5 / $4 / 1000
			if (!(($1, $3) in cell) || us < cell[$1, $3]) cell[$1, $3] = us
		}
		END {
			print "| | requests | vmm | QEMU | share |"
			print "|---|---|---|---|---|"
			for (i = 1; i <= n; i++) {
				r = order[i]; ours = cell["vmm", r]; qemu = cell["QEMU", r]
				printf "| %s | %d | %s | %s | %s |\n", r, rows[r], ours ? sprintf("%.1f", ours) : "-",
					qemu ? sprintf("%.1f", qemu) : "-", ours && qemu ? sprintf("%.2f", ours / qemu) : "-"
			}
		}' "$work/lab"
	sed -n 's/^\([^|]*\)|io: /# \1: /p; /^#/p' "$work/lab" >&2
}
