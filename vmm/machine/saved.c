// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. What KVM holds comes before the devices: a device with a reason for an interrupt raises it when
 * it is restored, and the controllers that the interrupt goes to have to be in place by then. Chips before virtio
 * devices is the order of the board. A delivery that KVM had not made when the state was saved is in no state, so each
 * reason is raised again, and a driver finds at worst one interrupt too many.
 */
#include "vmm/machine/saved.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm_saved.h"
#include "vmm/machine/internal.h"

static void put(struct machine *m, struct state_writer *w)
{
	vm_saved_put(m->saved, w);
	chips_save(&m->chips, m->saved->at_ns, w);
	virtio_devices_save(m->virtio, w);
}

int machine_saved_init(struct machine *m, struct err *e)
{
	struct state_writer w = {0};
	struct vm_saved *s;
	int r;

	if (m->saved)
		return 0;
	if (m->config->nested)
		return err_set(e, -ENOTSUP, "--nested: the state of a guest's own guests cannot be saved");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_sys(e, -ENOMEM, "no memory for the state of a machine");
	r = vm_saved_init(&m->vm, s, e);
	if (r < 0) {
		vm_saved_destroy(s);
		free(s);
		return r;
	}
	m->saved = s;
	put(m, &w);
	m->saved_size = w.used + virtio_devices_saved_room(m->virtio);
	return 0;
}

void machine_saved_destroy(struct machine *m)
{
	vm_saved_destroy(m->saved);
	free(m->saved);
	m->saved = NULL;
}

size_t machine_saved_size(const struct machine *m)
{
	return m->saved_size;
}

int machine_save(struct machine *m, struct state_writer *w, struct err *e)
{
	int r;

	assert(m->saved);
	r = virtio_devices_savable(m->virtio, e);
	if (r == 0)
		r = vm_save(&m->vm, m->saved, e);
	if (r < 0)
		return err_wrap(e, r, "cannot save the guest");
	put(m, w);
	return 0;
}

uint64_t machine_skipped_ns(const struct vm_saved *s, enum clock clock)
{
	uint64_t now = clock_ns(CLOCK_REALTIME);

	return clock == CLOCK_IS_RIGHT && now > s->realtime_ns ? now - s->realtime_ns : 0;
}

int machine_restore(struct machine *m, struct state_reader *r, enum clock clock, struct err *e)
{
	int ret;

	assert(m->saved);
	ret = vm_saved_get(m->saved, r, e);
	if (ret == 0)
		ret = vm_restore(&m->vm, m->saved, machine_skipped_ns(m->saved, clock), e);
	for (unsigned i = 0; ret == 0 && clock == CLOCK_IS_RIGHT && i < m->vm.nr_vcpus; i++)
		vcpu_was_paused(&m->vm.vcpu[i]);
	if (ret == 0)
		ret = chips_restore(&m->chips, m->vm.began_ns, r, e);
	if (ret == 0)
		ret = virtio_devices_restore(m->virtio, r, e);
	return ret < 0 ? err_wrap(e, ret, "cannot restore the guest") : 0;
}
