/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host end of the socket device: Unix sockets, with the protocol of Firecracker and Cloud Hypervisor.
 *
 * A program of the host connects to PATH and writes "CONNECT PORT\n" (PORT decimal). When a program of the guest
 * listens on that port, it reads "OK HOSTPORT\n", and from then on is connected to it; otherwise its connection is
 * closed. A program of the guest that connects to CID 2, port P, is connected to the program that listens on PATH_P.
 *
 * An auxiliary process connects to PATH_P (vmm/host/broker.h), unless it is a symbolic link.
 *
 * System calls after the start, of the device's loop: accept4, recvmsg, sendto, close, epoll_ctl, timerfd_settime;
 * those of devices/virtio/vsock.h. At the end, of the control loop: those of broker_close(). No paths.
 */
#ifndef VMM_HOST_VSOCK_H
#define VMM_HOST_VSOCK_H

#include "devices/virtio/vsock.h"
#include "security/sandbox.h"
#include "vmm/base/err.h"

struct vsock_end;

/**
 * vsock_end_open() - listen at @path
 * @as: of the process that owns the path
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Context: OPEN stage; forks. Trust: operator.
 */
int vsock_end_open(const char *path, const struct sandbox_as *as, struct vsock_end **ret, struct err *e);

/** vsock_end_host() - for virtio_vsock_init(); lives as long as @end */
struct vsock_host *vsock_end_host(struct vsock_end *end);

/**
 * vsock_end_attach() - serve clients from @loop
 * @device, @loop: borrowed until vsock_end_close()
 *
 * Return: 0 or a negative errno.
 */
int vsock_end_attach(struct vsock_end *end, struct virtio_vsock *device, struct loop *loop);

/** vsock_end_close() - takes NULL; its loop has stopped; before the device is destroyed */
void vsock_end_close(struct vsock_end *end);

#endif
