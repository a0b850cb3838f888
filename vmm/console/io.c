// SPDX-License-Identifier: Apache-2.0
/*
 * The loop's side of a console: see the theory of operation in console.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/wake.h"
#include "vmm/console/internal.h"

/*
 * Delay of the next check of the ring after a write, without a wake-up. If someone may be waiting for the text, the
 * first checks come sooner, and the delay doubles until there is nothing new.
 */
#define BATCH_NS       NSEC_PER_MSEC
#define BATCH_FIRST_NS (NSEC_PER_MSEC / 16)
/* Limits of one write, and of one turn. */
#define WRITE_MAX (64 * KIB)
#define TURN_MAX  (256 * KIB)

void console_wake(struct console *c)
{
	wake_send(c->wake_fd);
}

int console_watch_source(struct console *c, struct loop_source *s, uint32_t events)
{
	if (!c->loop)
		return 0;
	if (!events) {
		/* Not loop_modify(): epoll reports a hang-up even if no event is watched. */
		loop_remove(s);
		return 0;
	}
	return s->loop ? loop_modify(s, events) : loop_add(c->loop, s, events);
}

/* Output */

void console_die(struct console *c, enum console_loss why)
{
	pthread_mutex_lock(&c->lock);
	c->lost[why] += c->used;
	c->head = c->used = 0;
	if (!c->dead)
		c->dead = why;
	pthread_mutex_unlock(&c->lock);
}

static ssize_t failed(struct console *c, int r)
{
	char words[TRACE_STRING_MAX];
	bool gone = r == -EPIPE || r == -ECONNRESET || (r == -EIO && c->out.tty);

	if (c->kind == CONSOLE_SOCKET) {
		/* There may be more input; the client has ended when it ends. */
		console_watch_source(c, &c->out_src, 0);
		nbio_close(&c->out);
		return -EAGAIN;
	}
	if (!gone) {
		snprintf(words, sizeof(words), "console: writing to %s: %s", c->name, strerror(-r));
		trace_host_failed(c->trace, words);
	}
	console_die(c, gone ? LOSS_CLOSED : LOSS_FAILED);
	return 0;
}

ssize_t console_write_some(struct console *c)
{
	const uint8_t *data;
	uint64_t written;
	ssize_t r;
	size_t n;

	pthread_mutex_lock(&c->lock);
	data = c->ring + c->head;
	n = MIN(MIN(c->used, CONSOLE_RING_BYTES - c->head), WRITE_MAX);
	written = c->stats.written;
	pthread_mutex_unlock(&c->lock);
	if (!n)
		return 0;
	if (c->cap_bytes) {
		n = MIN(n, c->cap_bytes - written);
		if (!n) {
			trace_console_cap(c->trace, c->cap_bytes);
			console_die(c, LOSS_CAP);
			return 0;
		}
	}
	if (c->out.fd < 0)
		return -EAGAIN;
	r = nbio_write(&c->out, data, n);
	if (r < 0)
		return r == -EAGAIN ? r : failed(c, (int)r);
	pthread_mutex_lock(&c->lock);
	c->stats.written += (size_t)r;
	c->used -= (size_t)r;
	c->head = c->used ? (c->head + (size_t)r) % CONSOLE_RING_BYTES : 0;
	pthread_mutex_unlock(&c->lock);
	/* Nothing written and no error: treated as if it blocked. */
	return r ? r : -EAGAIN;
}

void console_tell_room(struct console *c)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = c->starved && c->used <= CONSOLE_RING_BYTES / 2;
	if (room)
		c->starved = false;
	pthread_mutex_unlock(&c->lock);
	if (room && c->guest)
		c->guest->tx_room(c->guest);
}

static bool ring_is_idle(struct console *c)
{
	bool idle;

	pthread_mutex_lock(&c->lock);
	idle = !c->used;
	c->scheduled = !idle;
	pthread_mutex_unlock(&c->lock);
	return idle;
}

static void wait_for_more(struct console *c)
{
	bool interactive = c->out.tty || c->kind == CONSOLE_PTY || c->kind == CONSOLE_SOCKET;

	c->batch_ns = interactive ? MIN(MAX(2 * c->batch_ns, BATCH_FIRST_NS), BATCH_NS) : BATCH_NS;
	c->batching = true;
	loop_timer_set(&c->batch, c->batch_ns, 0);
}

void console_answer_now(struct console *c)
{
	if (!c->batching)
		return;
	c->batching = false;
	c->batch_ns = 0;
	loop_timer_set(&c->batch, 0, 0);
	if (!ring_is_idle(c))
		console_wake(c);
}

void console_drain(struct console *c)
{
	size_t written = 0;
	ssize_t r;

	pthread_mutex_lock(&c->lock);
	c->urgent = false;
	c->scheduled = true;
	pthread_mutex_unlock(&c->lock);
	while ((r = console_write_some(c)) > 0 && written < TURN_MAX)
		written += (size_t)r;
	console_tell_room(c);
	if (c->watch && c->watch->written)
		c->watch->written(c->watch);
	if (r == -EAGAIN) {
		/* Without a reader, the next client restarts it. */
		if (c->out.fd >= 0 && console_watch_source(c, &c->out_src, EPOLLOUT) < 0)
			loop_timer_set(&c->batch, BATCH_NS, 0);
		return;
	}
	console_watch_source(c, &c->out_src, 0);
	if (r > 0) {
		console_wake(c);
	} else if (written) {
		wait_for_more(c);
	} else {
		c->batch_ns = 0;
		if (!ring_is_idle(c))
			console_wake(c);
	}
}

/* Events */

static void on_wake(struct loop_source *s, uint32_t events)
{
	struct console *c = container_of(s, struct console, wake_src);
	if (!wake_take(s->fd))
		return;
	if (atomic_exchange(&c->rx_room, false))
		console_input(c);
	console_drain(c);
}

static void on_in(struct loop_source *s, uint32_t events)
{
	struct console *c = container_of(s, struct console, in_src);

	if (c->in_ended && c->kind == CONSOLE_SOCKET)
		console_socket_leave(c);
	else
		console_input(c);
}

static void on_out(struct loop_source *s, uint32_t events)
{
	console_drain(container_of(s, struct console, out_src));
}

static void on_batch(struct loop_timer *t)
{
	struct console *c = container_of(t, struct console, batch);

	c->batching = false;
	console_drain(c);
}

static void on_retry(struct loop_timer *t)
{
	struct console *c = container_of(t, struct console, retry);

	c->retry_set = false;
	console_socket_retry(c);
	console_input(c);
}

COLD int console_attach(struct console *c, struct loop *loop, struct char_guest *guest)
{
	int r;

	c->loop = loop;
	c->guest = guest;
	c->wake_src = (struct loop_source){.fd = c->wake_fd, .ready = on_wake};
	c->in_src = (struct loop_source){.fd = c->in.fd, .ready = on_in};
	c->out_src = (struct loop_source){.fd = c->out.fd, .ready = on_out};
	r = loop_add(loop, &c->wake_src, EPOLLIN);
	if (!r)
		r = loop_timer_init(loop, &c->batch, on_batch);
	if (!r)
		r = loop_timer_init(loop, &c->retry, on_retry);
	if (!r && c->kind == CONSOLE_SOCKET)
		r = console_socket_attach(c);
	if (r < 0)
		return r;
	/* The loop's first turn reads input and writes the current content of the ring. */
	atomic_store(&c->rx_room, true);
	console_wake(c);
	return 0;
}
