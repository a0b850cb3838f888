// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Output that the host end does not take stays in the ring: the chain is put back (vq_unpop) and
 * @tx_done is the part that was taken. So a slow reader costs no memory here, and a reset has nothing to cancel. If the
 * driver changes a chain meanwhile, the rest of the new one is sent. A turn moves at most TURN_BYTES, since a host end
 * that drops everything never stops it.
 *
 * Input. DRIVER_OK and buffers in the receive queue prove that there is a driver, not that there is a reader: a driver
 * may fill the queue first, and discard input until its console is registered (Linux does, for some milliseconds), and
 * without F_MULTIPORT it cannot signal when it is. Input may have arrived before the guest was started, so it stays
 * with the host end until the driver is known to read: it gets back one empty buffer (used length 0), and when it then
 * offers one more buffer, there is a reader. A driver that is still filling the queue would do so too, so the probe
 * waits until the queue is full. The buffer may have been discarded unread, so the probe is repeated, at growing
 * intervals, ASK_MAX times in total: each costs such a driver a buffer. Without waiting input there is no probe.
 *
 * A driver that has not filled its queue PATIENCE_NS after input began to wait, but has a buffer in it, offers buffers
 * only when it wants input: it is not probed, since it may treat a length of 0 as an error, but gets the input.
 */
#include "devices/virtio/console.h"
#include "vmm/base/clock.h"

/* 5.3.2 */
#define RX         0
#define TX         1
#define NR_QUEUES  2
#define QUEUE_SIZE 128

#define TURN_BYTES  (256 * KIB)
#define TURN_CHAINS 1024

#define PATIENCE_NS NSEC_PER_SEC
#define ASK_NS      (100 * NSEC_PER_MSEC) /* doubled each time */
#define ASK_MAX     8

/* Offers the rest of the chain to the host end. Return: true when all of it was taken within the turn. */
static bool send_chain(struct virtio_console *c, size_t *budget)
{
	const struct vq_chain *chain = &c->chain;
	uint8_t text[4096];

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

/* Return: true when the turn ended with chains left, unless the host end is full. */
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

static void tell_room(struct virtio_console *c)
{
	c->rx_refused = false;
	c->host->rx_room(c->host);
}

/* Gets the next receive buffer in c->chain. Return: false: there is none, or it is invalid. */
static bool next_buffer(struct virtio_console *c)
{
	struct virtqueue *q = &c->dev.queue[RX];

	while (!virtio_pop(&c->dev, RX, &c->chain))
		if (!c->dev.driver_ok || !vq_listen(q))
			return false;
	if (c->chain.out_nr || !c->chain.in_bytes) {
		virtio_broke(&c->dev, "a receive buffer that cannot be written");
		return false;
	}
	return true;
}

/* Returns an empty buffer. Return: false: none is available, or the probes are used up. */
static bool ask(struct virtio_console *c)
{
	if (c->asked == ASK_MAX || !next_buffer(c))
		return false;
	c->asked_at = vq_offered(&c->dev.queue[RX]);
	virtio_push(&c->dev, RX, c->chain.head, 0);
	virtio_flush(&c->dev, RX);
	c->asked++;
	return true;
}

/* Input waits, and no reader is known: probe when it is time, and check for the result. */
static void look_for_reader(struct virtio_console *c, bool waited)
{
	struct virtqueue *q = &c->dev.queue[RX];
	bool news = !c->looking;

	if (!c->dev.driver_ok || !q->ready)
		return;
	c->looking = true;
	if (c->asked ? waited : vq_listen_at(q, (uint16_t)(q->next_avail + q->size - 1))) {
		news = ask(c) || news;
	} else if (waited) {
		/* Without a buffer the next kick starts over. */
		c->looking = c->rx_open = vq_listen_at(q, q->next_avail);
		if (c->rx_open)
			tell_room(c);
		return;
	}
	c->rx_open = c->asked && vq_listen_at(q, c->asked_at);
	if (c->rx_open)
		tell_room(c);
	else if (news)
		loop_timer_set(&c->ask, c->asked ? ASK_NS << (c->asked - 1) : PATIENCE_NS, 0);
}

static void console_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_console *c = container_of(dev, struct virtio_console, dev);

	if (index == TX)
		turn(c);
	else if (c->rx_refused && c->rx_open)
		tell_room(c);
	else if (c->rx_refused)
		look_for_reader(c, false);
}

/* Earlier input is still with the host end, which may have offered it to another line. */
static void console_activate(struct virtio_device *dev)
{
	tell_room(container_of(dev, struct virtio_console, dev));
}

static void console_queue_reset(struct virtio_device *dev, unsigned index)
{
	struct virtio_console *c = container_of(dev, struct virtio_console, dev);

	if (index == TX) {
		c->tx_done = 0;
	} else {
		c->rx_open = c->looking = false;
		c->asked = 0;
		/* Input that was refused may go to another line now. */
		if (c->rx_refused)
			tell_room(c);
	}
}

static void console_reset(struct virtio_device *dev)
{
	console_queue_reset(dev, TX);
	console_queue_reset(dev, RX);
}

/* Fills one buffer. Return: the bytes of input put into it, 0: there is none, or it is invalid. */
static size_t receive(struct virtio_console *c, const uint8_t *data, size_t n)
{
	if (!next_buffer(c))
		return 0;
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
	if (!c->rx_open) {
		c->rx_refused = true;
		look_for_reader(c, false);
		pthread_mutex_unlock(&c->dev.lock);
		return 0;
	}
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

static void on_ask(struct loop_timer *t)
{
	struct virtio_console *c = container_of(t, struct virtio_console, ask);

	pthread_mutex_lock(&c->dev.lock);
	if (c->looking && c->rx_refused && !c->rx_open)
		look_for_reader(c, true);
	pthread_mutex_unlock(&c->dev.lock);
}

bool virtio_console_active(struct virtio_console *c)
{
	bool active;

	pthread_mutex_lock(&c->dev.lock);
	active = c->dev.driver_ok && c->dev.queue[RX].ready;
	pthread_mutex_unlock(&c->dev.lock);
	return active;
}

static const struct state_field console_fields[] = {
	STATE_FIELD(struct virtio_console, tx_done),
	STATE_BOOL(struct virtio_console, rx_open),
};
STATE_TABLE(console_state, "virtio-console", console_fields);

static const struct virtio_ops console_ops = {
	.activate = console_activate,
	.reset = console_reset,
	.queue_reset = console_queue_reset,
	.kick = console_kick,
	.state = &console_state,
};

COLD int virtio_console_init(struct virtio_console *c, struct char_host *host, const struct gmem *mem,
	struct loop *loop, struct trace *trace)
{
	int r;

	*c = (struct virtio_console){.guest = {.rx = guest_rx, .tx_room = guest_tx_room}, .host = host};
	r = loop_timer_init(loop, &c->again, on_again);
	if (r == 0)
		r = loop_timer_init(loop, &c->ask, on_ask);
	if (r == 0)
		r = virtio_device_init(&c->dev, &console_ops, "virtio-console", VIRTIO_ID_CONSOLE, NR_QUEUES,
			QUEUE_SIZE, mem, loop, trace);
	if (r < 0) {
		loop_timer_destroy(&c->ask);
		loop_timer_destroy(&c->again);
	}
	return r;
}

void virtio_console_destroy(struct virtio_console *c)
{
	if (!c || !c->dev.ops)
		return;
	loop_timer_destroy(&c->ask);
	loop_timer_destroy(&c->again);
	virtio_device_destroy(&c->dev);
}
