// SPDX-License-Identifier: Apache-2.0
#include "vmm/debug/gdb/memory.h"

#include <errno.h>

#include "vmm/base/x86.h"
#include "vmm/debug/paging.h"

/* PTI_USER_PGTABLE_BIT of Linux arch/x86/mm/pti.c */
#define PTI_USER_TABLE BIT(12)
#define KERNEL_HALF    BIT(63)

/* Linux Documentation/arch/x86/x86_64/mm.rst: the kernel's text, in pages of 2 MiB */
#define KERNEL_IMAGE_START UINT64_C(0xffffffff80000000)
#define KERNEL_IMAGE_SIZE  GIB

int gdb_translate(const struct gmem *mem, const struct vcpu_regs *regs, uint64_t linear, uint64_t *ret)
{
	const struct kvm_sregs *s = regs ? &regs->system : NULL;
	struct paging p;
	int r;

	if (!regs) {
		*ret = linear;
		return 0;
	}
	p = (struct paging){.cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer};
	r = paging_translate(mem, &p, linear, ret);
	if (r == 0 || !(s->cs.selector & SELECTOR_RPL) || !(s->efer & EFER_LMA) || !(linear & KERNEL_HALF) ||
		!(p.cr3 & PTI_USER_TABLE))
		return r;
	p.cr3 &= ~PTI_USER_TABLE;
	return paging_translate(mem, &p, linear, ret);
}

/* How much of @len bytes lies in the page of @address. */
static size_t in_page(uint64_t address, size_t len)
{
	return MIN((uint64_t)len, PAGE_4K - address % PAGE_4K);
}

size_t gdb_memory_read(const struct gmem *mem, const struct vcpu_regs *regs, uint64_t address, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = in_page(address + done, len - done);
		uint64_t gpa;

		if (gdb_translate(mem, regs, address + done, &gpa) < 0 ||
			gmem_read(mem, gpa, (uint8_t *)buf + done, n) < 0)
			break;
		done += n;
	}
	return done;
}

int gdb_memory_write(
	const struct gmem *mem, const struct vcpu_regs *regs, uint64_t address, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = in_page(address + done, len - done);
		uint64_t gpa;
		int r = gdb_translate(mem, regs, address + done, &gpa);

		if (r == 0)
			r = gmem_write(mem, gpa, (const uint8_t *)buf + done, n);
		if (r < 0)
			return r;
		done += n;
	}
	return 0;
}

uint64_t gdb_kernel_base(const struct gmem *mem, const struct vcpu_regs *regs)
{
	for (uint64_t at = 0; (regs->system.efer & EFER_LMA) && at < KERNEL_IMAGE_SIZE; at += PAGE_2M) {
		uint64_t gpa;

		if (gdb_translate(mem, regs, KERNEL_IMAGE_START + at, &gpa) == 0)
			return KERNEL_IMAGE_START + at;
	}
	return 0;
}
