// SPDX-License-Identifier: Apache-2.0
/* Disks: each has an image and a thread for each of its queues. */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/machine/virtio/devices.h"

/* Image, overlay, and for each of up to eight queues a loop, a kick and a timer */
#define FDS 64

/**
 * struct blk_unit
 * @worker, @nr_workers: one for each queue; one for all of them with an overlay
 */
struct blk_unit {
	struct disk disk;
	struct virtio_blk blk;
	struct worker worker[CONFIG_DISK_QUEUES_MAX];
	unsigned nr_workers;
};

static size_t count(const struct config *c)
{
	return c->nr_disks;
}

static int check(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->nr_disks; i++) {
		const struct config_disk *d = &c->disk[i];

		if (d->id && strlen(d->id) > CONFIG_DISK_ID_MAX)
			return err_set(e, -EINVAL, "--disk path=%s: id=%s is longer than %d characters", d->path, d->id,
				CONFIG_DISK_ID_MAX);
		if (d->overlay && d->cache == DISK_CACHE_NONE)
			return err_set(e, -EINVAL,
				"--disk path=%s: an overlay cannot have cache=none: what it keeps is no longer than "
				"the machine",
				d->path);
		if (d->overlay && d->ro)
			return err_set(e, -EINVAL,
				"--disk path=%s: ro and overlay: nothing would be written to the overlay; choose one",
				d->path);
	}
	return 0;
}

static void needs(const struct config *c, size_t index, struct virtio_needs *ret)
{
	ret->fds = FDS;
	ret->opens_as = "--disk path=";
	ret->opens = c->disk[index].path;
	ret->copies = c->disk[index].overlay;
}

static int open_disk(void *unit, const struct config *c, size_t index, struct err *e)
{
	const struct config_disk *d = &c->disk[index];
	const struct disk_params p = {
		.path = d->path,
		.ro = d->ro,
		.overlay = d->overlay,
		.direct = d->cache == DISK_CACHE_NONE,
		.raw = d->format == DISK_FORMAT_RAW,
		.logical = d->logical,
	};
	int r = disk_open(&p, &((struct blk_unit *)unit)->disk, e);

	return r < 0 ? err_operator(e, err_wrap(e, r, "--disk")) : 0;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	const struct config_disk *d = &s->env.config->disk[index];
	struct blk_unit *u = unit;
	struct virtio_blk_params p = {
		.index = (unsigned)index,
		.disk = &u->disk,
		.id = d->id,
		.queues = d->queues,
		.rate_bytes = d->rate_bytes,
		.mem = s->env.mem,
		.trace = s->env.trace,
	};
	unsigned workers = d->overlay ? 1 : d->queues;
	int r = 0;

	for (; u->nr_workers < workers && r == 0; u->nr_workers++) {
		char name[32]; /* the kernel displays 15 bytes of it */

		snprintf(name, sizeof(name), "disk%zu.%u", index, u->nr_workers);
		r = worker_init(&u->worker[u->nr_workers], name, SANDBOX_DISK);
		u->worker[u->nr_workers].fds.of[SANDBOX_FD_DISK][0] = u->disk.fd;
		u->worker[u->nr_workers].fds.of[SANDBOX_FD_DISK][1] = u->disk.overlay_fd;
		if (u->disk.base.map)
			u->worker[u->nr_workers].fds.of[SANDBOX_FD_DISK_BASE][0] = u->disk.base.fd;
	}
	if (r < 0)
		return r;
	for (unsigned i = 0; i < d->queues; i++)
		p.loop[i] = u->worker[i % workers].loop;
	*ret = &u->blk.dev;
	return virtio_blk_init(&u->blk, &p);
}

static int start(void *unit, struct sandbox *sandbox)
{
	struct blk_unit *u = unit;
	int r = 0;

	for (unsigned i = 0; i < u->nr_workers && r == 0; i++)
		r = worker_start(&u->worker[i], sandbox);
	return r;
}

static bool stop(void *unit, uint64_t deadline_ns)
{
	struct blk_unit *u = unit;
	bool gone = true;

	for (unsigned i = 0; i < u->nr_workers; i++)
		gone &= worker_stop(&u->worker[i], deadline_ns);
	return gone;
}

static COLD void forget(void *unit)
{
	disk_forget(&((struct blk_unit *)unit)->disk);
}

static void quit(void *unit)
{
	virtio_blk_quit(&((struct blk_unit *)unit)->blk);
	stop(unit, 0);
}

static void destroy(void *unit)
{
	struct blk_unit *u = unit;

	virtio_blk_destroy(&u->blk);
	for (unsigned i = 0; i < u->nr_workers; i++)
		worker_destroy(&u->worker[i]);
	disk_close(&u->disk);
}

struct disk *virtio_devices_disk(struct virtio_devices *s, size_t i)
{
	struct blk_unit *u = virtio_devices_unit(s, VIRTIO_KIND_blk, i);

	return u ? &u->disk : NULL;
}

const struct virtio_kind_ops virtio_blk_ops = {
	.unit_size = sizeof(struct blk_unit),
	.many = true,
	.count = count,
	.check = check,
	.needs = needs,
	.open = open_disk,
	.init = init,
	.start = start,
	.forget = forget,
	.quit = quit,
	.stop = stop,
	.destroy = destroy,
};
