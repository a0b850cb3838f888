// SPDX-License-Identifier: Apache-2.0
/*
 * System calls that move data between the program's memory and what it has open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

#include "vmm/exec/channel.h"
#include "vmm/exec/event_fds.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/threads.h"
#include "vmm/exec/timers.h"
#include "vmm/exec/wait.h"
#include "vmm/exec/walk.h"

#define GUEST_IOV_MAX 1024

/* Adds as much of a range as fits. Return: 0; -EFAULT or -ENOMEM: the part after @w->bytes is not accessible. */
static int add_windows(struct exec_task *t, uint64_t at, uint64_t len, unsigned access, struct windows *w)
{
	while (len) {
		struct iovec *last = w->nr ? &w->iov[w->nr - 1] : NULL;
		uint8_t *host;
		size_t n;
		int r = space_window(&t->space, at, len, access, &host, &n);

		if (r < 0)
			return r;
		if (last && (uint8_t *)last->iov_base + last->iov_len == host)
			last->iov_len += n;
		else if (w->nr < WINDOWS_MAX)
			w->iov[w->nr++] = (struct iovec){host, n};
		else
			return 0;
		w->bytes += n;
		at += n;
		len -= n;
	}
	return 0;
}

/* --- Files in memory ---------------------------------------------------------------------------------------- */

/* A buffer of ours, not the program's memory: each returns the bytes moved, or a negative errno. */

static ssize_t read_device(const struct tree_node *n, uint8_t *buf, size_t len)
{
	switch (n->what) {
	case EXEC_DEV_NULL: return 0;
	case EXEC_DEV_ZERO:
	case EXEC_DEV_FULL: memset(buf, 0, len); return (ssize_t)len;
	default: {
		ssize_t r = getrandom(buf, len, 0);

		return r < 0 ? -errno : r;
	}
	}
}

static ssize_t read_text(struct exec_task *t, const struct tree_node *n, uint8_t *buf, size_t len, uint64_t offset)
{
	char *text = (char *)t->files->scratch;
	size_t size = exec_proc_text(t, n, text, sizeof(t->files->scratch));

	if (offset >= size)
		return 0;
	len = MIN(len, size - offset);
	memcpy(buf, text + offset, len);
	return (ssize_t)len;
}

static ssize_t read_file(struct exec_task *t, uint32_t node, uint8_t *buf, size_t len, uint64_t offset)
{
	struct tree *tree = &t->files->tree;
	uint64_t size = tree->node[node].size;
	size_t done = 0;

	len = offset < size ? MIN(len, size - offset) : 0;
	while (done < len) {
		uint8_t *from;
		size_t n;
		int r = tree_window(tree, node, offset + done, false, &from, &n);

		if (r < 0)
			return r;
		n = MIN(n, len - done);
		memcpy(buf + done, from, n);
		done += n;
	}
	return (ssize_t)done;
}

static ssize_t write_file(struct exec_task *t, uint32_t node, const uint8_t *buf, size_t len, uint64_t offset)
{
	struct tree *tree = &t->files->tree;
	size_t done = 0;
	int r = 0;

	while (done < len) {
		uint8_t *to;
		size_t n;

		r = tree_window(tree, node, offset + done, true, &to, &n);
		if (r < 0)
			break;
		n = MIN(n, len - done);
		memcpy(to, buf + done, n);
		done += n;
	}
	if (done)
		tree_wrote(tree, node, offset + done);
	return done ? (ssize_t)done : r;
}

static ssize_t node_data(struct exec_task *t, uint32_t node, bool out, uint8_t *buf, size_t len, uint64_t offset)
{
	const struct tree_node *n = &t->files->tree.node[node];

	switch (n->kind) {
	case TREE_FILE: return out ? write_file(t, node, buf, len, offset) : read_file(t, node, buf, len, offset);
	case TREE_DEVICE:
		if (out)
			return n->what == EXEC_DEV_FULL ? -ENOSPC : (ssize_t)len;
		return read_device(n, buf, len);
	case TREE_PROC: return out ? -EBADF : read_text(t, n, buf, len, offset);
	default: return -EISDIR;
	}
}

/* All windows, as far as there is data or room. */
static ssize_t node_transfer(struct exec_task *t, uint32_t node, bool out, const struct windows *w, uint64_t offset)
{
	ssize_t done = 0;

	for (int i = 0; i < w->nr; i++) {
		ssize_t n = node_data(t, node, out, w->iov[i].iov_base, w->iov[i].iov_len, offset + (uint64_t)done);

		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < w->iov[i].iov_len)
			break;
	}
	return done;
}

/* --- Transfers ---------------------------------------------------------------------------------------------- */

/* The program made a stream of the command non-blocking: its own flag, since others have the stream, too. */
static bool would_block(const struct channel *c)
{
	struct pollfd p = {.fd = c->fd, .events = c->out ? POLLOUT : POLLIN};
	static const struct timespec at_once;

	return c->o->kind == EXEC_STREAM && c->o->flags & O_NONBLOCK && ppoll(&p, 1, &at_once, NULL) == 0;
}

/* Of the host's files, the command's streams alone: regular ones are always ready. */
static bool may_block(const struct channel *c)
{
	return c->o->kind == EXEC_STREAM && !(c->o->flags & O_NONBLOCK);
}

static ssize_t host_transfer(struct exec_task *t, const struct channel *c, const struct windows *w)
{
	if (!exec_alone(t) && may_block(c)) {
		struct pollfd p = {.fd = c->fd, .events = c->out ? POLLOUT : POLLIN};
		int r = exec_poll(t, &p, 1, NULL);

		if (r < 0) {
			errno = -r;
			return -1;
		}
	}
	if (would_block(c)) {
		errno = EAGAIN;
		return -1;
	}
	if (c->offset)
		return c->out ? pwritev(c->fd, w->iov, w->nr, (off_t)*c->offset)
			      : preadv(c->fd, w->iov, w->nr, (off_t)*c->offset);
	return c->out ? writev(c->fd, w->iov, w->nr) : readv(c->fd, w->iov, w->nr);
}

/* More than there is room for is counted. */
static ssize_t put_output(struct exec_output *out, const uint8_t *buf, size_t len)
{
	size_t n = MIN(len, out->room - out->used);

	memcpy(out->data + out->used, buf, n);
	out->used += n;
	out->lost += len - n;
	return (ssize_t)len;
}

/* Of a pipe or a round, or into a counter */
static ssize_t piece(struct exec_task *t, const struct channel *c, uint8_t *buf, size_t len)
{
	if (c->o->kind == EXEC_PIPE)
		return c->out ? exec_pipe_write(&t->files->pipe[c->o->node], buf, len)
			      : exec_pipe_read(&t->files->pipe[c->o->node], buf, len);
	if (c->o->kind == EXEC_ROUND)
		return c->out ? put_output(t->output, buf, len) : 0;
	return c->o->kind == EXEC_EVENT ? exec_event_write(&c->o->offset, buf, len) : -EINVAL;
}

static void put(const struct windows *w, size_t at, const uint8_t *from, size_t len)
{
	for (int i = 0; i < w->nr && len; i++) {
		size_t n;

		if (at >= w->iov[i].iov_len) {
			at -= w->iov[i].iov_len;
			continue;
		}
		n = MIN(len, w->iov[i].iov_len - at);
		memcpy((uint8_t *)w->iov[i].iov_base + at, from, n);
		from += n;
		len -= n;
		at = 0;
	}
}

/* One of a counter or a timer, whole, wherever the pages end; as many signals as there are and fit. */
static ssize_t take_events(struct exec_task *t, const struct channel *c, const struct windows *w)
{
	uint8_t event[EXEC_EVENT_BYTES];
	size_t done = 0;

	for (;;) {
		ssize_t n = c->o->kind == EXEC_EVENT ? exec_event_read(&c->o->offset, c->o->node, event, w->bytes)
						     : exec_event_take(t, c->o, event, w->bytes - done);

		if (n < 0)
			return done ? (ssize_t)done : n;
		put(w, done, event, (size_t)n);
		done += (size_t)n;
		if (c->o->kind != EXEC_SIGNALFD)
			return (ssize_t)done;
	}
}

/* What no more than PIPE_BUF bytes are is written at once, or not at all. Return: bytes, or a negative errno */
static ssize_t pipe_transfer(struct exec_task *t, const struct channel *c, const struct windows *w)
{
	const struct exec_pipe *p = c->o->kind == EXEC_PIPE ? &t->files->pipe[c->o->node] : NULL;
	ssize_t done = 0;

	if (!c->out && (c->o->kind == EXEC_EVENT || c->o->kind >= EXEC_TIMERFD))
		return take_events(t, c, w);
	if (p && c->out && p->readers && w->bytes <= PIPE_BUF && EXEC_PIPE_SIZE - p->used < w->bytes)
		return -EAGAIN;
	for (int i = 0; i < w->nr; i++) {
		ssize_t n = piece(t, c, w->iov[i].iov_base, w->iov[i].iov_len);

		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < w->iov[i].iov_len)
			break;
	}
	return done;
}

/* Nobody else has the other end: a wait for it ends with the run. */
static ssize_t pipe_blocks(struct exec_task *t, const struct channel *c, ssize_t n)
{
	if (n != -EAGAIN || c->o->flags & O_NONBLOCK)
		return n;
	n = c->o->kind >= EXEC_TIMERFD ? exec_event_wait(t, c->o) : exec_poll(t, NULL, 0, NULL);
	return n == -EINTR && !exec_stopping(t) ? -EXEC_ERESTART : n ? n : -EAGAIN;
}

/* A kick may come from a timer of the program. */
static bool was_interrupted(struct exec_task *t)
{
	exec_timers_run(t);
	return exec_interrupted(t) || !exec_alone(t);
}

/* One system call of the host, repeated if a signal interrupts it and the run is not to end. */
ssize_t exec_transfer(struct exec_task *t, const struct channel *c, const struct windows *w)
{
	ssize_t n;

	if (c->fd < 0 && c->o->kind != EXEC_NODE) {
		do
			n = pipe_blocks(t, c, pipe_transfer(t, c, w));
		while (n == -EAGAIN && !(c->o->flags & O_NONBLOCK));
	} else if (c->fd < 0) {
		n = node_transfer(t, c->o->node, c->out, w, *c->offset);
	} else {
		do
			n = host_transfer(t, c, w);
		while (n < 0 && errno == EINTR && !exec_stopping(t) && !was_interrupted(t));
		n = n >= 0 ? n : errno == EINTR && !exec_stopping(t) ? -EXEC_ERESTART : -errno;
	}
	if (n > 0 && c->offset)
		*c->offset += (uint64_t)n;
	return n;
}

/* A pipe takes all of a blocking write in the end, when another thread reads. */
static bool takes_all(const struct exec_task *t, const struct channel *c)
{
	return c->out && c->o->kind == EXEC_PIPE && !(c->o->flags & O_NONBLOCK) && !exec_alone(t);
}

/*
 * Reads into or writes from a range. @ret_done: bytes transferred, also on failure. Return: 0: all; 1: less; a negative
 * errno.
 */
static int move_range(struct exec_task *t, const struct channel *c, uint64_t at, uint64_t len, uint64_t *ret_done)
{
	/* What poll() calls writable takes so much without blocking. */
	uint64_t most = !exec_alone(t) && c->out && c->fd >= 0 && may_block(c) ? PIPE_BUF : UINT64_MAX;

	while (len) {
		struct windows w = {.nr = 0};
		int fault = add_windows(t, at, MIN(len, most), c->out ? SPACE_R : SPACE_W, &w);
		ssize_t n;

		if (!w.bytes)
			return fault;
		n = exec_transfer(t, c, &w);
		if (n < 0)
			return (int)n;
		*ret_done += (uint64_t)n;
		/* A read returns the available bytes; only from a regular file can more be read at once. */
		if ((uint64_t)n < w.bytes && !takes_all(t, c))
			return 1;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int64_t exec_end_transfer(struct exec_task *t, int r, uint64_t done, bool out)
{
	if (r == -EPIPE && out)
		exec_signal(t, SIGPIPE);
	return done || r >= 0 ? (int64_t)done : r;
}

/* More than the windows of one call can hold is read only if the rest is sure to be available. */
static bool may_go_on(int fd)
{
	struct stat st;

	return walk_status(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int exec_channel_of(struct exec_task *t, uint64_t fd, bool out, uint64_t *at, struct channel *ret)
{
	struct exec_open *o = exec_files_get(t->files, fd);
	uint32_t mode = o ? o->flags & O_ACCMODE : 0;
	const struct tree_node *n;

	if (!o || o->flags & O_PATH || mode == (out ? O_RDONLY : O_WRONLY))
		return -EBADF;
	/* A stream gets what is written in its order. */
	if (at && ((out && o->kind == EXEC_STREAM) || o->kind > EXEC_NODE))
		return -ESPIPE;
	*ret = (struct channel){o, o->host, out, at};
	if (o->kind != EXEC_NODE)
		return 0;
	n = &t->files->tree.node[o->node];
	ret->fd = n->kind == TREE_OPENED ? t->files->libraries->of[n->what].fd : -1;
	if (!at)
		ret->offset = &o->offset;
	if (out && o->flags & O_APPEND && n->kind == TREE_FILE)
		*ret->offset = n->size;
	return 0;
}

static int64_t move(struct exec_task *t, const struct channel *c, const uint64_t *a)
{
	uint64_t len = MIN(a[2], TRANSFER_MAX), done = t->now->progress;
	int fd = c->fd, r;
	bool out = c->out;

	if (!out && fd >= 0 && !c->offset && len > WINDOWS_MAX * PAGE_4K && !may_go_on(fd))
		len = (WINDOWS_MAX - 1) * PAGE_4K;
	/* Gets the host's error for a descriptor that is not open in this direction. */
	if (!len && (c->offset || fd < 0))
		return 0;
	if (!len) {
		ssize_t n = out ? writev(fd, NULL, 0) : readv(fd, NULL, 0);

		return n < 0 ? -errno : 0;
	}
	r = move_range(t, c, a[1] + done, len - MIN(len, done), &done);
	if (r == -EXEC_BLOCKED) {
		/* A write goes on where it was; a read returns what there is. */
		if (done > t->now->progress)
			t->changes++;
		t->now->progress = done;
		return out || !done ? r : (int64_t)done;
	}
	return exec_end_transfer(t, r, done, out);
}

static int64_t read_or_write(struct exec_task *t, const uint64_t *a, bool out)
{
	struct channel c;
	int r = exec_channel_of(t, a[0], out, NULL, &c);

	return r < 0 ? r : move(t, &c, a);
}

static int64_t at_place(struct exec_task *t, const uint64_t *a, bool out)
{
	uint64_t offset = a[3];
	struct channel c;
	int r = exec_channel_of(t, a[0], out, &offset, &c);

	if (r < 0)
		return r;
	return offset > INT64_MAX ? -EINVAL : move(t, &c, a);
}

int64_t exec_sys_pread64(struct exec_task *t, const uint64_t *a)
{
	return at_place(t, a, false);
}

int64_t exec_sys_pwrite64(struct exec_task *t, const uint64_t *a)
{
	return at_place(t, a, true);
}

int64_t exec_sys_read(struct exec_task *t, const uint64_t *a)
{
	return read_or_write(t, a, false);
}

int64_t exec_sys_write(struct exec_task *t, const uint64_t *a)
{
	return read_or_write(t, a, true);
}

/* Copies an entry of the program's iovec array. */
struct guest_iov {
	uint64_t at;
	uint64_t len;
};

/* A small vector is passed to the host in one call, so that a write to a pipe is atomic. */
static int64_t vector(struct exec_task *t, const uint64_t *a, bool out, uint64_t *at)
{
	uint64_t left = TRANSFER_MAX, done = 0;
	struct windows w = {.nr = 0};
	struct channel c;
	int r = exec_channel_of(t, a[0], out, at, &c);

	if (r < 0)
		return r;
	if (a[2] > GUEST_IOV_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < a[2] && left; i++) {
		struct guest_iov v;

		r = space_read(&t->space, a[1] + i * sizeof(v), &v, sizeof(v));
		if (r == 0 && v.len > INT64_MAX)
			r = -EINVAL;
		if (r < 0)
			break;
		v.len = MIN(v.len, left);
		left -= v.len;
		/* What does not fit is left to the program's next call: the result is short. */
		if (w.nr + (int)MIN(v.len / PAGE_4K + 2, UINT64_C(1000)) > WINDOWS_MAX && w.nr)
			break;
		r = add_windows(t, v.at, v.len, out ? SPACE_R : SPACE_W, &w);
		if (r < 0)
			break;
	}
	if (!w.bytes)
		return r;
	r = (int)exec_transfer(t, &c, &w);
	if (r > 0)
		done = (uint64_t)r;
	return exec_end_transfer(t, MIN(r, 0), done, out);
}

int64_t exec_sys_readv(struct exec_task *t, const uint64_t *a)
{
	return vector(t, a, false, NULL);
}

int64_t exec_sys_writev(struct exec_task *t, const uint64_t *a)
{
	return vector(t, a, true, NULL);
}

static int64_t vector_at(struct exec_task *t, const uint64_t *a, bool out)
{
	uint64_t offset = a[3];

	return offset > INT64_MAX ? -EINVAL : vector(t, a, out, &offset);
}

int64_t exec_sys_preadv(struct exec_task *t, const uint64_t *a)
{
	return vector_at(t, a, false);
}

int64_t exec_sys_pwritev(struct exec_task *t, const uint64_t *a)
{
	return vector_at(t, a, true);
}

/* @a: the place is the fourth, the flags are the sixth argument; -1: the position of the open file */
static int64_t vector_with_flags(struct exec_task *t, const uint64_t *a, bool out)
{
	if ((uint32_t)a[5])
		return -EOPNOTSUPP;
	return a[3] == UINT64_MAX ? vector(t, a, out, NULL) : vector_at(t, a, out);
}

int64_t exec_sys_preadv2(struct exec_task *t, const uint64_t *a)
{
	return vector_with_flags(t, a, false);
}

int64_t exec_sys_pwritev2(struct exec_task *t, const uint64_t *a)
{
	return vector_with_flags(t, a, true);
}

/* --- Position ----------------------------------------------------------------------------------------------- */

/* What is in memory has data throughout. */
static int64_t seek_node(struct exec_open *o, int64_t size, int64_t by, uint64_t whence)
{
	int64_t from;

	switch (whence) {
	case SEEK_SET: from = 0; break;
	case SEEK_CUR: from = (int64_t)o->offset; break;
	case SEEK_END: from = size; break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (by < 0 || by >= size)
			return -ENXIO;
		from = whence == SEEK_HOLE ? size - by : 0;
		break;
	default: return -EINVAL;
	}
	if (by > 0 && from > INT64_MAX - by)
		return -EOVERFLOW;
	if (from + by < 0)
		return -EINVAL;
	o->offset = (uint64_t)(from + by);
	return from + by;
}

int64_t exec_sys_lseek(struct exec_task *t, const uint64_t *a)
{
	struct exec_open *o = exec_files_get(t->files, a[0]);
	struct stat st;
	off_t at;

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if ((uint32_t)a[2] > SEEK_HOLE)
		return -EINVAL;
	if (o->kind > EXEC_NODE)
		return -ESPIPE;
	if (o->kind == EXEC_NODE) {
		exec_node_stat(t, o->node, &st);
		return seek_node(o, st.st_size, (int64_t)a[1], (uint32_t)a[2]);
	}
	at = lseek(o->host, (off_t)a[1], (int)a[2]);
	return at < 0 ? -errno : at;
}

/* --- Mappings ----------------------------------------------------------------------------------------------- */

/* Reads the file's bytes into pages that are mapped already; the rest of the last one is zero. */
static int fill(struct exec_task *t, const struct channel *c, uint64_t at, uint64_t len)
{
	while (len) {
		struct windows w = {.nr = 0};
		int fault = add_windows(t, at, len, 0, &w);
		ssize_t n;

		if (!w.bytes)
			return fault;
		n = exec_transfer(t, c, &w);
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int exec_map_file(struct exec_task *t, uint64_t fd, uint64_t at, uint64_t len, uint64_t offset, unsigned rights)
{
	struct channel c;
	struct stat st;
	uint64_t size, bytes, whole;
	int r = exec_channel_of(t, fd, false, &offset, &c);

	if (r == 0)
		r = exec_open_status(t, c.o, &st);
	if (r < 0)
		return r;
	size = (uint64_t)st.st_size;
	bytes = offset < size ? MIN(len, size - offset) : 0;
	whole = align_up(bytes, PAGE_4K);
	if (whole)
		r = space_map(&t->space, at, whole, rights, AREA_FILE);
	if (r == 0 && whole < len)
		r = space_map(&t->space, at + whole, len - whole, 0, AREA_CUT);
	return r < 0 ? r : fill(t, &c, at, bytes);
}
