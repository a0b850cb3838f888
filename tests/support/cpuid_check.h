/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants of every result of cpuid_policy(), whatever the host offers: shared by the unit tests and the fuzz target.
 * Written without the engine's own helpers, by brute force over the table, and with the bits of cpuid_bits.h, which do
 * not come from the table at all.
 */
#ifndef TESTS_SUPPORT_CPUID_CHECK_H
#define TESTS_SUPPORT_CPUID_CHECK_H

#include "vmm/cpuid/cpuid.h"
#include "vmm/cpuid/words.h"

#define CPUID_CHECK_MAX 256

/**
 * cpuid_check() - look for a broken promise
 * @host: any set with leaves 0 and 1
 * @guest: the policy's result
 * @ret_why: CPUID_CHECK_MAX bytes, filled when one is found
 *
 * Return: true if every promise is kept.
 */
bool cpuid_check(
	const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest, char *ret_why);

/** cpuid_check_words() - the words of the table, for messages */
const struct cpuid_words *cpuid_check_words(void);

#endif
