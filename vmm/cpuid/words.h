/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the rows of table.h, and the reasons for their policy, as text. Guests do not need them, so they are
 * compressed (gen_cpuid.c) and unpacked before they are printed.
 */
#ifndef VMM_CPUID_WORDS_H
#define VMM_CPUID_WORDS_H

#include "vmm/cpuid/table.h"

#define CPUID_WORDS_MAX   (12u << 10)
#define CPUID_REASONS_MAX 128u

/**
 * struct cpuid_words - the unpacked texts
 * @text: the reasons, then the names in the order of the rows, the last one cpuid_rule_unknown's; a NUL behind each
 */
struct cpuid_words {
	char text[CPUID_WORDS_MAX];
};

/* @text as zlib's compress2() has it, and how many reasons it begins with. */
extern const unsigned char cpuid_packed_words[];
extern const size_t cpuid_packed_words_size;
extern const unsigned cpuid_reasons_nr;

/**
 * cpuid_words_unpack() - unpack the texts
 *
 * Errors: -ENOMEM.
 */
int cpuid_words_unpack(struct cpuid_words *ret);

/** cpuid_rule_name() - the field's name in its manual, short; @r is of cpuid_rules, or cpuid_rule_unknown */
const char *cpuid_rule_name(const struct cpuid_words *words, const struct cpuid_rule *r);

/** cpuid_rule_reason() - why, for a reader who knows what CPUID is; no full stop */
const char *cpuid_rule_reason(const struct cpuid_words *words, const struct cpuid_rule *r);

#endif
