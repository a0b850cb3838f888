// SPDX-License-Identifier: Apache-2.0
/* The socket device, and its host end. */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/host/broker.h"
#include "vmm/host/vsock.h"
#include "vmm/machine/virtio/devices.h"

/* All connections, and clients that have not sent their line yet */
#define FDS 160

struct vsock_unit {
	struct vsock_end *end;
	struct virtio_vsock vsock;
};

static size_t count(const struct config *c)
{
	return c->vsock.path != NULL;
}

static int check(const struct config *c, struct err *e)
{
	const struct config_vsock *v = &c->vsock;

	if (v->path && (v->cid < VIRTIO_VSOCK_CID_MIN || v->cid > VIRTIO_VSOCK_CID_MAX))
		return err_set(e, -EINVAL, "--vsock cid=%u: reserved; a guest's is %d to %" PRIu64, v->cid,
			VIRTIO_VSOCK_CID_MIN, VIRTIO_VSOCK_CID_MAX);
	if (v->path && strlen(v->path) > BROKER_PATH_MAX)
		return err_set(e, -EINVAL,
			"--vsock path=%s: the path is %zu bytes long; with _PORT behind it, at most %d fit", v->path,
			strlen(v->path), BROKER_PATH_MAX);
	return 0;
}

static void needs(const struct config *c, size_t index, struct virtio_needs *ret)
{
	ret->sandbox = SANDBOX_HAS(VSOCK);
	ret->fds = FDS;
	ret->makes_as = "--vsock path=";
	ret->makes = c->vsock.path;
}

static int open_vsock(void *unit, const struct config *c, size_t index, struct err *e)
{
	const struct sandbox_as as = config_as(c);
	int r = err_operator(e, vsock_end_open(c->vsock.path, &as, &((struct vsock_unit *)unit)->end, e));

	return r < 0 ? err_wrap(e, r, "--vsock") : 0;
}

static int init(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret)
{
	struct vsock_unit *u = unit;
	int r;

	*ret = &u->vsock.dev;
	r = virtio_vsock_init(
		&u->vsock, s->env.config->vsock.cid, vsock_end_host(u->end), s->env.mem, s->worker.loop, s->env.trace);
	return r < 0 ? r : vsock_end_attach(u->end, &u->vsock, s->worker.loop);
}

static void destroy(void *unit)
{
	struct vsock_unit *u = unit;

	vsock_end_close(u->end);
	virtio_vsock_destroy(&u->vsock);
}

const struct virtio_kind_ops virtio_vsock_ops = {
	.unit_size = sizeof(struct vsock_unit),
	.count = count,
	.check = check,
	.needs = needs,
	.open = open_vsock,
	.init = init,
	.destroy = destroy,
};
