# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# shellcheck disable=SC2154 # the test sets hostile_vmm and hostile_elf; tap.sh has the rest
#
# For the tests that run the hostile driver (tests/guest/hostile): source it behind tap.sh. The lab's busybox reads it too.

# The groups that must exist for each device, so that none disappears with a feature that is no longer offered.
# $hostile_net: further groups if the network is a TAP.
HOSTILE_EACH="start registers features status queues config chains broken events"
hostile_groups() {
	case $1 in
	*.*) echo "start ${1#*.}" ;;
	blk) echo "$HOSTILE_EACH form sectors others ranges modes" ;;
	blk-ro) echo "start read-only" ;;
	net) echo "$HOSTILE_EACH transmit receive ${hostile_net-}" ;;
	rng) echo "$HOSTILE_EACH entropy" ;;
	vsock) echo "$HOSTILE_EACH form fields connections" ;;
	console) echo "$HOSTILE_EACH text" ;;
	balloon) echo "$HOSTILE_EACH pages" ;;
	esac
}

# hostile_verdicts FILE WHAT: one TAP line for each group of the guest's output, with what is wrong below it. WHAT is a
# device, or a group of one: DEVICE.GROUP.
hostile_verdicts() {
	awk -v device="${2%%.*}" -v groups="$(hostile_groups "$2")" '
		/^(not )?ok - / {
			bad = /^not /
			id = bad ? $4 : $3
			split(id, part, ".")
			if (part[1] == device) {
				group = part[2]
				cases[group]++
				if (bad) {
					failed[group]++
					detail[group] = detail[group] said "# " $0 "\n"
				}
			} else if (bad)
				detail["start"] = detail["start"] said "# " $0 "\n"
			said = ""
			next
		}
		/^# hostile: / { ended = 1; next }
		/^# console: hostile$/ { next }
		/^# / && length(said) < 2000 { said = said $0 "\n" }
		END {
			n = split(groups, name, " ")
			for (i = 1; i <= n; i++) {
				g = name[i]
				good = cases[g] > 0 && !failed[g] && (g != "start" || (ended && detail[g] == ""))
				printf "%sok - %s: %s, %d cases\n%s", good ? "" : "not ", device, g, cases[g], detail[g]
			}
			if (!ended)
				printf "# the guest did not come to its end; it last said:\n%s# %s\n", said, $0
		}' "$1" >"$1.tap"
	cat "$1.tap"
	tap_count=$((tap_count + $(grep -c '^ok\|^not ok' "$1.tap")))
	tap_failed=$((tap_failed + $(grep -c '^not ok' "$1.tap")))
}

# hostile_vmm WHAT NET...: boots it with WHAT to do, in $TEST_TMP, where `disk`, `ro` and the sockets are; leaves the
# guest's text in $TEST_TMP/guest, and what `run` leaves.
hostile_vmm() {
	local what=$1
	shift
	run timeout 300 "$hostile_vmm" --kernel "$hostile_elf" --cmdline "case=$what terse" --mem 128M --debug-exit --timeout 280s \
		--disk path=disk,id=hostile-disk --disk path=ro,ro --vsock cid=5,path=vsock --balloon --console virtio,file=guest \
		--console-cap 0 "$@"
}

# How such a run has to end: all cases passed (debug exit 0), and vmm reports only the guest's violations.
hostile_ended() {
	all_of status_is 1 -- test -z "$(printf '%s\n' "$err" | grep -v 'the driver broke the rules')"
}
