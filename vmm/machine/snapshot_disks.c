// SPDX-License-Identifier: Apache-2.0
/*
 * Disks of machines that are saved and restored. The overlay of a restored machine is its own; below it are the blocks
 * that the snapshot has, in the snapshot's file, and below these the image.
 */
#include <errno.h>
#include <inttypes.h>

#include "devices/virtio/disk.h"
#include "vmm/base/assert.h"
#include "vmm/machine/internal.h"

static_assert(SNAPSHOT_BLOCK == DISK_OVERLAY_BLOCK, "one kind of blocks");
static_assert(SNAPSHOT_DISKS_MAX >= BOARD_VIRTIO_MAX, "each disk is a device");

uint32_t machine_snapshot_disks(const struct machine *m, struct snapshot_source *ret)
{
	const struct disk *d;
	uint32_t n = 0;

	while ((d = virtio_devices_disk(m->virtio, n)))
		ret[n++] = (struct snapshot_source){
			.image_fd = d->fd,
			.size_bytes = d->size_bytes,
			.overlay = d->map,
			.layer = {{d->overlay_fd, 0, d->map}, {d->base.fd, d->base.at, d->base.map}},
		};
	return n;
}

static int check_image(const struct machine *m, uint32_t i, const struct disk *d, struct err *e)
{
	const struct snapshot_disk *was = &m->facts.restore->disk[i];
	const struct config_disk *c = &m->config->disk[i];
	struct snapshot_disk now = {.size_bytes = d->size_bytes};
	int r;

	if (now.size_bytes != was->size_bytes)
		return err_set(e, -EINVAL, "--disk path=%s has %" PRIu64 " bytes, and the guest's disk has %" PRIu64,
			c->path, now.size_bytes, was->size_bytes);
	if (was->nr_blocks && !d->map)
		return err_set(e, -EINVAL,
			"--disk path=%s: the guest has written to an overlay, so its disk needs overlay here too",
			c->path);
	r = snapshot_fingerprint(d->fd, &now);
	if (r < 0)
		return err_sys(e, r, "cannot read %s", c->path);
	if (!c->changed && (now.mtime_ns != was->mtime_ns || now.sample_crc != was->sample_crc))
		return err_set(e, -EINVAL,
			"--disk path=%s: it has changed since the snapshot was written, so what the guest remembers of "
			"it is wrong; --disk id=%s,path=FILE,changed takes it all the same",
			c->path, c->id ? c->id : "diskN");
	return 0;
}

int machine_restore_disks(struct machine *m, struct err *e)
{
	const struct snapshot *s = m->facts.restore;
	struct disk *d;
	int r = 0;

	if (s->facts.nr_disks != m->config->nr_disks)
		return err_operator(e, err_set(e, -EINVAL, "the snapshot's settings do not fit its disks"));
	for (uint32_t i = 0; r == 0 && (d = virtio_devices_disk(m->virtio, i)); i++) {
		r = check_image(m, i, d, e);
		if (r < 0 || !s->disk[i].nr_blocks)
			continue;
		d->base = (struct disk_base){.fd = s->fd, .at = snapshot_disk_at(s, i)};
		r = snapshot_disk_map(s, i, &d->base.map, e);
	}
	return err_operator(e, r);
}
