// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A reset is exact if nothing of the run that it ends arrives after it:
 * - Interrupts: KVM's irqfd delivers by a worker thread, and nobody can wait for that without taking the line down. So
 *   the lines of such a machine deliver within irq_raise(): while CPUs and devices are held nothing is under way.
 * - Timers: KVM cancels those of a local APIC and of the interval timer when it is given their state.
 * - Requests of virtio devices: virtio_devices_hold() waits for those that are worked on. A kick that nobody has seen
 *   yet makes a device look at its queue once more, which finds what the driver had offered at the moment.
 *
 * Pages that this process writes are marked where it writes them (gmem_mark()); the register page that guests read lies
 * outside RAM, and each device writes its own when it is restored.
 */
#include "vmm/machine/reset.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/base/assert.h"
#include "vmm/kvm/reset.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/saved.h"

/**
 * struct machine_reset - the moment: @vm what KVM has, and RAM, of @base if that is not empty; @devices the rest, @size
 * bytes
 */
struct machine_reset {
	struct vm_reset vm;
	struct memory base;
	uint8_t *devices;
	size_t size;
};

static void put_devices(struct machine *m, struct state_writer *w)
{
	chips_save(&m->chips, m->reset->vm.saved.at_ns, w);
	virtio_devices_save(m->virtio, w);
}

int machine_reset_init(struct machine *m, struct memory *base, struct err *e)
{
	struct machine_reset *t;
	int r = machine_saved_init(m, e);

	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_sys(e, -ENOMEM, "no memory for a reset");
	m->reset = t;
	t->devices = malloc(machine_saved_size(m));
	if (!t->devices)
		return err_sys(e, -ENOMEM, "no memory for a reset");
	if (base) {
		t->base = *base;
		*base = (struct memory){0};
	}
	return vm_reset_init(&m->vm, &t->vm, base ? &t->base : NULL, e);
}

int machine_reset_mark(struct machine *m, struct err *e)
{
	struct machine_reset *t = m->reset;
	struct state_writer w = {.data = t->devices, .size = machine_saved_size(m)};
	int r = vm_reset_mark(&t->vm, e);

	put_devices(m, &w);
	assert(w.used <= w.size);
	t->size = w.used;
	return r < 0 ? err_wrap(e, r, "cannot reset the guest") : 0;
}

int machine_reset(struct machine *m, uint64_t *ret_pages, struct err *e)
{
	struct machine_reset *t = m->reset;
	struct state_reader devices = {.data = t->devices, .size = t->size};
	int r;

	vm_mute_irqs(&m->vm, true);
	virtio_devices_forget(m->virtio);
	t->vm.skip_ns = machine_skipped_ns(&t->vm.saved, m->config->clock);
	r = vm_reset_return(&t->vm, ret_pages, e);
	if (r == 0)
		r = chips_restore(&m->chips, m->vm.began_ns, &devices, e);
	if (r == 0)
		r = virtio_devices_restore(m->virtio, &devices, e);
	vm_mute_irqs(&m->vm, false);
	return r < 0 ? err_wrap(e, r, "cannot reset the guest") : 0;
}

void machine_reset_destroy(struct machine_reset *t)
{
	if (!t)
		return;
	vm_reset_destroy(&t->vm);
	memory_destroy(&t->base);
	free(t->devices);
	free(t);
}
