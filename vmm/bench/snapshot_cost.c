// SPDX-License-Identifier: Apache-2.0
#include "vmm/bench/snapshot_cost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/trace.h"
#include "vmm/debug/ram.h"
#include "vmm/kvm/memory.h"

/** struct run - of pages that are not zero */
struct run {
	const uint8_t *at;
	size_t size;
	off_t offset;
};

/** struct guest - @run: @nr_runs of them, owned */
struct guest {
	const struct snapshot *s;
	struct memory ram;
	struct snapshot_writer *writer;
	struct run *run;
	size_t nr_runs;
	uint64_t touched;
};

static void guest_destroy(struct guest *g)
{
	snapshot_writer_free(g->writer);
	memory_destroy(&g->ram);
	free(g->run);
}

static void add_page(struct guest *g, const uint8_t *page)
{
	struct run *last = g->nr_runs ? &g->run[g->nr_runs - 1] : NULL;

	g->touched += PAGE_4K;
	if (last && last->at + last->size == page) {
		last->size += PAGE_4K;
		return;
	}
	g->run[g->nr_runs++] = (struct run){page, PAGE_4K, (off_t)(page - (const uint8_t *)g->ram.host)};
}

/* Pages of the file to memory of our own, where they are not zero. */
static int load(struct guest *g, struct err *e)
{
	const struct snapshot *s = g->s;
	uint8_t page[PAGE_4K], *host = g->ram.host;

	g->run = calloc(g->ram.size / PAGE_4K, sizeof(*g->run));
	if (!g->run)
		return err_sys(e, -ENOMEM, "cannot set up");
	for (uint32_t i = 0; i < s->facts.nr_extents; i++)
		for (uint64_t at = s->extent[i].at; at < s->extent[i].at + s->extent[i].size; at += PAGE_4K) {
			if (pread(s->fd, page, sizeof(page), (off_t)(s->ram_at + at)) != (ssize_t)sizeof(page))
				return err_sys(e, -EIO, "cannot read the snapshot");
			if (ram_is_zero(page))
				continue;
			memcpy(host + at, page, sizeof(page));
			add_page(g, host + at);
		}
	return 0;
}

static int guest_init(struct guest *g, struct err *e)
{
	const struct snapshot *s = g->s;
	const struct snapshot_parts parts = {
		.version = s->version,
		.facts = s->facts,
		.cpuid = s->cpuid,
		.settings = s->settings,
		.state = s->state,
		.state_bytes = s->facts.state_bytes,
	};
	int r = memory_create(s->facts.mem_bytes, BACKING_ANON, false, &g->ram, e);

	if (r == 0)
		r = load(g, e);
	if (r < 0)
		return r;
	r = snapshot_writer_new(s->facts.mem_bytes, &g->writer);
	if (r == 0)
		r = snapshot_prepare(g->writer, &parts);
	return r < 0 ? err_sys(e, r, "cannot set up") : 0;
}

static int write_runs(const struct guest *g, int fd)
{
	for (size_t i = 0; i < g->nr_runs; i++)
		for (size_t done = 0; done < g->run[i].size;) {
			ssize_t n = pwrite(
				fd, g->run[i].at + done, g->run[i].size - done, g->run[i].offset + (off_t)done);

			if (n <= 0)
				return n < 0 ? -errno : -ENOSPC;
			done += (size_t)n;
		}
	return 0;
}

/* One file, by the writer or bare, which is gone when it is closed. */
static int write_one(
	const struct guest *g, bool bare, const char *dir, double *ret_ms, uint64_t *ret_bytes, struct err *e)
{
	CLEANUP_FD int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	const _Atomic bool stop = false;
	struct stat st;
	uint64_t since = trace_now_ns(), written;
	int r;

	if (fd < 0)
		return err_sys(e, -errno, "cannot make a file in %s", dir);
	r = bare ? write_runs(g, fd) : snapshot_write(g->writer, &g->ram.gmem, fd, &stop, &written);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	*ret_ms = (double)(trace_now_ns() - since) / 1e6;
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(e, r, "cannot write to a file in %s", dir);
	*ret_bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

int snapshot_cost(const struct snapshot *s, const char *dir, unsigned rounds, struct snapshot_cost *ret, struct err *e)
{
	CLEANUP_FREE double *ms = calloc(2 * (size_t)rounds, sizeof(*ms));
	CLEANUP(guest_destroy) struct guest g = {.s = s};
	uint64_t ours = 0, floor;
	int r = ms ? guest_init(&g, e) : err_sys(e, -ENOMEM, "cannot set up");

	/* The first of each is not counted. */
	for (unsigned i = 0; r == 0 && i <= rounds; i++) {
		unsigned at = i ? i - 1 : 0;

		r = write_one(&g, true, dir, &ms[rounds + at], &floor, e);
		if (r == 0)
			r = write_one(&g, false, dir, &ms[at], &ours, e);
	}
	if (r < 0)
		return r;
	*ret = (struct snapshot_cost){
		.ours = stats_of(ms, rounds),
		.floor = stats_of(ms + rounds, rounds),
		.touched_bytes = g.touched,
		.file_bytes = ours,
	};
	return 0;
}
