// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Records go into a ring under a mutex that is never held across a blocking call. The owner's own
 * events drain the ring at once, so the start-up log is in order and needs no loop; another thread's event only signals
 * an eventfd. Events that a guest can cause at will have a per-event budget of RATE_BURST a second; the rest is
 * counted, and the count is reported with the next event that passes.
 */
#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/base/wake.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING       256
#define RATE_BURST 10

struct rate {
	uint64_t window_start;
	unsigned in_window;
	uint64_t suppressed; /* since the last record */
	uint64_t total;
};

struct trace_queue {
	pthread_mutex_t lock;
	pthread_t owner;
	uint64_t zero_ns;
	int fd;
	struct trace_sink *sinks;
	bool draining; /* owner's thread only */
	struct rate rate[TRACE_EV_COUNT];
	size_t head, nr;
	struct trace_record ring[RING]; /* last: see trace_new() */
};

/* clang-format off */
#define TYPES_A0                     ""
#define TYPES_A1(a, an)              #a
#define TYPES_A2(a, an, b, bn)       #a #b
#define TYPES_A3(a, an, b, bn, c, cn) #a #b #c
#define TYPES_A4(a, an, b, bn, c, cn, d, dn) #a #b #c #d
#define NAMES_A0                     ""
#define NAMES_A1(a, an)              "\0" #an
#define NAMES_A2(a, an, b, bn)       "\0" #an "\0" #bn
#define NAMES_A3(a, an, b, bn, c, cn) "\0" #an "\0" #bn "\0" #cn
#define NAMES_A4(a, an, b, bn, c, cn, d, dn) "\0" #an "\0" #bn "\0" #cn "\0" #dn
/* clang-format on */

const struct trace_def trace_defs[TRACE_EV_COUNT] = {
#define E(id, level, kind, format, args)                                                                               \
	[TRACE_EV_##id] = {#id "\0" format NAMES_##args, TRACE_##level, TRACE_KIND_##kind, TYPES_##args},
	TRACE_EVENTS(E)
#undef E
};

const char *trace_def_format(const struct trace_def *def)
{
	return def->name + strlen(def->name) + 1;
}

const char *trace_def_arg(const struct trace_def *def, size_t i)
{
	const char *text = trace_def_format(def);

	do
		text += strlen(text) + 1;
	while (i--);
	return text;
}

static __thread int thread_id;

int trace_thread_id(void)
{
	if (!thread_id)
		thread_id = (int)syscall(SYS_gettid);
	return thread_id;
}

void trace_forked(void)
{
	thread_id = 0;
}

uint64_t trace_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t trace_elapsed_ns(const struct trace *t)
{
	return trace_now_ns() - t->queue->zero_ns;
}

uint64_t trace_zero_ns(const struct trace *t)
{
	return t->queue->zero_ns;
}

COLD int trace_new(uint64_t zero_ns, struct trace **ret)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct trace_queue *q = malloc(sizeof(*q));
	int r = -ENOMEM;

	if (!t || !q)
		goto fail;
	/*
	 * The ring is not cleared: a record is written before it is read, and clearing would cause a page fault for
	 * each page.
	 */
	memset(q, 0, offsetof(struct trace_queue, ring));
	r = q->fd = wake_open();
	if (r < 0)
		goto fail;
	pthread_mutex_init(&q->lock, NULL);
	q->owner = pthread_self();
	q->zero_ns = zero_ns;
	t->queue = q;
	*ret = t;
	return 0;
fail:
	free(q);
	free(t);
	return r;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	trace_drain(t);
	close(t->queue->fd);
	pthread_mutex_destroy(&t->queue->lock);
	free(t->queue);
	free(t);
}

void trace_add_sink(struct trace *t, struct trace_sink *sink)
{
	sink->next = t->queue->sinks;
	t->queue->sinks = sink;
	for (size_t i = 0; i < TRACE_EV_COUNT; i++)
		if (trace_defs[i].level <= sink->level)
			t->on[i] = true;
}

int trace_fd(const struct trace *t)
{
	return t->queue->fd;
}

/* Lock held. False when this event has used up its budget of this second. */
static bool rate_allows(struct rate *r, uint64_t now)
{
	/* An earlier time belongs to an event that is reported late. */
	if ((now > r->window_start && now - r->window_start >= NSEC_PER_SEC) || !r->window_start) {
		r->window_start = now;
		r->in_window = 0;
	}
	return r->in_window++ < RATE_BURST;
}

static void fill(struct trace_record *r, const struct trace_def *def, const uint64_t *arg)
{
	size_t used = 0;

	/* Unused arguments are set to zero, since the ring is not cleared. */
	memset(r->arg, 0, sizeof(r->arg));
	r->strings[0] = 0;
	for (size_t i = 0; def->types[i]; i++) {
		const char *s;
		size_t n;

		if (def->types[i] != 'S') {
			r->arg[i] = arg[i];
			continue;
		}
		s = arg[i] ? (const char *)(uintptr_t)arg[i] : "";
		n = strnlen(s, MIN((size_t)TRACE_STRING_MAX, sizeof(r->strings) - used) - 1);
		memcpy(r->strings + used, s, n);
		r->strings[used + n] = 0;
		r->arg[i] = used;
		/* A third string of full length is truncated: one byte is reserved for its NUL. */
		used = MIN(used + n + 1, sizeof(r->strings) - 1);
	}
}

static void hand_out(struct trace *t)
{
	struct trace_queue *q = t->queue;
	struct trace_record r;

	/* An event emitted by a sink is queued, so that all sinks see the same order. */
	if (q->draining)
		return;
	q->draining = true;
	for (;;) {
		pthread_mutex_lock(&q->lock);
		if (!q->nr) {
			pthread_mutex_unlock(&q->lock);
			break;
		}
		r = q->ring[q->head];
		q->head = (q->head + 1) % RING;
		q->nr--;
		pthread_mutex_unlock(&q->lock);
		for (struct trace_sink *s = q->sinks; s; s = s->next)
			if (trace_defs[r.event].level <= s->level)
				s->record(s, &r);
	}
	q->draining = false;
}

void trace_emit(struct trace *t, enum trace_event ev, uint64_t at_ns, const uint64_t *arg)
{
	struct trace_queue *q = t->queue;
	bool mine = pthread_equal(pthread_self(), q->owner);
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	bool queued = false;

	pthread_mutex_lock(&q->lock);
	if (q->nr == RING || (trace_defs[ev].kind == TRACE_KIND_GUEST && !rate_allows(&q->rate[ev], at_ns))) {
		q->rate[ev].suppressed++;
		q->rate[ev].total++;
	} else {
		struct trace_record *r = &q->ring[(q->head + q->nr++) % RING];

		r->suppressed = q->rate[ev].suppressed;
		q->rate[ev].suppressed = 0;
		r->event = ev;
		r->tid = trace_thread_id();
		r->t_ns = at_ns > q->zero_ns ? at_ns - q->zero_ns : 0;
		r->cpu_ns = cpu;
		fill(r, &trace_defs[ev], arg);
		queued = true;
	}
	pthread_mutex_unlock(&q->lock);
	if (!queued)
		return;
	/* Signals of other threads stay pending: this saves a system call for each event of the start-up. */
	if (mine)
		hand_out(t);
	else
		wake_send(q->fd);
}

uint64_t trace_suppressed(const struct trace *t, enum trace_event ev)
{
	uint64_t n;

	pthread_mutex_lock(&t->queue->lock);
	n = t->queue->rate[ev].total;
	pthread_mutex_unlock(&t->queue->lock);
	return n;
}

void trace_drain(struct trace *t)
{
	wake_take(t->queue->fd);
	hand_out(t);
}

/* Text may come from the guest: characters that break the line or control the terminal are written as \xNN. */
static size_t format_text(const char *s, char *buf, size_t size)
{
	size_t at = 0;

	for (; *s && at < size - 1; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= ' ' && c != 0x7f) {
			buf[at++] = *s;
		} else if (size - at > 4) {
			at += (size_t)snprintf(buf + at, size - at, "\\x%02x", c);
		} else {
			break;
		}
	}
	buf[at] = 0;
	return at;
}

static COLD size_t format_arg(const struct trace_record *r, char type, uint64_t v, char *buf, size_t size)
{
	int n = 0;

	switch (type) {
	case 'U': n = snprintf(buf, size, "%" PRIu64, v); break;
	case 'X': n = snprintf(buf, size, "0x%" PRIx64, v); break;
	case 'T':
		n = snprintf(buf, size, "%" PRIu64 ".%03u", v / NSEC_PER_MSEC, (unsigned)(v / NSEC_PER_USEC % 1000));
		break;
	case 'S': return format_text(r->strings + v, buf, size);
	}
	return MIN((size_t)n, size - 1);
}

COLD const char *trace_format(const struct trace_record *r, char *buf, size_t size)
{
	const struct trace_def *def = &trace_defs[r->event];
	size_t at = 0, arg = 0;

	assert(size > 0);
	for (const char *p = trace_def_format(def); *p && at < size - 1; p++) {
		if (*p == '%' && def->types[arg]) {
			at += format_arg(r, def->types[arg], r->arg[arg], buf + at, size - at);
			arg++;
		} else {
			buf[at++] = *p;
		}
	}
	buf[at] = 0;
	return buf;
}
