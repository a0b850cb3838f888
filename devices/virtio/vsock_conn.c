// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Each side may shut down its direction: @guest_shut and @host_shut are the flags so far, and bits
 * are never cleared. Data that the guest sent before its SHUTDOWN reaches the socket first (forwarded()); data of the
 * socket before its end reaches the guest first, since the end is only detected by reading up to it. Once both
 * directions are shut down, the side that was last gets a RST.
 */
#include "devices/virtio/vsock_conn.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "vmm/base/iov.h"

void vsock_conn_close(struct vsock_conn *c)
{
	if (c->source.fd < 0)
		return;
	loop_remove(&c->source);
	close(c->source.fd);
	c->source.fd = -1;
}

void vsock_conn_free(struct vsock_conn *c)
{
	vsock_conn_close(c);
	c->state = VSOCK_FREE;
	c->want = 0;
}

/* The guest's credit. It is 0 if the guest claims to have forwarded more than it got. */
uint32_t vsock_conn_credit(const struct vsock_conn *c)
{
	uint32_t used = c->sent - c->peer_fwd;

	return used < c->peer_alloc ? c->peer_alloc - used : 0;
}

bool vsock_conn_readable(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && c->readable && !(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) &&
		!(c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
}

/* Watch the socket for what there is to do with it. */
void vsock_conn_watch(struct vsock_conn *c)
{
	uint32_t events = 0;

	if (c->source.fd < 0)
		return;
	if (c->state == VSOCK_OPEN && !c->readable && !(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND))
		events |= EPOLLIN;
	if (vsock_conn_buffered(c))
		events |= EPOLLOUT;
	/* With nothing else to do: that the other side closes. It is always reported, so only once. */
	if (!events && !c->hung_up && !c->readable)
		events = EPOLLHUP;
	if (loop_modify(&c->source, events) < 0) /* out of memory: better broken than hanging for ever */
		c->want = WANTS(RST);
}

/* Breaks the connection: RST to the guest, nothing more to the host. */
void vsock_conn_reset(struct vsock_conn *c)
{
	vsock_conn_close(c);
	c->state = VSOCK_LEAVING;
	c->want = WANTS(RST);
}

/* The host's side will not receive (RECEIVE) or send (SEND) any more. */
void vsock_conn_host_shut(struct vsock_conn *c, uint32_t flags)
{
	if (flags & VIRTIO_VSOCK_SHUTDOWN_RECEIVE)
		c->fwd = c->taken;
	if (c->state == VSOCK_ORPHAN) {
		vsock_conn_free(c);
		return;
	}
	if (c->state == VSOCK_DIALING) {
		vsock_conn_reset(c);
		return;
	}
	if (flags & ~c->host_shut)
		c->want |= WANTS(SHUTDOWN);
	c->host_shut |= flags;
}

/* After data was written to the socket, or the guest sent SHUTDOWN. */
static void forwarded(struct vsock_conn *c)
{
	if (c->state == VSOCK_OPEN && c->fwd - c->fwd_told >= VIRTIO_VSOCK_BUFFER / 2)
		c->want |= WANTS(CREDIT_UPDATE);
	if (vsock_conn_buffered(c) || c->source.fd < 0)
		return;
	if (c->state == VSOCK_ORPHAN) {
		vsock_conn_free(c);
		return;
	}
	if ((c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) && !c->write_shut) {
		shutdown(c->source.fd, SHUT_WR);
		c->write_shut = true;
	}
	/* 5.10.6.5: the answer to a SHUTDOWN in both directions, once nothing is pending. */
	if (c->guest_shut == (VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RECEIVE))
		vsock_conn_reset(c);
}

/* Return: bytes taken by the socket; a socket that is closed for writing takes all. */
static size_t to_socket(struct vsock_conn *c, const struct iovec *iov, size_t nr, size_t len)
{
	size_t done = 0;

	/* One by one rather than by sendmsg: it is one call less for the sandbox to allow. */
	for (size_t i = 0; i < nr; i++) {
		ssize_t n = send(c->source.fd, iov[i].iov_base, iov[i].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM) {
			vsock_conn_host_shut(c, VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
			return len;
		}
		done += (size_t)MAX(n, 0);
		if (n < 0 || (size_t)n < iov[i].iov_len)
			break;
	}
	return done;
}

/* The ring's windows: `len` bytes from the free-running position `at` on. */
static size_t ring(const struct vsock_conn *c, uint32_t at, uint32_t len, struct iovec iov[2])
{
	uint32_t start = at % VIRTIO_VSOCK_BUFFER, first = (uint32_t)MIN((uint64_t)len, VIRTIO_VSOCK_BUFFER - start);

	iov[0] = (struct iovec){c->buffer + start, first};
	iov[1] = (struct iovec){c->buffer, len - first};
	return first < len ? 2 : 1;
}

void vsock_conn_drain(struct vsock_conn *c)
{
	struct iovec iov[2];
	uint32_t len = vsock_conn_buffered(c);

	if (len && c->source.fd >= 0) {
		size_t n = to_socket(c, iov, ring(c, c->fwd, len, iov), len);

		/* Data for a closed socket counts as forwarded, or the connection is gone. */
		c->fwd += MIN((uint32_t)n, vsock_conn_buffered(c));
	}
	forwarded(c);
}

void vsock_conn_guest_rst(struct vsock_conn *c)
{
	/* The guest had closed regularly and has only timed out: its data is still sent to the host. */
	if (c->state == VSOCK_OPEN && (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) && vsock_conn_buffered(c)) {
		c->state = VSOCK_ORPHAN;
		c->want = 0;
		vsock_conn_watch(c);
		return;
	}
	vsock_conn_free(c);
}

void vsock_conn_guest_data(struct vsock_conn *c, struct iovec *iov, size_t nr, uint32_t len)
{
	struct iovec to[2];
	uint32_t rest = len;
	size_t n = 0;

	if (c->state == VSOCK_LEAVING) {
		/*
		 * Data may have been in flight when our direction ended; but data after the guest's own shutdown is a
		 * violation.
		 */
		if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
			c->want = WANTS(RST);
		return;
	}
	if (c->state != VSOCK_OPEN || (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) ||
		len > VIRTIO_VSOCK_BUFFER - vsock_conn_buffered(c)) {
		vsock_conn_reset(c);
		return;
	}
	nr = iov_cut(iov, nr, VIRTIO_VSOCK_HDR_SIZE, len, iov);
	if (c->host_shut & VIRTIO_VSOCK_SHUTDOWN_RECEIVE)
		rest = 0;
	else if (len && !vsock_conn_buffered(c))
		rest -= (uint32_t)to_socket(c, iov, nr, len);
	c->fwd += len - rest;
	for (size_t i = 0, k = rest ? ring(c, c->taken + len - rest, rest, to) : 0; i < k; i++)
		n += vq_read(iov, nr, len - rest + n, to[i].iov_base, to[i].iov_len);
	c->taken += len;
	c->device->dev.payload.from_guest += len;
	forwarded(c);
	vsock_conn_watch(c);
}

void vsock_conn_guest_shutdown(struct vsock_conn *c, uint32_t flags)
{
	if (c->state == VSOCK_LEAVING) {
		c->want = WANTS(RST);
		return;
	}
	if (c->state != VSOCK_OPEN) {
		vsock_conn_reset(c);
		return;
	}
	c->guest_shut |= flags & (VIRTIO_VSOCK_SHUTDOWN_RECEIVE | VIRTIO_VSOCK_SHUTDOWN_SEND);
	forwarded(c);
	vsock_conn_watch(c);
}

uint32_t vsock_conn_read(struct vsock_conn *c, const struct iovec *iov, size_t nr)
{
	struct iovec to[VQ_IOV_MAX];
	ssize_t n;

	nr = iov_cut(iov, nr, VIRTIO_VSOCK_HDR_SIZE, MIN(vsock_conn_credit(c), VIRTIO_VSOCK_BUFFER), to);
	n = readv(c->source.fd, to, (int)nr);
	if (n > 0)
		return (uint32_t)n;
	if (n < 0 && errno == EINTR)
		return 0;
	c->readable = false;
	if (n == 0 || errno != EAGAIN) {
		/*
		 * End of file, or an error (a peer that closed without reading): then it does not receive any more
		 * either.
		 */
		if (n < 0 || c->hung_up)
			vsock_conn_host_shut(c, VIRTIO_VSOCK_SHUTDOWN_RECEIVE);
		vsock_conn_host_shut(c, VIRTIO_VSOCK_SHUTDOWN_SEND);
	}
	vsock_conn_watch(c);
	return 0;
}
