// SPDX-License-Identifier: Apache-2.0
/*
 * The socket device with arbitrary drivers, and socket pairs whose other ends write, stop reading and close as the
 * input says. Asserted in addition to the sanitizers' checks: a connection never keeps more than its buffer, and after
 * a reset the device serves a correct driver and has no socket left.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/vsock.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"
#include "vmm/base/le.h"

#define PEERS 8

struct bench {
	struct vq_driver d;
	struct vsock_host host;
	struct vsock_answers answers;
	struct virtio_vsock vsock;
	int peer[PEERS];
	unsigned next;
};

static int new_pair(struct bench *b)
{
	int fd[2], i = (int)(b->next++ % PEERS);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
		abort();
	if (b->peer[i] >= 0)
		close(b->peer[i]);
	b->peer[i] = fd[0];
	return fd[1];
}

static int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct bench *b = container_of(h, struct bench, host);

	/* As one that does not keep up. */
	if (b->answers.nr == VSOCK_ANSWERS_MAX)
		return -1;
	return vsock_answers_add(&b->answers, ticket, port & 0x80 ? -1 : new_pair(b));
}

static void host_answered(struct vsock_host *h, int fd, uint32_t port)
{
	assert(send(fd, "OK\n", 3, MSG_DONTWAIT | MSG_NOSIGNAL) <= 3);
}

/* A valid packet, changed as the input says: random bytes alone would never match a connection. */
static void packet(struct bench *b, uint8_t what)
{
	struct vqd_queue *q = &b->d.queue[1];
	struct vqd_buf buf = {.len = VIRTIO_VSOCK_HDR_SIZE + (what & 0x40 ? 4096 : 0)};
	uint8_t *raw;

	if (!q->size || b->d.next + 2 * buf.len > VQD_RAM_START + b->d.ram_size)
		return;
	if (!gmem_contains(&b->d.mem, q->desc, 16 * (uint64_t)q->size) ||
		!gmem_contains(&b->d.mem, q->avail, 6 + 2 * (uint64_t)q->size))
		return;
	buf.gpa = vqd_alloc(&b->d, buf.len, 4);
	raw = vqd_ptr(&b->d, buf.gpa);
	le64_put(raw, 42);
	le64_put(raw + 8, 2);
	le32_put(raw + 16, what & 1);
	le32_put(raw + 20, what & 0x20 ? 0x80 : 80);
	le32_put(raw + 24, buf.len - VIRTIO_VSOCK_HDR_SIZE);
	le16_put(raw + 28, 1);
	le16_put(raw + 30, (what >> 1) & 7);
	le32_put(raw + 32, (what >> 4) & 3);
	le32_put(raw + 36, what & 0x10 ? 100 : 65536);
	vqd_offer(&b->d, 1, vqd_add(&b->d, 1, &buf, 1, false));
	vqd_kick(&b->d, 1);
}

static void between(void *arg, uint8_t what)
{
	struct bench *b = arg;
	int *peer = &b->peer[what % PEERS];
	static char text[8192];

	switch ((what >> 3) & 7) {
	case 0:
	case 1:
	case 2: packet(b, (uint8_t)(what * 7 + b->next)); break;
	case 3:
		if (*peer >= 0)
			assert(send(*peer, text, sizeof(text), MSG_DONTWAIT | MSG_NOSIGNAL) <= (ssize_t)sizeof(text));
		break;
	case 4:
		if (*peer >= 0)
			assert(recv(*peer, text, sizeof(text), MSG_DONTWAIT) <= (ssize_t)sizeof(text));
		break;
	case 5:
		if (*peer >= 0 && what & 0x80)
			close(*peer);
		else if (*peer >= 0)
			shutdown(*peer, what & 0x40 ? SHUT_WR : SHUT_RDWR);
		if (what & 0x80)
			*peer = -1;
		break;
	case 6:
		virtio_vsock_dial(&b->vsock, new_pair(b), what & 1);
		/* Answers stay out, come, or will never come. */
		b->answers.hold = what & 0x40;
		if (b->answers.nr && what & 0x80)
			virtio_vsock_unanswered(&b->vsock);
		else if (b->answers.nr)
			wake_send(b->answers.source.fd);
		break;
	case 7: b->vsock.deadlines.fired(&b->vsock.deadlines); break;
	}
	vqd_run(&b->d);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		assert(b->vsock.conn[i].taken - b->vsock.conn[i].fwd <= VIRTIO_VSOCK_BUFFER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct vqd_buf buf = {.len = VIRTIO_VSOCK_HDR_SIZE};

	if (!b)
		abort();
	memset(b->peer, 0xff, sizeof(b->peer));
	b->host = (struct vsock_host){.connect = host_connect, .answered = host_answered};
	vqd_init(&b->d, 512 * KIB);
	if (virtio_vsock_init(&b->vsock, 42, &b->host, &b->d.mem, b->d.loop, b->d.trace) < 0)
		abort();
	vsock_answers_init(&b->answers, &b->vsock, b->d.loop);
	vqd_attach(&b->d, &b->vsock.dev);
	vqd_fuzz(&b->d, data, size, between, b);
	b->d.next = VQD_RAM_START;
	assert(vqd_start(&b->d, UINT64_MAX));
	buf.gpa = vqd_alloc(&b->d, buf.len, 4);
	vqd_request(&b->d, 1, &buf, 1, false);
	for (unsigned i = 0; i < VIRTIO_VSOCK_CONNS_MAX; i++)
		assert(b->vsock.conn[i].state == VSOCK_FREE && b->vsock.conn[i].source.fd < 0);
	vqd_detach(&b->d);
	vsock_answers_destroy(&b->answers);
	virtio_vsock_destroy(&b->vsock);
	vqd_destroy(&b->d);
	for (unsigned i = 0; i < PEERS; i++)
		if (b->peer[i] >= 0)
			close(b->peer[i]);
	free(b);
	return 0;
}
