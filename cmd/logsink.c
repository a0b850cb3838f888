// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A line is whole in `buf` or not there at all, so stderr never sees half a line followed by
 * another; what could be written is taken off the front at once. While nothing waits, a line costs one write.
 */
#include "cmd/logsink.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/console/printable.h"
#include "vmm/host/nbio.h"

#define TEXT_MAX     512
#define LINE_MAX_LEN (4 * TEXT_MAX + 128)
#define PATIENCE_NS  (250 * NSEC_PER_MSEC)

struct logsink {
	struct trace_sink sink;
	struct nbio out;
	const struct terminal *terminal;
	uint64_t dropped;
	uint64_t dropped_told;
	size_t used;
	char buf[LOGSINK_BUFFER];
};

bool logsink_flush(struct logsink *l)
{
	while (l->used) {
		ssize_t r = l->out.fd < 0 ? -EBADF : nbio_write(&l->out, l->buf, l->used);

		if (r == -EAGAIN || r == 0)
			return false;
		if (r < 0) {
			/* Nobody will ever read it. */
			for (size_t i = 0; i < l->used; i++)
				l->dropped += l->buf[i] == '\n';
			l->used = 0;
			return true;
		}
		l->used -= (size_t)r;
		memmove(l->buf, l->buf + r, l->used);
	}
	return true;
}

static bool put(struct logsink *l, const char *line)
{
	const char *end = l->out.tty && terminal_is_raw(l->terminal) ? "\r\n" : "\n";
	size_t n = strlen(line), e = strlen(end);

	if (n + e > sizeof(l->buf) - l->used)
		return false;
	memcpy(l->buf + l->used, line, n);
	memcpy(l->buf + l->used + n, end, e);
	l->used += n + e;
	return true;
}

static void tell_dropped(struct logsink *l)
{
	char line[96];

	if (l->dropped == l->dropped_told)
		return;
	snprintf(line, sizeof(line), "vmm: warning: %" PRIu64 " log lines were dropped: nobody read them in time",
		l->dropped - l->dropped_told);
	if (put(l, line))
		l->dropped_told = l->dropped;
}

/* "[   12.345] " and "warning: ", as far as the level asks for them. */
static size_t prefix(const struct logsink *l, const struct trace_record *r, char *buf, size_t size)
{
	enum trace_level level = trace_defs[r->event].level;
	size_t n = (size_t)snprintf(buf, size, "vmm: ");

	if (l->sink.level >= TRACE_DEBUG)
		n += (size_t)snprintf(buf + n, size - n, "[%5" PRIu64 ".%03u] ", r->t_ns / NSEC_PER_MSEC,
			(unsigned)(r->t_ns / NSEC_PER_USEC % 1000));
	if (level <= TRACE_WARN)
		n += (size_t)snprintf(buf + n, size - n, "%s: ", level == TRACE_ERROR ? "error" : "warning");
	return n;
}

static void record(struct trace_sink *sink, const struct trace_record *r)
{
	struct logsink *l = container_of(sink, struct logsink, sink);
	char text[TEXT_MAX], line[LINE_MAX_LEN];
	size_t n;

	trace_format(r, text, sizeof(text));
	n = prefix(l, r, line, sizeof(line));
	n += printable_text(line + n, sizeof(line) - n - 64, text, strlen(text), PRINTABLE_LINE);
	if (r->suppressed)
		snprintf(line + n, sizeof(line) - n, " (%" PRIu64 " more suppressed)", r->suppressed);
	logsink_flush(l);
	tell_dropped(l);
	if (!put(l, line))
		l->dropped++;
	logsink_flush(l);
}

int logsink_new(int fd, enum trace_level level, struct logsink **ret)
{
	struct logsink *l = malloc(sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	/* All but the buffer, whose pages cost nothing until they are used. */
	memset(l, 0, offsetof(struct logsink, buf));
	l->sink = (struct trace_sink){.level = level, .record = record};
	r = nbio_open(&l->out, fd, NBIO_OUT);
	if (r < 0 && r != -EBADF) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct trace_sink *logsink_sink(struct logsink *l)
{
	return &l->sink;
}

void logsink_set_terminal(struct logsink *l, const struct terminal *t)
{
	l->terminal = t;
}

uint64_t logsink_dropped(const struct logsink *l)
{
	return l->dropped;
}

void logsink_free(struct logsink *l)
{
	uint64_t deadline = trace_now_ns() + PATIENCE_NS, now;

	if (!l)
		return;
	logsink_flush(l);
	tell_dropped(l);
	while (!logsink_flush(l) && (now = trace_now_ns()) < deadline)
		nbio_wait_writable(&l->out, deadline - now);
	nbio_close(&l->out);
	free(l);
}
