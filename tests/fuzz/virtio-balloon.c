// SPDX-License-Identifier: Apache-2.0
/*
 * The balloon with arbitrary drivers. RAM is on the heap here; only pages in its middle are mapped separately, so that
 * returned pages can still be read.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "devices/virtio/balloon.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

static void between(void *arg, uint8_t what)
{
	struct virtio_balloon *b = arg;

	if (what & 1)
		b->asked.fired(&b->asked);
	if (what & 2)
		b->poll.fired(&b->poll);
	if (what & 4)
		virtio_balloon_set_target(b, (uint64_t)what << 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vq_driver d;
	struct virtio_balloon *b = malloc(sizeof(*b));
	struct vqd_buf buf = {.len = 4};

	vqd_init(&d, 512 * KIB);
	if (!b || virtio_balloon_init(b, 4 * KIB, 1000000000, &d.mem, d.loop, d.trace) < 0)
		abort();
	vqd_attach(&d, &b->dev);
	/* The steps behind the driver's choice: half of them with a page of huge ones. */
	b->page_bytes = size && data[0] & 0x80 ? 64 * KIB : 4 * KIB;
	vqd_fuzz(&d, data, size, between, b);
	d.next = VQD_RAM_START;
	assert(vqd_start(&d, UINT64_MAX));
	/* Page number 0x100 is the first of RAM: the ring itself; deflating it changes nothing. */
	buf.gpa = vqd_alloc(&d, buf.len, 4);
	*(uint32_t *)vqd_ptr(&d, buf.gpa) = VQD_RAM_START >> 12;
	vqd_request(&d, 1, &buf, 1, false);
	vqd_detach(&d);
	virtio_balloon_destroy(b);
	vqd_destroy(&d);
	free(b);
	return 0;
}
