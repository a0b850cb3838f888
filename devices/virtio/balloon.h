/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory balloon (virtio 1.2, 5.5): the guest gives pages back to the host, when it is asked to (inflate), and of its
 * own accord when they are free (free page reporting).
 *
 * What is given back leaves our resident set (madvise MADV_DONTNEED; MADV_REMOVE where a file is shared), and reads as
 * zeroes when the guest touches it again. It stays where it is when
 * - it is smaller than a page of the backing: a page of 4 KiB out of a huge one;
 * - it lies in the window that the kernel's file backs, where it would come back with what the file contains;
 * - the guest wants another pattern than zeroes in reported pages (PAGE_POISON).
 * A page outside RAM is a broken rule.
 *
 * System calls after the start, of its loop: madvise (MADV_DONTNEED, MADV_REMOVE), timerfd_settime. No paths.
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

#define VIRTIO_BALLOON_PAGE 4096

/* 5.5.3 */
#define VIRTIO_BALLOON_F_STATS_VQ       BIT(1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM BIT(2)
#define VIRTIO_BALLOON_F_PAGE_POISON    BIT(4)
#define VIRTIO_BALLOON_F_PAGE_REPORTING BIT(5)

/* 5.5.6.4: tags of statistics */
enum virtio_balloon_stat {
	VIRTIO_BALLOON_S_SWAP_IN,
	VIRTIO_BALLOON_S_SWAP_OUT,
	VIRTIO_BALLOON_S_MAJFLT,
	VIRTIO_BALLOON_S_MINFLT,
	VIRTIO_BALLOON_S_MEMFREE,
	VIRTIO_BALLOON_S_MEMTOT,
	VIRTIO_BALLOON_S_AVAIL,
	VIRTIO_BALLOON_S_CACHES,
	VIRTIO_BALLOON_S_HTLB_PGALLOC,
	VIRTIO_BALLOON_S_HTLB_PGFAIL,
	VIRTIO_BALLOON_STATS,
};

/**
 * struct virtio_balloon
 * @page_bytes: of the backing: nothing smaller can be returned
 * @target, @actual: pages of 4 KiB, as in the configuration space
 * @asked_target: what @target is to become, when the loop comes to it (@asked); any thread, atomic
 * @poison: the pattern that the guest wants in reported pages
 * @done: per queue: bytes of the first waiting chain that have been served
 * @stats_head, @stats_held: the buffer of statistics that we keep until we want new ones
 * @stat: the last ones, by tag; 0: never told
 * @poll: asks for statistics
 * @poll_ns: how often, 0: never
 * @returned_bytes: to the host, in all
 * @kept_bytes: that could not be returned, in all
 */
struct virtio_balloon {
	struct virtio_device dev;
	uint64_t page_bytes;
	uint32_t target;
	uint32_t asked_target;
	uint32_t actual;
	uint32_t poison;
	uint32_t done[VIRTIO_QUEUES_MAX];
	uint16_t stats_head;
	bool stats_held;
	uint64_t stat[VIRTIO_BALLOON_STATS];
	uint64_t poll_ns;
	uint64_t returned_bytes;
	uint64_t kept_bytes;
	struct loop_timer poll;
	struct loop_timer asked;
	struct vq_chain chain;
};

/**
 * virtio_balloon_init()
 * @page_bytes: of the backing, a power of two from 4 KiB on
 * @poll_ns: how often to ask for statistics, which go to the trace; 0: never
 * @mem, @loop, @trace: borrowed until virtio_balloon_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_balloon_init(struct virtio_balloon *b, uint64_t page_bytes, uint64_t poll_ns, const struct gmem *mem,
	struct loop *loop, struct trace *trace);

/**
 * virtio_balloon_set_target() - ask the guest to have given back this much
 * @bytes: rounded down to pages, at most all of RAM
 *
 * Context: any thread; it waits for nothing. The guest hears of it when the device's loop comes to it.
 */
void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t bytes);

/** virtio_balloon_destroy() - takes NULL and a zeroed struct */
void virtio_balloon_destroy(struct virtio_balloon *b);

#endif
