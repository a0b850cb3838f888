// SPDX-License-Identifier: Apache-2.0
/*
 * The ports of a command under any driver, with host ends that are full, empty and talkative as the input says.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/ports.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

/* 5.3.2, 5.3.6.2 */
#define CONTROL_TX 3
#define PORT_OPEN  6

struct end {
	struct char_host host;
	size_t room, taken;
	uint8_t sum; /* every byte is read */
};

struct ends {
	struct virtio_ports ports;
	struct end end[VIRTIO_PORTS_MAX];
};

static size_t end_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct end *e = container_of(h, struct end, host);

	n = MIN(n, e->room);
	e->room -= n;
	e->taken += n;
	for (size_t i = 0; i < n; i++)
		e->sum ^= data[i];
	return n;
}

static void end_rx_room(struct char_host *h)
{
}

static void between(void *arg, uint8_t what)
{
	struct ends *e = arg;
	unsigned id = what % VIRTIO_PORTS_MAX;
	struct char_guest *g = &e->ports.port[id].guest;
	uint8_t text[256];

	memset(text, what, sizeof(text));
	if (what & 1)
		e->end[id].room = (size_t)what * 16;
	if (what & 2)
		g->tx_room(g);
	if (what & 4)
		assert(g->rx(g, text, what) <= what);
	if (what & 8)
		e->ports.again.fired(&e->ports.again);
	if (what & 16)
		virtio_port_is_empty(&e->ports.port[id]);
}

static struct vqd_buf room(struct vq_driver *d, uint32_t len, bool write)
{
	return (struct vqd_buf){vqd_alloc(d, len, 1), len, write};
}

/* Whatever was before a reset: each port takes a program's output, and gives it input once it is open. */
static void must_work(struct vq_driver *d, struct ends *e, uint32_t id)
{
	const uint16_t open[] = {(uint16_t)id, 0, PORT_OPEN, 1};
	const unsigned rx = id ? 2 + 2 * id : 0;
	struct char_guest *g = &e->ports.port[id].guest;
	struct vqd_buf out = room(d, 5, false), message = room(d, sizeof(open), false), in = room(d, 5, true);
	uint16_t head;
	uint32_t len;

	e->end[id].room = 5;
	e->end[id].taken = 0;
	vqd_request(d, rx + 1, &out, 1, false);
	assert(e->end[id].taken == 5 && virtio_port_is_empty(&e->ports.port[id]));
	vqd_offer(d, rx, vqd_add(d, rx, &in, 1, false));
	assert(!g->rx(g, (const uint8_t *)"in", 2));
	memcpy(vqd_ptr(d, message.gpa), open, sizeof(open));
	vqd_request(d, CONTROL_TX, &message, 1, false);
	assert(g->rx(g, (const uint8_t *)"in", 2) == 2);
	assert(vqd_used(d, rx, &head, &len) && len == 2);
	assert(!memcmp(vqd_ptr(d, in.gpa), "in", 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_port_params p[VIRTIO_PORTS_MAX];
	struct ends *e = calloc(1, sizeof(*e));
	struct vq_driver d;

	if (!e)
		abort();
	for (unsigned i = 0; i < VIRTIO_PORTS_MAX; i++) {
		e->end[i].host = (struct char_host){.tx = end_tx, .rx_room = end_rx_room};
		p[i] = (struct virtio_port_params){i ? "a port" : "the name of a port, and no less", &e->end[i].host};
	}
	vqd_init(&d, 512 * KIB);
	if (virtio_ports_init(&e->ports, p, VIRTIO_PORTS_MAX, &d.mem, d.loop, d.trace) < 0)
		abort();
	vqd_attach(&d, &e->ports.dev);
	vqd_fuzz(&d, data, size, between, e);
	d.next = VQD_RAM_START;
	assert(vqd_start(&d, UINT64_MAX));
	for (uint32_t id = 0; id < VIRTIO_PORTS_MAX; id++)
		must_work(&d, e, id);
	vqd_detach(&d);
	virtio_ports_destroy(&e->ports);
	vqd_destroy(&d);
	free(e);
	return 0;
}
