/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that ring 0 of the guest has: three pages at the top of the address space. Also included by stub.S.
 *
 *	EXEC_MONITOR		GDT, TSS, IDT
 *	EXEC_MONITOR + 4K	stub.S
 *	EXEC_MONITOR + 8K	four stacks: for exceptions, and for #DB, NMI, #DF
 */
#ifndef VMM_EXEC_MONITOR_H
#define VMM_EXEC_MONITOR_H

#define EXEC_PORT_CALL  0xf0
#define EXEC_PORT_FAULT 0xf1

#define EXEC_STUB_VECTORS 0x40
#define EXEC_STUB_SPACING 32
#define EXEC_VECTORS      32
#define EXEC_STUB_PF_OUT  8 /* offset of its OUT in the handler of page faults; in the others it is 0 */
#define EXEC_STUB_IRET    (EXEC_STUB_VECTORS + 3 * EXEC_STUB_SPACING + 2)
#define EXEC_WITH_ERROR   0x60227d00 /* VECTORS_WITH_ERROR of vmm/base/x86.h */

#ifndef __ASSEMBLER__

#include <stdint.h>

#include "vmm/exec/space.h"

#define EXEC_MONITOR    UINT64_C(0xffffffff80000000)
#define EXEC_STUB       (EXEC_MONITOR + PAGE_4K)
#define EXEC_STACKS     (EXEC_MONITOR + 2 * PAGE_4K)
#define EXEC_STACK_SIZE UINT64_C(1024)

/* Offset of each table in its page. */
#define EXEC_GDT 0x000
#define EXEC_TSS 0x080
#define EXEC_IDT 0x200

/* Selectors, with Linux's values, since programs can read them. */
#define EXEC_KERNEL_CS 0x10
#define EXEC_KERNEL_DS 0x18
#define EXEC_USER_CS32 0x23 /* no code segment: SYSCALL of 32-bit code would enter ring 0 elsewhere */
#define EXEC_USER_DS   0x2b
#define EXEC_USER_CS   0x33
#define EXEC_TSS_SEL   0x40
#define EXEC_GDT_SIZE  0x50

/**
 * struct monitor - @stacks_gpa: address of the page with the stacks; the VMM reads and writes the frames there
 */
struct monitor {
	uint64_t stacks_gpa;
};

/** monitor_write() - add the three pages to an address space. Return: 0 or -ENOMEM. Context: before it is used */
int monitor_write(struct space *s, struct monitor *ret);

#endif

#endif
