/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the socket device: its socket, its buffer, and which side has shut down which direction. All
 * functions are called with the device's lock held, and do not block. vsock.c sends packets; this file only sets which
 * are due (struct vsock_conn.want).
 */
#ifndef DEVICES_VIRTIO_VSOCK_CONN_H
#define DEVICES_VIRTIO_VSOCK_CONN_H

#include "devices/virtio/vsock.h"

#define WANTS(op) (UINT32_C(1) << VIRTIO_VSOCK_OP_##op)

/** vsock_conn_buffered() - bytes that the guest sent and the socket has not taken */
static inline uint32_t vsock_conn_buffered(const struct vsock_conn *c)
{
	return c->taken - c->fwd;
}

/** vsock_conn_credit() - free bytes in the guest's buffer */
uint32_t vsock_conn_credit(const struct vsock_conn *c);

/** vsock_conn_readable() - whether there may be data for the guest, and it accepts data */
bool vsock_conn_readable(const struct vsock_conn *c);

/** vsock_conn_watch() - update the events that the socket is watched for; call it after any change */
void vsock_conn_watch(struct vsock_conn *c);

/** vsock_conn_close() - close the socket; takes one that is closed */
void vsock_conn_close(struct vsock_conn *c);

/** vsock_conn_free() - close the socket, and free the connection */
void vsock_conn_free(struct vsock_conn *c);

/** vsock_conn_reset() - the connection is broken: a RST for the guest, nothing more for the host */
void vsock_conn_reset(struct vsock_conn *c);

/** vsock_conn_host_shut() - the socket's peer no longer receives (RECEIVE) or sends (SEND); may free @c */
void vsock_conn_host_shut(struct vsock_conn *c, uint32_t flags);

/** vsock_conn_drain() - the socket is writable again; may free @c */
void vsock_conn_drain(struct vsock_conn *c);

/** vsock_conn_read() - read the socket into a buffer, after the space for the header. Return: bytes, or 0: not now */
uint32_t vsock_conn_read(struct vsock_conn *c, const struct iovec *iov, size_t nr);

/* Packets of the guest. @iov is narrowed in place; @len bytes of data follow the header. */
void vsock_conn_guest_rst(struct vsock_conn *c);
void vsock_conn_guest_shutdown(struct vsock_conn *c, uint32_t flags);
void vsock_conn_guest_data(struct vsock_conn *c, struct iovec *iov, size_t nr, uint32_t len);

#endif
