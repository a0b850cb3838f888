// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. tx (any thread) appends bytes to the ring under the lock; the loop's thread removes them. It
 * writes from the ring without the lock: tx only writes to the free part, and only the loop moves the head. When the
 * ring is empty the head is set to 0, so that a fast console uses only its first pages.
 *
 * Waking the loop costs a system call on a vCPU's thread, so it happens only when the ring was empty for a while:
 * `scheduled` means that the loop will run anyway: a timer a millisecond after its last write, a reader that blocks, a
 * turn that continues. There is one more wake-up when the ring becomes half full.
 *
 * The panic text and the tail get a byte when the guest writes it, not when a reader takes it.
 */
#include "vmm/console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/outcome.h"
#include "vmm/base/path.h"
#include "vmm/base/wake.h"
#include "vmm/console/internal.h"
#include "vmm/console/printable.h"

/*
 * A kernel worker moves the bytes from a pty's master to its slave: the slave counts as empty after this many checks in
 * a row.
 */
#define PTY_IDLE_ROUNDS 6
#define PTY_ROUND_NS    (2 * NSEC_PER_MSEC)

static const char *const loss_words[LOSS_COUNT] = {
#define X(id, text) [LOSS_##id] = text,
	CONSOLE_LOSSES(X)
#undef X
};

/* The host's functions, called by the device */

static void ring_put(struct console *c, const uint8_t *data, size_t n)
{
	size_t at = (c->head + c->used) % CONSOLE_RING_BYTES, first = MIN(n, CONSOLE_RING_BYTES - at);

	memcpy(c->ring + at, data, first);
	memcpy(c->ring, data + first, n - first);
	c->used += n;
}

static void tail_put(struct console *c, const uint8_t *data, size_t n)
{
	size_t first;

	if (n > CONSOLE_TAIL_BYTES) {
		data += n - CONSOLE_TAIL_BYTES;
		n = CONSOLE_TAIL_BYTES;
	}
	first = MIN(n, CONSOLE_TAIL_BYTES - c->tail_at);
	memcpy(c->tail + c->tail_at, data, first);
	memcpy(c->tail, data + first, n - first);
	c->tail_full |= c->tail_at + n >= CONSOLE_TAIL_BYTES;
	c->tail_at = (c->tail_at + n) % CONSOLE_TAIL_BYTES;
}

/* Lock held. Return: whether the loop has to be woken. */
static bool keep(struct console *c, const uint8_t *data, size_t n)
{
	if (c->dead) {
		c->lost[c->dead] += n;
		return false;
	}
	if (c->discard)
		return false;
	ring_put(c, data, n);
	if (!c->scheduled) {
		c->scheduled = true;
		return true;
	}
	if (!c->urgent && c->used >= CONSOLE_RING_BYTES / 2) {
		c->urgent = true;
		return true;
	}
	return false;
}

static void tell(struct console *c, bool first, uint64_t now, uint32_t news)
{
	char line[PANIC_TEXT_LINE_MAX * 4 + 1];

	if (first)
		trace_first_byte_at(c->trace, now);
	if (news & PANIC_TEXT_BANNER)
		trace_banner(c->trace);
	if (news & PANIC_TEXT_SEEN)
		trace_panicked_at(c->trace, now, detector_text(DETECTOR_CONSOLE));
	if (news & PANIC_TEXT_LINE) {
		console_panic_line(c, line, sizeof(line));
		trace_cmdline_text_panic(c->trace, line);
	}
}

static void on_mark(struct timeline *t, const char *name)
{
	struct console *c = container_of(t, struct console, timeline);

	if (c->watch->mark)
		c->watch->mark(c->watch, name);
}

void console_set_trace(struct console *c, struct trace *trace)
{
	c->trace = trace;
}

void console_set_watch(struct console *c, struct console_watch *w)
{
	c->watch = w;
	c->timeline.marked = on_mark;
}

bool console_is_empty(struct console *c)
{
	bool empty;

	pthread_mutex_lock(&c->lock);
	empty = !c->used;
	pthread_mutex_unlock(&c->lock);
	return empty;
}

bool console_is_lost(struct console *c)
{
	bool lost;

	pthread_mutex_lock(&c->lock);
	lost = c->dead != LOSS_NONE;
	pthread_mutex_unlock(&c->lock);
	return lost;
}

COLD void console_restart(struct console *c)
{
	pthread_mutex_lock(&c->lock);
	c->feed_nr = 0;
	c->panic_text = (struct panic_text){0};
	c->timeline = (struct timeline){.trace = c->timeline.trace, .marked = c->timeline.marked};
	pthread_mutex_unlock(&c->lock);
}

static size_t host_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct console *c = container_of(h, struct console, host);
	uint64_t now = trace_now_ns();
	bool first, wake = false;
	size_t take = n;
	uint32_t news = 0;

	pthread_mutex_lock(&c->lock);
	if (!c->dead && !c->discard)
		take = MIN(n, CONSOLE_RING_BYTES - c->used);
	if (take < n)
		c->starved = true;
	first = take && !c->stats.taken;
	if (take) {
		if (first)
			c->stats.first_byte_ns = now;
		c->stats.taken += take;
		tail_put(c, data, take);
		news = panic_text_feed(&c->panic_text, data, take, now);
		if (news & PANIC_TEXT_BANNER)
			c->stats.banner_ns = now;
		timeline_feed(&c->timeline, data, take, now);
		if (c->watch && c->watch->text)
			c->watch->text(c->watch, data, take);
		wake = keep(c, data, take);
	}
	pthread_mutex_unlock(&c->lock);
	if (wake)
		console_wake(c);
	if (unlikely(first || news))
		tell(c, first, now, news);
	return take;
}

static void host_rx_room(struct char_host *h)
{
	struct console *c = container_of(h, struct console, host);

	if (!atomic_exchange(&c->rx_room, true))
		console_wake(c);
}

static void host_tx_lost(struct char_host *h, size_t n)
{
	struct console *c = container_of(h, struct console, host);

	pthread_mutex_lock(&c->lock);
	c->lost[LOSS_NOT_READY] += n;
	pthread_mutex_unlock(&c->lock);
}

/* Opening */

static int open_stdio(struct console *c, const struct console_params *p, struct err *e)
{
	int r;

	c->name = strdup("standard output");
	if (!c->name)
		return -ENOMEM;
	r = nbio_open(&c->out, p->out_fd, NBIO_OUT);
	if (r == -EBADF)
		c->dead = LOSS_CLOSED;
	else if (r < 0)
		return err_sys(e, r, "standard output");
	/* A stdin that is closed, or open for writing only, means no input. */
	r = p->in_fd < 0 ? -EBADF : nbio_open(&c->in, p->in_fd, NBIO_IN);
	if (r == -EBADF)
		c->in_ended = true;
	else if (r < 0)
		return err_sys(e, r, "standard input");
	return 0;
}

static int open_file(struct console *c, const struct console_params *p, struct err *e)
{
	int number = fd_of_path(p->path), fd;
	struct stat st;

	c->name = strdup(p->path);
	if (!c->name)
		return -ENOMEM;
	c->cap_bytes = p->cap_bytes;
	if (number >= 0) {
		/* The caller's output is kept: reopening the file would overwrite it. */
		int r = nbio_open(&c->out, number, NBIO_OUT);

		return r < 0 ? err_sys(e, r, "console file %s: cannot write to descriptor %d", p->path, number) : 0;
	}
	/* O_NONBLOCK is for a path that names a FIFO or a terminal. */
	fd = path_open(p->path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd == -ENXIO)
		return err_set(e, -ENXIO, "console file %s: a FIFO or device without a reader", p->path);
	if (fd < 0)
		return err_sys(e, fd, "console file %s", p->path);
	nbio_take(&c->out, fd);
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "console file %s", p->path);
	if (S_ISBLK(st.st_mode))
		return err_set(
			e, -EINVAL, "console file %s: a block device, which it would overwrite; name a file", p->path);
	c->truncate = S_ISREG(st.st_mode);
	return 0;
}

static int pty_open_slave(int master)
{
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

static int open_pty(struct console *c, struct err *e)
{
	CLEANUP_FD int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios tio;
	char name[64];
	int fd;

	if (master < 0)
		return err_sys(e, -errno, "console pty: open /dev/ptmx");
	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return err_sys(e, -errno, "console pty");
	if (ptsname_r(master, name, sizeof(name)))
		return err_sys(e, -errno, "console pty: its name");
	c->name = strdup(name);
	if (!c->name)
		return -ENOMEM;
	c->pty_slave = pty_open_slave(master);
	if (c->pty_slave < 0)
		return err_sys(e, -errno, "console pty %s", name);
	/* Otherwise the terminal would echo the guest's output as input. */
	if (tcgetattr(c->pty_slave, &tio) < 0)
		return err_sys(e, -errno, "console pty %s: settings", name);
	cfmakeraw(&tio);
	if (tcsetattr(c->pty_slave, TCSANOW, &tio) < 0)
		return err_sys(e, -errno, "console pty %s: settings", name);
	fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(e, -errno, "console pty %s", name);
	nbio_take(&c->out, fd);
	nbio_take(&c->in, TAKE_FD(master));
	return 0;
}

static int open_kind(struct console *c, const struct console_params *p, struct err *e)
{
	switch (p->kind) {
	case CONSOLE_STDIO: return open_stdio(c, p, e);
	case CONSOLE_FILE: return open_file(c, p, e);
	case CONSOLE_PTY: return open_pty(c, e);
	case CONSOLE_SOCKET: return console_socket_open(c, p->path, &p->as, e);
	case CONSOLE_NULL: c->discard = true; return 0;
	}
	return err_set(e, -EINVAL, "console: unknown kind %d", (int)p->kind);
}

COLD int console_open(const struct console_params *p, struct console **ret, struct err *e)
{
	struct console *c;
	int r = -ENOMEM;

	if ((p->kind == CONSOLE_FILE || p->kind == CONSOLE_SOCKET) && (!p->path || !*p->path))
		return err_set(e, -EINVAL, "console: this kind needs a path, as in file=PATH or socket=PATH");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_sys(e, -ENOMEM, "console");
	c->host = (struct char_host){.tx = host_tx, .rx_room = host_rx_room, .tx_lost = host_tx_lost};
	c->kind = p->kind;
	c->trace = c->timeline.trace = p->trace;
	c->filter = p->kind == CONSOLE_STDIO ? p->filter : NULL;
	c->in = c->out = NBIO_CLOSED;
	c->wake_fd = c->pty_slave = -1;
	c->broker = BROKER_NONE;
	pthread_mutex_init(&c->lock, NULL);
	c->in_size = c->filter ? CONSOLE_KEYS_BYTES : CONSOLE_INPUT_BYTES;
	/* Untouched pages cost nothing. */
	c->in_buf = malloc(c->in_size);
	c->ring = malloc(CONSOLE_RING_BYTES);
	if (!c->in_buf || !c->ring) {
		err_sys(e, r, "console");
		goto fail;
	}
	c->wake_fd = wake_open();
	if (c->wake_fd < 0) {
		r = err_sys(e, c->wake_fd, "console: eventfd");
		goto fail;
	}
	/* Done now for later clients, since the filter does not allow changing dispositions. */
	nbio_ignore_signals();
	r = open_kind(c, p, e);
	if (r == -ENOMEM)
		err_sys(e, r, "console");
	if (r < 0)
		goto fail;
	*ret = c;
	return 0;
fail:
	console_destroy(c);
	return r;
}

void console_begin(struct console *c)
{
	if (c->truncate && ftruncate(c->out.fd, 0) == 0)
		c->truncate = false;
}

/* Looking at it */

struct char_host *console_host(struct console *c)
{
	return &c->host;
}

const char *console_pty_name(const struct console *c)
{
	return c->kind == CONSOLE_PTY ? c->name : NULL;
}

const struct panic_text *console_panic_text(const struct console *c)
{
	return &c->panic_text;
}

COLD void console_stats(struct console *c, struct console_stats *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->stats;
	for (size_t i = 0; i < LOSS_COUNT; i++)
		ret->lost += c->lost[i];
	ret->failed = c->lost[LOSS_FAILED] + c->lost[LOSS_STUCK];
	ret->marks_lost = c->timeline.marks_lost;
	timeline_clock(&c->timeline, &ret->clock);
	pthread_mutex_unlock(&c->lock);
	ret->last_byte_ns = panic_text_last_byte_ns(&c->panic_text);
}

size_t console_panic_line(struct console *c, char *buf, size_t size)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = panic_text_line(&c->panic_text, buf, size);
	pthread_mutex_unlock(&c->lock);
	return n;
}

COLD size_t console_tail(struct console *c, char *buf, size_t size)
{
	uint8_t text[CONSOLE_TAIL_BYTES], *start = text, *newline;
	size_t n, old;

	pthread_mutex_lock(&c->lock);
	old = c->tail_full ? CONSOLE_TAIL_BYTES - c->tail_at : 0;
	memcpy(text, c->tail + c->tail_at, old);
	memcpy(text + old, c->tail, c->tail_at);
	n = old + c->tail_at;
	pthread_mutex_unlock(&c->lock);
	/* An incomplete first line is left out, unless it is a large part of the text. */
	newline = old ? memchr(text, '\n', n / 2) : NULL;
	if (newline)
		start = newline + 1;
	return printable_tail(buf, size, start, n - (size_t)(start - text), PRINTABLE_LINES);
}

/* The end */

/*
 * The master reports it only while we have no slave open. If we may not reopen the slave, assume that there is a
 * reader.
 */
static bool pty_has_reader(struct console *c)
{
	int probe = pty_open_slave(c->out.fd);
	bool hung_up;

	if (probe < 0)
		return true;
	close(probe);
	close(c->pty_slave);
	hung_up = nbio_hung_up(&c->out);
	c->pty_slave = pty_open_slave(c->out.fd);
	return !hung_up;
}

/* Not usleep(): the filter allows ppoll anyway. */
static void pause_a_while(void)
{
	ppoll(NULL, 0, &(struct timespec){.tv_nsec = PTY_ROUND_NS}, NULL);
}

/* The content of the terminal's buffer will not be read: count it as lost. */
static COLD void pty_take_back(struct console *c)
{
	uint64_t back = 0, written = c->stats.written;
	uint8_t buf[4096];

	for (int idle = 0; c->pty_slave >= 0 && back < written && idle < PTY_IDLE_ROUNDS;) {
		ssize_t n = read(c->pty_slave, buf, sizeof(buf));

		if (n > 0) {
			back += (uint64_t)n;
			idle = 0;
		} else {
			pause_a_while();
			idle++;
		}
	}
	pthread_mutex_lock(&c->lock);
	c->stats.written -= MIN(back, written);
	c->lost[LOSS_NO_READER] += MIN(back, written);
	pthread_mutex_unlock(&c->lock);
}

static bool pty_is_empty(struct console *c)
{
	int n;

	return c->pty_slave < 0 || ioctl(c->pty_slave, FIONREAD, &n) < 0 || !n;
}

/* The pty's buffer is discarded when we end: give the reader time. */
static void pty_settle(struct console *c, uint64_t deadline)
{
	for (int empty = 0; empty < PTY_IDLE_ROUNDS && trace_now_ns() < deadline;) {
		empty = pty_is_empty(c) ? empty + 1 : 0;
		pause_a_while();
	}
}

static enum console_loss write_rest(struct console *c, uint64_t timeout_ns)
{
	uint64_t now = trace_now_ns(), deadline = now + timeout_ns, patience = now + timeout_ns / 2;
	ssize_t r;

	if (c->kind == CONSOLE_PTY && !pty_has_reader(c)) {
		pty_take_back(c);
		return LOSS_NO_READER;
	}
	if (c->out.fd < 0)
		return LOSS_NO_READER;
	while ((r = console_write_some(c)) != 0) {
		now = trace_now_ns();
		if (r > 0)
			patience = now + timeout_ns / 2;
		/* The device's remaining output now fits into the ring. */
		console_tell_room(c);
		if (now >= MIN(patience, deadline))
			return LOSS_STUCK;
		if (r < 0)
			nbio_wait_writable(&c->out, MIN(patience, deadline) - now);
		if (c->out.fd < 0)
			return LOSS_NO_READER;
	}
	if (c->kind == CONSOLE_PTY)
		pty_settle(c, MIN(patience, deadline));
	return LOSS_FINISHED;
}

static void detach(struct console *c)
{
	loop_remove(&c->wake_src);
	loop_remove(&c->in_src);
	loop_remove(&c->out_src);
	loop_remove(&c->listen_src);
	loop_timer_destroy(&c->batch);
	loop_timer_destroy(&c->retry);
}

COLD void console_finish(struct console *c, uint64_t timeout_ns)
{
	uint64_t lost[LOSS_COUNT];

	if (c->finished)
		return;
	c->finished = true;
	console_die(c, c->dead || c->discard ? LOSS_FINISHED : write_rest(c, timeout_ns));
	console_tell_room(c);
	detach(c);
	pthread_mutex_lock(&c->lock);
	memcpy(lost, c->lost, sizeof(lost));
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < LOSS_COUNT; i++)
		if (lost[i])
			trace_console_lost(c->trace, lost[i], loss_words[i]);
}

COLD void console_destroy(struct console *c)
{
	if (!c)
		return;
	detach(c);
	broker_close(&c->broker);
	nbio_close(&c->in);
	nbio_close(&c->out);
	if (c->pty_slave >= 0)
		close(c->pty_slave);
	wake_close(&c->wake_fd);
	pthread_mutex_destroy(&c->lock);
	free(c->ring);
	free(c->in_buf);
	free(c->name);
	free(c);
}
