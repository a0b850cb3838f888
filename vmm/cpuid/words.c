// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "vmm/base/assert.h"
#include "vmm/cpuid/words.h"

int cpuid_words_unpack(struct cpuid_words *ret)
{
	uLongf size = sizeof(ret->text);
	int r = uncompress((Bytef *)ret->text, &size, cpuid_packed_words, cpuid_packed_words_size);

	/* The data is built in, so it can only fail for lack of memory. */
	assert(r == Z_OK || r == Z_MEM_ERROR);
	return r == Z_OK ? 0 : -ENOMEM;
}

static const char *text_at(const struct cpuid_words *words, size_t nr)
{
	const char *text = words->text;

	while (nr--)
		text += strlen(text) + 1;
	return text;
}

const char *cpuid_rule_name(const struct cpuid_words *words, const struct cpuid_rule *r)
{
	size_t row = r == &cpuid_rule_unknown ? cpuid_rules_nr : (size_t)(r - cpuid_rules);

	return text_at(words, cpuid_reasons_nr + row);
}

const char *cpuid_rule_reason(const struct cpuid_words *words, const struct cpuid_rule *r)
{
	return text_at(words, r->reason);
}
