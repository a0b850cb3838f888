// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. What the host end does not take stays in the ring: the chain is put back (vq_unpop) and @tx_done
 * says how much of it has gone. So a reader that is slow costs no memory here, and a reset has nothing to cancel. A
 * driver that changes a chain meanwhile gets the rest of the new one. A turn moves at most TURN_BYTES, since a host end
 * that drops everything would never say stop.
 */
#include "devices/virtio/console.h"

/* 5.3.2 */
#define RX         0
#define TX         1
#define NR_QUEUES  2
#define QUEUE_SIZE 128

#define TURN_BYTES  (256 * KIB)
#define TURN_CHAINS 1024

/* Offers the host end what is left of the chain; true when all of it, and within the turn, is taken. */
static bool send_chain(struct virtio_console *c, size_t *budget)
{
	const struct vq_chain *chain = &c->chain;
	uint8_t text[1024];

	while (c->tx_done < chain->out_bytes) {
		size_t n = MIN(MIN(chain->out_bytes - c->tx_done, sizeof(text)), *budget), taken;

		vq_read(chain->out, chain->out_nr, c->tx_done, text, n);
		taken = n ? c->host->tx(c->host, text, n) : 0;
		c->tx_done += (uint32_t)taken;
		*budget -= taken;
		c->dev.payload.from_guest += taken;
		if (!n || taken < n)
			return false;
	}
	c->tx_done = 0;
	return true;
}

/* True when chains are left that the turn had no time for: not when the host end is full. */
static bool send_all(struct virtio_console *c)
{
	struct virtqueue *q = &c->dev.queue[TX];
	size_t budget = TURN_BYTES;
	unsigned chains = 0;

	do {
		vq_quiet(q);
		while (virtio_pop(&c->dev, TX, &c->chain)) {
			if (chains++ == TURN_CHAINS || !send_chain(c, &budget)) {
				vq_unpop(q);
				return chains > TURN_CHAINS || !budget;
			}
			virtio_push(&c->dev, TX, c->chain.head, 0);
		}
	} while (c->dev.driver_ok && vq_listen(q));
	return false;
}

static void turn(struct virtio_console *c)
{
	bool more = send_all(c);

	virtio_flush(&c->dev, TX);
	if (more)
		loop_timer_set(&c->again, 1, 0);
}

static void console_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_console *c = container_of(dev, struct virtio_console, dev);

	if (index == TX) {
		turn(c);
	} else if (c->rx_refused) {
		c->rx_refused = false;
		c->host->rx_room(c->host);
	}
}

/* What was typed before the driver came is still with the host end, and so is what it typed before the reset. */
static void console_activate(struct virtio_device *dev)
{
	console_kick(dev, RX);
}

static void console_reset(struct virtio_device *dev)
{
	container_of(dev, struct virtio_console, dev)->tx_done = 0;
}

static void console_queue_reset(struct virtio_device *dev, unsigned index)
{
	if (index == TX)
		console_reset(dev);
}

/* One buffer; how much of the input went into it, 0: there is none, or it is none. */
static size_t receive(struct virtio_console *c, const uint8_t *data, size_t n)
{
	struct virtqueue *q = &c->dev.queue[RX];

	while (!virtio_pop(&c->dev, RX, &c->chain))
		if (!c->dev.driver_ok || !vq_listen(q))
			return 0;
	if (c->chain.out_nr || !c->chain.in_bytes) {
		virtio_broke(&c->dev, "a receive buffer that cannot be written");
		return 0;
	}
	n = vq_write(c->chain.in, c->chain.in_nr, 0, data, n);
	virtio_push(&c->dev, RX, c->chain.head, (uint32_t)n);
	c->dev.payload.to_guest += n;
	return n;
}

static size_t guest_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct virtio_console *c = container_of(g, struct virtio_console, guest);
	size_t taken = 0;

	pthread_mutex_lock(&c->dev.lock);
	vq_quiet(&c->dev.queue[RX]);
	while (taken < n) {
		size_t got = receive(c, data + taken, n - taken);

		if (!got)
			break;
		taken += got;
	}
	c->rx_refused = taken < n;
	if (taken)
		virtio_flush(&c->dev, RX);
	pthread_mutex_unlock(&c->dev.lock);
	return taken;
}

static void guest_tx_room(struct char_guest *g)
{
	struct virtio_console *c = container_of(g, struct virtio_console, guest);

	pthread_mutex_lock(&c->dev.lock);
	turn(c);
	pthread_mutex_unlock(&c->dev.lock);
}

static void on_again(struct loop_timer *t)
{
	guest_tx_room(&container_of(t, struct virtio_console, again)->guest);
}

bool virtio_console_active(struct virtio_console *c)
{
	bool active;

	pthread_mutex_lock(&c->dev.lock);
	active = c->dev.driver_ok && c->dev.queue[RX].ready;
	pthread_mutex_unlock(&c->dev.lock);
	return active;
}

static const struct virtio_ops console_ops = {
	.activate = console_activate,
	.reset = console_reset,
	.queue_reset = console_queue_reset,
	.kick = console_kick,
};

int virtio_console_init(struct virtio_console *c, struct char_host *host, const struct gmem *mem, struct loop *loop,
	struct trace *trace)
{
	int r;

	*c = (struct virtio_console){.guest = {.rx = guest_rx, .tx_room = guest_tx_room}, .host = host};
	r = loop_timer_init(loop, &c->again, on_again);
	if (r == 0)
		r = virtio_device_init(&c->dev, &console_ops, "virtio-console", VIRTIO_ID_CONSOLE, NR_QUEUES,
			QUEUE_SIZE, mem, loop, trace);
	if (r < 0)
		loop_timer_destroy(&c->again);
	return r;
}

void virtio_console_destroy(struct virtio_console *c)
{
	if (!c || !c->dev.ops)
		return;
	loop_timer_destroy(&c->again);
	virtio_device_destroy(&c->dev);
}
