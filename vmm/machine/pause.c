// SPDX-License-Identifier: Apache-2.0
/*
 * Holding a machine still (vmm/kvm/holding.h).
 *
 * Theory of operation. First the CPUs, then the devices: a CPU completes the instruction under way, a kick included,
 * and only then has nothing more to say to a device.
 *
 * While the guest is held its time limit does not run, and the tick's checks are suspended: a guest that is held is
 * neither permanently halted nor at the end of its panic.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, KVM_RUN (immediate_exit), KVM_KVMCLOCK_CTRL.
 */
#include "vmm/base/clock.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/internal.h"

/* Guest watchdogs that depend on the clock alone, such as Linux's soft lockup detector, have limits of at least 2 s. */
#define WATCHDOG_NS NSEC_PER_SEC

static struct machine *machine_of(struct holding *g)
{
	return container_of(g, struct machine, holding);
}

static const char *device_late(struct holding *g)
{
	return virtio_devices_hold(machine_of(g)->virtio);
}

static const char *thread_name(struct vcpu_thread *t)
{
	return t->name;
}

static void on_stopped(struct holding *g)
{
	struct machine *m = machine_of(g);

	/* A limit that has run out is about to fire: it has to. */
	if (m->limit_at_ns > g->held_ns)
		loop_timer_set(&m->limit, 0, 0);
	gdb_stub_lift(m->gdb);
	trace_paused(m->trace, g->held_ns - g->asked_ns);
}

static void on_refused(struct holding *g, const char *late)
{
	trace_pause_refused(machine_of(g)->trace, late, HOLD_GIVE_UP_NS);
}

/* Shifts all times that were measured by the clock. */
static void skip_time(struct machine *m, uint64_t lost)
{
	uint64_t now = m->holding.held_ns + lost;

	m->resumed_ns = now;
	pthread_mutex_lock(&m->end.lock);
	if (m->end.panic_ns)
		m->end.panic_ns += lost;
	pthread_mutex_unlock(&m->end.lock);
	if (m->limit_at_ns > m->holding.held_ns) {
		m->limit_at_ns += lost;
		loop_timer_set(&m->limit, m->limit_at_ns - now, 0);
	}
	/* Does nothing for a guest without kvm-clock; one that runs in rounds starts each with its clocks restored. */
	for (unsigned i = 0; lost > WATCHDOG_NS && !m->rounds && i < m->vm.nr_vcpus; i++)
		vcpu_was_paused(m->cpu[i].thread.vcpu);
	trace_resumed(m->trace, lost);
}

static void on_goes_on(struct holding *g, uint64_t stopped_ns)
{
	struct machine *m = machine_of(g);

	if (stopped_ns)
		skip_time(m, stopped_ns);
	virtio_devices_release(m->virtio);
	gdb_stub_place(m->gdb);
}

static const struct holding_ops holding_ops = {
	.late = device_late,
	.name = thread_name,
	.stopped = on_stopped,
	.refused = on_refused,
	.goes_on = on_goes_on,
};

int machine_pause_init(struct machine *m)
{
	return holding_init(&m->holding, &holding_ops, &m->crew, m->loop);
}

void machine_hold(struct machine *m, struct hold *h)
{
	holding_ask(&m->holding, h);
}

void machine_release(struct machine *m, struct hold *h)
{
	holding_release(&m->holding, h);
}

bool machine_is_held(const struct machine *m)
{
	return m->holding.first;
}
