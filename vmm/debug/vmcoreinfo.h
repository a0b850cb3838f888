/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux kernel tells tools that read its memory: where it was put, and where its tables are. The kernel keeps it
 * as an ELF note, at the beginning of a page, from its initcalls on.
 *
 * Spec: Linux Documentation/admin-guide/kdump/vmcoreinfo.rst; kernel/vmcore_info.c (crash_core.c before 6.9).
 */
#ifndef VMM_DEBUG_VMCOREINFO_H
#define VMM_DEBUG_VMCOREINFO_H

#include <stdbool.h>

#include "vmm/base/gmem.h"
#include "vmm/debug/paging.h"

#define VMCOREINFO_NAME     "VMCOREINFO"
#define VMCOREINFO_TEXT_MAX 4096 /* VMCOREINFO_BYTES of the kernel: a page */

/** struct vmcoreinfo - the text, lines KEY=VALUE, with @len bytes; @len 0: none */
struct vmcoreinfo {
	uint32_t len;
	char text[VMCOREINFO_TEXT_MAX + 1];
};

/**
 * vmcoreinfo_read() - is there such a note at @gpa?
 * @ret: its text, as long as it is text; untouched where there is none
 *
 * Any program of the guest can have such bytes in a page of its own: vmcoreinfo_fits() says whose they are.
 * Trust: guest.
 */
bool vmcoreinfo_read(const struct gmem *mem, uint64_t gpa, struct vmcoreinfo *ret);

/**
 * vmcoreinfo_number() - the value of the line KEY=
 * @base: 10, where a minus may be in front, or 16; the kernel writes addresses without 0x
 *
 * Return: whether there is one, the first, which is nothing but a number.
 */
bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *key, int base, uint64_t *ret);

/**
 * vmcoreinfo_fits() - the kernel that @regs are of lies where the text says
 *
 * @regs: of a program under page table isolation, @cr3 becomes that of the kernel's tables, which are looked at as well
 */
bool vmcoreinfo_fits(const struct vmcoreinfo *v, const struct gmem *mem, struct paging *regs);

#endif
