// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/virtio/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/host/net.h"

/* A stop takes at most this long, however slow a disk is: what it was doing was not acknowledged to the guest. */
#define STOP_NS (50 * NSEC_PER_MSEC)

/* --- Disks -------------------------------------------------------------------------------------------------------- */

static int open_disks(struct virtio_slots *s, const struct config *c, struct err *e)
{
	if (!c->nr_disks)
		return 0;
	s->disk = calloc(c->nr_disks, sizeof(*s->disk));
	if (!s->disk)
		return err_sys(e, -ENOMEM, "cannot allocate %zu disks", c->nr_disks);
	for (; s->nr_disks < c->nr_disks; s->nr_disks++) {
		const struct config_disk *d = &c->disk[s->nr_disks];
		const struct disk_params p = {
			.path = d->path,
			.ro = d->ro,
			.overlay = d->overlay,
			.direct = d->cache == DISK_CACHE_NONE,
			.raw = d->format == DISK_FORMAT_RAW,
			.logical = d->logical,
		};
		int r = disk_open(&p, &s->disk[s->nr_disks].disk, e);

		if (r < 0)
			return err_operator(e, err_wrap(e, r, "--disk"));
	}
	return 0;
}

static int init_disk(struct disk_unit *u, unsigned index, const struct virtio_env *env)
{
	const struct config_disk *d = &env->config->disk[index];
	struct blk_params p = {
		.index = index,
		.disk = &u->disk,
		.id = d->id,
		.queues = d->queues,
		.rate_bytes = d->rate_bytes,
		.mem = env->mem,
		.trace = env->trace,
	};
	unsigned workers = d->overlay ? 1 : d->queues;
	int r = 0;

	for (; u->nr_workers < workers && r == 0; u->nr_workers++) {
		char name[32]; /* the kernel shows 15 of it */

		snprintf(name, sizeof(name), "disk%u.%u", index, u->nr_workers);
		r = worker_init(&u->worker[u->nr_workers], name, SANDBOX_DISK);
	}
	if (r < 0)
		return r;
	for (unsigned i = 0; i < d->queues; i++)
		p.loop[i] = u->worker[i % workers].loop;
	return blk_init(&u->blk, &p);
}

static int init_disks(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < s->nr_disks && r == 0; i++) {
		r = init_disk(&s->disk[i], (unsigned)i, env);
		if (r == 0)
			r = virtio_slots_add(s, &s->disk[i].blk.dev);
		if (r < 0)
			err_sys(e, r, "cannot set up --disk path=%s", env->config->disk[i].path);
	}
	return r;
}

static int start_disk(struct disk_unit *u, struct sandbox *sandbox)
{
	int r = 0;

	for (unsigned i = 0; i < u->nr_workers && r == 0; i++)
		r = worker_start(&u->worker[i], sandbox);
	return r;
}

static bool stop_disk(struct disk_unit *u, uint64_t deadline_ns)
{
	bool gone = true;

	for (unsigned i = 0; i < u->nr_workers; i++)
		gone &= worker_stop(&u->worker[i], deadline_ns);
	return gone;
}

static void destroy_disk(struct disk_unit *u)
{
	blk_destroy(&u->blk);
	for (unsigned i = 0; i < u->nr_workers; i++)
		worker_destroy(&u->worker[i]);
	disk_close(&u->disk);
}

/* --- Network devices ---------------------------------------------------------------------------------------------- */

static int open_nets(struct virtio_slots *s, const struct config *c, struct err *e)
{
	if (!c->nr_nets)
		return 0;
	s->net = calloc(c->nr_nets, sizeof(*s->net));
	if (!s->net)
		return err_sys(e, -ENOMEM, "cannot allocate %zu network devices", c->nr_nets);
	for (; s->nr_nets < c->nr_nets; s->nr_nets++) {
		int r = net_open(&c->net[s->nr_nets], &s->net[s->nr_nets].backend, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What was started when it was opened has had the time since then to get ready. */
static int ready_nets(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	for (size_t i = 0; i < s->nr_nets; i++) {
		int r = net_backend_ready(s->net[i].backend, env->loop, env->trace, e);

		if (r < 0)
			return err_wrap(e, r, "--net %s", s->net[i].backend->peer);
	}
	return 0;
}

static int init_nets(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	static const uint8_t unset[NET_MAC_SIZE];
	int r = 0;

	for (size_t i = 0; i < s->nr_nets && r == 0; i++) {
		struct net_unit *u = &s->net[i];
		const char *peer = u->backend->peer;
		uint8_t mac[NET_MAC_SIZE];

		memcpy(mac, env->config->net[i].mac, sizeof(mac));
		if (!memcmp(mac, unset, sizeof(mac)))
			net_default_mac(peer, (unsigned)i, mac);
		r = net_init(&u->net, (unsigned)i, mac, TAKE_PTR(u->backend), env->mem, s->worker.loop, env->trace);
		if (r == 0)
			r = virtio_slots_add(s, &u->net.dev);
		if (r < 0)
			err_sys(e, r, "cannot set up network device %zu", i);
	}
	return r;
}

static void destroy_net(struct net_unit *u)
{
	net_destroy(&u->net);
	net_backend_destroy(u->backend);
}

/* --- Their thread ------------------------------------------------------------------------------------------------- */

static int init_worker(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	const struct config *c = env->config;
	int r = c->nr_nets || c->vsock.path || c->balloon.on ? worker_init(&s->worker, "misc", SANDBOX_MISC) : 0;

	return r < 0 ? err_sys(e, r, "cannot set up the thread of network, sockets and balloon") : 0;
}

/* --- All ---------------------------------------------------------------------------------------------------------- */

/* The thread comes first, since devices are made for its loop; then they are in the order of the slots. */
static int (*const kinds[])(struct virtio_slots *s, const struct virtio_env *env, struct err *e) = {
	init_worker,
	init_disks,
	init_nets,
	virtio_misc_init,
};

int virtio_slots_open(const struct config *config, struct virtio_slots **ret, struct err *e)
{
	struct virtio_slots *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_sys(e, -ENOMEM, "cannot allocate the virtio devices");
	s->misc = VIRTIO_MISC_NONE;
	r = virtio_misc_open(&s->misc, config, e);
	if (r == 0)
		r = open_disks(s, config, e);
	if (r == 0)
		r = open_nets(s, config, e);
	if (r < 0) {
		virtio_slots_destroy(s);
		return r;
	}
	*ret = s;
	return 0;
}

int virtio_slots_init(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	int r = ready_nets(s, env, e);

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++)
		r = kinds[i](s, env, e);
	return r;
}

int virtio_slots_add(struct virtio_slots *s, struct virtio_device *device)
{
	struct virtio_slot *slot = &s->slot[s->nr];
	int r;

	assert(s->nr < BOARD_VIRTIO_MAX); /* board_draw() has counted */
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

int virtio_slots_attach(struct virtio_slots *s, const struct board_part *part, struct vm *vm, struct err *e)
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

int virtio_slots_start(struct virtio_slots *s, struct sandbox *sandbox, struct err *e)
{
	for (size_t i = 0; i < s->nr_disks; i++) {
		int r = start_disk(&s->disk[i], sandbox);

		if (r < 0)
			return err_sys(e, r, "cannot start the threads of disk %zu%s", i, err_no_thread(r));
	}
	if (s->worker.loop) {
		int r = worker_start(&s->worker, sandbox);

		if (r < 0)
			return err_sys(
				e, r, "cannot start the thread of network, sockets and balloon%s", err_no_thread(r));
	}
	return 0;
}

void virtio_slots_stop(struct virtio_slots *s)
{
	uint64_t deadline_ns = trace_now_ns() + STOP_NS;

	/* All are told before any is waited for: one that hangs must not use up the time of the others. */
	for (size_t i = 0; i < s->nr_disks; i++) {
		blk_quit(&s->disk[i].blk);
		stop_disk(&s->disk[i], 0);
	}
	/* First of all that its loop ends, or virtio_quit() could wait for the lock of a busy device for many turns. */
	worker_stop(&s->worker, 0);
	for (unsigned i = 0; i < s->nr; i++)
		if (s->slot[i].mmio.device->loop[0] == s->worker.loop)
			virtio_quit(s->slot[i].mmio.device);
	if (!worker_stop(&s->worker, deadline_ns))
		trace_device_hangs(s->slot[0].mmio.device->trace, s->worker.name);
	for (size_t i = 0; i < s->nr_disks; i++)
		if (!stop_disk(&s->disk[i], deadline_ns))
			trace_device_hangs(s->disk[i].blk.dev.trace, s->disk[i].blk.name);
}

/* What all but the disks own. */
static void destroy_others(struct virtio_slots *s)
{
	virtio_misc_destroy(&s->misc);
	for (size_t i = 0; i < s->nr_nets; i++)
		destroy_net(&s->net[i]);
	free(s->net);
	s->net = NULL;
	s->nr_nets = 0;
	worker_destroy(&s->worker);
}

bool virtio_slots_destroy(struct virtio_slots *s)
{
	bool gone = true;

	if (!s)
		return true;
	for (size_t i = 0; i < s->nr_disks; i++)
		gone &= stop_disk(&s->disk[i], 0);
	if (!worker_stop(&s->worker, 0))
		return false;
	if (!gone) {
		/* What a disk's thread cannot touch goes all the same: a socket's path, what passt waits for. */
		destroy_others(s);
		return false;
	}
	for (unsigned i = 0; i < s->nr; i++) {
		virtio_mmio_destroy(&s->slot[i].mmio);
		irq_line_destroy(&s->slot[i].irq);
	}
	for (size_t i = 0; i < s->nr_disks; i++)
		destroy_disk(&s->disk[i]);
	free(s->disk);
	destroy_others(s);
	free(s);
	return true;
}
