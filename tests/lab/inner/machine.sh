# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2317 # conditions are called by name; kernels and sums come as KEY=VALUE
# shellcheck source=tests/lab/inner/lib.sh
. tests/lab/inner/lib.sh
M=1048576

# --- CPUs and RAM ------------------------------------------------------------

boot --kernel "$cloud61" --initrd "$root" --mem 128M --append quiet
check "Debian 6.1, 1 CPU, 128M" all_of status_is 0 -- greeted -- cpus_are 1 -- ram_is $((128 * M)) -- \
	memory_above $((64 * 1024))

boot --kernel "$cloud61" --initrd "$root" --cpus 2 --mem 1G --append quiet
check "Debian 6.1, 2 CPUs by ACPI, 1G" all_of status_is 0 -- greeted -- cpus_are 2 -- ram_is $((1024 * M)) -- \
	memory_above $((900 * 1024))

# The largest image rides along, where most of the RAM is behind the 32-bit hole.
boot --kernel "$cloud61" --initrd "$root60" --cpus 4 --mem 5G --append quiet --append lab=padding
check "Debian 6.1, 4 CPUs by ACPI, 5G" all_of status_is 0 -- greeted -- cpus_are 4 -- ram_is $((5120 * M)) -- \
	memory_above $((4800 * 1024))
check "2G of the 5G lie behind the hole" out_has '^lab: range 100000000-17fffffff$'
check "an initramfs of 60 MB arrives whole" out_has "^lab: padding $sum60 "

boot --kernel "$tiny" --initrd "$root1" --mem 128M --append quiet
check "an initramfs of 1 MB arrives whole" all_of status_is 0 -- out_has "^lab: padding $sum1\$"

# Without ACPI there is no power-off: the guest's wish to is a halt, with every CPU in HLT.
boot --kernel "$tiny" --initrd "$root" --cpus 4 --append quiet --append acpi=off
check "tiny, 4 CPUs by the MP table, acpi=off" all_of status_is 38 -- greeted -- cpus_are 4

boot --kernel "$tiny" --initrd "$root" --cpus 2 --no-acpi
check "tiny, 2 CPUs by the MP table, --no-acpi" all_of status_is 38 -- greeted -- cpus_are 2 -- \
	out_has 'Intel MultiProcessor Specification v1\.4'

# --- Memory of the host ------------------------------------------------------

# field NAME: the sum of that line in the smaps entries of the guest's RAM (all that are at least half of it), in KiB.
field() {
	awk -v name="$1:" -v least="$least" '
		$1 == "Size:" { big = $2 >= least }
		big && $1 == name { sum += $2 }
		END { print sum + 0 }' "$TEST_TMP/smaps"
}

# look: smaps of the VMM while its guest runs, then the end of both.
look() {
	local pid
	wait_for "$TEST_TMP/out" '^lab: holding' || return
	pid=$(vmm_pid)
	cat "/proc/$pid/smaps" >"$TEST_TMP/smaps"
	kill -KILL "$pid"
}

# hold RAM-KIB ARG...
hold() {
	least=$(($1 / 2))
	shift
	rm -f "$TEST_TMP/smaps"
	meanwhile look
	boot --kernel "$tiny" --initrd "$root" --append 'quiet lab=hold' "$@"
	beside
}

# within NAME LEAST MOST, in KiB
within() {
	[ "$(field "$1")" -ge "$2" ] && [ "$(field "$1")" -le "$3" ]
}

hold $((128 * 1024)) --mem 128M
check "plain RAM: small pages, and only those that the guest touched" all_of greeted -- ram_is $((128 * M)) -- \
	within KernelPageSize 4 16 -- within Private_Hugetlb 0 0 -- within Rss 1024 $((100 * 1024))

hold $((128 * 1024)) --mem 128M --prefault
check "--prefault: all of it" all_of greeted -- within Rss $((128 * 1024)) $((129 * 1024))

hold $((128 * 1024)) --mem 128M --thp
check "--thp: in huge pages" all_of greeted -- within AnonHugePages $((16 * 1024)) $((128 * 1024))

pages=/proc/sys/vm/nr_hugepages
free_pages() {
	sed -n 's/^HugePages_Free: *//p' /proc/meminfo
}
before=$(cat $pages)
boot --kernel "$tiny" --config configs/hugepages.ini
if [ "$before" = 0 ]; then
	check "no huge pages are reserved: an error that says what to do" all_of status_is 125 -- err_is_one_line -- \
		err_has '128 huge pages of 2M are needed and 0 are free: raise sysctl vm.nr_hugepages by 128'
fi
if echo 128 >$pages && [ "$(free_pages)" = 128 ]; then
	hold $((256 * 1024)) --config configs/hugepages.ini
	check "configs/hugepages.ini: RAM in pages of 2M" all_of greeted -- ram_is $((256 * M)) -- \
		within KernelPageSize 2048 4096 -- within Private_Hugetlb $((16 * 1024)) $((256 * 1024))
	check "a killed VMM gives its huge pages back" [ "$(free_pages)" = 128 ]
	echo "$before" >$pages
else
	skip "configs/hugepages.ini" "this host does not let us reserve huge pages"
fi

# --- The other example machines ----------------------------------------------

boot --kernel "$tiny" --initrd "$root" --config configs/minimal.ini --append quiet
check "configs/minimal.ini: 64M" all_of status_is 0 -- greeted -- ram_is $((64 * M)) -- memory_above $((40 * 1024))

boot --kernel "$tiny" --initrd "$root" --config configs/smp.ini --append quiet
check "configs/smp.ini: 4 CPUs, 1G" all_of status_is 0 -- greeted -- cpus_are 4 -- ram_is $((1024 * M))

boot --kernel "$tiny" --initrd "$root" --config configs/ci.ini --console "file=$TEST_TMP/console.log" \
	--append 'quiet lab=exit lab_exit=20'
ci_status=$status
tr -d '\r' <"$TEST_TMP/console.log" >"$TEST_TMP/out"
load_run
status=$ci_status
check "configs/ci.ini: the guest's own status, its console in a file" all_of status_is 41 -- greeted -- \
	ram_is $((256 * M)) -- out_has '^lab: exit 20$'
finish
