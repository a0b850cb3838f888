/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that stands still as an ELF64 core, as QEMU's dump-guest-memory writes it, for crash(8), gdb and others.
 *
 *	notes:	 NT_PRSTATUS of each CPU, QEMU's note of each with its control registers, VMCOREINFO where RAM has it
 *	PT_LOAD: what the kernel maps, by its linear addresses: its text and modules, then the rest in order. So the
 *		 first below the text is of the direct map, and makedumpfile(8) takes the offset of that from it;
 *		 then RAM by guest-physical address (p_vaddr says the same as p_paddr), all of it, onto the same bytes
 *
 * RAM that the guest has not touched is not in the file, but in p_memsz only: it reads as zeroes. Pages of zeroes
 * beside others are holes of a sparse file. So a core has at most the size of RAM, plus the head: CORE_HEAD_MAX.
 *
 * Nothing is allocated while one is written, and nothing but @fd is used: mincore, sysinfo and pwrite64 are all calls.
 *
 * Spec: ELF-64 (System V gABI); QEMU docs/specs and target/i386/arch_dump.c for the form of its note (version 1).
 */
#ifndef VMM_DEBUG_ELFCORE_H
#define VMM_DEBUG_ELFCORE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "vmm/base/gmem.h"

/** struct core_segment - a segment register; @flags is the upper half of a descriptor, without base and limit */
struct core_segment {
	uint32_t selector;
	uint32_t limit;
	uint32_t flags;
	uint32_t pad;
	uint64_t base;
};

/** struct core_registers - QEMU's note of a CPU, version 1, as it is in the file; @version and @size are filled in */
struct core_registers {
	uint32_t version;
	uint32_t size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	struct core_segment cs, ds, es, fs, gs, ss;
	struct core_segment ldt, tr, gdt, idt;
	uint64_t cr[5];
	uint64_t kernel_gs_base;
};

/** struct core_cpu - a CPU; @efer is in no note, and says how its addresses are translated */
struct core_cpu {
	struct core_registers regs;
	uint64_t efer;
};

struct core_writer;

/** struct core_result - @bytes: written, holes left out; @vmcoreinfo: there is one, and it fits the CPUs */
struct core_result {
	uint64_t bytes;
	bool vmcoreinfo;
};

#define CORE_CPUS_MAX 4096

/* No head is larger: notes of every CPU, VMCOREINFO, a program header for each segment. */
#define CORE_HEAD_MAX (8 * MIB)

/** core_writer_new() - what writing one takes; -ENOMEM. The caller owns *@ret. */
int core_writer_new(struct core_writer **ret);

/** core_writer_free() - takes NULL */
void core_writer_free(struct core_writer *w);

/**
 * core_write() - write a core
 * @mem: guest RAM, which nobody changes meanwhile; its host addresses begin at pages
 * @cpu: @nr of them, 1 to CORE_CPUS_MAX
 * @fd: a new, empty file
 * @stop: becomes true when nobody wants it any more
 * @ret: untouched on failure
 *
 * What the guest has written decides how many segments and holes there are, within bounds, and nothing else: the time
 * is that of reading RAM a few times.
 *
 * Return: 0, -ECANCELED, or a negative errno of pwrite().
 * Context: any thread; @w is of one at a time. Trust: guest (RAM and registers).
 */
int core_write(struct core_writer *w, const struct gmem *mem, struct core_cpu *cpu, unsigned nr, int fd,
	const _Atomic bool *stop, struct core_result *ret);

#endif
