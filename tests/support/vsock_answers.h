/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host end of the socket device in a test: answers of struct vsock_host.connect, which come in a later turn of the
 * device's loop, as those of the broker do (vmm/host/vsock.c).
 */
#ifndef TESTS_SUPPORT_VSOCK_ANSWERS_H
#define TESTS_SUPPORT_VSOCK_ANSWERS_H

#include <stdlib.h>
#include <sys/epoll.h>

#include "devices/virtio/vsock.h"
#include "vmm/base/wake.h"

#define VSOCK_ANSWERS_MAX 256

/**
 * struct vsock_answers
 * @hold: they do not come yet
 */
struct vsock_answers {
	struct loop_source source;
	struct virtio_vsock *device;
	unsigned nr;
	bool hold;
	struct {
		uint32_t ticket;
		int fd;
	} answer[VSOCK_ANSWERS_MAX];
};

static void vsock_answers_come(struct loop_source *s, uint32_t events)
{
	struct vsock_answers *a = container_of(s, struct vsock_answers, source);
	unsigned nr = a->nr;

	(void)events;
	wake_take(s->fd);
	if (a->hold)
		return;
	a->nr = 0;
	for (unsigned i = 0; i < nr; i++)
		virtio_vsock_connected(a->device, a->answer[i].ticket, a->answer[i].fd);
}

/* @loop: the device's */
static inline void vsock_answers_init(struct vsock_answers *a, struct virtio_vsock *device, struct loop *loop)
{
	*a = (struct vsock_answers){.source = {.fd = wake_open(), .ready = vsock_answers_come}, .device = device};
	if (a->source.fd < 0 || loop_add(loop, &a->source, EPOLLIN) < 0)
		abort();
}

/* @fd: as of virtio_vsock_connected() */
static inline int vsock_answers_add(struct vsock_answers *a, uint32_t ticket, int fd)
{
	if (a->nr == VSOCK_ANSWERS_MAX)
		abort();
	a->answer[a->nr].ticket = ticket;
	a->answer[a->nr++].fd = fd;
	wake_send(a->source.fd);
	return 0;
}

static inline void vsock_answers_destroy(struct vsock_answers *a)
{
	for (unsigned i = 0; i < a->nr; i++)
		cleanup_fd(&a->answer[i].fd);
	loop_remove(&a->source);
	wake_close(&a->source.fd);
}

#endif
