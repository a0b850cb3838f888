// SPDX-License-Identifier: Apache-2.0
/* What is read must be written in a form that reads as the same. */
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/cpuid/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cpuid_set set, back;
	struct err e = {0};
	size_t len;
	char *text;
	FILE *f;
	int r;

	if (!size)
		return 0;
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!f)
		abort();
	r = cpuid_text_read(f, "input", &set, &e);
	fclose(f);
	if (r) {
		if (!e.text[0])
			abort();
		return 0;
	}
	f = open_memstream(&text, &len);
	if (!f || cpuid_text_write(f, &set) || fclose(f))
		abort();
	if (len) {
		f = fmemopen(text, len, "r");
		if (!f || cpuid_text_read(f, "back", &back, &e) || back.nr != set.nr ||
			memcmp(back.entry, set.entry, set.nr * sizeof(set.entry[0])))
			abort();
		fclose(f);
	}
	free(text);
	return 0;
}
