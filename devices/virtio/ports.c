// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A port's output is as that of console.c: what its host end does not take stays in the ring. A
 * port that is full holds up no other one. Messages for the driver are bits of what is due, sent when it offers buffers
 * for them: however it resets and repeats, nothing is queued.
 */
#include "devices/virtio/ports.h"

#include <string.h>

#include "vmm/base/clock.h"

/* 5.3.2: ports 1 and up come after the control queues */
#define CONTROL_RX 2
#define CONTROL_TX 3
#define RX_OF(id)  ((id) ? 2 + 2 * (id) : 0)
#define TX_OF(id)  (RX_OF(id) + 1)
#define QUEUE_SIZE 128

#define F_MULTIPORT BIT(1)

/* 5.3.6.2 */
enum {
	DEVICE_READY = 0,
	DEVICE_ADD = 1,
	PORT_READY = 3,
	PORT_OPEN = 6,
	PORT_NAME = 7,
};

struct message {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};

/* 5.3.4: cols, rows, max_nr_ports, emerg_wr */
struct ports_config {
	uint16_t cols;
	uint16_t rows;
	uint32_t max_nr_ports;
	uint32_t emerg_wr;
};

/* Messages that are due, in the order in which they are sent */
#define PORT_DUE_ADD  BIT(0)
#define PORT_DUE_NAME BIT(1)
#define PORT_DUE_OPEN BIT(2)

#define TURN_BYTES  (256 * KIB)
#define TURN_CHAINS 1024

_Static_assert(TX_OF(VIRTIO_PORTS_MAX - 1) < VIRTIO_QUEUES_MAX, "each port has two queues");

/* --- Output -------------------------------------------------------------------------------------------------- */

/* Offers the rest of the chain to the host end. Return: true when all of it was taken within the turn. */
static bool send_chain(struct virtio_port *port, size_t *budget)
{
	struct virtio_ports *p = port->ports;
	const struct vq_chain *chain = &p->chain;
	uint8_t bytes[4096];

	while (port->tx_done < chain->out_bytes) {
		size_t n = MIN(MIN(chain->out_bytes - port->tx_done, sizeof(bytes)), *budget), taken;

		vq_read(chain->out, chain->out_nr, port->tx_done, bytes, n);
		taken = n ? port->host->tx(port->host, bytes, n) : 0;
		port->tx_done += (uint32_t)taken;
		*budget -= taken;
		p->dev.payload.from_guest += taken;
		port->full = taken < n;
		if (!n || taken < n)
			return false;
	}
	port->tx_done = 0;
	return true;
}

/* Return: true when the turn ended with chains left, unless the host end is full. */
static bool send_all(struct virtio_port *port)
{
	struct virtio_device *dev = &port->ports->dev;
	unsigned queue = TX_OF(port->id), chains = 0;
	struct virtqueue *q = &dev->queue[queue];
	size_t budget = TURN_BYTES;

	do {
		vq_quiet(q);
		while (virtio_pop(dev, queue, &port->ports->chain)) {
			if (chains++ == TURN_CHAINS || !send_chain(port, &budget)) {
				vq_unpop(q);
				return chains > TURN_CHAINS || !budget;
			}
			virtio_push(dev, queue, port->ports->chain.head, 0);
		}
	} while (dev->driver_ok && vq_listen(q));
	return false;
}

static void turn(struct virtio_port *port)
{
	bool more = send_all(port);

	virtio_flush(&port->ports->dev, TX_OF(port->id));
	if (more)
		loop_timer_set(&port->ports->again, 1, 0);
}

/* --- Messages ------------------------------------------------------------------------------------------------ */

/* Gets the next buffer of a queue for the driver in p->chain. Return: false: there is none, or it is invalid. */
static bool next_buffer(struct virtio_ports *p, unsigned queue)
{
	struct virtqueue *q = &p->dev.queue[queue];

	while (!virtio_pop(&p->dev, queue, &p->chain))
		if (!p->dev.driver_ok || !vq_listen(q))
			return false;
	if (p->chain.out_nr || !p->chain.in_bytes) {
		virtio_broke(&p->dev, "a receive buffer that cannot be written");
		return false;
	}
	return true;
}

static uint16_t next_event(struct virtio_port *port)
{
	static const struct {
		uint8_t due;
		uint16_t event;
	} order[] = {{PORT_DUE_ADD, DEVICE_ADD}, {PORT_DUE_NAME, PORT_NAME}, {PORT_DUE_OPEN, PORT_OPEN}};
	size_t i = 0;

	while (!(port->due & order[i].due))
		i++;
	port->due &= (uint8_t)~order[i].due;
	return order[i].event;
}

/* The driver reads a name up to its buffer's end; it has no terminator (5.3.6.2). */
static void send_message(struct virtio_port *port)
{
	struct virtio_ports *p = port->ports;
	struct {
		struct message m;
		char name[VIRTIO_PORT_NAME_MAX];
	} out = {.m = {.id = port->id, .event = next_event(port), .value = 1}};
	size_t n = sizeof(out.m);

	if (out.m.event == PORT_NAME) {
		size_t length = strnlen(port->name, sizeof(out.name));

		memcpy(out.name, port->name, length);
		n += length;
	}
	if (p->chain.in_bytes < n) {
		virtio_broke(&p->dev, "a buffer for control messages that is too small");
		return;
	}
	vq_write(p->chain.in, p->chain.in_nr, 0, &out, n);
	virtio_push(&p->dev, CONTROL_RX, p->chain.head, (uint32_t)n);
}

static void send_due(struct virtio_ports *p)
{
	for (unsigned i = 0; i < p->nr; i++) {
		while (p->dev.driver_ok && p->port[i].due && next_buffer(p, CONTROL_RX))
			send_message(&p->port[i]);
	}
	virtio_flush(&p->dev, CONTROL_RX);
}

static void tell_room(struct virtio_port *port)
{
	port->rx_refused = false;
	port->host->rx_room(port->host);
}

static void take_message(struct virtio_ports *p, const struct message *m)
{
	struct virtio_port *port = m->id < p->nr ? &p->port[m->id] : NULL;

	switch (m->event) {
	case DEVICE_READY:
		for (unsigned i = 0; i < p->nr && m->value == 1; i++)
			p->port[i].due |= PORT_DUE_ADD;
		break;
	case PORT_READY:
		/* A value of 0: the driver could not make the port, and nobody will open it. */
		if (port && m->value == 1)
			port->due |= PORT_DUE_NAME | PORT_DUE_OPEN;
		break;
	case PORT_OPEN:
		if (!port)
			break;
		port->open = m->value == 1;
		if (port->open)
			tell_room(port);
		break;
	default: break;
	}
}

/* Messages of the driver. A turn ends with the queue: each costs the driver a buffer, and us next to nothing. */
static bool read_messages(struct virtio_ports *p)
{
	struct virtqueue *q = &p->dev.queue[CONTROL_TX];
	unsigned chains = 0;

	do {
		vq_quiet(q);
		while (chains < TURN_CHAINS && virtio_pop(&p->dev, CONTROL_TX, &p->chain)) {
			struct message m = {.event = UINT16_MAX};

			vq_read(p->chain.out, p->chain.out_nr, 0, &m, MIN(p->chain.out_bytes, sizeof(m)));
			if (p->chain.out_bytes >= sizeof(m))
				take_message(p, &m);
			virtio_push(&p->dev, CONTROL_TX, p->chain.head, 0);
			chains++;
		}
	} while (chains < TURN_CHAINS && p->dev.driver_ok && vq_listen(q));
	virtio_flush(&p->dev, CONTROL_TX);
	return chains == TURN_CHAINS;
}

/* --- The device ---------------------------------------------------------------------------------------------- */

static struct virtio_ports *of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_ports, dev);
}

static void ports_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_ports *p = of(dev);
	unsigned id = index < CONTROL_RX ? 0 : index / 2 - 1;

	if (index == CONTROL_TX && read_messages(p))
		loop_timer_set(&p->again, 1, 0);
	if (index == CONTROL_TX || index == CONTROL_RX)
		send_due(p);
	else if (index == TX_OF(id))
		turn(&p->port[id]);
	else if (p->port[id].rx_refused && p->port[id].open)
		tell_room(&p->port[id]);
}

static void ports_queue_reset(struct virtio_device *dev, unsigned index)
{
	struct virtio_ports *p = of(dev);

	for (unsigned i = 0; i < p->nr; i++)
		if (index == TX_OF(i))
			p->port[i].tx_done = 0;
}

static void ports_reset(struct virtio_device *dev)
{
	struct virtio_ports *p = of(dev);

	for (unsigned i = 0; i < p->nr; i++) {
		p->port[i].tx_done = 0;
		p->port[i].open = false;
		p->port[i].due = 0;
	}
}

static void ports_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	const struct ports_config config = {.max_nr_ports = of(dev)->nr};

	virtio_config_copy(&config, sizeof(config), offset, data, len);
}

/* Fills one buffer. Return: the bytes of input put into it, 0: there is none, or it is invalid. */
static size_t receive(struct virtio_port *port, const uint8_t *data, size_t n)
{
	struct virtio_ports *p = port->ports;
	unsigned queue = RX_OF(port->id);

	if (!next_buffer(p, queue))
		return 0;
	n = vq_write(p->chain.in, p->chain.in_nr, 0, data, n);
	virtio_push(&p->dev, queue, p->chain.head, (uint32_t)n);
	p->dev.payload.to_guest += n;
	return n;
}

static size_t guest_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct virtio_port *port = container_of(g, struct virtio_port, guest);
	struct virtio_device *dev = &port->ports->dev;
	size_t taken = 0, got = 1;

	pthread_mutex_lock(&dev->lock);
	if (port->open && dev->driver_ok) {
		vq_quiet(&dev->queue[RX_OF(port->id)]);
		while (taken < n && (got = receive(port, data + taken, n - taken)))
			taken += got;
		if (taken)
			virtio_flush(dev, RX_OF(port->id));
	}
	port->rx_refused = taken < n;
	pthread_mutex_unlock(&dev->lock);
	return taken;
}

static void guest_tx_room(struct char_guest *g)
{
	struct virtio_port *port = container_of(g, struct virtio_port, guest);

	pthread_mutex_lock(&port->ports->dev.lock);
	turn(port);
	pthread_mutex_unlock(&port->ports->dev.lock);
}

/* A turn ended early, on some queue. */
static void on_again(struct loop_timer *t)
{
	struct virtio_ports *p = container_of(t, struct virtio_ports, again);

	pthread_mutex_lock(&p->dev.lock);
	if (p->dev.driver_ok)
		ports_kick(&p->dev, CONTROL_TX);
	for (unsigned i = 0; i < p->nr && p->dev.driver_ok; i++)
		if (!p->port[i].full)
			turn(&p->port[i]);
	pthread_mutex_unlock(&p->dev.lock);
}

bool virtio_port_is_empty(struct virtio_port *port)
{
	struct virtio_device *dev = &port->ports->dev;
	struct virtqueue *q = &dev->queue[TX_OF(port->id)];
	bool empty;

	pthread_mutex_lock(&dev->lock);
	empty = !dev->driver_ok || !q->ready || (!port->tx_done && !vq_listen_at(q, q->next_avail));
	pthread_mutex_unlock(&dev->lock);
	return empty;
}

/* The host ends of a restored device are new, and wait for a program that has its port open already. */
static void ports_restored(struct virtio_device *dev)
{
	struct virtio_ports *p = of(dev);

	for (unsigned i = 0; i < p->nr && dev->driver_ok; i++)
		if (p->port[i].open)
			tell_room(&p->port[i]);
}

#define PORT_FIELDS(i)                                                                                                 \
	STATE_FIELD(struct virtio_ports, port[i].tx_done), STATE_BOOL(struct virtio_ports, port[i].open),              \
		STATE_UP_TO(struct virtio_ports, port[i].due, PORT_DUE_ADD | PORT_DUE_NAME | PORT_DUE_OPEN)

static const struct state_field ports_fields[] = {PORT_FIELDS(0), PORT_FIELDS(1), PORT_FIELDS(2)};
_Static_assert(VIRTIO_PORTS_MAX == 3, "all of them are saved");
STATE_TABLE(ports_state, "virtio-ports", ports_fields);

static const struct virtio_ops ports_ops = {
	.state = &ports_state,
	.restored = ports_restored,
	.reset = ports_reset,
	.queue_reset = ports_queue_reset,
	.kick = ports_kick,
	.config_read = ports_config_read,
};

COLD int virtio_ports_init(struct virtio_ports *p, const struct virtio_port_params *param, unsigned nr,
	const struct gmem *mem, struct loop *loop, struct trace *trace)
{
	int r;

	*p = (struct virtio_ports){.nr = nr};
	for (unsigned i = 0; i < nr; i++)
		p->port[i] = (struct virtio_port){
			.guest = {.rx = guest_rx, .tx_room = guest_tx_room},
			.ports = p,
			.host = param[i].host,
			.name = param[i].name,
			.id = i,
		};
	r = loop_timer_init(loop, &p->again, on_again);
	if (r == 0)
		r = virtio_device_init(&p->dev, &ports_ops, "virtio-ports", VIRTIO_ID_CONSOLE,
			MAX(TX_OF(nr - 1), CONTROL_TX) + 1, QUEUE_SIZE, mem, loop, trace);
	if (r < 0) {
		loop_timer_destroy(&p->again);
		return r;
	}
	p->dev.features = F_MULTIPORT;
	p->dev.config_size = sizeof(struct ports_config);
	return 0;
}

void virtio_ports_destroy(struct virtio_ports *p)
{
	if (!p || !p->dev.ops)
		return;
	loop_timer_destroy(&p->again);
	virtio_device_destroy(&p->dev);
}
