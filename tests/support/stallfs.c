// SPDX-License-Identifier: Apache-2.0
/*
 * stallfs: a file system with one file, "disk", whose reads take a while when asked to: for tests of disks that stall.
 *
 *	stallfs DIR SIZE SECONDS LOG [direct]
 *
 * mounts it on DIR over /dev/fuse and serves it until it is unmounted. The file has SIZE bytes in memory, each 8 of
 * them their own offset. SIGUSR1 switches stalling on, SIGUSR2 off: a read that comes while it is on is answered
 * SECONDS later, everything else at once. LOG gets a line for each read that waits and one when it is answered.
 * "direct" keeps the host's page cache out: a reader then waits for the server itself rather than for a page.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NODE_DISK 2
#define WAITING   64

struct waiting {
	uint64_t unique, due_ms;
	uint64_t offset;
	uint32_t size;
};

static volatile sig_atomic_t stalling;
static int fuse_fd, log_fd;
static uint8_t *data;
static uint64_t data_size;
static unsigned open_flags;
static struct waiting waiting[WAITING];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void note(const char *text)
{
	dprintf(log_fd, "%s\n", text);
}

static void on_usr(int sig)
{
	stalling = sig == SIGUSR1;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void answer(uint64_t unique, int error, const void *body, size_t len)
{
	struct fuse_out_header h = {.unique = unique, .error = error, .len = (uint32_t)(sizeof(h) + len)};
	struct iovec iov[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)body, len}};

	/* ENOENT: the requesting process is gone. */
	if (writev(fuse_fd, iov, 2) < 0 && errno != ENOENT)
		die("answer");
}

static void answer_read(uint64_t unique, uint64_t offset, uint32_t size)
{
	if (offset > data_size)
		offset = data_size;
	if (size > data_size - offset)
		size = (uint32_t)(data_size - offset);
	answer(unique, 0, data + offset, size);
}

static void read_later(uint64_t unique, const struct fuse_read_in *r, uint64_t after_ms)
{
	for (int i = 0; i < WAITING; i++)
		if (!waiting[i].unique) {
			waiting[i] = (struct waiting){unique, now_ms() + after_ms, r->offset, r->size};
			note("waits");
			return;
		}
	answer(unique, -EIO, NULL, 0);
}

/* Return: milliseconds until the next one, or -1. */
static int answer_due(void)
{
	uint64_t now = now_ms(), next = UINT64_MAX;

	for (int i = 0; i < WAITING; i++) {
		struct waiting *w = &waiting[i];

		if (!w->unique)
			continue;
		if (w->due_ms <= now) {
			answer_read(w->unique, w->offset, w->size);
			note("answered");
			w->unique = 0;
		} else if (w->due_ms - now < next) {
			next = w->due_ms - now;
		}
	}
	return next == UINT64_MAX ? -1 : (int)next;
}

static struct fuse_attr attr_of(uint64_t node)
{
	struct fuse_attr a = {.ino = node, .nlink = 1, .blksize = 4096};

	a.mode = node == NODE_DISK ? S_IFREG | 0600 : S_IFDIR | 0755;
	if (node == NODE_DISK)
		a.size = data_size;
	a.blocks = a.size / 512;
	return a;
}

static void handle(const struct fuse_in_header *h, const uint8_t *body, uint64_t stall_ms)
{
	switch (h->opcode) {
	case FUSE_INIT: {
		const struct fuse_init_in *in = (const void *)body;
		struct fuse_init_out out = {.major = 7, .minor = 31, .max_readahead = 4096, .max_write = 131072};

		out.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES);
		answer(h->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out out = {.nodeid = NODE_DISK, .attr_valid = 3600, .entry_valid = 3600};

		out.attr = attr_of(NODE_DISK);
		if (strcmp((const char *)body, "disk"))
			answer(h->unique, -ENOENT, NULL, 0);
		else
			answer(h->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_GETATTR: {
		struct fuse_attr_out out = {.attr_valid = 3600, .attr = attr_of(h->nodeid)};

		answer(h->unique, 0, &out, sizeof(out));
		break;
	}
	case FUSE_OPEN:
		answer(h->unique, 0, &(struct fuse_open_out){.open_flags = open_flags}, sizeof(struct fuse_open_out));
		break;
	case FUSE_READ: {
		const struct fuse_read_in *r = (const void *)body;

		if (stalling)
			read_later(h->unique, r, stall_ms);
		else
			answer_read(h->unique, r->offset, r->size);
		break;
	}
	case FUSE_RELEASE: answer(h->unique, 0, NULL, 0); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break;
	default: answer(h->unique, -ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static uint8_t in[FUSE_MIN_READ_BUFFER + 262144] __attribute__((aligned(8)));
	struct sigaction sa = {.sa_handler = on_usr};
	uint64_t stall_ms;
	char opts[128];

	if (argc < 5) {
		fprintf(stderr, "usage: stallfs DIR SIZE SECONDS LOG [direct]\n");
		return 2;
	}
	data_size = strtoull(argv[2], NULL, 10);
	stall_ms = strtoull(argv[3], NULL, 10) * 1000;
	open_flags = argc > 5 ? FOPEN_DIRECT_IO : 0;
	data = malloc(data_size);
	log_fd = open(argv[4], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (!data || log_fd < 0 || fuse_fd < 0)
		die("open");
	for (uint64_t at = 0; at + 8 <= data_size; at += 8)
		memcpy(data + at, &at, 8);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse_fd);
	if (mount("stallfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, opts))
		die("mount");
	note("mounted");
	for (;;) {
		struct pollfd p = {.fd = fuse_fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, answer_due()) <= 0)
			continue;
		n = read(fuse_fd, in, sizeof(in));
		if (n < 0 && errno == ENODEV)
			return 0; /* unmounted */
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			handle((const void *)in, in + sizeof(struct fuse_in_header), stall_ms);
	}
}
