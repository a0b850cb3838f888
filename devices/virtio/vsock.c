// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. All work is done in turns: a kick, an event of a socket or a timer starts one. A turn takes
 * packets of the guest (tx), then sends packets to it (rx): RSTs for connections that do not exist alternate with one
 * packet for each connection in turn, until nothing is left, the guest has no buffer, or the turn's budget is used up;
 * then the loop's other sources are served, and an eventfd starts the next turn.
 *
 * A packet of a connection is made at the moment when it goes into a buffer, from the state at that moment: struct
 * vsock_conn.want says which are due, and data is read from the socket straight into the buffer. So packets that wait
 * for a slow guest take no memory. In the other direction the guest's data goes directly to the socket; the part that
 * the socket does not take goes to the connection's ring, which cannot overflow, since a guest that sends more than the
 * credit it was given loses the connection.
 *
 * A socket is watched for input only while it is not known to be readable: when the guest has no credit, it is not
 * watched until the guest sends some.
 */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "devices/virtio/vsock_conn.h"
#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/le.h"
#include "vmm/base/wake.h"

/* 5.10.2 */
#define RX         0
#define TX         1
#define EVENT      2
#define NR_QUEUES  3
#define QUEUE_SIZE 128

#define TURN_PACKETS 64
#define TURN_WINDOWS 1024 /* packets of the guest per turn: each is a system call */
#define PATIENCE_NS  (10 * NSEC_PER_SEC)
#define ASKED_NS     (2 * NSEC_PER_SEC) /* as long as a Linux guest waits for its connect() */

struct header {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
};

static void header_get(const uint8_t *raw, struct header *h)
{
	*h = (struct header){
		.src_cid = le64_get(raw),
		.dst_cid = le64_get(raw + 8),
		.src_port = le32_get(raw + 16),
		.dst_port = le32_get(raw + 20),
		.len = le32_get(raw + 24),
		.type = le16_get(raw + 28),
		.op = le16_get(raw + 30),
		.flags = le32_get(raw + 32),
		.buf_alloc = le32_get(raw + 36),
		.fwd_cnt = le32_get(raw + 40),
	};
}

static void header_put(uint8_t *raw, const struct header *h)
{
	le64_put(raw, h->src_cid);
	le64_put(raw + 8, h->dst_cid);
	le32_put(raw + 16, h->src_port);
	le32_put(raw + 20, h->dst_port);
	le32_put(raw + 24, h->len);
	le16_put(raw + 28, h->type);
	le16_put(raw + 30, h->op);
	le32_put(raw + 32, h->flags);
	le32_put(raw + 36, h->buf_alloc);
	le32_put(raw + 40, h->fwd_cnt);
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static struct vsock_conn *find(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port)
{
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		struct vsock_conn *c = &v->conn[i];

		if (c->state != VSOCK_FREE && c->state != VSOCK_ORPHAN && c->guest_port == guest_port &&
			c->host_port == host_port)
			return c;
	}
	return NULL;
}

static void arm_deadline(struct virtio_vsock *v, struct vsock_conn *c, uint64_t patience_ns)
{
	c->deadline_ns = trace_now_ns() + patience_ns;
	if (!v->deadlines_armed)
		v->deadlines_armed = !loop_timer_set(&v->deadlines, NSEC_PER_SEC, NSEC_PER_SEC);
}

static void on_socket(struct loop_source *s, uint32_t events);

static struct vsock_conn *free_conn(struct virtio_vsock *v)
{
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		if (v->conn[i].state == VSOCK_FREE)
			return &v->conn[i];
	return NULL;
}

/* Without a socket yet. */
static void conn_init(struct vsock_conn *c, struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port)
{
	*c = (struct vsock_conn){
		.device = v,
		.source = {.fd = -1, .ready = on_socket},
		.guest_port = guest_port,
		.host_port = host_port,
		.buffer = v->buffers + (uint64_t)(c - v->conn) * VIRTIO_VSOCK_BUFFER,
	};
}

/* Takes `fd`, in any case. Return: false: the loop cannot watch one more. */
static bool conn_attach(struct vsock_conn *c, int fd)
{
	c->source.fd = fd;
	if (loop_add(c->device->dev.loop[RX], &c->source, EPOLLHUP) == 0)
		return true;
	c->source.fd = -1;
	close(fd);
	return false;
}

/* --- From the guest ----------------------------------------------------------------------------------------------- */

static void refuse(struct virtio_vsock *v, const struct header *h)
{
	assert(v->nr_rsts < VIRTIO_VSOCK_RSTS_MAX);
	v->rst[v->nr_rsts++] = (struct vsock_rst){h->dst_cid, h->dst_port, h->src_port};
}

static void on_request(struct virtio_vsock *v, const struct header *h)
{
	struct vsock_conn *c = free_conn(v);

	/* Without a free connection the request is refused at once. */
	if (!c || v->host->connect(v->host, ++v->ticket, h->dst_port) < 0) {
		refuse(v, h);
		return;
	}
	conn_init(c, v, h->src_port, h->dst_port);
	c->state = VSOCK_ASKED;
	c->ticket = v->ticket;
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	arm_deadline(v, c, ASKED_NS);
}

/* 5.10.6.3, .4, .6 */
static void on_packet(struct virtio_vsock *v, const struct header *h)
{
	struct vsock_conn *c;

	if (h->src_cid != v->cid)
		return; /* not an address that can be replied to */
	c = find(v, h->src_port, h->dst_port);
	if (h->dst_cid != VIRTIO_VSOCK_HOST_CID || h->type != VIRTIO_VSOCK_TYPE_STREAM ||
		(!c && h->op != VIRTIO_VSOCK_OP_REQUEST)) {
		if (h->op != VIRTIO_VSOCK_OP_RST)
			refuse(v, h);
		return;
	}
	if (!c) {
		on_request(v, h);
		return;
	}
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	switch (h->op) {
	case VIRTIO_VSOCK_OP_RST: vsock_conn_guest_rst(c); break;
	case VIRTIO_VSOCK_OP_SHUTDOWN: vsock_conn_guest_shutdown(c, h->flags); break;
	case VIRTIO_VSOCK_OP_RW: vsock_conn_guest_data(c, v->chain.out, v->chain.out_nr, h->len); break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE: break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		if (c->state == VSOCK_OPEN)
			c->want |= WANTS(CREDIT_UPDATE);
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		/* Without our request, or a second time, it is invalid. */
		if (c->state == VSOCK_DIALING && !(c->want & WANTS(REQUEST))) {
			c->state = VSOCK_OPEN;
			v->host->answered(v->host, c->source.fd, c->host_port);
			vsock_conn_watch(c);
			break;
		}
		vsock_conn_reset(c);
		break;
	default: vsock_conn_reset(c); break;
	}
}

/* Returns true when packets may be left. */
static bool take_tx(struct virtio_vsock *v)
{
	struct virtqueue *q = &v->dev.queue[TX];
	unsigned taken = 0;
	size_t windows = 0;

	do {
		vq_quiet(q);
		for (; taken < TURN_PACKETS && v->nr_rsts < VIRTIO_VSOCK_RSTS_MAX; taken++) {
			uint8_t raw[VIRTIO_VSOCK_HDR_SIZE];
			struct header h;

			if (windows >= TURN_WINDOWS)
				return true;
			if (!virtio_pop(&v->dev, TX, &v->chain))
				break;
			windows += v->chain.out_nr;
			if (vq_read(v->chain.out, v->chain.out_nr, 0, raw, sizeof(raw)) < sizeof(raw)) {
				virtio_broke(&v->dev, "a packet is shorter than its header");
				return false;
			}
			header_get(raw, &h);
			if (h.len > v->chain.out_bytes - VIRTIO_VSOCK_HDR_SIZE) {
				virtio_broke(&v->dev, "a packet is shorter than its header says");
				return false;
			}
			on_packet(v, &h);
			virtio_push(&v->dev, TX, v->chain.head, 0);
		}
		if (taken == TURN_PACKETS || v->nr_rsts == VIRTIO_VSOCK_RSTS_MAX)
			return true;
	} while (v->dev.driver_ok && vq_listen(q));
	return false;
}

/* --- To the guest ------------------------------------------------------------------------------------------------- */

/* A buffer for a packet, in v->chain. */
static bool get_buffer(struct virtio_vsock *v)
{
	if (!virtio_pop(&v->dev, RX, &v->chain))
		return false;
	if (v->chain.out_nr || v->chain.in_bytes <= VIRTIO_VSOCK_HDR_SIZE) {
		virtio_broke(&v->dev, "a receive buffer has no room for a packet");
		return false;
	}
	return true;
}

static void put_packet(struct virtio_vsock *v, const struct header *h)
{
	uint8_t raw[VIRTIO_VSOCK_HDR_SIZE];

	header_put(raw, h);
	vq_write(v->chain.in, v->chain.in_nr, 0, raw, sizeof(raw));
	virtio_push(&v->dev, RX, v->chain.head, VIRTIO_VSOCK_HDR_SIZE + h->len);
}

static void put_rst(struct virtio_vsock *v)
{
	const struct vsock_rst *r = &v->rst[0];
	const struct header h = {
		.src_cid = r->from_cid,
		.dst_cid = v->cid,
		.src_port = r->from_port,
		.dst_port = r->to_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	put_packet(v, &h);
	memmove(&v->rst[0], &v->rst[1], --v->nr_rsts * sizeof(v->rst[0]));
}

/* Which packet of `c` is next; VIRTIO_VSOCK_OP_INVALID: none. */
static enum virtio_vsock_op next_op(const struct vsock_conn *c)
{
	if (c->want & WANTS(RST))
		return VIRTIO_VSOCK_OP_RST;
	if (c->want & WANTS(REQUEST))
		return VIRTIO_VSOCK_OP_REQUEST;
	if (c->want & WANTS(RESPONSE))
		return VIRTIO_VSOCK_OP_RESPONSE;
	if (vsock_conn_readable(c) && vsock_conn_credit(c))
		return VIRTIO_VSOCK_OP_RW;
	if (c->want & WANTS(SHUTDOWN))
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	return c->want & WANTS(CREDIT_UPDATE) ? VIRTIO_VSOCK_OP_CREDIT_UPDATE : VIRTIO_VSOCK_OP_INVALID;
}

/* Puts the next packet of `c` into the current buffer. Return: false when there is none after all. */
static bool put_next(struct virtio_vsock *v, struct vsock_conn *c)
{
	enum virtio_vsock_op op = next_op(c);
	struct header h = {
		.src_cid = VIRTIO_VSOCK_HOST_CID,
		.dst_cid = v->cid,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? c->host_shut : 0,
		.buf_alloc = VIRTIO_VSOCK_BUFFER,
		.fwd_cnt = c->fwd,
	};

	if (op == VIRTIO_VSOCK_OP_RW) {
		h.len = vsock_conn_read(c, v->chain.in, v->chain.in_nr);
		if (!h.len)
			return false;
		c->sent += h.len;
		v->dev.payload.to_guest += h.len;
	}
	put_packet(v, &h);
	c->fwd_told = c->fwd;
	c->want &= ~(UINT32_C(1) << op | WANTS(CREDIT_UPDATE));
	if (op == VIRTIO_VSOCK_OP_RST) {
		vsock_conn_free(c);
	} else if (op == VIRTIO_VSOCK_OP_SHUTDOWN &&
		c->host_shut == (VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RECEIVE)) {
		vsock_conn_close(c);
		c->state = VSOCK_LEAVING;
		arm_deadline(v, c, PATIENCE_NS);
	}
	return true;
}

/* The connection whose turn it is, until next_conn advances. */
static struct vsock_conn *next_conn(struct virtio_vsock *v)
{
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		struct vsock_conn *c = &v->conn[(v->next_conn + i) % VIRTIO_VSOCK_CONNS_MAX];

		if (c->state != VSOCK_FREE && next_op(c) != VIRTIO_VSOCK_OP_INVALID)
			return c;
	}
	return NULL;
}

/* Return: true when there is more to send, and a buffer for it. */
static bool fill_rx(struct virtio_vsock *v)
{
	struct virtqueue *q = &v->dev.queue[RX];

	vq_quiet(q);
	for (unsigned i = 0; i < TURN_PACKETS; i++) {
		struct vsock_conn *c = next_conn(v);
		bool rst = v->nr_rsts && !(c && v->conn_turn);

		if (!rst && !c)
			return false;
		if (!get_buffer(v)) {
			if (!v->dev.driver_ok || !vq_listen(q))
				return false;
			continue;
		}
		v->conn_turn = rst;
		if (rst) {
			put_rst(v);
			continue;
		}
		v->next_conn = (unsigned)(c - v->conn) + 1;
		if (!put_next(v, c))
			vq_unpop(q);
	}
	return true;
}

/* --- Turns -------------------------------------------------------------------------------------------------------- */

static void close_all(struct virtio_vsock *v)
{
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		if (v->conn[i].state != VSOCK_FREE)
			vsock_conn_free(&v->conn[i]);
	v->nr_rsts = 0;
}

/* Starts another turn after the loop's other sources. Any thread. */
static void wake(struct virtio_vsock *v)
{
	wake_send(v->wake.fd);
}

/* Completes a reset: it comes from a vCPU's thread, but sockets belong to the loop. */
static void clean_up(struct virtio_vsock *v)
{
	if (v->was_reset)
		close_all(v);
	v->was_reset = false;
}

/* 5.10.6.7: all connections are gone, and the guest's address may be another. */
static void put_transport_reset(struct virtio_vsock *v)
{
	const uint8_t event[4] = {0}; /* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET */

	if (virtio_pop(&v->dev, EVENT, &v->chain)) {
		size_t n = vq_write(v->chain.in, v->chain.in_nr, 0, event, sizeof(event));

		v->was_restored = n < sizeof(event);
		virtio_push(&v->dev, EVENT, v->chain.head, (uint32_t)n);
		virtio_flush(&v->dev, EVENT);
	}
	if (v->was_restored && v->dev.driver_ok && vq_listen(&v->dev.queue[EVENT]))
		virtio_again(&v->dev, EVENT);
}

static void turn(struct virtio_vsock *v)
{
	bool more_tx = false, more_rx = false;

	clean_up(v);
	/* Before any packet of a new connection. */
	if (v->was_restored)
		put_transport_reset(v);
	if (v->dev.driver_ok)
		more_tx = take_tx(v);
	if (v->dev.driver_ok)
		more_rx = fill_rx(v);
	if (!v->dev.driver_ok) {
		close_all(v);
		return;
	}
	virtio_flush(&v->dev, TX);
	virtio_flush(&v->dev, RX);
	if (more_rx || (more_tx && v->nr_rsts < VIRTIO_VSOCK_RSTS_MAX))
		wake(v);
}

static void on_socket(struct loop_source *s, uint32_t events)
{
	struct vsock_conn *c = container_of(s, struct vsock_conn, source);
	struct virtio_vsock *v = c->device;

	pthread_mutex_lock(&v->dev.lock);
	c->hung_up |= (events & (EPOLLHUP | EPOLLERR)) != 0;
	if (c->hung_up && (c->state != VSOCK_OPEN || (c->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)))
		vsock_conn_host_shut(c, VIRTIO_VSOCK_SHUTDOWN_RECEIVE | VIRTIO_VSOCK_SHUTDOWN_SEND);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		c->readable = true;
	if (events & EPOLLOUT)
		vsock_conn_drain(c);
	vsock_conn_watch(c);
	turn(v);
	pthread_mutex_unlock(&v->dev.lock);
}

static void on_wake(struct loop_source *s, uint32_t events)
{
	struct virtio_vsock *v = container_of(s, struct virtio_vsock, wake);
	wake_take(s->fd);
	pthread_mutex_lock(&v->dev.lock);
	turn(v);
	pthread_mutex_unlock(&v->dev.lock);
}

static void on_deadlines(struct loop_timer *t)
{
	struct virtio_vsock *v = container_of(t, struct virtio_vsock, deadlines);
	uint64_t now = trace_now_ns();
	bool any = false;

	pthread_mutex_lock(&v->dev.lock);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		struct vsock_conn *c = &v->conn[i];
		bool waits = c->state == VSOCK_ASKED || c->state == VSOCK_DIALING || c->state == VSOCK_LEAVING;

		if (waits && now >= c->deadline_ns)
			vsock_conn_reset(c);
		any |= waits;
	}
	if (!any)
		v->deadlines_armed = loop_timer_set(&v->deadlines, 0, 0) < 0;
	turn(v);
	pthread_mutex_unlock(&v->dev.lock);
}

/* --- The device --------------------------------------------------------------------------------------------------- */

static void vsock_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_vsock *v = container_of(dev, struct virtio_vsock, dev);

	/* The buffers of EVENT are for a guest that goes on elsewhere. */
	if (index != EVENT || v->was_restored)
		turn(v);
}

static void vsock_reset(struct virtio_device *dev)
{
	struct virtio_vsock *v = container_of(dev, struct virtio_vsock, dev);

	v->was_reset = true;
	v->was_restored = false;
	wake(v);
}

/* What the connections were attached to is with the machine that was saved. */
static void vsock_restored(struct virtio_device *dev)
{
	container_of(dev, struct virtio_vsock, dev)->was_restored = dev->driver_ok;
}

/* 5.10.4: struct virtio_vsock_config */
static void vsock_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	uint8_t config[8];

	le64_put(config, container_of(dev, struct virtio_vsock, dev)->cid);
	virtio_config_copy(config, sizeof(config), offset, data, len);
}

static const struct virtio_ops vsock_ops = {
	.reset = vsock_reset,
	.kick = vsock_kick,
	.config_read = vsock_config_read,
	.restored = vsock_restored,
};

int virtio_vsock_dial(struct virtio_vsock *v, int fd, uint32_t port)
{
	struct vsock_conn *c;
	int r = 0;

	pthread_mutex_lock(&v->dev.lock);
	clean_up(v);
	if (!v->dev.driver_ok) {
		close(fd);
		r = -ENOTCONN;
		goto out;
	}
	do {
		v->next_port = v->next_port < VIRTIO_VSOCK_PORT_FIRST || v->next_port == UINT32_MAX
			? VIRTIO_VSOCK_PORT_FIRST
			: v->next_port + 1;
	} while (find(v, port, v->next_port));
	c = free_conn(v);
	if (c)
		conn_init(c, v, port, v->next_port);
	else
		close(fd);
	if (!c || !conn_attach(c, fd)) {
		r = -EMFILE;
		goto out;
	}
	c->state = VSOCK_DIALING;
	c->want = WANTS(REQUEST);
	arm_deadline(v, c, PATIENCE_NS);
	turn(v);
out:
	pthread_mutex_unlock(&v->dev.lock);
	return r;
}

static void connected(struct vsock_conn *c, int fd)
{
	if (fd < 0 || !conn_attach(c, fd)) {
		vsock_conn_reset(c);
		return;
	}
	c->state = VSOCK_OPEN;
	c->want = WANTS(RESPONSE);
	vsock_conn_watch(c);
}

void virtio_vsock_connected(struct virtio_vsock *v, uint32_t ticket, int fd)
{
	pthread_mutex_lock(&v->dev.lock);
	clean_up(v);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++) {
		if (v->conn[i].state != VSOCK_ASKED || v->conn[i].ticket != ticket)
			continue;
		connected(&v->conn[i], TAKE_FD(fd));
		turn(v);
		break;
	}
	pthread_mutex_unlock(&v->dev.lock);
	/* The connection no longer waits for it. */
	cleanup_fd(&fd);
}

void virtio_vsock_unanswered(struct virtio_vsock *v)
{
	pthread_mutex_lock(&v->dev.lock);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		if (v->conn[i].state == VSOCK_ASKED)
			vsock_conn_reset(&v->conn[i]);
	turn(v);
	pthread_mutex_unlock(&v->dev.lock);
}

/* All but the connections and the common part. */
static void release(struct virtio_vsock *v)
{
	loop_timer_destroy(&v->deadlines);
	loop_remove(&v->wake);
	wake_close(&v->wake.fd);
	munmap(v->buffers, VIRTIO_VSOCK_CONNS_MAX * VIRTIO_VSOCK_BUFFER);
}

COLD int virtio_vsock_init(struct virtio_vsock *v, uint64_t cid, struct vsock_host *host, const struct gmem *mem,
	struct loop *loop, struct trace *trace)
{
	const size_t size = VIRTIO_VSOCK_CONNS_MAX * VIRTIO_VSOCK_BUFFER;
	int r;

	memset(v, 0, sizeof(*v));
	v->host = host;
	v->cid = cid;
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		v->conn[i].source.fd = -1;
	/* Untouched pages cost nothing. */
	v->buffers = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->buffers == MAP_FAILED)
		return -errno;
	v->wake = (struct loop_source){.fd = wake_open(), .ready = on_wake};
	r = v->wake.fd < 0 ? v->wake.fd : loop_add(loop, &v->wake, EPOLLIN);
	if (r == 0)
		r = loop_timer_init(loop, &v->deadlines, on_deadlines);
	if (r == 0)
		r = virtio_device_init(
			&v->dev, &vsock_ops, "virtio-vsock", VIRTIO_ID_VSOCK, NR_QUEUES, QUEUE_SIZE, mem, loop, trace);
	if (r < 0) {
		release(v);
		return r;
	}
	v->dev.config_size = 8;
	return 0;
}

COLD void virtio_vsock_destroy(struct virtio_vsock *v)
{
	if (!v || !v->dev.ops)
		return;
	close_all(v);
	release(v);
	virtio_device_destroy(&v->dev);
}
