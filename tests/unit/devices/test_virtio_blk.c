// SPDX-License-Identifier: Apache-2.0
/*
 * virtio-blk as its driver sees it: every request, and every way to get one wrong (virtio 1.2, 5.2).
 */
#include "tests/unit/devices/blk_bench.h"

static void the_configuration_says_what_is_there(void **state)
{
	struct bench *b = make(&(struct setup){.queues = 3});

	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 0, 8), DISK_SIZE / 512);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 12, 4), VIRTIO_BLK_QUEUE_SIZE - 2);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 20, 4), 512);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 24, 1), 3); /* 4096-byte blocks */
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 1); /* writeback */
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 34, 2), 3);
	assert_true(vqd_in(&b->d, VQD_CONFIG + 36, 4) > 0);
	assert_true(vqd_in(&b->d, VQD_CONFIG + 40, 4) > 0);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 44, 4), 8);
	assert_true(vqd_in(&b->d, VQD_CONFIG + 48, 4) > 0);
	assert_true(vqd_in(&b->d, VQD_CONFIG + 52, 4) > 0);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 56, 1), 1);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + VIRTIO_BLK_CONFIG_SIZE, 4), 0);
	assert_int_equal(vqd_get(&b->d, VQD_DEVICE_ID), 2);
	assert_true(vqd_features(&b->d) & F_MQ);
	assert_false(vqd_features(&b->d) & F_RO);
	drop(b);
	b = make(&(struct setup){.ro = true, .logical = 4096});
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 20, 4), 4096);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 24, 1), 0);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 36, 4), 0);
	assert_true(vqd_features(&b->d) & F_RO);
	assert_false(vqd_features(&b->d) & (F_MQ | BIT(13) | BIT(14)));
	drop(b);
}

static void reads_and_writes(void **state)
{
	struct bench *b = started();
	uint32_t used;

	assert_int_equal(request_on(b, 0, IN, 7, 3 * SECTOR, &used), OK);
	assert_int_equal(used, 3 * SECTOR + 1);
	for (unsigned i = 0; i < 3; i++)
		data_is(b, i * SECTOR, SECTOR, (uint8_t)(7 + i));
	memset(vqd_ptr(&b->d, b->data), 0xab, 2 * SECTOR);
	assert_int_equal(request_on(b, 0, OUT, 9, 2 * SECTOR, &used), OK);
	assert_int_equal(used, 1);
	image_is(b, 8, 8);
	image_is(b, 9, 0xab);
	image_is(b, 10, 0xab);
	image_is(b, 11, 11);
	/* The last sector, and none at all. */
	assert_int_equal(request(b, IN, DISK_SIZE / SECTOR - 1, SECTOR), OK);
	assert_int_equal(request(b, IN, DISK_SIZE / SECTOR, 0), OK);
	assert_int_equal(request(b, OUT, 0, 0), OK);
	assert_int_equal(request(b, FLUSH, 0, 0), OK);
	/* What failed moved nothing. */
	assert_int_not_equal(request(b, IN, DISK_SIZE / SECTOR, SECTOR), OK);
	assert_int_equal(virtio_payload(&b->blk.dev).to_guest, 4 * SECTOR);
	assert_int_equal(virtio_payload(&b->blk.dev).from_guest, 2 * SECTOR);
	drop(b);
}

/* 2.7.4: a driver may cut a request into descriptors as it likes. */
static void any_layout(void **state)
{
	struct bench *b = started();
	struct vqd_buf buf[] = {
		{b->header, 3, false},
		{b->header + 3, 12, false},
		{b->header + 15, 1, false},
		{b->data, 1, true},
		{b->data + 1, 700, true},
		{b->data + 701, 2 * SECTOR - 701 + 1, true},
	};

	for (unsigned indirect = 0; indirect < 2; indirect++) {
		put_header(b, IN, 5);
		assert_int_equal(vqd_request(&b->d, 0, buf, ARRAY_SIZE(buf), indirect), 2 * SECTOR + 1);
		data_is(b, 0, SECTOR, 5);
		data_is(b, SECTOR, SECTOR, 6);
		data_is(b, 2 * SECTOR, 1, OK);
	}
	/* Header and data in one descriptor. */
	uint64_t both = vqd_alloc(&b->d, 16 + SECTOR, 1);
	struct vqd_buf write[] = {{both, 16 + SECTOR, false}, {b->status, 1, true}};

	put_header(b, OUT, 20);
	memcpy(vqd_ptr(&b->d, both), vqd_ptr(&b->d, b->header), 16);
	memset((uint8_t *)vqd_ptr(&b->d, both) + 16, 0xcd, SECTOR);
	vqd_request(&b->d, 0, write, 2, false);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
	image_is(b, 20, 0xcd);
	drop(b);
}

static void sectors_that_are_not_there(void **state)
{
	static const uint64_t sectors[] = {DISK_SIZE / SECTOR, DISK_SIZE / SECTOR - 1, UINT64_C(1) << 32,
		UINT64_C(1) << 54, UINT64_C(1) << 55, UINT64_MAX, UINT64_MAX - 1, UINT64_C(0x7fffffffffffff)};
	struct bench *b = started();

	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		uint32_t used;

		memset(vqd_ptr(&b->d, b->data), 0x5a, 2 * SECTOR);
		assert_int_equal(request(b, OUT, sectors[i], 2 * SECTOR), IOERR);
		assert_int_equal(request_on(b, 0, IN, sectors[i], 2 * SECTOR, &used), IOERR);
		/* All bytes that the used element counts were written, so no stale data is disclosed. */
		assert_int_equal(used, 2 * SECTOR + 1);
		data_is(b, 0, 2 * SECTOR, 0);
	}
	assert_int_equal(lseek(b->file, 0, SEEK_END), DISK_SIZE);
	/* Lengths that cut a sector. */
	assert_int_equal(request(b, IN, 0, 1), IOERR);
	assert_int_equal(request(b, IN, 0, 511), IOERR);
	assert_int_equal(request(b, OUT, 0, 513), IOERR);
	image_is(b, 0, 0);
	drop(b);
	b = make(&(struct setup){.logical = 4096});
	alive(b, UINT64_MAX);
	assert_int_equal(request(b, IN, 8, 4096), OK);
	assert_int_equal(request(b, IN, 1, 4096), IOERR);
	assert_int_equal(request(b, IN, 8, 512), IOERR);
	drop(b);
}

static void types_that_are_not_there(void **state)
{
	static const uint32_t types[] = {2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 16, 0x80000000, UINT32_MAX};
	struct bench *b = started();

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(request(b, types[i], 0, 0), UNSUPP);
		assert_int_equal(request(b, types[i], 0, SECTOR), UNSUPP);
	}
	drop(b);
}

static void requests_without_form(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct bench *b = started();
		struct vqd_buf buf[3] = {{b->header, 16, false}, {b->status, 1, true}};
		unsigned nr = 2;

		switch (i) {
		case 0: buf[0].len = 15; break;
		case 1: buf[0].len = 0; break;
		case 2: nr = 1; break;         /* no status */
		case 3: buf[1].len = 0; break; /* an empty one */
		case 4:
			buf[0] = buf[1];
			nr = 1;
			break;
		}
		put_header(b, IN, 0);
		vqd_offer(&b->d, 0, vqd_add(&b->d, 0, buf, nr, false));
		vqd_kick(&b->d, 0);
		vqd_run(&b->d);
		assert_true(vqd_get(&b->d, VQD_STATUS) & VQD_NEEDS_RESET);
		alive(b, UINT64_MAX);
		assert_int_equal(request(b, IN, 0, SECTOR), OK);
		drop(b);
	}
}

static void the_id(void **state)
{
	struct bench *b = make(&(struct setup){.id = "12345678901234567890"});
	uint32_t used;

	alive(b, UINT64_MAX);
	assert_int_equal(request_on(b, 0, GET_ID, 0, 20, &used), OK);
	assert_int_equal(used, 21);
	assert_memory_equal(vqd_ptr(&b->d, b->data), "12345678901234567890", 20);
	assert_int_equal(request(b, GET_ID, 0, 19), IOERR);
	assert_int_equal(request(b, GET_ID, 0, 0), IOERR);
	drop(b);
	b = started();
	assert_int_equal(request(b, GET_ID, 0, 20), OK);
	assert_memory_equal(vqd_ptr(&b->d, b->data), "disk0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	drop(b);
}

static void a_read_only_disk(void **state)
{
	struct bench *b = make(&(struct setup){.ro = true});

	alive(b, UINT64_MAX);
	memset(vqd_ptr(&b->d, b->data), 0xab, SECTOR);
	assert_int_equal(request(b, OUT, 3, SECTOR), IOERR);
	assert_int_equal(request(b, DISCARD, 0, 16), IOERR);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), IOERR);
	image_is(b, 3, 3);
	assert_int_equal(request(b, IN, 3, SECTOR), OK);
	assert_int_equal(request(b, FLUSH, 0, 0), OK);
	drop(b);
}

static void discard_and_write_zeroes(void **state)
{
	struct bench *b = started();

	/* Two ranges at once, one of them not aligned to blocks of anybody. */
	put_segment(b, 0, 8, 8, 1);
	put_segment(b, 1, 101, 3, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 32), OK);
	image_is(b, 7, 7);
	image_is(b, 8, 0);
	image_is(b, 15, 0);
	image_is(b, 16, 16);
	image_is(b, 100, 100);
	image_is(b, 101, 0);
	image_is(b, 103, 0);
	image_is(b, 104, 104);
	put_segment(b, 0, 64, 64, 0);
	assert_int_equal(request(b, DISCARD, 0, 16), OK);
	image_is(b, 63, 63);
	image_is(b, 128, 128);
	assert_int_equal(request(b, IN, 64, SECTOR), OK);
	/* Nothing at all. */
	put_segment(b, 0, 5, 0, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	image_is(b, 5, 5);

	/* 5.2.6.2: unknown flags, unmap on a discard. */
	put_segment(b, 0, 0, 1, 1);
	assert_int_equal(request(b, DISCARD, 0, 16), UNSUPP);
	put_segment(b, 0, 1, 1, 2);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), UNSUPP);
	/* Lengths and ranges; what comes first is not done when the second is wrong. */
	assert_int_equal(request(b, WRITE_ZEROES, 0, 0), IOERR);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 15), IOERR);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 17), IOERR);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 33 * 16), IOERR);
	put_segment(b, 0, 1, 1, 0);
	put_segment(b, 1, DISK_SIZE / SECTOR, 1, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 32), IOERR);
	put_segment(b, 1, UINT64_MAX, 2, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 32), IOERR);
	put_segment(b, 1, 0, UINT32_MAX, 0);
	assert_int_equal(request(b, DISCARD, 0, 32), IOERR);
	image_is(b, 1, 1);
	drop(b);
}

static void the_cache_mode(void **state)
{
	struct bench *b = started();

	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 1);
	vqd_out(&b->d, VQD_CONFIG + 32, 0, 1);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 0);
	memset(vqd_ptr(&b->d, b->data), 0xab, SECTOR);
	assert_int_equal(request(b, OUT, 3, SECTOR), OK);
	put_segment(b, 0, 4, 1, 0);
	assert_int_equal(request(b, WRITE_ZEROES, 0, 16), OK);
	image_is(b, 3, 0xab);
	image_is(b, 4, 0);
	/* The rest of the configuration is read-only. */
	for (unsigned i = 0; i < VIRTIO_BLK_CONFIG_SIZE; i++) {
		uint64_t before = vqd_in(&b->d, VQD_CONFIG + i, 1);

		if (i == 32)
			continue;
		vqd_out(&b->d, VQD_CONFIG + i, ~before, 1);
		assert_int_equal(vqd_in(&b->d, VQD_CONFIG + i, 1), before);
	}
	vqd_out(&b->d, VQD_CONFIG + 32, UINT64_MAX, 4);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 0);
	/* A reset brings it back; without the feature it is not the driver's; without FLUSH it is write-through. */
	alive(b, F_FLUSH);
	vqd_out(&b->d, VQD_CONFIG + 32, 0, 1);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 1);
	alive(b, F_CONFIG_WCE);
	assert_int_equal(vqd_in(&b->d, VQD_CONFIG + 32, 1), 0);
	assert_int_equal(request(b, OUT, 5, SECTOR), OK);
	drop(b);
}

static void many_at_once(void **state)
{
	struct bench *b = started();
	uint16_t head;
	uint32_t len, n = 0;
	uint8_t *base;

	/* As many as the queue holds; each of its own. */
	uint64_t at = vqd_alloc(&b->d, 85 * 1024, 512);

	base = vqd_ptr(&b->d, at);
	for (unsigned i = 0; i < 85; i++) {
		struct vqd_buf buf[] = {
			{at + i * 1024, 16, false}, {at + i * 1024 + 512, 512, true}, {at + i * 1024 + 16, 1, true}};

		le32_put(base + i * 1024, IN);
		le64_put(base + i * 1024 + 8, i);
		base[i * 1024 + 16] = NOT_WRITTEN;
		vqd_offer(&b->d, 0, vqd_add(&b->d, 0, buf, 3, false));
	}
	vqd_kick(&b->d, 0);
	vqd_run(&b->d);
	while (vqd_used(&b->d, 0, &head, &len)) {
		assert_int_equal(head, n * 3);
		assert_int_equal(base[n * 1024 + 16], OK);
		assert_int_equal(base[n * 1024 + 512], n);
		n++;
	}
	assert_int_equal(n, 85);
	drop(b);
}

/* 2.7.8.2: the used length counts bytes written from the first byte on: for a status alone, after a gap, it is 0. */
static void what_was_written_behind_a_gap(void **state)
{
	struct bench *b = started();
	struct vqd_buf buf[3] = {{b->header, 16, false}, {b->data, 16, true}, {b->status, 1, true}};

	memset(vqd_ptr(&b->d, b->data), 0x5a, 16);
	put_header(b, FLUSH, 0);
	assert_int_equal(vqd_request(&b->d, 0, buf, 3, false), 0);
	assert_int_equal(*(uint8_t *)vqd_ptr(&b->d, b->status), OK);
	data_is(b, 0, 16, 0x5a);
	buf[1] = buf[2];
	assert_int_equal(vqd_request(&b->d, 0, buf, 2, false), 1);
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_says_what_is_there),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(any_layout),
		cmocka_unit_test(sectors_that_are_not_there),
		cmocka_unit_test(types_that_are_not_there),
		cmocka_unit_test(requests_without_form),
		cmocka_unit_test(the_id),
		cmocka_unit_test(a_read_only_disk),
		cmocka_unit_test(discard_and_write_zeroes),
		cmocka_unit_test(the_cache_mode),
		cmocka_unit_test(what_was_written_behind_a_gap),
		cmocka_unit_test(many_at_once),
	};

	return run_group(tests);
}
