/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest is to stop: software breakpoints, which are INT3 in guest memory, and hardware breakpoints and
 * watchpoints, which are the four debug registers of every CPU.
 *
 * INT3 stands in memory only while the guest runs: gdb_lift() takes them all out when it is held, by whomever, and
 * gdb_place() puts them back before it goes on. So a reader of a stopped guest finds its own bytes, and
 * what is written meanwhile is the guest's.
 */
#ifndef VMM_DEBUG_GDB_BREAKPOINTS_H
#define VMM_DEBUG_GDB_BREAKPOINTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/gmem.h"

#define GDB_SOFTWARE_MAX 256
#define GDB_HARDWARE_MAX 4

/** enum gdb_breakpoint - the numbers of the packets Z and z */
enum gdb_breakpoint {
	GDB_SOFTWARE,
	GDB_HARDWARE,
	GDB_WATCH_WRITE,
	GDB_WATCH_READ,
	GDB_WATCH_ACCESS,
};

/**
 * struct gdb_software - a software breakpoint
 * @mem: borrowed; guest RAM that it is in
 * @linear, @gpa: where, as gdb said it and as the page tables had it then
 * @original: the guest's byte, while @placed
 */
struct gdb_software {
	const struct gmem *mem;
	uint64_t linear;
	uint64_t gpa;
	uint8_t original;
	bool placed;
};

/**
 * struct gdb_hardware - a debug register
 * @of, @of_len: what gdb asked for, of which this is a piece; @of_len 0: the register is free
 * @address, @len: 1, 2, 4 or 8 bytes, aligned
 */
struct gdb_hardware {
	enum gdb_breakpoint type;
	uint64_t of;
	uint64_t of_len;
	uint64_t address;
	uint8_t len;
};

/** struct gdb_breakpoints - start from GDB_BREAKPOINTS_NONE; @lock guards the rest */
struct gdb_breakpoints {
	pthread_mutex_t lock;
	bool placed;
	unsigned nr;
	struct gdb_software software[GDB_SOFTWARE_MAX];
	struct gdb_hardware hardware[GDB_HARDWARE_MAX];
};

#define GDB_BREAKPOINTS_NONE ((struct gdb_breakpoints){.lock = PTHREAD_MUTEX_INITIALIZER})

/**
 * gdb_set_software() - Return: 0, also for one that is set already; -EFAULT: not in RAM; -ENOSPC: too many
 *
 * Context: gdb_lift() has been called since gdb_place().
 */
int gdb_set_software(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t linear, uint64_t gpa);

/** gdb_clear_software() - one that is not set is no error. Context: as gdb_set_software() */
void gdb_clear_software(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t linear);

/**
 * gdb_set_hardware() - a breakpoint (@len is 1 then) or watchpoint, of one register or of several where it is not
 * aligned
 *
 * Return: 0, also for one that is set already; -ENOSPC: more registers than are free, and none is taken; -EINVAL: no
 * length, or none that four registers could hold; -ENOTSUP: GDB_WATCH_READ, which the processor does not have.
 */
int gdb_set_hardware(struct gdb_breakpoints *b, enum gdb_breakpoint type, uint64_t address, uint64_t len);

/** gdb_clear_hardware() - one that is not set is no error */
void gdb_clear_hardware(struct gdb_breakpoints *b, enum gdb_breakpoint type, uint64_t address, uint64_t len);

/** gdb_clear_all() - Context: as gdb_set_software() */
void gdb_clear_all(struct gdb_breakpoints *b);

/** gdb_has_software() - is there any? */
bool gdb_has_software(struct gdb_breakpoints *b);

/**
 * gdb_debug_registers() - DR0 to DR3, and DR7 at index 7, for what is set
 *
 * Return: false when nothing is. Spec: SDM 3, 17.2.4.
 */
bool gdb_debug_registers(struct gdb_breakpoints *b, uint64_t ret[static 8]);

/** gdb_hardware_hit() - @ret: what register @n watches. Return: false when it is free */
bool gdb_hardware_hit(struct gdb_breakpoints *b, unsigned n, struct gdb_hardware *ret);

/** gdb_software_hit() - is the INT3 at @gpa one of ours? Any thread. */
bool gdb_software_hit(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t gpa);

/**
 * gdb_place() - put INT3 where software breakpoints are; again: does nothing
 *
 * Two that are at the same guest-physical address, by two linear ones, have the same original byte.
 * Context: no CPU runs.
 */
void gdb_place(struct gdb_breakpoints *b);

/**
 * gdb_lift() - put back the guest's bytes; again: does nothing
 *
 * Where there is no INT3 any more the guest has written code of its own: that stays.
 * Context: no CPU runs.
 */
void gdb_lift(struct gdb_breakpoints *b);

#endif
