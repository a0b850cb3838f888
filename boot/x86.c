// SPDX-License-Identifier: Apache-2.0
#include "boot/x86.h"

#include <string.h>

#include "vmm/base/le.h"

#define GATE_INTERRUPT 0xe

uint64_t x86_descriptor(uint32_t attributes, uint32_t base, uint32_t limit)
{
	return (uint64_t)attributes << 40 | (limit & 0xffff) | (uint64_t)(limit >> 16 & 0xf) << 48 |
		(uint64_t)(base & 0xffffff) << 16 | (uint64_t)(base >> 24) << 56;
}

void x86_put_system64(uint8_t *at, uint32_t attributes, uint64_t base, uint32_t limit)
{
	le64_put(at, x86_descriptor(attributes, (uint32_t)base, limit));
	le64_put(at + 8, base >> 32);
}

void x86_put_gate32(uint8_t *at, uint16_t selector, uint32_t handler)
{
	le16_put(at, (uint16_t)handler);
	le16_put(at + 2, selector);
	at[4] = 0;
	at[5] = SEG_P | GATE_INTERRUPT;
	le16_put(at + 6, (uint16_t)(handler >> 16));
}

void x86_put_gate64(uint8_t *at, uint16_t selector, uint64_t handler, unsigned ist)
{
	x86_put_gate32(at, selector, (uint32_t)handler);
	at[4] = (uint8_t)ist;
	le64_put(at + 8, handler >> 32);
}

void x86_put_tss64(uint8_t *at, uint64_t rsp0, uint64_t ist1)
{
	memset(at, 0, TSS_SIZE);
	le64_put(at + TSS_RSP0, rsp0);
	le64_put(at + TSS_IST1, ist1);
	le16_put(at + TSS_IOPB, TSS_SIZE);
}

int x86_put_entries(const struct gmem *mem, uint64_t table, uint64_t first, uint64_t count, uint64_t to, uint64_t step,
	uint64_t flags)
{
	uint8_t entries[PTE_COUNT * 8];
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < count;) {
		uint64_t n = MIN(count - done, (uint64_t)PTE_COUNT);

		for (uint64_t i = 0; i < n; i++)
			le64_put(entries + i * 8, (to + (done + i) * step) | flags);
		r = gmem_write(mem, table + (first + done) * 8, entries, n * 8);
		done += n;
	}
	return r;
}
