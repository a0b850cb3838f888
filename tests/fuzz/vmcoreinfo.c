// SPDX-License-Identifier: Apache-2.0
/*
 * VMCOREINFO of any guest, found in RAM that has the input at its end, and the lines of it. RAM ends where a page ends
 * that is followed by one without access.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/fuzz.h"
#include "vmm/base/x86.h"
#include "vmm/debug/vmcoreinfo.h"

#define RAM_MAX (8 * KIB)

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Asserted for every input: the note is terminated text, and invalid numbers set nothing. */
static void check(const struct vmcoreinfo *v, const struct gmem *mem)
{
	static const char *const keys[] = {"OSRELEASE", "NUMBER(phys_base)", "SYMBOL(_stext)", "KERNELOFFSET", "A", ""};
	struct paging regs = {.cr0 = CR0_PE | CR0_PG, .cr4 = CR4_PAE, .efer = EFER_LMA};

	must(v->len <= VMCOREINFO_TEXT_MAX && strlen(v->text) == v->len && !strncmp(v->text, "OSRELEASE=", 10));
	for (uint32_t i = 0; i < v->len; i++)
		must(v->text[i] == '\n' || (v->text[i] >= ' ' && v->text[i] <= '~'));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		uint64_t decimal = 0x77, hex = 0x77;

		must(vmcoreinfo_number(v, keys[i], 10, &decimal) || decimal == 0x77);
		must(vmcoreinfo_number(v, keys[i], 16, &hex) || hex == 0x77);
	}
	if (!vmcoreinfo_fits(v, mem, &regs))
		must(!regs.cr3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmcoreinfo v;
	struct gmem mem = {0};
	uint8_t *map;

	size = MIN(size, (size_t)RAM_MAX);
	map = mmap(NULL, RAM_MAX + PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(map != MAP_FAILED);
	memcpy(map + RAM_MAX - size, data, size);
	must(mprotect(map, RAM_MAX, PROT_READ) == 0 && mprotect(map + RAM_MAX, PAGE_4K, PROT_NONE) == 0);
	must(gmem_add(&mem, &(struct gmem_region){.size = RAM_MAX, .host = map, .fd = -1}) == 0);
	if (vmcoreinfo_read(&mem, RAM_MAX - size, &v))
		check(&v, &mem);
	munmap(map, RAM_MAX + PAGE_4K);
	return 0;
}
