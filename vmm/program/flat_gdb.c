// SPDX-License-Identifier: Apache-2.0
/*
 * --gdb of flat programs: holding them still, and what else a debugger asks (vmm/debug/gdb/stub.h). Each program is a
 * CPU.
 *
 * As in vmm/machine/pause.c, threads are asked and not waited for: one may be printing to a console that the loop
 * empties.
 */
#include <signal.h>

#include "vmm/program/flat_internal.h"

#define LOOK_NS    (200 * NSEC_PER_USEC)
#define GIVE_UP_NS (5 * NSEC_PER_SEC)

static void look(struct flat *f)
{
	struct vcpu_thread *late = crew_late(&f->crew);
	uint64_t now = trace_now_ns();

	if (!late) {
		f->hold.held_ns = now;
		loop_timer_set(&f->limit, 0, 0);
		gdb_stub_lift(f->gdb);
		gdb_stub_held(f->gdb);
	} else if (now - f->hold.asked_ns < GIVE_UP_NS) {
		loop_timer_set(&f->hold.timer, LOOK_NS, 0);
	} else {
		f->hold.on = false;
		crew_resume(&f->crew);
		gdb_stub_refused(f->gdb, container_of(late, struct flat_program, thread)->name);
	}
}

static void on_timer(struct loop_timer *t)
{
	struct flat *f = container_of(t, struct flat, hold.timer);

	if (f->hold.on && !f->hold.held_ns)
		look(f);
}

static void hold(void *owner)
{
	struct flat *f = owner;

	if (f->hold.on)
		return;
	f->hold.on = true;
	f->hold.held_ns = 0;
	f->hold.asked_ns = trace_now_ns();
	crew_hold(&f->crew);
	look(f);
}

static void release(void *owner)
{
	struct flat *f = owner;
	uint64_t now = trace_now_ns();

	if (!f->hold.on)
		return;
	f->hold.on = false;
	/* The time limit goes on where it stood. */
	if (f->deadline_ns && f->hold.held_ns) {
		f->deadline_ns += now - f->hold.held_ns;
		loop_timer_set(&f->limit, f->deadline_ns > now ? f->deadline_ns - now : 1, 0);
	}
	gdb_stub_place(f->gdb);
	crew_resume(&f->crew);
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
	int r;

	if (!f->gdb)
		return 0;
	r = loop_timer_init(f->loop, &f->hold.timer, on_timer);
	return r < 0 ? err_sys(e, r, "cannot set up") : gdb_stub_attach(f->gdb, &env, e);
}
