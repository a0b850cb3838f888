// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Input waits in `in_buf` until the guest takes it, which the device reports by rx_room.
 *
 * A pipe, a file, a socket or a pty is read only when no input waits, so the writer blocks and no byte is lost.
 *
 * A terminal with a filter is read while keys wait, since the next ones may be commands for vmm: the operator must
 * always be able to end the guest. When the buffer is full the terminal is not read at first either, for a guest that
 * is slower than a paste; a guest that takes nothing for STALL_NS does not read at all, so keys are then read, filtered
 * and dropped, and the operator is notified.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/clock.h"
#include "vmm/console/internal.h"

#define STALL_NS NSEC_PER_SEC
/* Size of a read when the buffer is full: everything but escapes is dropped. */
#define OVERFLOW_BYTES 256

static void refused(struct console *c)
{
	if (c->filter)
		c->filter->refused(c->filter);
}

/* Return: false: there is no space for it now. */
static bool send_break(struct console *c)
{
	int r = c->guest->rx_break ? c->guest->rx_break(c->guest) : -ENOTTY;

	if (r == -EAGAIN)
		return false;
	if (r < 0)
		refused(c);
	memmove(c->break_at, c->break_at + 1, --c->nr_breaks * sizeof(c->break_at[0]));
	c->full_since = 0;
	return true;
}

/* Offers the bytes before the next BREAK, or all. Return: true when the guest took them. */
static bool send_bytes(struct console *c)
{
	size_t end = c->nr_breaks ? c->break_at[0] : c->in_nr, n;

	if (c->in_at == end)
		return true;
	n = c->guest->rx(c->guest, c->in_buf + c->in_at, end - c->in_at);
	c->in_at += n;
	if (n)
		c->full_since = 0;
	pthread_mutex_lock(&c->lock);
	c->stats.input += n;
	pthread_mutex_unlock(&c->lock);
	return c->in_at == end;
}

/* Return: true when the guest took everything. */
static bool offer(struct console *c)
{
	while (send_bytes(c)) {
		if (!c->nr_breaks)
			return true;
		if (!send_break(c))
			return false;
	}
	return false;
}

/* Return: the free space after the waiting input, which is moved to the front only when that pays. */
static size_t make_room(struct console *c)
{
	if (c->in_at == c->in_nr || (c->in_nr == c->in_size && c->in_at >= c->in_size / 4)) {
		memmove(c->in_buf, c->in_buf + c->in_at, c->in_nr - c->in_at);
		for (unsigned i = 0; i < c->nr_breaks; i++)
			c->break_at[i] -= c->in_at;
		c->in_nr -= c->in_at;
		c->in_at = 0;
	}
	return c->in_size - c->in_nr;
}

static void add_break(struct console *c)
{
	if (c->nr_breaks < CONSOLE_BREAKS)
		c->break_at[c->nr_breaks++] = c->in_nr;
	else
		refused(c);
}

/* Filters bytes and adds them to the buffer, as far as they fit. @data may be the destination itself. */
static void take(struct console *c, uint8_t *data, size_t n)
{
	size_t lost = 0;

	while (n) {
		size_t left = n, used, fits;
		bool brk = false;

		used = c->filter ? c->filter->filter(c->filter, data, &left, &brk) : n;
		fits = MIN(left, c->in_size - c->in_nr);
		memmove(c->in_buf + c->in_nr, data, fits);
		c->in_nr += fits;
		lost += left - fits;
		if (brk)
			add_break(c);
		data += used;
		n -= used;
	}
	if (!lost)
		return;
	refused(c);
	pthread_mutex_lock(&c->lock);
	c->stats.refused += lost;
	pthread_mutex_unlock(&c->lock);
}

/* One read. Return: as nbio_read(); -ENOBUFS: the buffer is full, and the guest may still read. */
static ssize_t read_some(struct console *c)
{
	size_t room = make_room(c);
	uint8_t over[OVERFLOW_BYTES];
	ssize_t r;

	if (room) {
		r = nbio_read(&c->in, c->in_buf + c->in_nr, room);
		if (r > 0)
			take(c, c->in_buf + c->in_nr, (size_t)r);
		return r;
	}
	if (!c->full_since)
		c->full_since = trace_now_ns();
	if (trace_now_ns() - c->full_since < STALL_NS)
		return -ENOBUFS;
	r = nbio_read(&c->in, over, sizeof(over));
	if (r > 0)
		take(c, over, (size_t)r);
	return r;
}

/* Called once, when all input has been taken. */
static void tell_end(struct console *c)
{
	if (c->end_due && c->guest->rx_end)
		c->guest->rx_end(c->guest);
	c->end_due = false;
}

static void end_input(struct console *c, ssize_t r)
{
	c->in_ended = true;
	console_watch_source(c, &c->in_src, 0);
	if (c->kind != CONSOLE_SOCKET) {
		c->end_due = true;
		if (offer(c))
			tell_end(c);
		return;
	}
	if (r < 0 || c->out.fd < 0 || nbio_hung_up(&c->in))
		console_socket_leave(c);
	else
		/* A client that shut down only its sending side: epoll still reports a hang-up. */
		loop_add(c->loop, &c->in_src, 0);
}

static COLD void offer_feed(struct console *c)
{
	size_t n = c->feed_nr ? c->guest->rx(c->guest, c->feed, c->feed_nr) : 0;

	c->feed += n;
	c->feed_nr -= n;
	pthread_mutex_lock(&c->lock);
	c->stats.input += n;
	pthread_mutex_unlock(&c->lock);
}

COLD void console_feed(struct console *c, const uint8_t *data, size_t n)
{
	c->fed = true;
	c->feed = data;
	c->feed_nr = n;
	offer_feed(c);
}

void console_input(struct console *c)
{
	bool taken;
	ssize_t r;

	if (unlikely(c->fed)) {
		offer_feed(c);
		return;
	}
	taken = offer(c);

	if (taken)
		tell_end(c);
	if (!taken && !c->filter) {
		console_watch_source(c, &c->in_src, 0);
		return;
	}
	if (!c->in_ended && c->in.fd < 0 && c->kind != CONSOLE_SOCKET)
		end_input(c, 0);
	if (c->in_ended || c->in.fd < 0)
		return;
	if (nbio_in_background(&c->in)) {
		console_watch_source(c, &c->in_src, 0);
		loop_timer_set(&c->retry, RETRY_NS, 0);
		return;
	}
	if (c->filter)
		c->filter->prepare(c->filter);
	r = read_some(c);
	if (r == -ENOBUFS) {
		console_watch_source(c, &c->in_src, 0);
		if (!c->retry_set)
			c->retry_set = !loop_timer_set(&c->retry, STALL_NS, 0);
		return;
	}
	if (r == 0 || (r < 0 && r != -EAGAIN)) {
		end_input(c, r);
		return;
	}
	if (r > 0) {
		taken = offer(c);
		console_answer_now(c);
		if (!taken && !c->filter) {
			console_watch_source(c, &c->in_src, 0);
			return;
		}
	}
	if (console_watch_source(c, &c->in_src, EPOLLIN) < 0)
		c->host.rx_room(&c->host);
}
