// SPDX-License-Identifier: Apache-2.0
/*
 * The balloon, on RAM that is mapped as a machine's is: what is given back has to have left it (mincore).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/virtio/balloon.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define INFLATE 0
#define DEFLATE 1
#define STATS   2
#define PAGE    VIRTIO_BALLOON_PAGE

/* A second region: the driver's rings stay out of the way. */
#define BIG_GPA   (UINT64_C(1) << 32)
#define BIG_PAGES 2048
#define BIG_SIZE  ((uint64_t)BIG_PAGES * PAGE)

struct bench {
	struct vq_driver d;
	struct virtio_balloon balloon;
	uint8_t *big;
};

static void map(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	vqd_init(&b->d, 2 * MIB);
	/* At a multiple of 2 MiB, and in small pages. */
	b->big = mmap(NULL, BIG_SIZE + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(b->big, MAP_FAILED);
	madvise(b->big, BIG_SIZE + 2 * MIB, MADV_NOHUGEPAGE);
	b->big = (uint8_t *)align_up((uintptr_t)b->big, 2 * MIB);
	memset(b->big, 'x', BIG_SIZE);
	assert_int_equal(
		gmem_add(&b->d.mem, &(struct gmem_region){.gpa = BIG_GPA, .size = BIG_SIZE, .host = b->big, .fd = -1}),
		0);
}

static void start(struct bench *b, uint64_t page_bytes, uint64_t features)
{
	assert_int_equal(virtio_balloon_init(&b->balloon, page_bytes, 0, &b->d.mem, b->d.loop, b->d.trace), 0);
	vqd_attach(&b->d, &b->balloon.dev);
	assert_true(vqd_start(&b->d, features | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC));
}

static void up_with(struct bench *b, uint64_t page_bytes, uint64_t features)
{
	map(b);
	start(b, page_bytes, features);
}

static void up(struct bench *b)
{
	up_with(b, PAGE, VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_PAGE_REPORTING);
}

static void down(struct bench *b)
{
	vqd_detach(&b->d);
	virtio_balloon_destroy(&b->balloon);
	vqd_destroy(&b->d);
	munmap(b->big, BIG_SIZE);
}

static bool resident(struct bench *b, unsigned page)
{
	unsigned char in;

	assert_int_equal(mincore(b->big + (uint64_t)page * PAGE, PAGE, &in), 0);
	return in & 1;
}

static unsigned resident_in(struct bench *b, unsigned first, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += resident(b, first + i);
	return sum;
}

/* Makes `n` page numbers from `first` on available, `step` apart; -1 goes down. */
static void offer(struct bench *b, unsigned queue, unsigned first, unsigned n, int step)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, (uint64_t)n * 4, 4), n * 4, false};

	for (unsigned i = 0; i < n; i++)
		le32_put((uint8_t *)vqd_ptr(&b->d, buf.gpa) + (size_t)4 * i,
			(uint32_t)((BIG_GPA >> 12) + first + (uint64_t)((int)i * step)));
	vqd_offer(&b->d, queue, vqd_add(&b->d, queue, &buf, 1, false));
}

static void give(struct bench *b, unsigned queue, unsigned first, unsigned n, int step)
{
	offer(b, queue, first, n, step);
	vqd_kick(&b->d, queue);
	vqd_run(&b->d);
}

static void inflate_returns_memory(void **state)
{
	struct bench b;
	uint16_t head;
	uint32_t len;

	up(&b);
	assert_int_equal(vqd_get(&b.d, VQD_DEVICE_ID), 5);
	give(&b, INFLATE, 10, 100, 1);
	give(&b, INFLATE, 499, 100, -1);
	give(&b, INFLATE, 1000, 50, 2);
	assert_true(vqd_used(&b.d, INFLATE, &head, &len));
	assert_int_equal(resident_in(&b, 10, 100), 0);
	assert_int_equal(resident_in(&b, 400, 100), 0);
	assert_int_equal(resident_in(&b, 1000, 100), 50);
	assert_int_equal(resident_in(&b, 0, BIG_PAGES), BIG_PAGES - 250);
	assert_int_equal(b.balloon.returned_bytes, 250 * PAGE);
	/* Back, and zeroes. */
	give(&b, DEFLATE, 10, 100, 1);
	assert_true(vqd_used(&b.d, DEFLATE, &head, &len));
	assert_int_equal(b.big[10 * PAGE], 0);
	assert_int_equal(b.big[9 * PAGE], 'x');
	assert_int_equal(b.big[110 * PAGE], 'x');
	/* Deflating takes nothing: not even of a page that was never in the balloon. */
	give(&b, DEFLATE, 600, 8, 1);
	assert_int_equal(b.big[600 * PAGE], 'x');
	down(&b);
}

/* Memory that is shared with another process is in a file: only punching a hole in it frees memory. */
static void shared_memory_is_returned(void **state)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);
	uint8_t *host, byte = 1;
	struct bench b;

	up(&b);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	host = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(host, MAP_FAILED);
	memset(host, 'x', 4 * PAGE);
	assert_int_equal(
		gmem_add(&b.d.mem,
			&(struct gmem_region){
				.gpa = BIG_GPA + BIG_SIZE, .size = 4 * PAGE, .host = host, .fd = fd, .shared = true}),
		0);
	give(&b, INFLATE, BIG_PAGES + 1, 2, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pread(fd, &byte, 1, (off_t)i * PAGE), 1);
		assert_int_equal(byte, i == 1 || i == 2 ? 0 : 'x');
	}
	assert_int_equal(b.balloon.returned_bytes, 2 * PAGE);
	down(&b);
	munmap(host, 4 * PAGE);
	close(fd);
}

/* The first page of RAM is one as the others. */
static void the_page_at_zero(void **state)
{
	struct vqd_buf buf = {.len = 4};
	uint64_t noted = 0;
	uint8_t *host;
	struct bench b;

	up(&b);
	host = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(host, MAP_FAILED);
	memset(host, 'x', 2 * PAGE);
	assert_int_equal(
		gmem_add(&b.d.mem,
			&(struct gmem_region){.gpa = 0, .size = 2 * PAGE, .host = host, .fd = -1, .written = &noted}),
		0);
	b.d.mem.tracked = true;
	/* The kernel's file is mapped there. */
	b.d.mem.file_lo = PAGE;
	b.d.mem.file_hi = 2 * PAGE;
	buf.gpa = vqd_alloc(&b.d, 4, 4);
	assert_int_equal(vqd_request(&b.d, INFLATE, &buf, 1, false), 0);
	assert_int_equal(host[0], 0);
	assert_int_equal(host[PAGE], 'x');
	assert_int_equal(b.balloon.returned_bytes, PAGE);
	/* The page is marked as written, for a later restore of RAM. */
	assert_int_equal(noted, 1);
	down(&b);
	munmap(host, 2 * PAGE);
}

/* One turn, whatever is left for the next one. */
static void turn(struct bench *b, unsigned queue)
{
	pthread_mutex_lock(&b->balloon.dev.lock);
	b->balloon.dev.ops->kick(&b->balloon.dev, queue);
	pthread_mutex_unlock(&b->balloon.dev.lock);
}

/* Turns until the request is answered. Return: how many. */
static unsigned turns(struct bench *b, unsigned queue)
{
	uint16_t head;
	uint32_t len;

	for (unsigned n = 0; n < 10000; n++) {
		if (vqd_used(&b->d, queue, &head, &len))
			return n;
		vqd_run(&b->d);
	}
	fail_msg("the request was never answered");
	return 0;
}

/* A request with more runs than one turn returns: the device continues by itself, and each run is returned once. */
static void a_long_list_takes_turns(void **state)
{
	struct bench b;

	up(&b);
	offer(&b, INFLATE, 0, BIG_PAGES / 2, 2);
	turn(&b, INFLATE);
	assert_in_range(b.balloon.returned_bytes, PAGE, 600 * PAGE);
	assert_in_range(turns(&b, INFLATE), 1, 20);
	assert_int_equal(resident_in(&b, 0, BIG_PAGES), BIG_PAGES / 2);
	assert_int_equal(b.balloon.returned_bytes, BIG_SIZE / 2);
	down(&b);
}

/* Numbers alone take time, too: 2,097,152 of them, in one request that asks nothing of the host. */
static void a_very_long_list_takes_turns(void **state)
{
	for (unsigned queue = INFLATE; queue <= DEFLATE; queue++) {
		struct vqd_buf list = {.len = 64 * KIB}, buf[128];
		struct bench b;

		up(&b);
		list.gpa = vqd_alloc(&b.d, list.len, 4);
		for (unsigned i = 0; i < list.len / 4; i++)
			le32_put((uint8_t *)vqd_ptr(&b.d, list.gpa) + (size_t)4 * i,
				(uint32_t)(BIG_GPA >> 12) + i % BIG_PAGES);
		for (unsigned i = 0; i < 128; i++)
			buf[i] = list;
		vqd_offer(&b.d, queue, vqd_add(&b.d, queue, buf, 128, false));
		turn(&b, queue);
		assert_in_range(b.balloon.done[queue], 4, 64 * 1024 * 4);
		assert_in_range(turns(&b, queue), 8, 1000);
		down(&b);
	}
}

/* And so does the size of what is reported free: here 1 GiB in all, in windows of 8 MiB. */
static void large_reports_take_turns(void **state)
{
	struct vqd_buf buf[128];
	struct bench b;

	up(&b);
	for (unsigned i = 0; i < 128; i++)
		buf[i] = (struct vqd_buf){BIG_GPA, BIG_SIZE, true};
	vqd_offer(&b.d, 3, vqd_add(&b.d, 3, buf, 128, false));
	turn(&b, 3);
	assert_in_range(b.balloon.returned_bytes, 32 * MIB, 66 * MIB);
	assert_in_range(turns(&b, 3), 4, 100);
	assert_int_equal(b.balloon.returned_bytes, 128 * BIG_SIZE);
	assert_int_equal(resident_in(&b, 0, BIG_PAGES), 0);
	down(&b);
}

/* The end of a turn does not cut a huge page, which could then not be returned at all. */
static void no_turn_ends_inside_a_page(void **state)
{
	struct vqd_buf buf[2];
	struct bench b;
	uint8_t *list;

	for (int down_too = 0; down_too < 2; down_too++) {
		up_with(&b, 2 * MIB, 0);
		/* Runs that return nothing use up most of the turn. */
		buf[0] = (struct vqd_buf){vqd_alloc(&b.d, 4 * 480, 4), 4 * 480, false};
		list = vqd_ptr(&b.d, buf[0].gpa);
		for (unsigned i = 0; i < 480; i++)
			le32_put(list + (size_t)4 * i, (uint32_t)(BIG_GPA >> 12) + 2 * (i % 200));
		buf[1] = (struct vqd_buf){vqd_alloc(&b.d, 4 * BIG_PAGES, 4), 4 * BIG_PAGES, false};
		list = vqd_ptr(&b.d, buf[1].gpa);
		for (unsigned i = 0; i < BIG_PAGES; i++)
			le32_put(list + (size_t)4 * i, (uint32_t)(BIG_GPA >> 12) + (down_too ? BIG_PAGES - 1 - i : i));
		vqd_offer(&b.d, INFLATE, vqd_add(&b.d, INFLATE, buf, 2, false));
		turn(&b, INFLATE);
		assert_in_range(b.balloon.done[INFLATE], 4 * 480, 4 * (480 + BIG_PAGES) - 1);
		turns(&b, INFLATE);
		assert_int_equal(resident_in(&b, 0, BIG_PAGES), 0);
		down(&b);
	}
}

/* What was served of a request that a reset took away says nothing of the next one. */
static void a_reset_forgets_how_far_it_was(void **state)
{
	struct bench b;

	for (int all = 0; all < 2; all++) {
		up_with(&b, PAGE, VIRTIO_F_RING_RESET);
		offer(&b, INFLATE, 0, BIG_PAGES / 2, 2);
		turn(&b, INFLATE);
		assert_true(b.balloon.done[INFLATE] > 0);
		if (all) {
			assert_true(vqd_start(&b.d, 0));
		} else {
			vqd_set(&b.d, VQD_QUEUE_SEL, INFLATE);
			vqd_set(&b.d, VQD_QUEUE_RESET, 1);
			assert_true(vqd_queue_setup(&b.d, INFLATE, 128));
		}
		give(&b, INFLATE, 1, 40, 2);
		assert_int_equal(resident(&b, 1), 0);
		assert_int_equal(resident(&b, 79), 0);
		down(&b);
	}
}

static void pages_outside_ram(void **state)
{
	struct bench b;

	up(&b);
	give(&b, INFLATE, BIG_PAGES, 1, 1);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	assert_int_equal(resident_in(&b, 0, BIG_PAGES), BIG_PAGES);
	assert_true(vqd_start(&b.d, 0));
	give(&b, DEFLATE, UINT32_MAX / 2, 1, 1);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

static void what_the_kernel_file_backs_stays(void **state)
{
	struct bench b;

	up(&b);
	gmem_set_file_window(&b.d.mem, BIG_GPA + 20 * PAGE, 10 * PAGE);
	give(&b, INFLATE, 10, 30, 1);
	assert_int_equal(resident_in(&b, 10, 10), 0);
	assert_int_equal(resident_in(&b, 20, 10), 10);
	assert_int_equal(resident_in(&b, 30, 10), 0);
	assert_int_equal(b.balloon.kept_bytes, 10 * PAGE);
	down(&b);
}

static void of_huge_pages_only_whole_ones(void **state)
{
	struct bench b;

	up_with(&b, 2 * MIB, 0);
	give(&b, INFLATE, 0, 511, 1);
	assert_int_equal(b.balloon.returned_bytes, 0);
	give(&b, INFLATE, 500, 600, 1);
	assert_int_equal(resident_in(&b, 0, BIG_PAGES), BIG_PAGES - 512);
	assert_int_equal(resident_in(&b, 512, 512), 0);
	down(&b);
}

static void report(struct bench *b, unsigned queue, unsigned first, unsigned n)
{
	struct vqd_buf buf = {BIG_GPA + (uint64_t)first * PAGE, n * PAGE, true};
	uint16_t head;
	uint32_t len;

	vqd_offer(&b->d, queue, vqd_add(&b->d, queue, &buf, 1, true));
	vqd_kick(&b->d, queue);
	vqd_run(&b->d);
	assert_true(vqd_used(&b->d, queue, &head, &len));
}

/* All of RAM is of a file, which has an f where the guest has written an x since. */
static void up_restored(struct bench *b, uint64_t features)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	uint8_t page[PAGE];

	map(b);
	memset(page, 'f', PAGE);
	for (unsigned i = 0; i < BIG_PAGES; i++)
		assert_int_equal(write(fd, page, PAGE), PAGE);
	assert_ptr_equal(mmap(b->big, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0), b->big);
	close(fd);
	madvise(b->big, BIG_SIZE, MADV_DONTDUMP);
	memset(b->big, 'x', BIG_SIZE);
	gmem_set_file_window(&b->d.mem, 0, BIG_GPA + BIG_SIZE);
	start(b, PAGE, features);
}

/* Pages that the process has of its own, of [first, first + n). */
static unsigned own_in(const struct bench *b, unsigned first, unsigned n)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned own = 0;

	for (unsigned i = first; i < first + n; i++) {
		uint64_t entry;

		assert_int_equal(pread(fd, &entry, 8, (off_t)(((uintptr_t)b->big / PAGE + i) * 8)), 8);
		own += entry >> 62 && !(entry >> 61 & 1);
	}
	close(fd);
	return own;
}

static void assert_all(const struct bench *b, unsigned first, unsigned n, char byte)
{
	for (uint64_t i = first * PAGE; i < (first + n) * PAGE; i++)
		assert_int_equal(b->big[i], byte);
}

/* The mapping with @at, of /proc/self/smaps: its flags have @flag. */
static bool has_flag(const void *at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[1024];
	bool in = false, has = false;
	unsigned long from, to;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			in = (uintptr_t)at >= from && (uintptr_t)at < to;
		has |= in && !strncmp(line, "VmFlags:", 8) && strstr(line, flag);
	}
	fclose(f);
	return has;
}

/* What a restored guest returns reads as zeroes and is no memory of its own any more; what it keeps stays. */
static void restored_memory_is_returned(void **state)
{
	struct bench b;

	up_restored(&b, VIRTIO_BALLOON_F_PAGE_REPORTING);
	assert_int_equal(own_in(&b, 0, 1024), 1024);
	give(&b, INFLATE, 10, 30, 1);
	report(&b, 2, 512, 512);
	assert_int_equal(own_in(&b, 10, 30), 0);
	assert_int_equal(own_in(&b, 512, 512), 0);
	assert_int_equal(own_in(&b, 0, 1024), 1024 - 30 - 512);
	assert_int_equal(b.balloon.returned_bytes, (30 + 512) * PAGE);
	assert_true(has_flag(b.big + 20 * PAGE, " dd"));
	assert_all(&b, 9, 1, 'x');
	assert_all(&b, 10, 30, 0);
	assert_all(&b, 40, 1, 'x');
	assert_all(&b, 511, 1, 'x');
	assert_all(&b, 512, 512, 0);

	/* A second time, with pages that were of the file between them. */
	memset(b.big + 10 * PAGE, 'y', 30 * PAGE);
	give(&b, INFLATE, 15, 5, 1);
	give(&b, INFLATE, 30, 30, 1);
	assert_all(&b, 10, 5, 'y');
	assert_all(&b, 15, 5, 0);
	assert_all(&b, 20, 10, 'y');
	assert_all(&b, 30, 30, 0);
	assert_all(&b, 60, 1, 'x');
	down(&b);
}

/* A driver that counts on zeroes in free pages finds them; one that counts on another pattern keeps its pages. */
static void restored_memory_with_a_pattern(void **state)
{
	struct bench b;

	up_restored(&b, VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_BALLOON_F_PAGE_POISON);
	report(&b, 4, 512, 512);
	assert_all(&b, 512, 512, 0);
	vqd_set(&b.d, VQD_CONFIG + 12, 0xaaaaaaaa);
	report(&b, 4, 0, 512);
	assert_all(&b, 0, 512, 'x');
	down(&b);
}

/* How many mappings there are is not the guest's to choose. */
static void pieces_of_restored_memory_are_bounded(void **state)
{
	struct bench b;

	up_restored(&b, 0);
	give(&b, INFLATE, 0, 100, 2);
	assert_int_equal(b.balloon.nr_zeroed, 100);
	give(&b, INFLATE, 1, 50, 2);
	assert_int_equal(b.balloon.nr_zeroed, 50);
	assert_all(&b, 0, 101, 0);
	b.balloon.nr_zeroed = 16384;
	give(&b, INFLATE, 300, 1, 1);
	assert_all(&b, 300, 1, 'x');
	assert_int_equal(b.balloon.kept_bytes, PAGE);
	/* What has been replaced needs none. */
	memset(b.big, 'y', PAGE);
	give(&b, INFLATE, 0, 1, 1);
	assert_int_equal(own_in(&b, 0, 1), 0);
	assert_all(&b, 0, 1, 0);
	down(&b);
}

/* 5.5.2 counts five queues; Linux before 6.11 leaves out those that it does not use. */
static void free_pages_are_reported(void **state)
{
	static const struct {
		uint64_t features;
		unsigned queue;
		bool poison;
		bool stays;
	} cases[] = {
		{VIRTIO_BALLOON_F_PAGE_REPORTING, 4, false, false},
		{VIRTIO_BALLOON_F_PAGE_REPORTING, 2, false, false},
		{VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_BALLOON_F_STATS_VQ, 3, false, false},
		{VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_BALLOON_F_STATS_VQ, 4, false, false},
		{VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_BALLOON_F_PAGE_POISON, 4, false, false},
		{VIRTIO_BALLOON_F_PAGE_REPORTING | VIRTIO_BALLOON_F_PAGE_POISON, 4, true, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench b;

		up_with(&b, PAGE, cases[i].features);
		vqd_set(&b.d, VQD_CONFIG + 12, cases[i].poison ? 0xaaaaaaaa : 0);
		report(&b, cases[i].queue, 512, 512);
		assert_int_equal(resident_in(&b, 512, 512), cases[i].stays ? 512 : 0);
		assert_int_equal(resident_in(&b, 0, 512), 512);
		down(&b);
	}
}

static void statistics(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 30};
	uint8_t *p;
	uint16_t head;
	uint32_t len;

	up(&b);
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	p = vqd_ptr(&b.d, buf.gpa);
	le16_put(p, VIRTIO_BALLOON_S_MEMFREE);
	le64_put(p + 2, 123456);
	le16_put(p + 10, VIRTIO_BALLOON_STATS); /* the first that we do not know */
	le64_put(p + 12, UINT64_MAX);
	le16_put(p + 20, VIRTIO_BALLOON_S_MEMTOT);
	le64_put(p + 22, 654321);
	vqd_offer(&b.d, STATS, vqd_add(&b.d, STATS, &buf, 1, false));
	vqd_kick(&b.d, STATS);
	vqd_run(&b.d);
	assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_MEMFREE], 123456);
	assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_MEMTOT], 654321);
	/* The buffer is kept until new ones are wanted. */
	assert_false(vqd_used(&b.d, STATS, &head, &len));
	b.balloon.poll.fired(&b.balloon.poll);
	assert_true(vqd_used(&b.d, STATS, &head, &len));
	b.balloon.poll.fired(&b.balloon.poll);
	assert_false(vqd_used(&b.d, STATS, &head, &len));
	down(&b);
}

/* A driver that offers many buffers: one is read each time that we want statistics, and no other until then. */
static void statistics_one_at_a_time(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 10};
	uint16_t head;
	uint32_t len;

	up(&b);
	for (unsigned i = 0; i < 100; i++) {
		buf.gpa = vqd_alloc(&b.d, buf.len, 1);
		le16_put(vqd_ptr(&b.d, buf.gpa), VIRTIO_BALLOON_S_MEMFREE);
		le64_put((uint8_t *)vqd_ptr(&b.d, buf.gpa) + 2, 1000 + i);
		vqd_offer(&b.d, STATS, vqd_add(&b.d, STATS, &buf, 1, false));
		vqd_kick(&b.d, STATS);
	}
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned n = 0; n < 3; n++) {
			vqd_kick(&b.d, STATS);
			vqd_run(&b.d);
		}
		assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_MEMFREE], 1000 + i);
		assert_false(vqd_used(&b.d, STATS, &head, &len));
		b.balloon.poll.fired(&b.balloon.poll);
		assert_true(vqd_used(&b.d, STATS, &head, &len));
	}
	/* All are back; the driver that offers one more is heard. */
	vqd_interrupted(&b.d);
	le64_put((uint8_t *)vqd_ptr(&b.d, buf.gpa) + 2, 7);
	vqd_offer(&b.d, STATS, vqd_add(&b.d, STATS, &buf, 1, false));
	vqd_kick(&b.d, STATS);
	vqd_run(&b.d);
	assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_MEMFREE], 7);
	down(&b);
}

static void *set_targets(void *arg)
{
	for (unsigned i = 0; i < 100; i++)
		virtio_balloon_set_target(arg, i * MIB);
	return NULL;
}

/* Whoever holds the device's lock for however long: the operator's thread does not wait for it. */
static void the_target_waits_for_nobody(void **state)
{
	struct bench b;
	pthread_t thread;

	up(&b);
	pthread_mutex_lock(&b.balloon.dev.lock);
	assert_int_equal(pthread_create(&thread, NULL, set_targets, &b.balloon), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_mutex_unlock(&b.balloon.dev.lock);
	vqd_run(&b.d);
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG), MIN(99 * MIB, gmem_size(&b.d.mem)) / PAGE);
	down(&b);
}

/* As Linux does it: the first buffer, and its kick, come before DRIVER_OK. */
static void statistics_before_driver_ok(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 10};

	up(&b);
	assert_true(vqd_negotiate(&b.d, VIRTIO_BALLOON_F_STATS_VQ));
	for (unsigned i = 0; i < 3; i++)
		assert_true(vqd_queue_setup(&b.d, i, 16));
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	le16_put(vqd_ptr(&b.d, buf.gpa), VIRTIO_BALLOON_S_AVAIL);
	le64_put((uint8_t *)vqd_ptr(&b.d, buf.gpa) + 2, 77);
	vqd_offer(&b.d, STATS, vqd_add(&b.d, STATS, &buf, 1, false));
	vqd_kick(&b.d, STATS);
	vqd_run(&b.d);
	assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_AVAIL], 0);
	vqd_set(&b.d, VQD_STATUS, VQD_ACKNOWLEDGE | VQD_DRIVER | VQD_FEATURES_OK | VQD_DRIVER_OK);
	assert_int_equal(b.balloon.stat[VIRTIO_BALLOON_S_AVAIL], 77);
	down(&b);
}

static void the_target(void **state)
{
	struct bench b;

	up(&b);
	vqd_interrupted(&b.d);
	virtio_balloon_set_target(&b.balloon, 10 * MIB);
	vqd_run(&b.d);
	assert_true(vqd_interrupted(&b.d));
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG), 10 * MIB / PAGE);
	vqd_set(&b.d, VQD_CONFIG, 7); /* the target is ours */
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG), 10 * MIB / PAGE);
	vqd_set(&b.d, VQD_CONFIG + 4, 99);
	assert_int_equal(b.balloon.actual, 99);
	/* At most what there is. */
	virtio_balloon_set_target(&b.balloon, UINT64_MAX);
	vqd_run(&b.d);
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG), gmem_size(&b.d.mem) / PAGE);
	assert_int_equal(vqd_get(&b.d, VQD_CONFIG + 16), 0);
	/* The driver's part is gone with the driver. */
	vqd_set(&b.d, VQD_STATUS, 0);
	assert_int_equal(b.balloon.actual, 0);
	down(&b);
	virtio_balloon_destroy(NULL);
}

static void a_list_that_is_none(void **state)
{
	struct bench b;
	struct vqd_buf buf = {.len = 7};

	up(&b);
	buf.gpa = vqd_alloc(&b.d, buf.len, 1);
	vqd_offer(&b.d, INFLATE, vqd_add(&b.d, INFLATE, &buf, 1, false));
	vqd_kick(&b.d, INFLATE);
	vqd_run(&b.d);
	assert_true(vqd_get(&b.d, VQD_STATUS) & VQD_NEEDS_RESET);
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inflate_returns_memory),
		cmocka_unit_test(shared_memory_is_returned),
		cmocka_unit_test(the_page_at_zero),
		cmocka_unit_test(a_long_list_takes_turns),
		cmocka_unit_test(a_very_long_list_takes_turns),
		cmocka_unit_test(large_reports_take_turns),
		cmocka_unit_test(no_turn_ends_inside_a_page),
		cmocka_unit_test(a_reset_forgets_how_far_it_was),
		cmocka_unit_test(pages_outside_ram),
		cmocka_unit_test(what_the_kernel_file_backs_stays),
		cmocka_unit_test(of_huge_pages_only_whole_ones),
		cmocka_unit_test(restored_memory_is_returned),
		cmocka_unit_test(restored_memory_with_a_pattern),
		cmocka_unit_test(pieces_of_restored_memory_are_bounded),
		cmocka_unit_test(free_pages_are_reported),
		cmocka_unit_test(statistics),
		cmocka_unit_test(statistics_one_at_a_time),
		cmocka_unit_test(statistics_before_driver_ok),
		cmocka_unit_test(the_target),
		cmocka_unit_test(the_target_waits_for_nobody),
		cmocka_unit_test(a_list_that_is_none),
	};

	return run_group(tests);
}
