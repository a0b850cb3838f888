// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of virtio-blk: overlays, what errors of the host become, threads, the rate, and no allocation.
 */
#include <fcntl.h>
#include <sched.h>
#include <time.h>

#include "tests/unit/devices/blk_bench.h"
#include "vmm/base/clock.h"

static void an_overlay_leaves_the_image_alone(void **state)
{
	struct bench *b = make(&(struct setup){.overlay = true, .queues = 2});
	uint8_t *data;

	alive(b, UINT64_MAX);
	data = vqd_ptr(&b->d, b->data);
	/* A part of a block, across a block, whole blocks. */
	memset(data, 0xaa, SECTOR);
	assert_int_equal(request(b, OUT, 3, SECTOR), OK);
	memset(data, 0xbb, 2 * SECTOR);
	assert_int_equal(request_on(b, 1, OUT, 15, 2 * SECTOR, NULL), OK);
	memset(data, 0xcc, 8192);
	assert_int_equal(request(b, OUT, 32, 8192), OK);
	put_segment(b, 0, 50, 20, 1);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	put_segment(b, 0, 32, 8, 0);
	assert_int_equal(request(b, DISCARD, 0, 16), OK);
	put_segment(b, 0, 200, 16, 0);
	assert_int_equal(request(b, DISCARD, 0, 16), OK);
	assert_int_equal(request(b, FLUSH, 0, 0), OK);

	assert_int_equal(request(b, IN, 0, 100 * SECTOR), OK);
	for (unsigned n = 0; n < 100; n++) {
		uint8_t byte = (uint8_t)n;

		if (n == 3)
			byte = 0xaa;
		else if (n == 15 || n == 16)
			byte = 0xbb;
		else if (n >= 40 && n < 48)
			byte = 0xcc;
		else if (n >= 50 && n < 70)
			byte = 0;
		if (n < 32 || n >= 40) /* the rest was discarded */
			data_is(b, n * SECTOR, SECTOR, byte);
	}
	assert_int_equal(request(b, IN, DISK_SIZE / SECTOR - 2, 2 * SECTOR), OK);
	data_is(b, SECTOR, SECTOR, 0xff);
	for (unsigned n = 0; n < DISK_SIZE / SECTOR; n++)
		image_is(b, n, (uint8_t)n);
	drop(b);
}

/* A block of an overlay that is written in parts keeps all of them; a discard takes no more than it says. */
static void an_overlay_keeps_what_lies_beside(void **state)
{
	struct bench *b = make(&(struct setup){.overlay = true});
	uint8_t *data;

	alive(b, UINT64_MAX);
	data = vqd_ptr(&b->d, b->data);
	for (unsigned n = 8; n < 16; n += 2) {
		memset(data, (int)(0xa0 + n), SECTOR);
		assert_int_equal(request(b, OUT, n, SECTOR), OK);
	}
	assert_int_equal(request(b, IN, 8, 8 * SECTOR), OK);
	for (unsigned n = 8; n < 16; n++)
		data_is(b, (n - 8) * SECTOR, SECTOR, (uint8_t)(n % 2 ? n : 0xa0 + n));
	/* Sectors 9 and 10 of a block from 8 to 15. */
	put_segment(b, 0, 9, 2, 0);
	assert_int_equal(request(b, DISCARD, 0, 16), OK);
	assert_int_equal(request(b, IN, 8, 8 * SECTOR), OK);
	data_is(b, 0, SECTOR, 0xa8);
	data_is(b, 4 * SECTOR, SECTOR, 0xac);
	drop(b);
}

static unsigned told;
static char told_text[256];

static void hear(struct trace_sink *sink, const struct trace_record *rec)
{
	if (rec->event != TRACE_EV_disk_failed)
		return;
	told++;
	trace_format(rec, told_text, sizeof(told_text));
}

/* The host fails: the guest gets an error and continues. The first error is logged, the report counts all. */
static void errors_of_the_host(void **state)
{
	struct bench *b = started();
	struct trace_sink sink = {.level = TRACE_ERROR, .record = hear};
	int null = open("/dev/null", O_RDWR), full = open("/dev/full", O_RDWR), fd = b->disk.fd;

	assert_true(null >= 0 && full >= 0);
	trace_add_sink(b->d.trace, &sink);
	told = 0;
	/* The guest's own errors do not count as the host's. */
	assert_int_equal(request(b, IN, DISK_SIZE / SECTOR, SECTOR), IOERR);
	assert_int_equal(request(b, 99, 0, 0), UNSUPP);
	assert_int_equal(virtio_payload(&b->blk.dev).host_errors, 0);
	/* The image has become shorter. */
	assert_int_equal(ftruncate(b->file, 4096), 0);
	assert_int_equal(request(b, IN, 0, 4096), OK);
	assert_int_equal(request(b, IN, 4, 4096), IOERR);
	data_is(b, 0, 4096, 0);
	trace_drain(b->d.trace);
	assert_int_equal(told, 1);
	assert_string_equal(told_text,
		"disk0: the host could not read: Input/output error; the guest sees I/O errors, which the report "
		"counts");
	/* ENOSPC, EINVAL, EBADF. */
	b->disk.fd = full;
	assert_int_equal(request(b, OUT, 0, SECTOR), IOERR);
	b->disk.fd = null;
	assert_int_equal(request(b, FLUSH, 0, 0), IOERR);
	assert_int_equal(request(b, IN, 0, SECTOR), IOERR);
	b->disk.fd = fd;
	close(null);
	null = open("/dev/null", O_RDONLY);
	b->disk.fd = null;
	assert_int_equal(request(b, OUT, 0, SECTOR), IOERR);
	b->disk.fd = fd;
	assert_int_equal(request(b, IN, 0, SECTOR), OK);
	trace_drain(b->d.trace);
	assert_int_equal(told, 1);
	assert_int_equal(virtio_payload(&b->blk.dev).host_errors, 5);
	close(null);
	close(full);
	drop(b);
}

/* A file system without holes: zeroes are written, discards are forgotten. Pipes know no fallocate, nor do devices. */
static void without_fallocate(void **state)
{
	struct bench *b = started();
	int zero = open("/dev/null", O_RDWR), fd = b->disk.fd;

	b->disk.fd = zero;
	put_segment(b, 0, 0, 256, 1);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	put_segment(b, 0, 0, 256, 0);
	assert_int_equal(request(b, DISCARD, 0, 16), OK);
	b->disk.fd = fd;
	close(zero);
	drop(b);
}

/* The linker puts these in front of the allocator: --wrap. */
static unsigned allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
	return __real_realloc(p, size);
}

static void no_request_allocates(void **state)
{
	for (int overlay = 0; overlay < 2; overlay++) {
		struct bench *b = make(&(struct setup){.overlay = overlay, .rate = GIB});
		unsigned before = allocations;

		assert_true(before > 0); /* the wrapping works: make() allocates */
		alive(b, UINT64_MAX);
		for (unsigned i = 0; i < 100; i++) {
			assert_int_equal(request(b, IN, i, 2 * SECTOR), OK);
			assert_int_equal(request(b, OUT, i + 1, SECTOR), OK);
			assert_int_equal(request(b, FLUSH, 0, 0), OK);
			assert_int_equal(request(b, GET_ID, 0, 20), OK);
			put_segment(b, 0, i, 4, 0);
			assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
			assert_int_equal(request(b, DISCARD, 0, 16), OK);
			assert_int_equal(request(b, 99, 0, 0), UNSUPP);
		}
		assert_int_equal(allocations, before);
		drop(b);
	}
}

static uint64_t now_ms(void)
{
	return trace_now_ns() / NSEC_PER_MSEC;
}

static void a_rate_is_kept(void **state)
{
	struct bench *b = make(&(struct setup){.rate = 640 * KIB});
	uint64_t begin;

	alive(b, UINT64_MAX);
	begin = now_ms();
	/* 256 KiB at 640 KiB/s take 400 ms, of which 100 are granted in advance, without a wait after the last. */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(request(b, IN, 0, 64 * KIB), OK);
	assert_in_range(now_ms() - begin, 190, 1000);
	/* What asks nothing of the host is free. */
	begin = now_ms();
	assert_int_equal(request(b, GET_ID, 0, 20), OK);
	assert_int_equal(request(b, IN, 0, 0), OK);
	assert_in_range(now_ms() - begin, 0, 50);
	drop(b);
}

struct cost {
	uint32_t type;
	uint64_t sector;
	uint32_t len;
	uint32_t sectors[2]; /* of two ranges */
	uint64_t bytes;
};

/* What each request of a list took of the rate, to the byte. */
static void costs(struct bench *b, const struct cost *row, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint64_t before = trace_now_ns();

		for (unsigned n = 0; n < 2 && row[i].type >= DISCARD; n++)
			put_segment(b, n, 0, row[i].sectors[n], 0);
		b->blk.free_at_ns = before;
		request(b, row[i].type, row[i].sector, row[i].len);
		assert_int_equal(b->blk.free_at_ns - before, row[i].bytes * NSEC_PER_SEC / MIB);
	}
}

/* Not by write-zeroes, discards or flushes does a guest get past its rate. What fails costs nothing. */
static void what_counts_against_the_rate(void **state)
{
	static const struct cost writeback[] = {
		{.type = IN, .len = 4096, .bytes = 4096},
		{.type = OUT, .len = 4096, .bytes = 4096},
		{.type = FLUSH, .bytes = 16384},
		{.type = WRITE_ZEROES, .len = 16, .sectors = {128}, .bytes = 65536},
		{.type = WRITE_ZEROES, .len = 32, .sectors = {8, 16}, .bytes = 12288},
		{.type = DISCARD, .len = 16, .sectors = {512}, .bytes = 4096 + 1024},
		{.type = DISCARD, .len = 32, .sectors = {512, 8}, .bytes = 2 * 4096 + 1024 + 16},
		{.type = DISCARD, .len = 32, .sectors = {0, 0}, .bytes = 0},
		{.type = DISCARD, .len = 15, .sectors = {8}, .bytes = 0},
		{.type = WRITE_ZEROES, .len = 16, .sectors = {DISK_SIZE / SECTOR + 1}, .bytes = 0},
		{.type = WRITE_ZEROES, .len = 16, .sectors = {UINT32_MAX}, .bytes = 0},
		{.type = IN, .sector = DISK_SIZE / SECTOR, .len = 4096, .bytes = 0},
		{.type = OUT, .sector = UINT64_MAX, .len = 4096, .bytes = 0},
		{.type = GET_ID, .len = 20, .bytes = 0},
		{.type = 99, .len = 4096, .bytes = 0},
	};
	/* In write-through each write is a flush as well. */
	static const struct cost through[] = {
		{.type = OUT, .len = 512, .bytes = 512 + 16384},
		{.type = WRITE_ZEROES, .len = 16, .sectors = {8}, .bytes = 4096 + 16384},
		{.type = DISCARD, .len = 16, .sectors = {256}, .bytes = 4096 + 512},
		{.type = IN, .len = 512, .bytes = 512},
		{.type = OUT, .len = 0, .bytes = 0},
		{.type = WRITE_ZEROES, .len = 16, .sectors = {0}, .bytes = 0},
	};
	static const struct cost overlay[] = {{.type = FLUSH, .bytes = 0}, {.type = OUT, .len = 512, .bytes = 512}};
	struct bench *b = make(&(struct setup){.rate = MIB});

	alive(b, UINT64_MAX);
	costs(b, writeback, ARRAY_SIZE(writeback));
	alive(b, F_CONFIG_WCE | BIT(13) | BIT(14)); /* without FLUSH */
	costs(b, through, ARRAY_SIZE(through));
	drop(b);
	b = make(&(struct setup){.rate = MIB, .overlay = true});
	alive(b, UINT64_MAX);
	costs(b, overlay, ARRAY_SIZE(overlay));
	drop(b);
}

/* The longest range that the driver may ask for takes a second. */
static void a_range_is_no_longer_than_the_rate(void **state)
{
	static const struct {
		uint64_t rate, discard, zeroes;
	} row[] = {
		{0, 2 * GIB, 64 * MIB},
		{GIB, 2 * GIB, 64 * MIB},
		{MIB, 256 * MIB, MIB},
		{10000, 2560000 / 4096 * 4096, 8192},
		{1, 4096, 4096},
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct bench *b = make(&(struct setup){.rate = row[i].rate});

		assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 36, 4) * 512, row[i].discard);
		assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 48, 4) * 512, row[i].zeroes);
		drop(b);
	}
}

/* --- In a thread of its own, as the machine runs it -------------------------------------------------------------- */

static void *run_loop(void *arg)
{
	assert_int_equal(loop_run(arg), 0);
	return NULL;
}

static bool wait_used(struct bench *b, uint32_t *len)
{
	uint16_t head;

	for (int i = 0; i < 5000; i++) {
		if (vqd_used(&b->d, 0, &head, len))
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return false;
}

static void offer_reads(struct bench *b, unsigned queue, unsigned n)
{
	struct vqd_buf buf[] = {{b->header, 16, false}, {b->data, 8 * KIB, true}, {b->status, 1, true}};

	put_header(b, IN, 0);
	while (n--)
		vqd_offer(&b->d, queue, vqd_add(&b->d, queue, buf, 3, false));
	vqd_kick(&b->d, queue);
}

static unsigned answered(struct bench *b, unsigned queue)
{
	uint16_t head;
	uint32_t len;
	unsigned n = 0;

	while (vqd_used(&b->d, queue, &head, &len))
		n++;
	return n;
}

/* The queues of an overlay: one that always has requests leaves the others their turn. */
static void queues_of_one_thread_take_turns(void **state)
{
	struct bench *b = make(&(struct setup){.overlay = true, .queues = 2});
	unsigned first;

	alive(b, UINT64_MAX);
	offer_reads(b, 0, 80);
	offer_reads(b, 1, 1);
	vqd_run(&b->d);
	first = answered(b, 0);
	assert_in_range(first, 1, 79);
	assert_int_equal(answered(b, 1), 1);
	for (unsigned i = 0; i < 80; i++)
		vqd_run(&b->d);
	assert_int_equal(first + answered(b, 0), 80);
	drop(b);
}

static bool free_at_becomes(struct bench *b, uint64_t ns)
{
	bool is = false;

	for (int i = 0; i < 5000 && !is; i++) {
		pthread_mutex_lock(&b->blk.dev.lock);
		is = b->blk.free_at_ns == ns;
		pthread_mutex_unlock(&b->blk.dev.lock);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return is;
}

/* Two queues with a thread each: each request has its turn behind those that came before, of whatever queue. */
static void queues_share_the_rate(void **state)
{
	struct bench *b = make(&(struct setup){.rate = 8 * KIB, .queues = 2, .loops = 2});
	uint64_t free_at = trace_now_ns() + UINT64_C(60000000000);
	pthread_t thread[2];

	alive(b, UINT64_MAX);
	b->blk.free_at_ns = free_at;
	for (unsigned q = 0; q < 2; q++) {
		assert_int_equal(pthread_create(&thread[q], NULL, run_loop, b->blk.dev.loop[q]), 0);
		offer_reads(b, q, 2);
		/* One second for each, and the second one of a queue comes when the first is done. */
		assert_true(free_at_becomes(b, free_at + (q + 1) * NSEC_PER_SEC));
	}
	virtio_blk_quit(&b->blk);
	for (unsigned q = 0; q < 2; q++) {
		loop_stop(b->blk.dev.loop[q]);
		assert_int_equal(pthread_join(thread[q], NULL), 0);
	}
	drop(b);
}

static void start_read(struct bench *b, uint32_t len)
{
	struct vqd_buf buf[] = {{b->header, 16, false}, {b->data, len, true}, {b->status, 1, true}};

	put_header(b, IN, 0);
	vqd_offer(&b->d, 0, vqd_add(&b->d, 0, buf, 3, false));
	vqd_kick(&b->d, 0);
}

/* Long before the 16 s for which a request waits. By the clock: on a busy host a thousand short sleeps take as long. */
static bool becomes_0(struct bench *b, uint32_t reg)
{
	uint64_t until = trace_now_ns() + 8 * NSEC_PER_SEC;

	while (vqd_get(&b->d, reg) && trace_now_ns() < until)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return !vqd_get(&b->d, reg) && trace_now_ns() < until;
}

/* A request that waits (here for the rate) is cancelled by a reset, which is complete when nothing is in flight. */
static void a_reset_while_a_request_waits(void **state)
{
	struct bench *b = make(&(struct setup){.rate = 4 * KIB});
	pthread_t thread;
	uint64_t free_at;
	uint32_t len;

	alive(b, UINT64_MAX);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, b->d.loop), 0);
	start_read(b, 64 * KIB);
	assert_true(wait_used(b, &len));
	/* The next would wait for 16 s. */
	free_at = b->blk.free_at_ns;
	memset(vqd_ptr(&b->d, b->data), 0x5a, SECTOR);
	start_read(b, SECTOR);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	vqd_set(&b->d, VQD_STATUS, 0);
	assert_true(becomes_0(b, VQD_STATUS));
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), NOT_WRITTEN);
	data_is(b, 0, SECTOR, 0x5a);                  /* nor the data */
	assert_int_equal(b->blk.free_at_ns, free_at); /* what was not done is not paid for */
	/* And quitting wakes it as well. */
	alive(b, UINT64_MAX);
	start_read(b, SECTOR);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	virtio_blk_quit(&b->blk);
	loop_stop(b->d.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* From then on the guest's memory may be gone. */
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), NOT_WRITTEN);
	assert_int_equal(answered(b, 0), 0);
	drop(b);
}

/* 2.6.1: the reset of a queue is complete when its request has let go; it does not wait for the rate. */
static void a_queue_reset_while_a_request_waits(void **state)
{
	struct bench *b = make(&(struct setup){.rate = 4 * KIB});
	pthread_t thread;
	uint32_t len;

	alive(b, UINT64_MAX);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, b->d.loop), 0);
	start_read(b, 64 * KIB);
	assert_true(wait_used(b, &len));
	start_read(b, SECTOR);
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	vqd_set(&b->d, VQD_QUEUE_SEL, 0);
	vqd_set(&b->d, VQD_QUEUE_RESET, 1);
	assert_true(becomes_0(b, VQD_QUEUE_RESET));
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), NOT_WRITTEN);
	virtio_blk_quit(&b->blk);
	loop_stop(b->d.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	drop(b);
}

static void resets_against_a_busy_thread(void **state)
{
	struct bench *b = make(&(struct setup){0});
	pthread_t thread;
	uint32_t len;

	alive(b, UINT64_MAX);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, b->d.loop), 0);
	for (int i = 0; i < 300; i++) {
		start_read(b, 64 * KIB);
		if (i % 3 == 0)
			assert_true(wait_used(b, &len));
		vqd_set(&b->d, VQD_STATUS, 0);
		while (vqd_get(&b->d, VQD_STATUS))
			sched_yield();
		alive(b, UINT64_MAX);
	}
	start_read(b, SECTOR);
	assert_true(wait_used(b, &len));
	assert_int_equal(len, SECTOR + 1);
	virtio_blk_quit(&b->blk);
	loop_stop(b->d.loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	drop(b);
}

/* Header, data or status in a page of a mapped kernel whose file was truncated. The device continues. */
static void buffers_in_ram_that_vanished(void **state)
{
	const uint64_t gone = UINT64_C(1) << 32;
	struct bench *b = started();
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct gmem_region r = {.gpa = gone, .size = 8192, .fd = fd};
	struct vqd_buf buf[3] = {{b->header, 16, false}, {b->data, SECTOR, true}, {b->status, 1, true}};

	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	r.host = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(r.host != MAP_FAILED);
	assert_int_equal(gmem_add(&b->d.mem, &r), 0);
	gmem_set_file_window(&b->d.mem, gone, r.size);
	assert_int_equal(ftruncate(fd, 0), 0);

	put_header(b, IN, 5);
	buf[2].gpa = gone;
	assert_int_equal(vqd_request(&b->d, 0, buf, 3, false), SECTOR + 1);
	data_is(b, 0, SECTOR, 5);
	buf[2].gpa = b->status;
	/* All zeroes: a read of sector 0. */
	buf[0].gpa = gone + 8;
	assert_int_equal(vqd_request(&b->d, 0, buf, 3, false), SECTOR + 1);
	data_is(b, 0, SECTOR, 0);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
	buf[0].gpa = b->header;
	put_header(b, IN, 5);
	buf[1].gpa = gone + 4096 - 100;
	assert_int_equal(vqd_request(&b->d, 0, buf, 3, false), SECTOR + 1);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), IOERR);
	put_header(b, GET_ID, 0);
	vqd_request(&b->d, 0, buf, 3, false);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);

	assert_int_equal(request(b, IN, 7, SECTOR), OK);
	data_is(b, 0, SECTOR, 7);
	munmap(r.host, r.size);
	close(fd);
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overlay_leaves_the_image_alone),
		cmocka_unit_test(an_overlay_keeps_what_lies_beside),
		cmocka_unit_test(errors_of_the_host),
		cmocka_unit_test(without_fallocate),
		cmocka_unit_test(no_request_allocates),
		cmocka_unit_test(buffers_in_ram_that_vanished),
		cmocka_unit_test(a_rate_is_kept),
		cmocka_unit_test(what_counts_against_the_rate),
		cmocka_unit_test(a_range_is_no_longer_than_the_rate),
		cmocka_unit_test(queues_of_one_thread_take_turns),
		cmocka_unit_test(queues_share_the_rate),
		cmocka_unit_test(a_reset_while_a_request_waits),
		cmocka_unit_test(a_queue_reset_while_a_request_waits),
		cmocka_unit_test(resets_against_a_busy_thread),
	};

	return run_group(tests);
}
