// SPDX-License-Identifier: Apache-2.0
/*
 * A network device with arbitrary drivers and a host that sends, reads and disconnects as the input says. Asserted in
 * addition to the sanitizers' checks: only frames with valid headers reach the host, and after a reset the device
 * serves a correct driver.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/virtio/net.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"

/* How many frames the host's side accepts before it blocks. */
#define HOST_DEPTH 4

struct host {
	struct net_backend backend;
	const struct virtio_net *net;
	int other;
	unsigned waiting;
	uint8_t frame[NET_HDR_SIZE + NET_FRAME_MAX];
};

static int host_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	struct host *h = container_of(b, struct host, backend);
	const struct net_hdr *hdr = iov[0].iov_base;
	size_t sum = 0;

	assert(!b->blocked && iov[0].iov_len == NET_HDR_SIZE);
	assert(bytes >= NET_FRAME_MIN && bytes <= NET_FRAME_MAX);
	for (size_t i = 1; i < nr; i++)
		sum += iov[i].iov_len;
	assert(sum == bytes);
	assert(!(hdr->flags & ~NET_HDR_F_NEEDS_CSUM) && !hdr->num_buffers);
	assert(!hdr->flags || virtio_has(&h->net->dev, VIRTIO_NET_F_CSUM));
	assert(!hdr->gso_type || (hdr->flags && hdr->gso_size));
	if (h->other < 0)
		return -ENOTCONN;
	if (h->waiting == HOST_DEPTH) {
		b->blocked = true;
		return -EAGAIN;
	}
	h->waiting++;
	vq_read(iov, nr, 0, h->frame, sizeof(h->frame));
	return 0;
}

static ssize_t host_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	ssize_t r = readv(b->fd, iov, (int)nr);

	return r > 0 ? r : r == 0 ? -ENOTCONN : -errno;
}

static int host_flush(struct net_backend *b)
{
	b->blocked = false;
	return 0;
}

static void host_destroy(struct net_backend *b)
{
	close(b->fd);
}

static const struct net_backend_ops host_ops = {
	.send = host_send,
	.receive = host_receive,
	.flush = host_flush,
	.destroy = host_destroy,
};

static void host_turn(void *arg, uint8_t what)
{
	static const uint16_t sizes[] = {0, 1, 13, 14, 60, 1514, 4000, 9000, 40000, 65535};
	struct host *h = arg;
	size_t size = sizes[what % ARRAY_SIZE(sizes)];

	h->waiting = 0;
	if (what == 0xff && h->other >= 0) {
		close(h->other);
		h->other = -1;
	}
	if (h->other < 0 || what < 0x80)
		return;
	memset(h->frame, 0, NET_HDR_SIZE);
	if (what & 0x40) /* a header of whatever the last frame held */
		memcpy(h->frame, h->frame + NET_HDR_SIZE, NET_HDR_SIZE);
	if (write(h->other, h->frame, NET_HDR_SIZE + size) < 0)
		assert(errno == EAGAIN);
}

static void honest_frame(struct vq_driver *d, const struct host *h)
{
	uint64_t sent = h->net->stats.tx_frames;
	struct vqd_buf buf;

	vqd_set(d, VQD_STATUS, 0);
	d->next = VQD_RAM_START;
	assert(vqd_start(d, VIRTIO_NET_F_MRG_RXBUF));
	vqd_run(d);
	vqd_run(d);
	buf = (struct vqd_buf){vqd_alloc(d, 128, 16), NET_HDR_SIZE + 60, false};
	assert(vqd_request(d, VIRTIO_NET_TX, &buf, 1, false) == 0);
	assert(h->net->stats.tx_frames == sent + 1 || !h->net->link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2};
	struct vq_driver *d = malloc(sizeof(*d));
	struct virtio_net *net = malloc(sizeof(*net));
	struct host *h = calloc(1, sizeof(*h));
	int pair[2];

	if (!d || !net || !h || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	vqd_init(d, 512 * KIB);
	h->backend = (struct net_backend){.ops = &host_ops, .peer = "fuzz", .fd = pair[0], .offload = NET_OFFLOADS};
	h->other = pair[1];
	h->net = net;
	if (virtio_net_init(net, 0, mac, &h->backend, &d->mem, d->loop, d->trace) < 0)
		abort();
	vqd_attach(d, &net->dev);
	vqd_fuzz(d, data, size, host_turn, h);
	h->waiting = 0;
	honest_frame(d, h);
	vqd_detach(d);
	virtio_net_destroy(net);
	vqd_destroy(d);
	if (h->other >= 0)
		close(h->other);
	free(h);
	free(net);
	free(d);
	return 0;
}
