// SPDX-License-Identifier: Apache-2.0
/*
 * The entropy device under any driver; after a reset it serves an honest one.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/virtio/rng.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

static void between(void *arg, uint8_t what)
{
	struct virtio_rng *r = arg;

	if (what & 1)
		r->wait.fired(&r->wait);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct vq_driver d;
	struct virtio_rng rng;
	struct vqd_buf buf = {.len = 100, .write = true};

	vqd_init(&d, 512 * KIB);
	if (fd < 0 || virtio_rng_init(&rng, fd, &d.mem, d.loop, d.trace) < 0)
		abort();
	vqd_attach(&d, &rng.dev);
	vqd_fuzz(&d, data, size, between, &rng);
	d.next = VQD_RAM_START;
	assert(vqd_start(&d, UINT64_MAX));
	rng.tokens = VIRTIO_RNG_BURST;
	rng.wait.fired(&rng.wait);
	buf.gpa = vqd_alloc(&d, buf.len, 1);
	assert(vqd_request(&d, 0, &buf, 1, false) == buf.len);
	vqd_detach(&d);
	virtio_rng_destroy(&rng);
	vqd_destroy(&d);
	close(fd);
	return 0;
}
