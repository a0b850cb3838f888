#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# calls.sh REPORT FILE...: the rows of the table of filters (REPORT is security/seccomp-report, or what prints such rows
# with --tsv) that no line of the FILEs, which callwatch wrote, says that anything needed. A release's rows only.
set -eu -o pipefail
report=$1
shift
LC_ALL=C comm -23 \
	<("$report" --tsv | awk -F'\t' '$2 != "sanitizer" { print $1 "\t" $2 "\t" $3 "\t" $4 }' | LC_ALL=C sort -u) \
	<(sed -n 's/^call\t//p' "$@" | LC_ALL=C sort -u) |
	awk -F'\t' '{ print $1 ": " $3 ($4 == "" ? "" : " (" $4 ")") ($2 == "" ? "" : ", with " $2) }'
