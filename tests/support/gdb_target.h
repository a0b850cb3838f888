/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest without a processor, for unit tests and the fuzzer of gdb's protocol: registers and RAM on the heap, which a
 * session reads and writes. RAM may end anywhere and be followed by nothing.
 */
#ifndef TESTS_SUPPORT_GDB_TARGET_H
#define TESTS_SUPPORT_GDB_TARGET_H

#include "vmm/debug/gdb/session.h"

#define GDB_TEST_CPUS 3

/**
 * struct gdb_test - start from gdb_test_init()
 * @how: what the last resume requested for each CPU
 * @pending: answers the next resume at once
 * @nr_resumed, @nr_interrupted, @nr_cores: calls; @end: the last
 */
struct gdb_test {
	struct gdb_target target;
	struct gmem mem;
	struct gdb_regs regs[GDB_TEST_CPUS];
	uint8_t how[GDB_TEST_CPUS];
	struct gdb_stop pending;
	unsigned nr_resumed;
	unsigned nr_interrupted;
	unsigned nr_cores;
	enum gdb_end end;
};

/** gdb_test_init() - @ram of @size bytes is at @gpa; borrowed */
void gdb_test_init(struct gdb_test *t, void *ram, size_t size, uint64_t gpa);

#endif
