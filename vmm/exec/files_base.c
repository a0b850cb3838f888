// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A file of the host cannot be opened again, so it has a reference of the moment's, and its
 * descriptor stays open whatever the program does. Everything else is really closed, so that readers of a pipe see its
 * end, and comes back from the copy.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"
#include "vmm/exec/files.h"

int exec_files_base_init(struct exec_files *f)
{
	void *p = mmap(
		NULL, sizeof(*f->base), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	f->base = p;
	return tree_base_init(&f->tree);
}

static bool has_pipe(const struct exec_pipe *p)
{
	return p->readers || p->writers;
}

/* A timer has what it had left. @back: to times of its clock */
static void copy_timers(struct exec_timerfd *to, const struct exec_timerfd *from, bool back)
{
	for (unsigned i = 0; i < EXEC_TIMERFDS_MAX; i++) {
		uint64_t now = from[i].next ? clock_ns(from[i].clock) : 0;

		to[i] = from[i];
		if (from[i].next)
			to[i].next = back ? now + from[i].next : from[i].next > now ? from[i].next - now : 1;
	}
}

void exec_files_mark(struct exec_files *f)
{
	struct exec_files_base *b = f->base;

	for (unsigned i = 0; i < f->most_open; i++) {
		f->open[i].refs += f->open[i].kind == EXEC_HOST;
		b->at[i] = f->open[i].kind == EXEC_HOST ? lseek(f->open[i].host, 0, SEEK_CUR) : -1;
	}
	memcpy(b->open, f->open, f->most_open * sizeof(*b->open));
	memcpy(b->fd, f->fd, f->most_fd * sizeof(*b->fd));
	b->cwd = f->cwd;
	b->mask = f->mask;
	for (unsigned i = 0; i < EXEC_PIPES_MAX; i++)
		if (has_pipe(&f->pipe[i]))
			b->pipe[i] = f->pipe[i];
	for (unsigned i = 0; i < EXEC_EPOLLS_MAX; i++)
		if (f->epoll[i].used)
			b->epoll[i] = f->epoll[i];
	copy_timers(b->timerfd, f->timerfd, false);
	tree_mark(&f->tree);
}

static bool is_same(const struct exec_open *a, const struct exec_open *b)
{
	return a->kind == b->kind && a->node == b->node && a->host == b->host;
}

static void return_open(struct exec_files *f, unsigned i)
{
	struct exec_open *o = &f->open[i];
	const struct exec_open *was = &f->base->open[i];

	if (!is_same(o, was)) {
		if (o->kind) {
			o->refs = 1;
			exec_files_unref(f, o);
		}
		if (was->kind == EXEC_NODE)
			tree_hold(&f->tree, was->node);
	}
	*o = *was;
	if (was->kind == EXEC_HOST && f->base->at[i] >= 0)
		lseek(o->host, f->base->at[i], SEEK_SET);
}

/* Of pipes and watches that there were, by the copy; others are gone with their last descriptor. */
static void return_memory(struct exec_files *f)
{
	const struct exec_files_base *b = f->base;

	for (unsigned i = 0; i < EXEC_PIPES_MAX; i++) {
		if (b->pipe[i].used)
			f->pipe[i] = b->pipe[i];
		else if (has_pipe(&b->pipe[i]))
			memcpy(&f->pipe[i], &b->pipe[i], offsetof(struct exec_pipe, data));
	}
	for (unsigned i = 0; i < EXEC_EPOLLS_MAX; i++)
		if (b->epoll[i].used)
			memcpy(&f->epoll[i], &b->epoll[i],
				offsetof(struct exec_epoll, watch) + b->epoll[i].nr * sizeof(struct exec_watch));
	copy_timers(f->timerfd, b->timerfd, true);
	tree_return(&f->tree);
}

void exec_files_return(struct exec_files *f)
{
	for (unsigned i = 0; i < f->most_open; i++)
		if (f->open[i].kind || f->base->open[i].kind)
			return_open(f, i);
	memcpy(f->fd, f->base->fd, f->most_fd * sizeof(*f->fd));
	f->cwd = f->base->cwd;
	f->mask = f->base->mask;
	return_memory(f);
}
