/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every fuzz target defines LLVMFuzzerTestOneInput. With -Dfuzzing=true clang links libFuzzer; otherwise
 * tests/support/replay.c gives it a main() that runs the corpus files named on the command line, so that a normal
 * test run replays them.
 */
#ifndef TESTS_SUPPORT_FUZZ_H
#define TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * FUZZ_COUNTS_OPERATIONS - for a target whose inputs are sequences of operations on a device
 *
 * The target adds its operations to fuzz_operations; the sum is printed at the end, and scripts/fuzz reads it.
 */
#define FUZZ_COUNTS_OPERATIONS                                                                                         \
	static void fuzz_tell(void) __attribute__((destructor));                                                       \
	static unsigned long long fuzz_operations;                                                                     \
	static void fuzz_tell(void)                                                                                    \
	{                                                                                                              \
		if (fuzz_operations)                                                                                   \
			fprintf(stderr, "operations: %llu\n", fuzz_operations);                                        \
	}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
