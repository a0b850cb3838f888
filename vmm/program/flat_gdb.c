// SPDX-License-Identifier: Apache-2.0
/*
 * --gdb of flat programs: what a debugger asks of them (vmm/debug/gdb/stub.h). Each program is a CPU.
 */
#include <signal.h>

#include "vmm/program/flat_internal.h"

static void hold(void *owner)
{
	struct flat *f = owner;

	flat_hold(f, &f->gdb_hold);
}

static void release(void *owner)
{
	struct flat *f = owner;

	flat_release(f, &f->gdb_hold);
}

static void on_held(struct hold *h)
{
	gdb_stub_held(container_of(h, struct flat, gdb_hold)->gdb);
}

static void on_refused(struct hold *h, const char *late)
{
	gdb_stub_refused(container_of(h, struct flat, gdb_hold)->gdb, late);
}

static void end(void *owner, enum gdb_end how)
{
	if (how == GDB_END_RESET)
		flat_end(owner, OUTCOME_RESET, DETECTOR_GDB, 0);
	else
		flat_end(owner, OUTCOME_SIGNAL, DETECTOR_GDB, SIGTERM);
}

static void core(void *owner)
{
	struct flat *f = owner;

	gdb_stub_cored(f->gdb, "there are no cores of programs without a kernel");
}

static const struct gmem *memory(void *owner, unsigned cpu)
{
	struct flat *f = owner;
	struct vcpu_thread *t = f->crew.first;

	while (cpu--)
		t = t->next;
	return &f->vm[container_of(t, struct flat_program, thread)->vm].memory.gmem;
}

static const struct gdb_owner owner_ops = {
	.hold = hold, .release = release, .end = end, .core = core, .memory = memory};

int flat_gdb_init(struct flat *f, struct err *e)
{
	const struct gdb_env env = {
		.ops = &owner_ops,
		.owner = f,
		.loop = f->loop,
		.trace = f->trace,
		.crew = &f->crew,
		.block_irq = f->gdb && gdb_blocks_irq(&f->kvm),
	};

	if (!f->gdb)
		return 0;
	f->gdb_hold = (struct hold){.held = on_held, .refused = on_refused};
	return gdb_stub_attach(f->gdb, &env, e);
}
