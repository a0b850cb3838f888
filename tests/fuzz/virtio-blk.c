// SPDX-License-Identifier: Apache-2.0
/*
 * A disk with arbitrary drivers. Asserted in addition to the sanitizers' checks: the image keeps its size, and after a
 * reset the device serves a correct driver.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define DISK_SIZE (64 * KIB)

static void honest_read(struct vq_driver *d)
{
	struct vqd_buf buf[3];

	vqd_set(d, VQD_STATUS, 0);
	d->next = VQD_RAM_START;
	assert(vqd_start(d, UINT64_MAX));
	buf[0] = (struct vqd_buf){vqd_alloc(d, 16, 16), 16, false};
	buf[1] = (struct vqd_buf){vqd_alloc(d, 512, 512), 512, true};
	buf[2] = (struct vqd_buf){vqd_alloc(d, 1, 1), 1, true};
	*(uint8_t *)vqd_ptr(d, buf[2].gpa) = 0xee;
	assert(vqd_request(d, 0, buf, 3, false) == 513);
	assert(*(uint8_t *)vqd_ptr(d, buf[2].gpa) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vq_driver *d = malloc(sizeof(*d));
	struct virtio_blk *blk = malloc(sizeof(*blk));
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct disk disk;
	struct err e;
	char path[32];
	uint8_t how = size ? data[0] : 0;
	struct disk_params dp = {
		.path = path, .overlay = how & 0x10, .ro = how & 0x20, .logical = how & 0x40 ? 4096 : 512};
	struct virtio_blk_params p = {.disk = &disk, .queues = how & 0x80 ? 2 : 1};

	if (!d || !blk || fd < 0 || ftruncate(fd, DISK_SIZE) < 0)
		abort();
	dp.ro &= !dp.overlay;
	vqd_init(d, 512 * KIB);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (disk_open(&dp, &disk, &e) < 0)
		abort();
	p.mem = &d->mem;
	p.trace = d->trace;
	p.loop[0] = p.loop[1] = d->loop;
	if (virtio_blk_init(blk, &p) < 0)
		abort();
	vqd_attach(d, &blk->dev);
	vqd_fuzz(d, data, size, NULL, NULL);
	if (dp.logical == 512)
		honest_read(d);
	assert(lseek(fd, 0, SEEK_END) == DISK_SIZE);
	vqd_detach(d);
	virtio_blk_destroy(blk);
	disk_close(&disk);
	close(fd);
	vqd_destroy(d);
	free(blk);
	free(d);
	return 0;
}
