// SPDX-License-Identifier: Apache-2.0
/*
 * --gdb of a machine: what a debugger asks of it (vmm/debug/gdb/stub.h).
 */
#include <signal.h>

#include "vmm/machine/internal.h"

static void hold(void *owner)
{
	struct machine *m = owner;

	machine_hold(m, &m->gdb_hold);
}

static void release(void *owner)
{
	struct machine *m = owner;

	machine_release(m, &m->gdb_hold);
}

static void on_held(struct machine_hold *h)
{
	gdb_stub_held(container_of(h, struct machine, gdb_hold)->gdb);
}

static void on_refused(struct machine_hold *h, const char *late)
{
	gdb_stub_refused(container_of(h, struct machine, gdb_hold)->gdb, late);
}

static void end(void *owner, enum gdb_end how)
{
	if (how == GDB_END_RESET)
		machine_end(owner, OUTCOME_RESET, DETECTOR_GDB, 0);
	else
		machine_end(owner, OUTCOME_SIGNAL, DETECTOR_GDB, SIGTERM);
}

static const struct gmem *memory(void *owner, unsigned cpu)
{
	const struct machine *m = owner;

	return &m->vm.memory.gmem;
}

static const struct gdb_owner owner_ops = {.hold = hold, .release = release, .end = end, .memory = memory};

int machine_gdb_open(struct machine *m, struct err *e)
{
	const struct sandbox_as as = config_as(m->config);

	return gdb_stub_open(m->config->gdb, &as, &m->gdb, e);
}

int machine_gdb_init(struct machine *m, struct err *e)
{
	const struct gdb_env env = {
		.ops = &owner_ops,
		.owner = m,
		.loop = m->loop,
		.trace = m->trace,
		.crew = &m->crew,
		.block_irq = gdb_blocks_irq(&m->kvm),
	};

	m->gdb_hold = (struct machine_hold){.held = on_held, .refused = on_refused};
	return gdb_stub_attach(m->gdb, &env, e);
}
