// SPDX-License-Identifier: Apache-2.0
/*
 * paging_translate() on any registers and any tables. The input is a `struct choice`, then up to RAM_MAX bytes of RAM
 * at the address of its choice, so that tables lie at the edges of RAM too. RAM ends where a page ends that is followed
 * by one without access, and is read-only: a read past its end and a walk that writes end the process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/fuzz.h"
#include "vmm/base/x86.h"
#include "vmm/debug/paging.h"

#define RAM_MAX (64 * KIB)

struct choice {
	struct paging regs;
	uint64_t linear;
	uint64_t ram_gpa;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What holds of any translation: it is the same when it is asked for again, and at the page's other addresses. */
static void check(const struct gmem *mem, const struct choice *c)
{
	uint64_t gpa = 0x77, again = 0x77, end;
	int r = paging_translate(mem, &c->regs, c->linear, &gpa);

	must(r == 0 || r == -ENOENT || r == -EINVAL || r == -EFAULT);
	must(r == 0 || gpa == 0x77);
	must(paging_translate(mem, &c->regs, c->linear, &again) == r && again == gpa);
	must(paging_translate(mem, &c->regs, c->linear | (PAGE_4K - 1), &end) == r);
	if (r < 0)
		return;
	must(gpa < BIT(52) && gpa % PAGE_4K == c->linear % PAGE_4K && end == (gpa | (PAGE_4K - 1)));
	if (!(c->regs.cr0 & CR0_PG))
		must(gpa == (uint32_t)c->linear);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gmem mem = {0};
	struct choice c;
	uint8_t *map;
	size_t len;

	if (size <= sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	len = MIN(size - sizeof(c), (size_t)RAM_MAX);
	/* At the end of a page, with one behind it that nobody may touch. */
	map = mmap(NULL, RAM_MAX + PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(map != MAP_FAILED);
	memcpy(map + RAM_MAX - len, data + sizeof(c), len);
	must(!mprotect(map, RAM_MAX, PROT_READ) && !mprotect(map + RAM_MAX, PAGE_4K, PROT_NONE));
	if (!gmem_add(
		    &mem, &(struct gmem_region){.gpa = c.ram_gpa, .size = len, .host = map + RAM_MAX - len, .fd = -1}))
		check(&mem, &c);
	munmap(map, RAM_MAX + PAGE_4K);
	return 0;
}
