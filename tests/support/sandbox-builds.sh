#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sandbox-builds.sh CALLWATCH PROGRAM VMM...: each VMM runs a program without a kernel in its sandbox, with the vDSO and
# without it. meson runs it for the program built by each compiler; tests/lab/builds.test does the same with Linux.
set -u
watch=$1 program=$2
shift 2
for vmm; do
	for option in '' -V; do
		# shellcheck disable=SC2086 # no word when it is empty
		out=$("$watch" $option "$vmm" flat "$program" 2>&1)
		status=$?
		if [ "$status" != 0 ] || [ "$out" != 'Hello, World' ]; then
			echo "${vmm##*/} $option: status $status, printed '$out'"
			exit 1
		fi
	done
done
