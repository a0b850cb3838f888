// SPDX-License-Identifier: Apache-2.0
/*
 * Holding flat programs still (vmm/kvm/holding.h). One that waits for a key, or for room on the console, stands still.
 */
#include "vmm/program/flat_internal.h"

static struct flat *flat_of(struct holding *g)
{
	return container_of(g, struct flat, holding);
}

static const char *nothing_else(struct holding *g)
{
	return NULL;
}

static const char *program_name(struct vcpu_thread *t)
{
	return container_of(t, struct flat_program, thread)->name;
}

static void on_stopped(struct holding *g)
{
	struct flat *f = flat_of(g);

	loop_timer_set(&f->limit, 0, 0);
	gdb_stub_lift(f->gdb);
	trace_paused(f->trace, g->held_ns - g->asked_ns);
}

static void on_refused(struct holding *g, const char *late)
{
	trace_pause_refused(flat_of(g)->trace, late, HOLD_GIVE_UP_NS);
}

static void on_goes_on(struct holding *g, uint64_t stopped_ns)
{
	struct flat *f = flat_of(g);
	uint64_t now = g->held_ns + stopped_ns;

	/* The time limit goes on where it stood. */
	if (f->deadline_ns && stopped_ns) {
		f->deadline_ns += stopped_ns;
		loop_timer_set(&f->limit, f->deadline_ns > now ? f->deadline_ns - now : 1, 0);
	}
	gdb_stub_place(f->gdb);
	if (stopped_ns)
		trace_resumed(f->trace, stopped_ns);
}

static const struct holding_ops holding_ops = {
	.late = nothing_else,
	.name = program_name,
	.stopped = on_stopped,
	.refused = on_refused,
	.goes_on = on_goes_on,
};

int flat_pause_init(struct flat *f)
{
	return holding_init(&f->holding, &holding_ops, &f->crew, f->loop);
}

void flat_hold(struct flat *f, struct hold *h)
{
	holding_ask(&f->holding, h);
}

void flat_release(struct flat *f, struct hold *h)
{
	holding_release(&f->holding, h);
}

bool flat_is_held(const struct flat *f)
{
	return f->holding.first;
}
