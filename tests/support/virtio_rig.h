/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every virtio device with a driver and a host side, for tests that apply to all devices. A new device is a row of
 * virtio_rig_kinds[].
 */
#ifndef TESTS_SUPPORT_VIRTIO_RIG_H
#define TESTS_SUPPORT_VIRTIO_RIG_H

#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/net.h"
#include "devices/virtio/ports.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"

#define VIRTIO_RIG_KINDS 8
#define RIG_RAM          MIB

struct virtio_rig;

/**
 * struct virtio_rig_kind - a kind of device to test
 * @takes: queues, as a mask, whose chains come back by themselves; the others' are kept until there is something for
 *         the guest
 * @turn: how many chains it may process before other sources have their turn
 * @make: makes the device on r->d; @drop: destroys it
 * @chain: a request that @queue takes. Return: how many buffers.
 * @host: provides much data for the guest; may be NULL
 * @works: does the device do its job, as far as a driver can see?
 */
struct virtio_rig_kind {
	const char *name;
	uint64_t features;
	unsigned takes;
	unsigned turn;
	struct virtio_device *(*make)(struct virtio_rig *r);
	void (*drop)(struct virtio_rig *r);
	unsigned (*chain)(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf);
	void (*host)(struct virtio_rig *r);
	bool (*works)(struct virtio_rig *r);
};

/**
 * struct virtio_rig - a device of one kind, and its parts
 * @d: the driver; owns guest RAM
 * @printed: bytes that the host end of the console, or of all ports, has accepted
 * @console_full: it takes @console_room more, and nothing after them
 * @peer: the other end of a socket device's connection or of a net, -1: none
 */
struct virtio_rig {
	struct vq_driver d;
	const struct virtio_rig_kind *kind;
	struct virtio_device *dev;
	struct virtio_rng rng;
	struct virtio_console console;
	struct virtio_ports ports;
	struct char_host char_host;
	uint64_t printed;
	bool console_full;
	size_t console_room;
	struct virtio_balloon balloon;
	struct virtio_vsock vsock;
	struct vsock_host vsock_host;
	struct vsock_answers vsock_answers;
	struct virtio_net net;
	struct net_backend backend;
	struct disk disk;
	struct virtio_blk blk;
	struct virtio_fs fs;
	struct fuse *fuse;
	int fd, peer;
};

extern const struct virtio_rig_kind virtio_rig_kinds[VIRTIO_RIG_KINDS];

#define for_each_kind(k)                                                                                               \
	for (const struct virtio_rig_kind *k = virtio_rig_kinds; k < virtio_rig_kinds + VIRTIO_RIG_KINDS; k++)

/* The queue that never runs empty, if the test has one: then a net's backend never runs out of frames, either. */
extern struct virtqueue *virtio_rig_fed;

/* The device, attached to the driver and up to DRIVER_OK; @r is zeroed. */
void rig_up(struct virtio_rig *r, const struct virtio_rig_kind *k);
void rig_down(struct virtio_rig *r);

/* The device alone, on the same RAM: made and attached as rig_up() does, without a driver; detached and destroyed. */
void rig_make(struct virtio_rig *r);
void rig_drop(struct virtio_rig *r);

/* A reset, and a new driver that may use all of guest RAM. */
void rig_fresh(struct virtio_rig *r);
bool rig_needs_reset(struct virtio_rig *r);

/* Guest memory for a buffer. */
struct vqd_buf rig_room(struct virtio_rig *r, uint32_t len, bool write);

/* Offers and kicks. Return: the head, for rig_answered(), which runs the loop until it is returned or cannot be. */
uint16_t rig_offer(struct virtio_rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr, bool indirect);
bool rig_answered(struct virtio_rig *r, unsigned queue, uint16_t head);

/* Both at once; with the request that the kind names. */
bool rig_ask(struct virtio_rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr);
bool rig_ask_usual(struct virtio_rig *r, unsigned queue);

#endif
