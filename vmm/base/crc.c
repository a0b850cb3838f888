// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/crc.h"

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

static uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* For processors that are older than what hardware with EPT or NPT has: small rather than fast. */
uint32_t crc32c_portable(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *p = data;

	sum = ~sum;
	for (; size; size--) {
		sum ^= *p++;
		for (unsigned i = 0; i < 8; i++)
			sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
	}
	return ~sum;
}

__attribute__((target("sse4.2"))) static uint32_t fast(uint32_t sum, const uint8_t *p, size_t size)
{
	uint64_t wide = sum;

	for (; size >= 8; size -= 8, p += 8)
		wide = __builtin_ia32_crc32di(wide, load(p));
	for (sum = (uint32_t)wide; size; size--)
		sum = __builtin_ia32_crc32qi(sum, *p++);
	return sum;
}

/* The instruction's result is there after three cycles, and one can begin in each: so several sums at once. */
__attribute__((target("sse4.2"))) static void fast_4(const uint8_t *p, size_t words, uint32_t ret[static 4])
{
	const size_t step = 8 * words;
	uint64_t a = UINT32_MAX, b = a, c = a, d = a;

	for (const uint8_t *end = p + step; p < end; p += 8) {
		a = __builtin_ia32_crc32di(a, load(p));
		b = __builtin_ia32_crc32di(b, load(p + step));
		c = __builtin_ia32_crc32di(c, load(p + 2 * step));
		d = __builtin_ia32_crc32di(d, load(p + 3 * step));
	}
	ret[0] = ~(uint32_t)a;
	ret[1] = ~(uint32_t)b;
	ret[2] = ~(uint32_t)c;
	ret[3] = ~(uint32_t)d;
}

/*
 * Whether the processor has the instruction: CPUID traps in a virtual machine, so it is asked once. The compiler's
 * __builtin_cpu_supports() would ask for everything in each start of vmm, and be 4,500 bytes of code that a start runs.
 */
static bool has_instruction(void)
{
	static signed char known; /* 1: yes, -1: no */
	unsigned a, b, c = 0, d;
	signed char is = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!is) {
		is = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2) ? 1 : -1;
		__atomic_store_n(&known, is, __ATOMIC_RELAXED);
	}
	return is > 0;
}

uint32_t crc32c(uint32_t sum, const void *data, size_t size)
{
	return has_instruction() ? ~fast(~sum, data, size) : crc32c_portable(sum, data, size);
}

void crc32c_4(const void *data, size_t words, uint32_t ret[static 4])
{
	if (has_instruction()) {
		fast_4(data, words, ret);
		return;
	}
	for (unsigned i = 0; i < 4; i++)
		ret[i] = crc32c_portable(0, (const uint8_t *)data + 8 * words * i, 8 * words);
}
