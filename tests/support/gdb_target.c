// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gdb_target.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/assert.h"

static struct gdb_test *test_of(struct gdb_target *t)
{
	return container_of(t, struct gdb_test, target);
}

static int read_regs(struct gdb_target *t, unsigned cpu, struct gdb_regs *ret)
{
	assert(cpu < GDB_TEST_CPUS);
	*ret = test_of(t)->regs[cpu];
	return 0;
}

static int write_regs(struct gdb_target *t, unsigned cpu, const struct gdb_regs *regs)
{
	assert(cpu < GDB_TEST_CPUS);
	/* KVM refuses a state that no processor can be in. */
	if (regs->v.system.cr8 > 15)
		return -EINVAL;
	test_of(t)->regs[cpu] = *regs;
	return 0;
}

static const struct gmem *memory(struct gdb_target *t, unsigned cpu)
{
	assert(cpu < GDB_TEST_CPUS);
	return &test_of(t)->mem;
}

static const char *state(struct gdb_target *t, unsigned cpu)
{
	assert(cpu < GDB_TEST_CPUS);
	return cpu ? "halted" : "running";
}

static bool resume(struct gdb_target *t, const uint8_t *how, struct gdb_stop *ret)
{
	struct gdb_test *test = test_of(t);

	if (test->pending.why != GDB_WHY_NONE) {
		*ret = test->pending;
		test->pending.why = GDB_WHY_NONE;
		return true;
	}
	memcpy(test->how, how, sizeof(test->how));
	test->nr_resumed++;
	return false;
}

static void interrupt(struct gdb_target *t)
{
	test_of(t)->nr_interrupted++;
}

static void end(struct gdb_target *t, enum gdb_end how)
{
	test_of(t)->end = how;
}

static void core(struct gdb_target *t)
{
	test_of(t)->nr_cores++;
}

static const struct gdb_target_ops ops = {
	.read = read_regs,
	.write = write_regs,
	.memory = memory,
	.state = state,
	.resume = resume,
	.interrupt = interrupt,
	.end = end,
	.core = core,
};

void gdb_test_init(struct gdb_test *t, void *ram, size_t size, uint64_t gpa)
{
	memset(t, 0, sizeof(*t));
	t->target.ops = &ops;
	t->target.nr_cpus = GDB_TEST_CPUS;
	t->target.breakpoints = GDB_BREAKPOINTS_NONE;
	if (gmem_add(&t->mem, &(struct gmem_region){.gpa = gpa, .size = size, .host = ram, .fd = -1}) < 0)
		abort();
}
