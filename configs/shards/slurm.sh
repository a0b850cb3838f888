#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One part of the tests of `vmm test` for each task of an array of jobs:
#
#	sbatch --array=1-8 slurm.sh RECORDS [OPTION OF vmm test...] TESTS...
#
# RECORDS is a directory that all nodes see. Afterwards, on any node:
#
#	vmm test --merge --junit results.xml RECORDS
#
# It names the shards that are missing and ends in 125; run these again, by their numbers (--array=3,5), and merge again:
# each run adds a record and changes none. The number of shards has to stay the same, also when the array has fewer
# tasks: SHARDS=8 says it. Nodes need vmm, /dev/kvm (group kvm), and the tests and kernels under the same paths.
#SBATCH --job-name=vmm-test
#SBATCH --output=vmm-test-%A-%a.out
#SBATCH --cpus-per-task=2
#SBATCH --requeue
set -eu

# The number of tasks is that of the whole array; of a part of it that runs again it is not.
of=${SHARDS:-${SLURM_ARRAY_TASK_COUNT:?run it by sbatch --array=1-N}}
[ -n "${SHARDS:-}" ] || [ "$SLURM_ARRAY_TASK_MIN/$SLURM_ARRAY_TASK_MAX" = "1/$of" ] ||
	{ echo "the array is not 1-N: with SHARDS=N N is its number of parts" >&2; exit 2; }
records=${1:?a directory for the records}
shift
status=0
"${VMM:-vmm}" test --jobs "${SLURM_CPUS_PER_TASK:-1}" --shard "$SLURM_ARRAY_TASK_ID/$of" --record "$records" "$@" || status=$?
# Tests that failed are the business of --merge: this task has done its work.
[ "$status" = 1 ] || exit "$status"
