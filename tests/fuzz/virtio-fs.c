// SPDX-License-Identifier: Apache-2.0
/* A share's device under any driver; its server has a target of its own. After a reset an honest driver is served. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/fs.h"
#include "devices/virtio/fuse_wire.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

static void honest_getattr(struct vq_driver *d)
{
	struct fuse_in head = {.len = sizeof(head) + 16, .opcode = FUSE_GETATTR, .unique = 5, .nodeid = FUSE_ROOT};
	struct vqd_buf buf[2];
	struct fuse_out out;

	vqd_set(d, VQD_STATUS, 0);
	d->next = VQD_RAM_START;
	assert(vqd_start(d, UINT64_MAX));
	buf[0] = (struct vqd_buf){vqd_alloc(d, head.len, 16), head.len, false};
	buf[1] = (struct vqd_buf){vqd_alloc(d, 120, 16), 120, true};
	memcpy(vqd_ptr(d, buf[0].gpa), &head, sizeof(head));
	assert(vqd_request(d, VIRTIO_FS_QUEUE_REQUEST, buf, 2, false) == 120);
	memcpy(&out, vqd_ptr(d, buf[1].gpa), sizeof(out));
	assert(out.error == 0 && out.len == 120 && out.unique == 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vq_driver *d = malloc(sizeof(*d));
	struct virtio_fs *v = malloc(sizeof(*v));
	struct fuse_params fp = {
		.root = open("/var/empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .nodes = 4096, .fds = 6};
	struct virtio_fs_params p = {.tag = "fuzz"};
	struct fuse *f;

	if (fp.root < 0)
		fp.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!d || !v || fuse_new(&fp, &f) < 0)
		abort();
	vqd_init(d, 512 * KIB);
	p.fuse = f;
	p.mem = &d->mem;
	p.trace = d->trace;
	p.loop = d->loop;
	if (virtio_fs_init(v, &p) < 0)
		abort();
	vqd_attach(d, &v->dev);
	vqd_fuzz(d, data, size, NULL, NULL);
	honest_getattr(d);
	vqd_detach(d);
	virtio_fs_destroy(v);
	fuse_free(f);
	vqd_destroy(d);
	free(v);
	free(d);
	return 0;
}
