/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's clocks without an exit: two pages in its address space, one with the time at a reading of the TSC, one
 * with functions that add what has passed since, as Linux's vDSO has them.
 *
 * Context: exec_vdso_map(): BUILD stage; exec_vdso_refresh(): the vCPU's thread.
 */
#ifndef VMM_EXEC_VDSO_H
#define VMM_EXEC_VDSO_H

/* Offsets in the page of the time, struct exec_vvar */
#define VVAR_SEQ  0
#define VVAR_BASE 8
#define VVAR_SPAN 16
#define VVAR_MULT 24
#define VVAR_MONO 32
#define VVAR_WALL 40

#define VVAR_SIZE 4096

/* CLOCK_REALTIME, CLOCK_MONOTONIC and their coarse ones; those with the time of day */
#define VDSO_CLOCKS 0x63
#define VDSO_WALL   0x21

#ifndef __ASSEMBLER__

#include <stdint.h>

#include "vmm/exec/task.h"

/**
 * struct exec_vvar - what the program's functions read
 * @seq: another one: read again
 * @base: TSC; @span: for so many ticks from it on the rest holds
 * @mult: ns per tick, as a fraction of 2^32
 * @mono: CLOCK_MONOTONIC at @base, in ns; @wall: what CLOCK_REALTIME has more
 */
struct exec_vvar {
	uint64_t seq;
	uint64_t base;
	uint64_t span;
	uint64_t mult;
	uint64_t mono;
	uint64_t wall;
};

/* The image: an ELF file of one page */
extern const uint8_t exec_vdso[];
extern const uint8_t exec_vdso_end[];

/**
 * exec_vdso_map() - map both pages
 *
 * Return: the address of the image, for AT_SYSINFO_EHDR; 0: there is no room.
 */
uint64_t exec_vdso_map(struct exec_task *t);

/**
 * exec_vdso_refresh() - let the page of the time hold for a millisecond from now on
 * @guest_tsc: what the program's function has read: it must be a reading of the same counter as ours. Hostile.
 */
void exec_vdso_refresh(struct exec_task *t, uint64_t guest_tsc);

#endif
#endif
