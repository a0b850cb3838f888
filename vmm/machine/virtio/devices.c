// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/virtio/devices.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"

/* Time limit of a stop, however slow a disk is: its current request was not completed to the guest. */
#define STOP_NS (50 * NSEC_PER_MSEC)

static struct virtio_units *units_of(struct virtio_devices *s, const struct virtio_kind *kind)
{
	return &s->units[kind - virtio_kinds];
}

static void *unit_at(struct virtio_devices *s, const struct virtio_kind *kind, size_t index)
{
	return (char *)units_of(s, kind)->unit + index * kind->ops->unit_size;
}

void *virtio_devices_unit(struct virtio_devices *s, enum virtio_kind_id kind, size_t index)
{
	return index < s->units[kind].nr ? unit_at(s, &virtio_kinds[kind], index) : NULL;
}

/* --- Making them ------------------------------------------------------------------------------------------------- */

static int open_kind(struct virtio_devices *s, const struct virtio_kind *kind, const struct config *c, struct err *e)
{
	struct virtio_units *u = units_of(s, kind);
	size_t nr = kind->ops->count(c);

	if (!nr)
		return 0;
	u->unit = calloc(nr, kind->ops->unit_size);
	if (!u->unit)
		return err_sys(e, -ENOMEM, "cannot allocate %zu virtio devices (%s)", nr, kind->option);
	for (; u->nr < nr; u->nr++) {
		int r = kind->ops->open ? kind->ops->open(unit_at(s, kind, u->nr), c, u->nr, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int virtio_devices_open(const struct config *config, struct virtio_devices **ret, struct err *e)
{
	struct virtio_devices *s = calloc(1, sizeof(*s));

	if (!s)
		return err_sys(e, -ENOMEM, "cannot allocate the virtio devices");
	for_each_virtio_kind(kind)
	{
		int r = open_kind(s, kind, config, e);

		if (r < 0) {
			virtio_devices_destroy(s);
			return r;
		}
	}
	*ret = s;
	return 0;
}

/* The shared thread, whose loop the devices need when they are made. */
static int init_worker(struct virtio_devices *s, struct err *e)
{
	int r = 0;

	for_each_virtio_kind(kind) if (kind->thread == VIRTIO_SHARED && units_of(s, kind)->nr && !s->worker.loop &&
		r == 0) r = worker_init(&s->worker, "virtio", SANDBOX_VIRTIO);
	return r < 0 ? err_sys(e, r, "cannot set up the thread of network, sockets and balloon") : 0;
}

/* Waits for what @open has started, which had time to get ready since then. */
static int ready_kind(struct virtio_devices *s, const struct virtio_kind *kind, struct err *e)
{
	int r = 0;

	for (size_t i = 0; kind->ops->ready && i < units_of(s, kind)->nr && r == 0; i++)
		r = kind->ops->ready(unit_at(s, kind, i), s, e);
	return r;
}

/* Connects a device to the next slot. */
static int add(struct virtio_devices *s, const struct virtio_kind *kind, struct virtio_device *device)
{
	struct virtio_slot *slot = &s->slot[s->nr];
	int r;

	assert(s->nr < BOARD_VIRTIO_MAX); /* board_draw() has counted */
	slot->kind = kind;
	r = irq_line_init(&slot->irq);
	if (r < 0)
		return r;
	r = virtio_mmio_init(&slot->mmio, device, &slot->irq);
	if (r < 0) {
		irq_line_destroy(&slot->irq);
		return r;
	}
	s->nr++;
	return 0;
}

/* The message for a device that could not be made, named by its file, else by its number if there may be several. */
static int not_made(const struct virtio_devices *s, const struct virtio_kind *kind, size_t index, int r, struct err *e)
{
	struct virtio_needs n = {0};

	if (kind->ops->needs)
		kind->ops->needs(s->env.config, index, &n);
	if (n.opens)
		return err_sys(e, r, "cannot set up %s%s", n.opens_as, n.opens);
	if (kind->ops->many)
		return err_sys(e, r, "cannot set up %s %zu", kind->name, index);
	return err_sys(e, r, "cannot set up the %s", kind->name);
}

static int init_kind(struct virtio_devices *s, const struct virtio_kind *kind, struct err *e)
{
	for (size_t i = 0; i < units_of(s, kind)->nr; i++) {
		struct virtio_device *device;
		int r = kind->ops->init(unit_at(s, kind, i), i, s, &device);

		if (r == 0)
			r = add(s, kind, device);
		if (r < 0)
			return not_made(s, kind, i, r, e);
	}
	return 0;
}

int virtio_devices_init(struct virtio_devices *s, const struct virtio_env *env, struct err *e)
{
	int r = 0;

	s->env = *env;
	for (const struct virtio_kind *k = virtio_kinds; k < virtio_kinds + VIRTIO_KINDS_NR && r == 0; k++)
		r = ready_kind(s, k, e);
	if (r == 0)
		r = init_worker(s, e);
	for (const struct virtio_kind *k = virtio_kinds; k < virtio_kinds + VIRTIO_KINDS_NR && r == 0; k++)
		r = init_kind(s, k, e);
	return r;
}

int virtio_devices_attach(struct virtio_devices *s, const struct board_part *part, struct vm *vm, struct err *e)
{
	struct virtio_mmio *t = &s->slot[part->index].mmio;
	void *page = vm_shown(vm, part->base);
	int r = 0;

	if (page)
		virtio_mmio_show(t, page);
	for (unsigned q = 0; q < t->device->nr_queues && r == 0; q++)
		r = vm_attach_kick(vm, part->base + VIRTIO_MMIO_QUEUE_NOTIFY, q, t->kick_fd[q], e);
	return r;
}

/* --- Their threads ----------------------------------------------------------------------------------------------- */

int virtio_devices_start(struct virtio_devices *s, struct sandbox *sandbox, struct err *e)
{
	int r;

	for_each_virtio_kind(kind)
	{
		for (size_t i = 0; kind->ops->start && i < units_of(s, kind)->nr; i++) {
			r = kind->ops->start(unit_at(s, kind, i), sandbox);
			if (r < 0)
				return err_sys(
					e, r, "cannot start the threads of %s %zu%s", kind->name, i, err_no_thread(r));
		}
	}
	r = s->worker.loop ? worker_start(&s->worker, sandbox) : 0;
	return r < 0 ? err_sys(e, r, "cannot start the thread of network, sockets and balloon%s", err_no_thread(r)) : 0;
}

const char *virtio_devices_hold(struct virtio_devices *s)
{
	const char *late = NULL;

	/* All are started before waiting for one. */
	for (unsigned i = 0; i < s->nr; i++)
		if (virtio_hold(s->slot[i].mmio.device))
			late = s->slot[i].mmio.device->name;
	return late;
}

void virtio_devices_release(struct virtio_devices *s)
{
	for (unsigned i = 0; i < s->nr; i++)
		virtio_release(s->slot[i].mmio.device);
}

void virtio_devices_save(struct virtio_devices *s, struct state_writer *w)
{
	for (unsigned i = 0; i < s->nr; i++)
		virtio_mmio_save(&s->slot[i].mmio, i, w);
}

COLD size_t virtio_devices_saved_room(const struct virtio_devices *s)
{
	size_t room = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		const struct virtio_more *more = s->slot[i].mmio.device->ops->more;

		room += more ? more->room() : 0;
	}
	return room;
}

COLD int virtio_devices_savable(struct virtio_devices *s, struct err *e)
{
	for (unsigned i = 0; i < s->nr; i++) {
		struct virtio_device *d = s->slot[i].mmio.device;
		const char *why;

		if (!d->ops->more)
			continue;
		pthread_mutex_lock(&d->lock);
		why = d->ops->more->refuses(d);
		pthread_mutex_unlock(&d->lock);
		if (why)
			return err_set(e, -ENOTSUP, "%s: %s", d->name, why);
	}
	return 0;
}

int virtio_devices_restore(struct virtio_devices *s, struct state_reader *r, struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < s->nr; i++)
		ret = virtio_mmio_restore(&s->slot[i].mmio, i, r, e);
	return ret;
}

COLD void virtio_devices_forget(struct virtio_devices *s)
{
	for_each_virtio_kind(kind) for (size_t i = 0; kind->ops->forget && i < units_of(s, kind)->nr; i++)
		kind->ops->forget(unit_at(s, kind, i));
}

static void quit_own(struct virtio_devices *s)
{
	for_each_virtio_kind(kind) for (size_t i = 0; kind->ops->quit && i < units_of(s, kind)->nr; i++)
		kind->ops->quit(unit_at(s, kind, i));
}

/* Return: false when one still hangs; with @report set this is reported, and every device has its slot. */
static bool stop_own(struct virtio_devices *s, uint64_t deadline_ns, bool report)
{
	bool gone = true;
	unsigned slot = 0;

	for_each_virtio_kind(kind)
	{
		for (size_t i = 0; i < units_of(s, kind)->nr; i++, slot++) {
			if (!kind->ops->stop || kind->ops->stop(unit_at(s, kind, i), deadline_ns))
				continue;
			gone = false;
			if (report)
				trace_device_hangs(s->env.trace, s->slot[slot].mmio.device->name);
		}
	}
	return gone;
}

void virtio_devices_stop(struct virtio_devices *s)
{
	uint64_t deadline_ns = trace_now_ns() + STOP_NS;

	/* All are told to end before waiting for any, so that one that hangs does not use up the time of the others. */
	quit_own(s);
	/* First stop its loop, or virtio_quit() could wait for the lock of a busy device for many turns. */
	worker_stop(&s->worker, 0);
	for (unsigned i = 0; i < s->nr; i++)
		if (s->slot[i].kind->thread == VIRTIO_SHARED)
			virtio_quit(s->slot[i].mmio.device);
	if (!worker_stop(&s->worker, deadline_ns))
		trace_device_hangs(s->env.trace, s->worker.name);
	stop_own(s, deadline_ns, true);
}

/* --- Their end --------------------------------------------------------------------------------------------------- */

static void destroy_kind(struct virtio_devices *s, const struct virtio_kind *kind)
{
	struct virtio_units *u = units_of(s, kind);

	for (size_t i = 0; kind->ops->destroy && i < u->nr; i++)
		kind->ops->destroy(unit_at(s, kind, i));
	free(u->unit);
	*u = (struct virtio_units){0};
}

bool virtio_devices_destroy(struct virtio_devices *s)
{
	bool gone;

	if (!s)
		return true;
	gone = stop_own(s, 0, false);
	if (!worker_stop(&s->worker, 0))
		return false;
	for (unsigned i = 0; gone && i < s->nr; i++) {
		virtio_mmio_destroy(&s->slot[i].mmio);
		irq_line_destroy(&s->slot[i].irq);
	}
	/*
	 * Resources that a hanging disk thread cannot access are still released: a socket's path, the connection to
	 * passt.
	 */
	for_each_virtio_kind(kind) if (gone || kind->thread != VIRTIO_OWN) destroy_kind(s, kind);
	worker_destroy(&s->worker);
	if (gone)
		free(s);
	return gone;
}
