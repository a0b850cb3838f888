#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The tests of `vmm test` on several machines without a scheduler, by GNU parallel and ssh:
#
#	parallel.sh RECORDS SHARDS [OPTION OF vmm test...] TESTS...
#
# RECORDS is a directory that all machines see, with an absolute path. The machines are options of GNU parallel:
#
#	PARALLEL='--sshlogin m1,m2 --workdir .' parallel.sh /nfs/records 8 --kernel bzImage --root / -- ./run {}
#
# The line in the middle is all of it. A shard that could not be run, but for tests that failed, runs once more; the last
# line says how the whole went.
set -eu
records=${1:?a directory for the records} shards=${2:?a number of shards}
shift 2
mkdir -p "$records"
# The words may have {}, so the number of a shard has another name. Status 1 says that a test failed.
# shellcheck disable=SC2016 # the inner shell's
seq "$shards" | parallel -I ,shard, --quote --retries 2 sh -c '"$@" || [ $? = 1 ]' sh \
	"${VMM:-vmm}" test --shard ",shard,/$shards" --record "$records" "$@" || true
exec "${VMM:-vmm}" test --merge --junit "$records/results.xml" "$records"
