// SPDX-License-Identifier: Apache-2.0
/*
 * Holding the guest still.
 *
 * Theory of operation. First the CPUs, then the devices: a CPU completes the instruction under way, a kick included,
 * and only then has nothing more to say to a device. Both are asked and not waited for, since the control loop has to
 * go on: a CPU may be writing to a console that this loop empties. look() asks again, at first soon and then less
 * often, until nobody is late; a notification would need a system call more in the filter of each CPU.
 *
 * While the guest is held its time limit stands still, and what the tick concludes from silence waits: a guest that
 * may not run is neither halted for good nor done with its panic.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, KVM_RUN (immediate_exit), KVM_KVMCLOCK_CTRL.
 */
#include <stdio.h>

#include "vmm/base/clock.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/internal.h"

#define LOOK_FIRST_NS (50 * NSEC_PER_USEC)
#define LOOK_MOST_NS  NSEC_PER_MSEC
#define GIVE_UP_NS    (5 * NSEC_PER_SEC)
/* A watchdog of the guest that its clock alone sets off, as Linux's for soft lockups, has no limit below 2 s. */
#define WATCHDOG_NS NSEC_PER_SEC

static void let_go(struct machine *m)
{
	virtio_devices_release(m->virtio);
	gdb_stub_place(m->gdb);
	crew_resume(&m->crew);
	m->pause.state = PAUSE_NONE;
}

static void hold_limit(struct machine *m)
{
	uint64_t now = trace_now_ns();

	m->pause.held_ns = now;
	if (!m->limit_at_ns)
		return;
	/* One that has run out is about to fire: it has to. */
	if (m->limit_at_ns > now)
		loop_timer_set(&m->limit, 0, 0);
}

static void on_held(struct machine *m)
{
	hold_limit(m);
	gdb_stub_lift(m->gdb);
	m->pause.state = PAUSE_HELD;
	trace_paused(m->trace, m->pause.held_ns - m->pause.asked_ns);
	for (struct machine_hold *h = m->pause.first, *next; h; h = next) {
		next = h->next;
		h->held(h);
	}
}

static void refuse(struct machine *m, const char *late)
{
	struct machine_hold *h = m->pause.first;

	m->pause.first = NULL;
	let_go(m);
	trace_pause_refused(m->trace, late, GIVE_UP_NS);
	while (h) {
		struct machine_hold *next = h->next;

		h->on = false;
		h->refused(h, late);
		h = next;
	}
}

static void look(struct machine *m)
{
	struct vcpu_thread *t = crew_late(&m->crew);
	const char *late = t ? t->name : virtio_devices_hold(m->virtio);

	if (!late) {
		on_held(m);
	} else if (trace_now_ns() - m->pause.asked_ns >= GIVE_UP_NS) {
		refuse(m, late);
	} else {
		loop_timer_set(&m->pause.timer, m->pause.look_ns, 0);
		m->pause.look_ns = MIN(2 * m->pause.look_ns, LOOK_MOST_NS);
	}
}

static void on_timer(struct loop_timer *t)
{
	struct machine *m = container_of(t, struct machine, pause.timer);

	if (m->pause.state == PAUSE_ASKED)
		look(m);
}

int machine_pause_init(struct machine *m)
{
	return loop_timer_init(m->loop, &m->pause.timer, on_timer);
}

void machine_hold(struct machine *m, struct machine_hold *h)
{
	if (h->on)
		return;
	h->on = true;
	h->next = m->pause.first;
	m->pause.first = h;
	switch (m->pause.state) {
	case PAUSE_NONE:
		m->pause.state = PAUSE_ASKED;
		m->pause.asked_ns = trace_now_ns();
		m->pause.look_ns = LOOK_FIRST_NS;
		crew_hold(&m->crew);
		look(m);
		break;
	case PAUSE_ASKED: break;
	case PAUSE_HELD: h->held(h); break;
	}
}

/* What was measured against the clock goes on where it stood. */
static void skip_time(struct machine *m, uint64_t now)
{
	uint64_t lost = now - m->pause.held_ns;

	m->pause.resumed_ns = now;
	pthread_mutex_lock(&m->end.lock);
	if (m->end.panic_ns)
		m->end.panic_ns += lost;
	pthread_mutex_unlock(&m->end.lock);
	if (m->limit_at_ns > m->pause.held_ns) {
		m->limit_at_ns += lost;
		loop_timer_set(&m->limit, m->limit_at_ns - now, 0);
	}
	/* A guest without KVM's clock has nothing to be said to. */
	for (unsigned i = 0; lost > WATCHDOG_NS && i < m->vm.nr_vcpus; i++)
		vcpu_was_paused(m->cpu[i].thread.vcpu);
	trace_resumed(m->trace, lost);
}

void machine_release(struct machine *m, struct machine_hold *h)
{
	struct machine_hold **p = &m->pause.first;

	if (!h->on)
		return;
	h->on = false;
	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
	if (m->pause.first)
		return;
	if (m->pause.state == PAUSE_HELD)
		skip_time(m, trace_now_ns());
	let_go(m);
}

bool machine_is_held(const struct machine *m)
{
	return m->pause.first;
}
