#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# calls.sh REPORT FILE...: prints the rows of the table of filters that were never needed, according to the FILEs, which
# callwatch wrote. REPORT is security/seccomp-report, or a program that prints such rows with --tsv. Only a release
# build's rows.
set -eu -o pipefail
report=$1
shift
LC_ALL=C comm -23 \
	<("$report" --tsv | awk -F'\t' '$2 != "sanitizer" { print $1 "\t" $2 "\t" $3 "\t" $4 }' | LC_ALL=C sort -u) \
	<(sed -n 's/^call\t//p' "$@" | LC_ALL=C sort -u) |
	awk -F'\t' '{ print $1 ": " $3 ($4 == "" ? "" : " (" $4 ")") ($2 == "" ? "" : ", with " $2) }'
