/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by console*.c only.
 */
#ifndef VMM_CONSOLE_INTERNAL_H
#define VMM_CONSOLE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/base/clock.h"
#include "vmm/console/console.h"
#include "vmm/host/broker.h"
#include "vmm/host/nbio.h"

#define CONSOLE_INPUT_BYTES 4096
/* With a filter: keys typed before the guest reads. */
#define CONSOLE_KEYS_BYTES (64 * KIB)
#define CONSOLE_BREAKS     8

/* Reasons for lost output, and their texts. */
#define CONSOLE_LOSSES(X)                                                                                              \
	X(CLOSED, "the reader closed it")                                                                              \
	X(FAILED, "writing failed")                                                                                    \
	X(CAP, "the file reached its size cap")                                                                        \
	X(STUCK, "the reader did not take it in time")                                                                 \
	X(NO_READER, "nobody was connected")                                                                           \
	X(FINISHED, "it came after the end")                                                                           \
	X(NOT_READY, "the guest wrote while the port was not ready")

enum console_loss {
	LOSS_NONE,
#define X(id, text) LOSS_##id,
	CONSOLE_LOSSES(X)
#undef X
		LOSS_COUNT
};

/**
 * struct console
 *
 * Used by the loop's thread only: @loop to @finished. Set by console_open() and constant: the members before these.
 * Under @lock: the members after these.
 *
 * @wake_fd: eventfd, readable when a vCPU's thread wakes the loop
 * @pty_slave: kept open, so that the master never gets a hang-up and the settings stay raw
 * @batching: @batch is armed, and will check the ring after @batch_ns
 * @in_buf: of @in_size bytes; from @in_at to @in_nr they wait for the guest
 * @break_at: offsets in @in_buf before which a BREAK is sent; ascending
 * @feed: input of console_feed() that the guest has not taken, @feed_nr bytes; @fed: there is no other
 * @in_ended: nothing more to read from @in
 * @end_due: that end has not been reported to the guest yet
 * @full_since: when @in_buf became full, 0: not since the guest last took input
 * @rx_room: read input when woken: the device requested it, or @in is a file, which epoll cannot watch
 * @scheduled: the loop will check the ring without being woken
 * @urgent: the loop was woken because the ring is more than half full
 * @starved: tx took less than offered
 * @dead: not LOSS_NONE: drop everything, for this reason
 * @discard: CONSOLE_NULL
 */
struct console {
	struct char_host host;
	enum console_kind kind;
	struct trace *trace;
	struct console_filter *filter;
	uint64_t cap_bytes;
	bool truncate; /* a regular file, to be truncated when the machine starts to run */
	char *name;
	int wake_fd;
	int pty_slave;
	struct broker broker; /* of the listening socket */

	struct loop *loop;
	struct char_guest *guest;
	struct nbio in, out;
	struct loop_source wake_src, in_src, out_src, listen_src;
	struct loop_timer batch, retry;
	bool batching;
	uint64_t batch_ns;
	uint8_t *in_buf;
	size_t in_size, in_at, in_nr;
	size_t break_at[CONSOLE_BREAKS];
	unsigned nr_breaks;
	uint64_t full_since;
	bool retry_set;
	const uint8_t *feed;
	size_t feed_nr;
	bool fed;
	bool in_ended;
	bool end_due;
	bool cap_told;
	bool has_client;
	bool finished;

	_Atomic bool rx_room;

	pthread_mutex_t lock;
	uint8_t *ring;
	size_t head, used;
	bool scheduled, urgent, starved, discard;
	enum console_loss dead;
	uint64_t lost[LOSS_COUNT];
	struct console_stats stats;
	struct panic_text panic_text;
	struct timeline timeline;
	struct console_watch *watch;
	size_t tail_at;
	bool tail_full;
	uint8_t tail[CONSOLE_TAIL_BYTES];
};

/* io.c: the loop's side */

/** console_wake() - make the loop call console_drain(); any thread */
void console_wake(struct console *c);

/**
 * console_watch_source() - watch @s->fd for @events, or not at all for 0. Return: 0 or -EPERM: not supported by epoll.
 */
int console_watch_source(struct console *c, struct loop_source *s, uint32_t events);

/** console_drain() - write the ring, as far as the reader takes it, and schedule the rest */
void console_drain(struct console *c);

/** console_answer_now() - the guest got input: its next output is not batched */
void console_answer_now(struct console *c);

/** console_write_some() - one write. Return: bytes, 0: the ring is empty or dropped, -EAGAIN */
ssize_t console_write_some(struct console *c);

/** console_tell_room() - notify a waiting device when half of the ring is free */
void console_tell_room(struct console *c);

/** console_die() - the output is lost: drop everything from now on */
void console_die(struct console *c, enum console_loss why);

/* input.c */

/* Interval of retries for a terminal in the background, and for a listener without free fds. */
#define RETRY_NS (500 * NSEC_PER_MSEC)

/** console_input() - read and offer input, as far as the guest takes it, and schedule the rest */
void console_input(struct console *c);

/* socket.c */

int console_socket_open(struct console *c, const char *path, const struct sandbox_as *as, struct err *e);
int console_socket_attach(struct console *c);
/** console_socket_retry() - accept again after a failure */
void console_socket_retry(struct console *c);
/** console_socket_leave() - the client has closed; output waits for the next one */
void console_socket_leave(struct console *c);

#endif
