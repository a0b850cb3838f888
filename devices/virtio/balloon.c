// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. An inflate request is a list of page numbers, a report a list of windows; either can be long,
 * and the host needs microseconds for each run of pages, and more for large ones. So a turn has a budget of TURN_CALLS:
 * a run costs one, RUN_BYTES of memory cost one, and so do PFN_BATCH page numbers. The rest of a request stays in the
 * ring (vq_unpop), and @done is the part that was served. Consecutive numbers, ascending or descending, form one run; a
 * run ends with the turn, but not inside a page of the backing, which would then not be returned. Deflating needs no
 * work: the page is allocated again when the guest touches it.
 *
 * Statistics are sent on our request: one buffer each time, regardless of what else the driver offers.
 *
 * The operator's target is set by another thread, which must not wait for a turn: it only wakes the loop.
 */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vmm/base/le.h"

/* 5.5.2. Linux before 6.11 counts only the queues that it uses, so reporting is also the one after the statistics. */
#define INFLATE    0
#define DEFLATE    1
#define STATS      2
#define REPORTING  4
#define NR_QUEUES  5
#define QUEUE_SIZE 128

#define TURN_CALLS  512
#define RUN_BYTES   (128 * KIB)
#define TURN_CHAINS 64
#define PFN_SHIFT   12
#define PFN_BYTES   4
#define PFN_BATCH   64
#define ZEROED_MAX  (16 * KIB)
#define STAT_BYTES  10 /* 5.5.6.4: struct virtio_balloon_stat, packed: le16 tag, le64 value */

/* --- Returning memory --------------------------------------------------------------------------------------------- */

static uint64_t overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end, uint64_t *ret_start)
{
	uint64_t start = MAX(a, b), end = MIN(a_end, b_end);

	*ret_start = start;
	return start < end ? end - start : 0;
}

/* RAM of a restored machine is mapped from a snapshot. The window of a kernel's file is never all of RAM. */
static bool has_snapshot(const struct gmem *g)
{
	const struct gmem_region *last = &g->region[g->nr - 1];

	return g->file_lo <= g->region[0].gpa && g->file_hi >= last->gpa + last->size;
}

static bool is_zeroed(const struct virtio_balloon *b, uint64_t page)
{
	return b->zeroed[page / 64] >> page % 64 & 1;
}

/* How many runs of zeroed pages begin in [from, to]. */
static uint64_t beginnings(const struct virtio_balloon *b, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t i = from; i <= to; i++)
		n += is_zeroed(b, i) && (!i || !is_zeroed(b, i - 1));
	return n;
}

/*
 * Discarded pages of a snapshot's file would read as the file has them. So anonymous memory takes their place; the
 * kernel joins what lies side by side. A mapping for each run would be the guest's choice without a limit: behind it,
 * memory is kept. Pages that have been replaced once are discarded as others are.
 */
static int replace(struct virtio_balloon *b, void *host, uint64_t size, uint64_t page, uint64_t pages)
{
	uint64_t before = beginnings(b, page, page + pages), new = 0;

	for (uint64_t i = page; i < page + pages; i++)
		new += !is_zeroed(b, i);
	if (!new)
		return madvise(host, size, MADV_DONTNEED);
	if (b->nr_zeroed >= ZEROED_MAX ||
		mmap(host, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -1;
	madvise(host, size, MADV_DONTDUMP);
	for (uint64_t i = page; i < page + pages; i++)
		b->zeroed[i / 64] |= BIT(i % 64);
	b->nr_zeroed += beginnings(b, page, page + pages) - before;
	return 0;
}

/* One run inside one region and outside the file's window, or of a snapshot. */
static uint64_t return_run(struct virtio_balloon *b, const struct gmem_region *r, uint64_t gpa, uint64_t end)
{
	uintptr_t start = (uintptr_t)r->host + (gpa - r->gpa), stop = start + (end - gpa);
	int ret;

	start = align_up(start, b->page_bytes);
	stop = align_down(stop, b->page_bytes);
	if (start >= stop)
		return 0;
	gpa = r->gpa + (start - (uintptr_t)r->host);
	if (b->zeroed)
		ret = replace(b, (void *)start, stop - start, gpa / VIRTIO_BALLOON_PAGE,
			(stop - start) / VIRTIO_BALLOON_PAGE);
	else
		ret = madvise((void *)start, stop - start, r->fd >= 0 && r->shared ? MADV_REMOVE : MADV_DONTNEED);
	if (ret < 0)
		return 0;
	gmem_mark(b->dev.queue[INFLATE].mem, gpa, stop - start);
	return stop - start;
}

/* [gpa, end) lies in RAM. */
static void return_pages(struct virtio_balloon *b, uint64_t gpa, uint64_t end)
{
	const struct gmem *g = b->dev.queue[INFLATE].mem;
	const uint64_t before[2] = {0, b->zeroed ? UINT64_MAX : g->file_lo}, after[2] = {g->file_hi, UINT64_MAX};
	const uint64_t *part[2] = {before, after};
	uint64_t returned = 0;

	for (size_t i = 0; i < g->nr; i++) {
		const struct gmem_region *r = &g->region[i];

		for (unsigned k = 0; k < 2; k++) {
			uint64_t lo = MAX(gpa, part[k][0]), hi = MIN(end, part[k][1]), start, n;

			n = lo < hi ? overlap(lo, hi, r->gpa, r->gpa + r->size, &start) : 0;
			if (n)
				returned += return_run(b, r, start, start + n);
		}
	}
	b->returned_bytes += returned;
	b->kept_bytes += end - gpa - returned;
}

/* --- Requests ----------------------------------------------------------------------------------------------------- */

enum served { DONE, BROKEN, TURN_OVER };

/* A run of pages; empty: @start is @end */
struct run {
	uint64_t start;
	uint64_t end;
};

static void spend(unsigned *calls, uint64_t n)
{
	*calls -= (unsigned)MIN(n, (uint64_t)*calls);
}

/* Adds a page to the run. Return: false if it does not continue the run. */
static bool extend(struct run *run, uint64_t gpa)
{
	if (run->start == run->end)
		return false;
	if (gpa == run->end)
		run->end += VIRTIO_BALLOON_PAGE;
	else if (gpa + VIRTIO_BALLOON_PAGE == run->start)
		run->start = gpa;
	else
		return false;
	return true;
}

static void end_run(struct virtio_balloon *b, unsigned queue, struct run *run, unsigned *calls)
{
	if (run->start < run->end && queue == INFLATE) {
		return_pages(b, run->start, run->end);
		spend(calls, 1);
	}
	run->end = run->start;
}

/* Serves some page numbers of the current chain, at `raw`. Return: the number served, or -1: one is outside RAM. */
static int serve_batch(
	struct virtio_balloon *b, unsigned queue, const uint8_t *raw, size_t nr, struct run *run, unsigned *calls)
{
	const struct gmem *g = b->dev.queue[queue].mem;

	for (size_t i = 0; i < nr; i++) {
		uint64_t gpa = (uint64_t)le32_get(raw + i * PFN_BYTES) << PFN_SHIFT;

		if (!gmem_contains(g, gpa, VIRTIO_BALLOON_PAGE))
			return -1;
		/* After the end of the turn, a run is still extended to a whole page of the backing. */
		if (*calls == 0 && is_aligned(gpa == run->end ? run->end : run->start, b->page_bytes))
			return (int)i;
		if (extend(run, gpa))
			continue;
		end_run(b, queue, run, calls);
		*run = (struct run){gpa, gpa + VIRTIO_BALLOON_PAGE};
	}
	return (int)nr;
}

/* Serves the page numbers of the current chain, from `done` on: returns those of inflation to the host. */
static enum served serve_pfns(struct virtio_balloon *b, unsigned queue, unsigned *calls)
{
	uint8_t raw[PFN_BATCH * PFN_BYTES];
	struct run run = {0};
	size_t nr;
	int n;

	if (b->chain.out_bytes % PFN_BYTES || b->chain.in_nr) {
		virtio_broke(&b->dev, "a list of pages that is no list of 32-bit numbers");
		return BROKEN;
	}
	do {
		nr = vq_read(b->chain.out, b->chain.out_nr, b->done[queue], raw, sizeof(raw)) / PFN_BYTES;
		n = serve_batch(b, queue, raw, nr, &run, calls);
		if (n < 0) {
			virtio_broke(&b->dev, "a page outside RAM");
			return BROKEN;
		}
		b->done[queue] += (uint32_t)n * PFN_BYTES;
		spend(calls, 1 + (queue == INFLATE ? (uint64_t)n * VIRTIO_BALLOON_PAGE / RUN_BYTES : 0));
	} while (n && (size_t)n == nr);
	end_run(b, queue, &run, calls);
	return b->done[queue] < b->chain.out_bytes ? TURN_OVER : DONE;
}

/* A range of RAM, by its host address. */
static void return_window(struct virtio_balloon *b, uintptr_t start, uintptr_t end)
{
	const struct gmem *g = b->dev.queue[INFLATE].mem;

	/* Its guest address: each window is in one region. */
	for (size_t i = 0; i < g->nr; i++) {
		const struct gmem_region *r = &g->region[i];
		uint64_t at = (uint64_t)(start - (uintptr_t)r->host);

		if (at < r->size)
			return_pages(b, r->gpa + at, r->gpa + at + (end - start));
	}
}

/* Free pages, as writable windows (5.5.6.7), which may be discarded. */
static enum served serve_report(struct virtio_balloon *b, unsigned queue, unsigned *calls)
{
	/* A turn does not end inside a page of the host either. */
	const uint64_t page = MAX(b->page_bytes, 2 * MIB);
	uint64_t skip = b->done[queue];

	/* Discarded pages read as zeroes, which is wrong for a guest that expects another pattern. */
	if (virtio_has(&b->dev, VIRTIO_BALLOON_F_PAGE_POISON) && b->poison)
		return DONE;
	for (size_t i = 0; i < b->chain.in_nr; i++) {
		uintptr_t start = (uintptr_t)b->chain.in[i].iov_base, end = start + b->chain.in[i].iov_len, stop;

		if (skip >= end - start) {
			skip -= end - start;
			continue;
		}
		if (*calls == 0)
			return TURN_OVER;
		start += skip;
		skip = 0;
		stop = MIN(end, align_up(start + *calls * RUN_BYTES, page));
		return_window(b, start, stop);
		spend(calls, 1 + (stop - start) / RUN_BYTES);
		b->done[queue] += (uint32_t)(stop - start);
		if (stop < end)
			return TURN_OVER;
	}
	return DONE;
}

/* Return: true when the turn was too short. */
static bool serve_queue(struct virtio_balloon *b, unsigned queue)
{
	struct virtqueue *q = &b->dev.queue[queue];
	unsigned calls = TURN_CALLS, chains = 0;
	bool more = false;

	do {
		vq_quiet(q);
		while (!more && virtio_pop(&b->dev, queue, &b->chain)) {
			enum served s = queue <= DEFLATE ? serve_pfns(b, queue, &calls)
							 : serve_report(b, queue, &calls);

			if (s == BROKEN)
				return false;
			if (s == TURN_OVER) {
				vq_unpop(q);
				more = true;
				break;
			}
			b->done[queue] = 0;
			virtio_push(&b->dev, queue, b->chain.head, 0);
			more = ++chains == TURN_CHAINS;
		}
	} while (!more && b->dev.driver_ok && vq_listen(q));
	virtio_flush(&b->dev, queue);
	return more;
}

/* --- Statistics --------------------------------------------------------------------------------------------------- */

static void read_stats(struct virtio_balloon *b)
{
	uint8_t raw[STAT_BYTES];

	for (unsigned i = 0; i < QUEUE_SIZE &&
		vq_read(b->chain.out, b->chain.out_nr, (size_t)i * STAT_BYTES, raw, STAT_BYTES) == STAT_BYTES;
		i++)
		if (le16_get(raw) < VIRTIO_BALLOON_STATS)
			b->stat[le16_get(raw)] = le64_get(raw + 2);
	trace_balloon_stats(b->dev.trace, (uint64_t)b->actual << PFN_SHIFT, b->stat[VIRTIO_BALLOON_S_MEMFREE],
		b->stat[VIRTIO_BALLOON_S_AVAIL], b->stat[VIRTIO_BALLOON_S_MEMTOT]);
}

/* 5.5.6.3: one buffer, kept until we request new statistics. Further buffers wait until then. */
static void take_stats(struct virtio_balloon *b)
{
	if (!b->stats_held && virtio_pop(&b->dev, STATS, &b->chain)) {
		b->stats_head = b->chain.head;
		b->stats_held = true;
		read_stats(b);
	}
	if (vq_listen(&b->dev.queue[STATS]) && !b->stats_held)
		virtio_again(&b->dev, STATS);
}

static void on_poll(struct loop_timer *t)
{
	struct virtio_balloon *b = container_of(t, struct virtio_balloon, poll);

	pthread_mutex_lock(&b->dev.lock);
	if (b->dev.driver_ok && b->stats_held) {
		b->stats_held = false;
		virtio_push(&b->dev, STATS, b->stats_head, 0);
		virtio_flush(&b->dev, STATS);
		take_stats(b);
	}
	pthread_mutex_unlock(&b->dev.lock);
}

/* --- The device --------------------------------------------------------------------------------------------------- */

static bool is_reporting(const struct virtio_device *dev, unsigned index)
{
	if (!virtio_has(dev, VIRTIO_BALLOON_F_PAGE_REPORTING))
		return false;
	return index == REPORTING || index == (virtio_has(dev, VIRTIO_BALLOON_F_STATS_VQ) ? STATS + 1 : STATS);
}

static void balloon_kick(struct virtio_device *dev, unsigned index)
{
	struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);

	if (index <= DEFLATE || is_reporting(dev, index)) {
		if (serve_queue(b, index))
			virtio_again(dev, index);
	} else if (index == STATS && virtio_has(dev, VIRTIO_BALLOON_F_STATS_VQ)) {
		take_stats(b);
	}
}

static void balloon_queue_reset(struct virtio_device *dev, unsigned index)
{
	struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);

	b->done[index] = 0;
	if (index == STATS)
		b->stats_held = false;
}

static void balloon_reset(struct virtio_device *dev)
{
	struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);

	for (unsigned i = 0; i < NR_QUEUES; i++)
		balloon_queue_reset(dev, i);
	b->actual = b->poison = 0;
}

/* 5.5.4: struct virtio_balloon_config: num_pages, actual, free_page_hint_cmd_id, poison_val */
#define CONFIG_SIZE   16
#define CONFIG_ACTUAL 4
#define CONFIG_POISON 12

static void balloon_config_read(struct virtio_device *dev, uint32_t offset, void *data, unsigned len)
{
	const struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);
	uint8_t config[CONFIG_SIZE] = {0};

	le32_put(config, b->target);
	le32_put(config + CONFIG_ACTUAL, b->actual);
	le32_put(config + CONFIG_POISON, b->poison);
	virtio_config_copy(config, sizeof(config), offset, data, len);
}

static void balloon_config_write(struct virtio_device *dev, uint32_t offset, const void *data, unsigned len)
{
	struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);

	if (len != 4)
		return;
	if (offset == CONFIG_ACTUAL)
		b->actual = le32_get(data);
	else if (offset == CONFIG_POISON && virtio_has(dev, VIRTIO_BALLOON_F_PAGE_POISON))
		b->poison = le32_get(data);
}

/* Linux kicks its first buffer of statistics before DRIVER_OK, when kicks are ignored (3.1.1). */
static void balloon_activate(struct virtio_device *dev)
{
	if (virtio_has(dev, VIRTIO_BALLOON_F_STATS_VQ))
		take_stats(container_of(dev, struct virtio_balloon, dev));
}

static const struct state_field balloon_fields[] = {
	STATE_FIELD(struct virtio_balloon, target),
	STATE_FIELD(struct virtio_balloon, actual),
	STATE_FIELD(struct virtio_balloon, poison),
	STATE_ARRAY(struct virtio_balloon, done),
};
STATE_TABLE(balloon_state, "virtio-balloon", balloon_fields);

static const struct virtio_ops balloon_ops = {
	.activate = balloon_activate,
	.reset = balloon_reset,
	.queue_reset = balloon_queue_reset,
	.kick = balloon_kick,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.state = &balloon_state,
};

static void on_asked(struct loop_timer *t)
{
	struct virtio_balloon *b = container_of(t, struct virtio_balloon, asked);

	pthread_mutex_lock(&b->dev.lock);
	b->target = __atomic_load_n(&b->asked_target, __ATOMIC_RELAXED);
	b->dev.transport->config_changed(b->dev.transport);
	pthread_mutex_unlock(&b->dev.lock);
}

void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t bytes)
{
	bytes = MIN(bytes, gmem_size(b->dev.queue[INFLATE].mem));
	__atomic_store_n(&b->asked_target, (uint32_t)MIN(bytes >> PFN_SHIFT, (uint64_t)UINT32_MAX), __ATOMIC_RELAXED);
	loop_timer_set(&b->asked, 1, 0);
}

/* With a bit behind the last page. */
static int init_zeroed(struct virtio_balloon *b, const struct gmem *mem)
{
	const struct gmem_region *last;

	if (!has_snapshot(mem))
		return 0;
	last = &mem->region[mem->nr - 1];
	b->zeroed = calloc((last->gpa + last->size) / VIRTIO_BALLOON_PAGE / 64 + 1, sizeof(*b->zeroed));
	return b->zeroed ? 0 : -ENOMEM;
}

int virtio_balloon_init(struct virtio_balloon *b, uint64_t page_bytes, uint64_t poll_ns, const struct gmem *mem,
	struct loop *loop, struct trace *trace)
{
	int r;

	*b = (struct virtio_balloon){.page_bytes = page_bytes, .poll_ns = poll_ns};
	r = init_zeroed(b, mem);
	if (r == 0)
		r = loop_timer_init(loop, &b->asked, on_asked);
	if (r == 0)
		r = loop_timer_init(loop, &b->poll, on_poll);
	if (r == 0)
		r = loop_timer_set(&b->poll, poll_ns, poll_ns);
	if (r == 0)
		r = virtio_device_init(&b->dev, &balloon_ops, "virtio-balloon", VIRTIO_ID_BALLOON, NR_QUEUES,
			QUEUE_SIZE, mem, loop, trace);
	if (r < 0) {
		loop_timer_destroy(&b->asked);
		loop_timer_destroy(&b->poll);
		free(b->zeroed);
		return r;
	}
	b->dev.features = VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM | VIRTIO_BALLOON_F_PAGE_POISON |
		VIRTIO_BALLOON_F_PAGE_REPORTING;
	b->dev.config_size = CONFIG_SIZE;
	return 0;
}

void virtio_balloon_destroy(struct virtio_balloon *b)
{
	if (!b || !b->dev.ops)
		return;
	loop_timer_destroy(&b->asked);
	loop_timer_destroy(&b->poll);
	virtio_device_destroy(&b->dev);
	free(b->zeroed);
}
