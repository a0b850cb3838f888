// SPDX-License-Identifier: Apache-2.0
/*
 * --gdb of a machine: what a debugger asks of it (vmm/debug/gdb/stub.h).
 */
#include <errno.h>
#include <signal.h>

#include "vmm/machine/internal.h"

static void hold(void *owner)
{
	struct machine *m = owner;

	/* It is held already for a core that its debugger no longer waits for. */
	if (m->gdb_released) {
		m->gdb_released = false;
		gdb_stub_held(m->gdb);
	}
	machine_hold(m, &m->gdb_hold);
}

static void release(void *owner)
{
	struct machine *m = owner;

	/* Who asks for a core has to hold the machine until it is there. */
	if (m->gdb_core.done)
		m->gdb_released = true;
	else
		machine_release(m, &m->gdb_hold);
}

static void on_core(struct core_request *q, const char *path, const char *why)
{
	struct machine *m = container_of(q, struct machine, gdb_core);
	char text[200];

	q->done = NULL;
	snprintf(text, sizeof(text), "%s%s", path ? "core written: " : "no core: ", path ? path : why);
	gdb_stub_cored(m->gdb, text);
	if (m->gdb_released) {
		m->gdb_released = false;
		machine_release(m, &m->gdb_hold);
	}
}

static void core(void *owner)
{
	struct machine *m = owner;
	int r;

	m->gdb_core.done = on_core;
	r = machine_core(m, CORE_REASON_REQUEST, &m->gdb_core);
	if (r < 0)
		on_core(&m->gdb_core, NULL, r == -ENOTSUP ? "vmm was started without --core" : "one is being written");
}

static void on_held(struct hold *h)
{
	gdb_stub_held(container_of(h, struct machine, gdb_hold)->gdb);
}

static void on_refused(struct hold *h, const char *late)
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

static const struct gdb_owner owner_ops = {
	.hold = hold, .release = release, .end = end, .core = core, .memory = memory};

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

	m->gdb_hold = (struct hold){.held = on_held, .refused = on_refused};
	return gdb_stub_attach(m->gdb, &env, e);
}
