# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
# usage: report.sh CLOUD TINY ROOT: runs that leave reports, which are printed, one each behind a line "== NAME STATUS"
d=$(mktemp -d /tmp/report.XXXXXX) || exit

one() { # one NAME ARG...
	local name=$1 status=0
	shift
	"$VMM" --timeout 400s "$@" --report "$d/r" >"$d/out" 2>"$d/err" </dev/null || status=$?
	cat "$d/err" >&2
	echo "== $name $status"
	cat "$d/r"
}

one stock --kernel "$1" --initrd "$3" --mem 192M --boot-marker --append "initcall_debug ignore_loglevel"
echo "== console 0"
cat "$d/out"
one smp --kernel "$2" --initrd "$3" --cpus 2 --trace "$d/t" --boot-marker=0xc0000000
echo "== trace 0"
gzip -c "$d/t" | base64
one panic --kernel "$2" --append panic=-1
one exit --kernel "$2" --initrd "$3" --debug-exit --append vmm_exit=1 --append quiet --boot-marker=0x500
rm -r "$d"
