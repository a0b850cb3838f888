// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Everything runs in the device's loop. Kicks, frames and deferred work each have a budget; the
 * rest is continued through an eventfd, so that other sources of the loop are served in between.
 *
 * Transmit: pop, check the header, send from guest RAM without a copy. While the backend is blocked the rest stays in
 * the queue, and its fd is watched for EPOLLOUT.
 *
 * Receive: the size of the next frame is unknown until it is read. So it is read into buffers of the driver that we
 * hold, followed by a spill buffer: data in it is copied when more buffers arrive, which is rarely necessary. Buffers
 * are held from frame to frame. A frame that needs more buffers than available waits, and no other is read, until the
 * driver kicks; one that could never fit is dropped. Without MRG_RXBUF each frame has one buffer.
 *
 * activate and reset may come from a vCPU thread, where neither epoll nor the backend may be used: they only wake the
 * loop. Setting offloads can block in the kernel, so the lock is dropped; @epoch shows whether the driver was reset
 * meanwhile. Each change also sends a notification to all listeners of the host. So it is made only when something
 * changes, and at a limited rate.
 */
#include "devices/virtio/net.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/iov.h"
#include "vmm/base/le.h"
#include "vmm/base/wake.h"

/* One round of either direction: 64 full GSO frames would be 4 MB, some ms of copying. */
#define BUDGET_FRAMES 64
#define BUDGET_BYTES  MIB

#define STATUS_LINK_UP 1 /* 5.1.4 */

/* Changes of offloads: a burst of ten, then ten a second. */
#define OFFLOAD_NS       (100 * NSEC_PER_MSEC)
#define OFFLOAD_BURST_NS (10 * OFFLOAD_NS)

#define VLAN_TAG 4u /* IEEE 802.1Q: in front of a packet that may be as large as the MTU */

/* After a frame no larger than this, only this much of the guest's buffers is offered to the next. */
#define SMALL_FRAME 4096

static struct virtio_net *to_net(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

static void wake(const struct virtio_net *n)
{
	wake_send(n->again.fd);
}

static COLD void link_down(struct virtio_net *n)
{
	if (!n->link)
		return;
	n->link = false;
	n->backend->blocked = false; /* the driver's frames are dropped, but completed */
	n->config.status = 0;
	trace_net_link_down(n->dev.trace, n->name, n->backend->peer);
	n->dev.transport->config_changed(n->dev.transport);
}

/*
 * Whether a header uses only negotiated features; `csum` and the others are the features of its direction. Other flags
 * are cleared (5.1.6.2.1: ignore them).
 */
static bool header_ok(
	struct net_hdr *h, size_t frame, uint64_t features, uint64_t csum, uint64_t tso4, uint64_t tso6, uint64_t ecn)
{
	uint8_t gso = h->gso_type & ~NET_HDR_GSO_ECN;

	h->flags &= NET_HDR_F_NEEDS_CSUM | NET_HDR_F_DATA_VALID;
	if (h->flags & NET_HDR_F_NEEDS_CSUM) {
		if (!(features & csum))
			return false;
		if ((size_t)le16toh(h->csum_start) + le16toh(h->csum_offset) + 2 > frame)
			return false;
	}
	if (h->gso_type == NET_HDR_GSO_NONE)
		return true;
	if (!(h->flags & NET_HDR_F_NEEDS_CSUM) || !h->gso_size)
		return false;
	if ((h->gso_type & NET_HDR_GSO_ECN) && !(features & ecn))
		return false;
	return (gso == NET_HDR_GSO_TCPV4 && (features & tso4)) || (gso == NET_HDR_GSO_TCPV6 && (features & tso6));
}

/*
 * --- Transmit ------------------------------------------------------------------------------------------------------
 */

static void tx_drop(struct virtio_net *n, const char *why)
{
	n->stats.tx_dropped++;
	trace_net_dropped(n->dev.trace, n->name, why);
}

/* Return: 0 when the chain is done with, sent or not, or -EAGAIN. */
static int send_chain(struct virtio_net *n, const struct vq_chain *c)
{
	struct net_hdr hdr;
	size_t bytes = c->out_bytes - NET_HDR_SIZE, nr;
	int r;

	vq_read(c->out, c->out_nr, 0, &hdr, sizeof(hdr));
	hdr.num_buffers = 0;
	if (bytes < NET_FRAME_MIN || bytes > NET_FRAME_MAX) {
		tx_drop(n, "from the guest, of a size that no frame has");
		return 0;
	}
	if (!header_ok(&hdr, bytes, n->dev.driver_features, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4,
		    VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN)) {
		tx_drop(n, "from the guest, asking for what was not negotiated");
		return 0;
	}
	hdr.flags &= (uint8_t)~NET_HDR_F_DATA_VALID;
	/* A hint, not to be relied on (5.1.6.2.2). A TAP device refuses a frame that is shorter. */
	if (hdr.gso_type == NET_HDR_GSO_NONE || le16toh(hdr.hdr_len) > bytes)
		hdr.hdr_len = 0;
	if (!n->link) {
		tx_drop(n, "from the guest, with the link down");
		return 0;
	}
	n->iov[0] = (struct iovec){&hdr, sizeof(hdr)};
	nr = 1 + iov_cut(c->out, c->out_nr, NET_HDR_SIZE, UINT64_MAX, n->iov + 1);
	r = n->backend->ops->send(n->backend, n->iov, nr, bytes);
	if (r == -EAGAIN)
		return r;
	if (r == -ENOTCONN)
		link_down(n);
	if (r < 0) {
		tx_drop(n, "from the guest, refused by the host");
		return 0;
	}
	n->stats.tx_frames++;
	n->dev.payload.from_guest += bytes;
	return 0;
}

static void transmit(struct virtio_net *n)
{
	struct virtqueue *q = &n->dev.queue[VIRTIO_NET_TX];
	struct vq_chain *c = &n->chain;
	uint64_t bytes = 0;
	unsigned frames = 0;

	vq_quiet(q);
	while (!n->backend->blocked) {
		if (frames == BUDGET_FRAMES || bytes >= BUDGET_BYTES) {
			wake(n);
			break;
		}
		if (!virtio_pop(&n->dev, VIRTIO_NET_TX, c) && !(vq_listen(q) && virtio_pop(&n->dev, VIRTIO_NET_TX, c)))
			break;
		if (c->out_bytes < NET_HDR_SIZE) {
			virtio_broke(&n->dev, "a frame to send is shorter than its header");
			break;
		}
		if (send_chain(n, c) < 0) {
			vq_unpop(q);
			break;
		}
		virtio_push(&n->dev, VIRTIO_NET_TX, c->head, 0);
		bytes += c->out_bytes;
		frames++;
	}
	if (frames)
		virtio_flush(&n->dev, VIRTIO_NET_TX);
	loop_moved(n->frames.loop, bytes);
}

/*
 * --- Receive -------------------------------------------------------------------------------------------------------
 */

static void rx_drop(struct virtio_net *n, const char *why)
{
	n->rx.frame = 0;
	n->stats.rx_dropped++;
	trace_net_dropped(n->dev.trace, n->name, why);
}

static void forget_buffers(struct virtio_net_rx *rx)
{
	rx->first_buffer = rx->nr_buffers = 0;
	rx->first_window = rx->nr_windows = 0;
	rx->bytes = 0;
	rx->frame = 0;
	rx->starved = false;
}

/* Moves the held buffers to the front of the arrays. */
static void compact(struct virtio_net_rx *rx)
{
	memmove(rx->buffer, rx->buffer + rx->first_buffer, rx->nr_buffers * sizeof(rx->buffer[0]));
	memmove(rx->window, rx->window + rx->first_window, rx->nr_windows * sizeof(rx->window[0]));
	rx->first_buffer = rx->first_window = 0;
}

/* Whether there is space for one more buffer of any shape. */
static bool can_hold(struct virtio_net_rx *rx)
{
	if (rx->nr_buffers == VIRTIO_NET_QUEUE_MAX || rx->nr_windows > VIRTIO_NET_WINDOWS - VQ_IOV_MAX)
		return false;
	if (rx->first_buffer + rx->nr_buffers == VIRTIO_NET_QUEUE_MAX ||
		rx->first_window + rx->nr_windows > VIRTIO_NET_WINDOWS - VQ_IOV_MAX)
		compact(rx);
	return true;
}

/* Takes buffers until they have `want` bytes. Return: false when there are not enough yet. */
static bool hold(struct virtio_net *n, uint32_t want)
{
	struct virtqueue *q = &n->dev.queue[VIRTIO_NET_RX];
	struct vq_chain *c = &n->chain;
	struct virtio_net_rx *rx = &n->rx;

	while (rx->bytes < want) {
		if (!can_hold(rx))
			return false;
		if (!virtio_pop(&n->dev, VIRTIO_NET_RX, c) && !(vq_listen(q) && virtio_pop(&n->dev, VIRTIO_NET_RX, c)))
			return false;
		if (c->in_bytes < NET_HDR_SIZE) {
			virtio_broke(&n->dev, "a receive buffer has no room for a header"); /* 5.1.6.3.1 */
			return false;
		}
		rx->buffer[rx->first_buffer + rx->nr_buffers++] = (struct virtio_net_buffer){
			.head = c->head, .windows = (uint16_t)c->in_nr, .bytes = c->in_bytes};
		memcpy(rx->window + rx->first_window + rx->nr_windows, c->in, c->in_nr * sizeof(c->in[0]));
		rx->nr_windows += (unsigned)c->in_nr;
		rx->bytes += c->in_bytes;
	}
	return true;
}

/* Returns the buffers of the first `frame` bytes to the driver, all at once. */
static void deliver(struct virtio_net *n)
{
	struct virtqueue *q = &n->dev.queue[VIRTIO_NET_RX];
	struct virtio_net_rx *rx = &n->rx;
	const struct iovec *window = rx->window + rx->first_window;
	uint32_t left = rx->frame;
	unsigned k = 0;

	for (uint64_t room = 0; room < rx->frame; k++)
		room += rx->buffer[rx->first_buffer + k].bytes;
	rx->hdr.num_buffers = htole16((uint16_t)k);
	vq_write(window, rx->nr_windows, rx->direct, rx->spill, rx->frame - rx->direct);
	vq_write(window, rx->nr_windows, 0, &rx->hdr, sizeof(rx->hdr));
	for (; k; k--) {
		const struct virtio_net_buffer *b = &rx->buffer[rx->first_buffer];
		uint32_t part = MIN(left, b->bytes);

		vq_fill(q, b->head, part);
		left -= part;
		rx->bytes -= b->bytes;
		rx->first_window += b->windows;
		rx->nr_windows -= b->windows;
		rx->first_buffer++;
		rx->nr_buffers--;
	}
	if (!rx->nr_buffers)
		rx->first_buffer = rx->first_window = 0;
	vq_publish(q);
	n->stats.rx_frames++;
	n->dev.payload.to_guest += rx->frame - NET_HDR_SIZE;
	rx->frame = 0;
}

/*
 * Reads one frame: its header to @hdr, the data into the held windows, the rest into the spill buffer. Few windows are
 * offered while frames are small, since the kernel checks each.
 */
static int read_frame(struct virtio_net *n)
{
	struct virtio_net_rx *rx = &n->rx;
	size_t skip = NET_HDR_SIZE, nr = 1;
	uint32_t reach = rx->last > SMALL_FRAME ? UINT32_MAX : SMALL_FRAME, direct = 0;
	ssize_t r;

	n->iov[0] = (struct iovec){&rx->hdr, sizeof(rx->hdr)};
	for (unsigned i = 0; i < rx->nr_windows && direct < reach; i++) {
		struct iovec w = rx->window[rx->first_window + i];
		size_t s = MIN(skip, w.iov_len);
		uint32_t room = (uint32_t)MIN(w.iov_len, (size_t)(NET_HDR_SIZE + NET_FRAME_MAX) - direct);

		skip -= s;
		direct += room;
		if (room > s)
			n->iov[nr++] = (struct iovec){(uint8_t *)w.iov_base + s, room - s};
		if (direct >= NET_HDR_SIZE + NET_FRAME_MAX)
			break;
	}
	n->iov[nr++] = (struct iovec){rx->spill, NET_FRAME_MAX};
	r = n->backend->ops->receive(n->backend, n->iov, nr);
	if (r < 0)
		return (int)r;
	assert(r <= (ssize_t)direct + NET_FRAME_MAX);
	if (r < NET_HDR_SIZE + NET_FRAME_MIN || r > NET_HDR_SIZE + NET_FRAME_MAX)
		return -EBADMSG;
	rx->frame = rx->last = (uint32_t)r;
	rx->direct = MIN(direct, rx->frame);
	return 0;
}

/* Passes the current frame to the driver. Return: 0, or -EAGAIN when it has to wait for buffers. */
static int pass_frame(struct virtio_net *n)
{
	struct virtio_net_rx *rx = &n->rx;

	if (rx->bytes < rx->frame) {
		if (!virtio_has(&n->dev, VIRTIO_NET_F_MRG_RXBUF)) {
			rx_drop(n, "to the guest, larger than its buffer");
			return 0;
		}
		if (!hold(n, rx->frame)) {
			if (n->dev.driver_ok && can_hold(rx) && rx->nr_buffers < n->dev.queue[VIRTIO_NET_RX].size)
				return -EAGAIN;
			rx_drop(n, "to the guest, larger than all its buffers");
			return 0;
		}
	}
	deliver(n);
	return 0;
}

/* 5.1.4.1: no packet is larger than the MTU that was negotiated, but for one to be cut into segments. */
static bool over_mtu(const struct virtio_net *n)
{
	return virtio_has(&n->dev, VIRTIO_NET_F_MTU) && n->rx.hdr.gso_type == NET_HDR_GSO_NONE &&
		n->rx.frame > NET_HDR_SIZE + NET_FRAME_MIN + VLAN_TAG + n->backend->mtu;
}

/* Return: 0 when a frame was dealt with, -EAGAIN when there is none, -ENOBUFS when it has to wait for buffers. */
static int receive_one(struct virtio_net *n)
{
	bool merge = virtio_has(&n->dev, VIRTIO_NET_F_MRG_RXBUF);
	struct virtio_net_rx *rx = &n->rx;
	int r;

	if (!rx->frame) {
		hold(n, merge ? NET_HDR_SIZE + NET_FRAME_MAX : 1);
		if (!rx->nr_buffers || !n->dev.driver_ok)
			return -ENOBUFS;
		r = read_frame(n);
		if (r == -EAGAIN)
			return r;
		if (r == -ENOTCONN) {
			link_down(n);
			return -EAGAIN;
		}
		if (r < 0) {
			rx_drop(n, "to the guest, lost by the host");
			return 0;
		}
		if (!header_ok(&rx->hdr, rx->frame - NET_HDR_SIZE, n->dev.driver_features, VIRTIO_NET_F_GUEST_CSUM,
			    VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_ECN)) {
			/* Queued in the host before the driver's features were set. */
			rx_drop(n, "to the guest, with what was not negotiated");
			return 0;
		}
		if (over_mtu(n)) {
			rx_drop(n, "to the guest, larger than its MTU");
			return 0;
		}
		if (!virtio_has(&n->dev, VIRTIO_NET_F_GUEST_CSUM))
			rx->hdr.flags = 0; /* 5.1.6.4.1 */
	}
	return pass_frame(n) < 0 ? -ENOBUFS : 0;
}

static void receive(struct virtio_net *n)
{
	uint64_t frames = n->stats.rx_frames, bytes = n->dev.payload.to_guest;
	int r = -EAGAIN;

	vq_quiet(&n->dev.queue[VIRTIO_NET_RX]);
	n->rx.starved = false;
	for (unsigned i = 0; n->link && n->dev.queue[VIRTIO_NET_RX].ready; i++) {
		if (i == BUDGET_FRAMES || n->dev.payload.to_guest - bytes >= BUDGET_BYTES) {
			wake(n);
			break;
		}
		r = receive_one(n);
		if (r < 0)
			break;
	}
	n->rx.starved = r == -ENOBUFS || !n->dev.queue[VIRTIO_NET_RX].ready;
	if (n->stats.rx_frames != frames)
		virtio_flush(&n->dev, VIRTIO_NET_RX);
	loop_moved(n->frames.loop, n->dev.payload.to_guest - bytes);
}

/*
 * --- The loop ------------------------------------------------------------------------------------------------------
 */

/* The events of the backend's fd to watch for now. */
static void watch(struct virtio_net *n)
{
	uint32_t events = 0;

	if (n->running && n->dev.driver_ok && n->link) {
		events |= n->rx.starved ? 0 : EPOLLIN;
		events |= n->backend->blocked ? EPOLLOUT : 0;
	}
	loop_modify(&n->frames, events);
}

static void on_frames(struct loop_source *s, uint32_t events)
{
	struct virtio_net *n = container_of(s, struct virtio_net, frames);

	pthread_mutex_lock(&n->dev.lock);
	if (n->running && n->dev.driver_ok) {
		if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) && n->backend->blocked) {
			if (n->backend->ops->flush(n->backend) < 0)
				link_down(n);
			transmit(n);
		}
		if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
			uint64_t before = n->stats.rx_frames + n->stats.rx_dropped;

			receive(n);
			/* An fd with an error condition would wake the loop for ever. */
			if ((events & (EPOLLERR | EPOLLHUP)) && before == n->stats.rx_frames + n->stats.rx_dropped &&
				!n->rx.starved)
				link_down(n);
		}
		if (!n->link)
			transmit(n);
	}
	watch(n);
	pthread_mutex_unlock(&n->dev.lock);
}

/* A driver is active: set the backend's offloads, now or later. Drops the lock meanwhile. */
static void start(struct virtio_net *n)
{
	uint64_t features = n->dev.driver_features & NET_OFFLOADS_TO_GUEST, now = trace_now_ns();
	uint32_t epoch = n->epoch;

	if (features == n->offload || !n->backend->ops->set_offload) {
		n->running = true;
		return;
	}
	if (n->offload_free_ns > now) {
		loop_timer_set(&n->later, n->offload_free_ns - now, 0);
		return;
	}
	n->offload_free_ns = MAX(n->offload_free_ns, now - OFFLOAD_BURST_NS) + OFFLOAD_NS;
	n->offload = features;
	pthread_mutex_unlock(&n->dev.lock);
	n->backend->ops->set_offload(n->backend, features);
	pthread_mutex_lock(&n->dev.lock);
	/* After a reset meanwhile, the next activation has woken us again. */
	n->running = epoch == n->epoch;
}

/* Deferred work, and what activate and reset could not do in their thread. */
static void go_on(struct virtio_net *n)
{
	pthread_mutex_lock(&n->dev.lock);
	if (n->dev.driver_ok && !n->running)
		start(n);
	if (n->dev.driver_ok && n->running) {
		receive(n);
		transmit(n);
	}
	watch(n);
	pthread_mutex_unlock(&n->dev.lock);
}

static void on_again(struct loop_source *s, uint32_t events)
{
	wake_take(s->fd);
	go_on(container_of(s, struct virtio_net, again));
}

static void on_later(struct loop_timer *t)
{
	go_on(container_of(t, struct virtio_net, later));
}

/*
 * --- struct virtio_ops ---------------------------------------------------------------------------------------------
 */

static void net_activate(struct virtio_device *dev)
{
	struct virtio_net *n = to_net(dev);

	n->epoch++;
	wake(n);
}

static void net_reset(struct virtio_device *dev)
{
	struct virtio_net *n = to_net(dev);

	n->epoch++;
	n->running = false;
	forget_buffers(&n->rx);
	wake(n);
}

static void net_queue_reset(struct virtio_device *dev, unsigned index)
{
	struct virtio_net *n = to_net(dev);

	if (index == VIRTIO_NET_RX)
		forget_buffers(&n->rx);
	wake(n);
}

static void net_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_net *n = to_net(dev);

	if (!n->running)
		return;
	if (index == VIRTIO_NET_TX)
		transmit(n);
	else
		receive(n);
	watch(n);
}

static void net_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	virtio_config_copy(&to_net(dev)->config, sizeof(struct virtio_net_config), offset, data, len);
}

static const struct virtio_ops net_ops = {
	.activate = net_activate,
	.reset = net_reset,
	.queue_reset = net_queue_reset,
	.kick = net_kick,
	.config_read = net_config_read,
};

COLD int virtio_net_init(struct virtio_net *n, unsigned index, const uint8_t mac[VIRTIO_NET_MAC_SIZE],
	struct net_backend *backend, const struct gmem *mem, struct loop *loop, struct trace *trace)
{
	int r;

	*n = (struct virtio_net){.backend = backend, .link = true};
	snprintf(n->name, sizeof(n->name), "net%u", index);
	memcpy(n->config.mac, mac, VIRTIO_NET_MAC_SIZE);
	n->config.status = htole16(STATUS_LINK_UP);
	n->config.max_virtqueue_pairs = htole16(1);
	n->config.mtu = htole16(backend->mtu);
	n->rx.spill = malloc(NET_FRAME_MAX);
	n->again = (struct loop_source){.fd = wake_open(), .ready = on_again};
	n->frames = (struct loop_source){.fd = backend->fd, .ready = on_frames};
	r = !n->rx.spill ? -ENOMEM : n->again.fd < 0 ? n->again.fd : 0;
	if (r == 0)
		r = virtio_device_init(&n->dev, &net_ops, n->name, VIRTIO_ID_NET, VIRTIO_NET_QUEUES,
			VIRTIO_NET_QUEUE_MAX, mem, loop, trace);
	n->dev.features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF |
		(backend->offload & NET_OFFLOADS) | (backend->mtu ? VIRTIO_NET_F_MTU : 0);
	n->dev.config_size = sizeof(n->config);
	if (r == 0)
		r = loop_add(loop, &n->again, EPOLLIN);
	if (r == 0)
		r = loop_add(loop, &n->frames, 0);
	if (r == 0)
		r = loop_timer_init(loop, &n->later, on_later);
	loop_yields(loop);
	if (r < 0)
		virtio_net_destroy(n);
	return r;
}

COLD void virtio_net_destroy(struct virtio_net *n)
{
	if (!n || !n->backend)
		return;
	loop_remove(&n->frames);
	loop_remove(&n->again);
	loop_timer_destroy(&n->later);
	wake_close(&n->again.fd);
	net_backend_destroy(n->backend);
	virtio_device_destroy(&n->dev);
	free(n->rx.spill);
	n->backend = NULL;
}
