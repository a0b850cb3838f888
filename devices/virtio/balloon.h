/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory balloon (virtio 1.2, 5.5): the guest returns pages to the host, on request (inflate), and by itself when they
 * are free (free page reporting).
 *
 * Returned memory leaves our resident set (madvise MADV_DONTNEED; MADV_REMOVE for a shared file), and reads as zeroes
 * when the guest touches it again. In a restored machine, whose RAM is mapped from a snapshot, anonymous memory takes
 * its place. It is kept when
 * - it is smaller than a page of the backing: a page of 4 KiB out of a huge one;
 * - it is in the window that the kernel's file backs, where it would read as the file's content again;
 * - a restored machine has returned 16,384 pieces that lie apart;
 * - the guest expects a pattern other than zeroes in reported pages (PAGE_POISON). A page outside RAM is a protocol
 *   violation.
 *
 * System calls after the start, of its loop: madvise (MADV_DONTNEED, MADV_REMOVE, MADV_DONTDUMP), mmap (anonymous, at a
 * given place), timerfd_settime. No paths.
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
 * @page_bytes: page size of the backing, the smallest unit that can be returned
 * @target, @actual: pages of 4 KiB, as in the configuration space
 * @asked_target: new value of @target, applied by the loop (@asked); any thread, atomic
 * @poison: the pattern that the guest expects in reported pages
 * @done: per queue: bytes of the first waiting chain that have been served
 * @stats_head, @stats_held: the buffer of statistics, which we keep until we request new ones
 * @stat: the last values, by tag; 0: never reported
 * @poll: requests statistics
 * @poll_ns: its interval, 0: never
 * @zeroed: in a restored machine, a bit for each page that is of the snapshot's file no more; @nr_zeroed: runs of these
 * @returned_bytes: total bytes returned to the host
 * @kept_bytes: total bytes that could not be returned
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
	uint64_t *zeroed;
	uint64_t nr_zeroed;
	uint64_t returned_bytes;
	uint64_t kept_bytes;
	struct loop_timer poll;
	struct loop_timer asked;
	struct vq_chain chain;
};

/**
 * virtio_balloon_init()
 * @page_bytes: page size of the backing, a power of two, at least 4 KiB
 * @poll_ns: interval at which statistics are requested, which go to the trace; 0: never
 * @mem, @loop, @trace: borrowed until virtio_balloon_destroy()
 *
 * Return: 0 or a negative errno; then there is nothing to destroy.
 */
int virtio_balloon_init(struct virtio_balloon *b, uint64_t page_bytes, uint64_t poll_ns, const struct gmem *mem,
	struct loop *loop, struct trace *trace);

/**
 * virtio_balloon_set_target() - ask the guest to return this much memory
 * @bytes: rounded down to pages, at most all of RAM
 *
 * Context: any thread; does not block. The device's loop notifies the guest later.
 */
void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t bytes);

/** virtio_balloon_destroy() - takes NULL and a zeroed struct */
void virtio_balloon_destroy(struct virtio_balloon *b);

#endif
