// SPDX-License-Identifier: Apache-2.0
/*
 * The console device under any driver, with a host end that is full, empty and talkative as the input says.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

struct end {
	struct char_host host;
	struct virtio_console console;
	size_t room, taken;
	uint8_t sum; /* every byte is read */
};

static size_t end_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct end *e = container_of(h, struct end, host);
	uint8_t sum = 0;

	n = MIN(n, e->room);
	e->room -= n;
	e->taken += n;
	for (size_t i = 0; i < n; i++)
		sum ^= data[i];
	e->sum = sum;
	return n;
}

static void end_rx_room(struct char_host *h)
{
}

static void between(void *arg, uint8_t what)
{
	struct end *e = arg;
	struct char_guest *g = &e->console.guest;
	uint8_t text[256];

	memset(text, what, sizeof(text));
	if (what & 1)
		e->room = (size_t)what * 16;
	if (what & 2)
		g->tx_room(g);
	if (what & 4)
		assert(g->rx(g, text, what) <= what);
	if (what & 8)
		e->console.again.fired(&e->console.again);
	if (what & 16)
		e->console.ask.fired(&e->console.ask);
}

/* Offers @buf, if any, and has the patience end if @e is given. Return: length of the next used buffer, -1: none. */
static int64_t receive(struct vq_driver *d, const struct vqd_buf *buf, struct end *e)
{
	uint16_t head;
	uint32_t len;

	if (buf) {
		vqd_offer(d, 0, vqd_add(d, 0, buf, 1, false));
		vqd_kick(d, 0);
		vqd_run(d);
	}
	if (e)
		e->console.ask.fired(&e->console.ask);
	return vqd_used(d, 0, &head, &len) ? (int64_t)len : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end *e = calloc(1, sizeof(*e));
	struct vq_driver d;
	struct vqd_buf buf = {.len = 5};
	struct char_guest *g;

	if (!e)
		abort();
	e->host = (struct char_host){.tx = end_tx, .rx_room = end_rx_room};
	vqd_init(&d, 512 * KIB);
	if (virtio_console_init(&e->console, &e->host, &d.mem, d.loop, d.trace) < 0)
		abort();
	g = &e->console.guest;
	vqd_attach(&d, &e->console.dev);
	vqd_fuzz(&d, data, size, between, e);
	d.next = VQD_RAM_START;
	assert(vqd_start(&d, UINT64_MAX));
	e->room = 5;
	e->taken = 0;
	buf.gpa = vqd_alloc(&d, buf.len, 1);
	vqd_request(&d, 1, &buf, 1, false);
	assert(e->taken == 5);
	/* A driver that does not fill its queue gets input after a while, and no buffer with nothing in it. */
	assert(!g->rx(g, (const uint8_t *)"in", 2));
	buf.write = true;
	assert(receive(&d, &buf, NULL) == -1);
	assert(!g->rx(g, (const uint8_t *)"in", 2));
	assert(receive(&d, NULL, e) == -1);
	assert(g->rx(g, (const uint8_t *)"in", 2) == 2);
	assert(receive(&d, NULL, NULL) == 2);
	vqd_detach(&d);
	virtio_console_destroy(&e->console);
	vqd_destroy(&d);
	free(e);
	return 0;
}
