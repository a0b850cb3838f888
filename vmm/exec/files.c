// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/assert.h"

struct exec_files *exec_files_new(const int *host, uint32_t nodes, uint32_t pages)
{
	struct exec_files *f = mmap(
		NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct exec_open *o;

	if (f == MAP_FAILED)
		return NULL;
	if (tree_init(&f->tree, nodes, pages) < 0 || mounts_add_node(&f->mounts, "", TREE_ROOT, false) < 0) {
		exec_files_free(f);
		return NULL;
	}
	f->mask = 022;
	for (int i = 0; i < EXEC_STREAMS; i++) {
		if (host[i] < 0 && host[i] != EXEC_OF_ROUND)
			continue;
		o = exec_files_new_open(f,
			&(struct exec_open){.kind = host[i] == EXEC_OF_ROUND ? EXEC_ROUND : EXEC_STREAM,
				.host = host[i] == EXEC_OF_ROUND ? -1 : host[i],
				.flags = O_RDWR},
			"");
		exec_files_dup2(f, o, (uint32_t)i, false);
		exec_files_unref(f, o);
	}
	tree_hold(&f->tree, TREE_ROOT);
	o = exec_files_new_open(f,
		&(struct exec_open){.kind = EXEC_NODE, .node = TREE_ROOT, .host = -1, .mount = &f->mounts.of[0]}, "");
	f->cwd = (unsigned)(o - f->open);
	return f;
}

void exec_files_free(struct exec_files *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i <= EXEC_FILES_MAX; i++)
		if (f->open[i].kind == EXEC_HOST)
			close(f->open[i].host);
	tree_destroy(&f->tree);
	if (f->base)
		munmap(f->base, sizeof(*f->base));
	mounts_close(&f->mounts);
	munmap(f, sizeof(*f));
}

struct exec_open *exec_files_get(struct exec_files *f, uint64_t fd)
{
	uint32_t n = (uint32_t)fd;

	return n < EXEC_FILES_MAX && f->fd[n].open ? &f->open[f->fd[n].open - 1] : NULL;
}

const char *exec_files_name(const struct exec_files *f, const struct exec_open *o)
{
	return f->name[o - f->open];
}

struct exec_open *exec_files_new_open(struct exec_files *f, const struct exec_open *from, const char *name)
{
	for (unsigned i = 0; i <= EXEC_FILES_MAX; i++) {
		struct exec_open *o = &f->open[i];

		if (o->kind)
			continue;
		*o = *from;
		o->refs = 1;
		f->most_open = MAX(f->most_open, i + 1);
		strncpy(f->name[i], name, PATH_MAX - 1);
		f->name[i][PATH_MAX - 1] = '\0';
		return o;
	}
	return NULL;
}

/* An open file that is gone is watched by nobody. */
static void forget(struct exec_files *f, const struct exec_open *o)
{
	for (unsigned i = 0; i < EXEC_EPOLLS_MAX; i++) {
		struct exec_epoll *e = &f->epoll[i];

		for (unsigned k = e->used ? e->nr : 0; k--;)
			if (e->watch[k].open == o - f->open)
				e->watch[k] = e->watch[--e->nr];
	}
}

void exec_files_unref(struct exec_files *f, struct exec_open *o)
{
	assert(o->refs);
	if (--o->refs)
		return;
	forget(f, o);
	if (o->kind == EXEC_PIPE && (o->flags & O_ACCMODE) == O_RDONLY)
		f->pipe[o->node].readers--;
	if (o->kind == EXEC_PIPE && (o->flags & O_ACCMODE) == O_WRONLY)
		f->pipe[o->node].writers--;
	if (o->kind == EXEC_EPOLL)
		f->epoll[o->node].used = false;
	if (o->kind == EXEC_TIMERFD)
		f->timerfd[o->node].used = false;
	if (o->kind == EXEC_HOST)
		close(o->host);
	if (o->kind == EXEC_NODE)
		tree_release(&f->tree, o->node);
	o->kind = EXEC_CLOSED;
}

int exec_files_install(struct exec_files *f, struct exec_open *o, uint64_t from, bool close_on_exec)
{
	for (uint64_t i = from; i < EXEC_FILES_MAX; i++) {
		if (f->fd[i].open)
			continue;
		f->fd[i] = (struct exec_fd){(uint16_t)(o - f->open + 1), close_on_exec};
		f->most_fd = MAX(f->most_fd, (unsigned)i + 1);
		return (int)i;
	}
	return -EMFILE;
}

void exec_files_dup2(struct exec_files *f, struct exec_open *o, uint32_t to, bool close_on_exec)
{
	o->refs++;
	exec_files_close(f, to);
	f->most_fd = MAX(f->most_fd, to + 1);
	f->fd[to] = (struct exec_fd){(uint16_t)(o - f->open + 1), close_on_exec};
}

int exec_files_close(struct exec_files *f, uint64_t fd)
{
	struct exec_open *o = exec_files_get(f, fd);

	if (!o)
		return -EBADF;
	f->fd[(uint32_t)fd] = (struct exec_fd){0};
	exec_files_unref(f, o);
	return 0;
}

void exec_files_chdir(struct exec_files *f, struct exec_open *o)
{
	struct exec_open *old = &f->open[f->cwd];

	f->cwd = (unsigned)(o - f->open);
	exec_files_unref(f, old);
}
