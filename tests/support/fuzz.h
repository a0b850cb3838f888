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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
