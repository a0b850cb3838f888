/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a guest's linear address to its guest-physical one, by the page tables in its RAM.
 *
 * KVM_TRANSLATE does this with the rights of a supervisor, so that under SMAP (SDM 3, 4.6.1) it finds nothing of a
 * program, and only while there is a vCPU to ask. This one has no rights to check, and needs registers and memory only:
 * it lies in vmm/debug, with what looks at guests from outside, and knows no KVM, so that a core or a snapshot can be
 * looked at as well as a guest that stands still.
 */
#ifndef VMM_DEBUG_PAGING_H
#define VMM_DEBUG_PAGING_H

#include <stdint.h>

#include "vmm/base/gmem.h"

/** struct paging - the registers that say how addresses are translated */
struct paging {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
};

/**
 * paging_translate() - where @linear lies
 * @mem: guest RAM; nothing is written to it, accessed and dirty bits included
 * @linear: outside 64-bit mode its upper half is not looked at, as a processor has it
 * @ret: the guest-physical address, which need not be RAM; untouched on failure
 *
 * Paging off, 32-bit, PAE, 4 and 5 levels, with pages of every size. At most five entries are read, whatever the guest
 * wrote, each once. PAE's four uppermost entries are read from memory too, where a processor keeps what they were when
 * CR3 was loaded. The upper limit of physical addresses is that of the architecture, 52 bits; what a smaller processor
 * reserves leads out of RAM.
 *
 * Return: 0; -ENOENT: not mapped; -EINVAL: an address that is not canonical, or an entry with reserved bits set, both
 * of which are a fault to a processor; -EFAULT: a table outside RAM.
 * Context: any thread; a guest that runs may change the tables under it. Trust: guest.
 * Spec: SDM 3, 4.3 to 4.5.
 */
int paging_translate(const struct gmem *mem, const struct paging *regs, uint64_t linear, uint64_t *ret);

#endif
