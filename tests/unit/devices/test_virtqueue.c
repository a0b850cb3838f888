// SPDX-License-Identifier: Apache-2.0
/*
 * A queue on its own: what a driver may do (virtio 1.2, 2.7), and every rule that it can break.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/le.h"

#define SIZE     8
#define FILE_GPA (UINT64_C(1) << 32)

/* No device: the queue is driven by hand. */
struct bench {
	struct vq_driver d;
	struct virtqueue q;
	struct vqd_queue *ring;
	struct vq_chain c;
};

static struct bench *make(uint16_t size)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	vqd_init(&b->d, 1 << 20);
	b->ring = &b->d.queue[0];
	*b->ring = (struct vqd_queue){
		.size = size,
		.desc = vqd_alloc(&b->d, 16 * (uint64_t)size, 16),
		.avail = vqd_alloc(&b->d, 6 + 2 * (uint64_t)size, 2),
		.used = vqd_alloc(&b->d, 6 + 8 * (uint64_t)size, 4),
	};
	b->q = (struct virtqueue){.mem = &b->d.mem, .max = VQ_SIZE_MAX};
	vq_reset(&b->q);
	b->q.indirect = true;
	b->q.size = size;
	b->q.desc = b->ring->desc;
	b->q.avail = b->ring->avail;
	b->q.used = b->ring->used;
	return b;
}

static struct bench *started(void)
{
	struct bench *b = make(SIZE);

	assert_int_equal(vq_start(&b->q), 0);
	return b;
}

static void drop(struct bench *b)
{
	vqd_destroy(&b->d);
	free(b);
}

static void desc(struct bench *b, unsigned at, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next)
{
	vqd_desc(&b->d, b->ring->desc, at, gpa, len, flags, next);
}

/* The chain at descriptor 0 is refused, the queue is broken, and says nothing more. */
static void refused(struct bench *b, const char *rule)
{
	const uint8_t *used = vqd_ptr(&b->d, b->ring->used);
	uint16_t before = le16_get(used + 2);

	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), -EPROTO);
	assert_true(b->q.broken);
	assert_non_null(strstr(b->q.rule, rule));
	assert_int_equal(vq_pop(&b->q, &b->c), 0);
	vq_push(&b->q, 0, 1);
	assert_int_equal(le16_get(used + 2), before);
	assert_false(vq_wants_interrupt(&b->q));
	drop(b);
}

/* 2.7: the three rings lie where the driver likes, in any order, and one right behind the other. */
static void rings_in_any_order(void **state)
{
	static const uint8_t order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (unsigned i = 0; i < 6; i++) {
		struct bench *b = make(SIZE);
		uint64_t *ring[3] = {&b->q.desc, &b->q.avail, &b->q.used}, at = VQD_RAM_START + 4096;

		for (unsigned k = 0; k < 3; k++) {
			*ring[order[i][k]] = at;
			at += 16 * SIZE; /* as long as the table of descriptors, the longest of the three */
		}
		assert_int_equal(vq_start(&b->q), 0);
		drop(b);
	}
}

static void a_chain_comes_in_order(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 4096, 4096);
	char text[8];

	desc(b, 3, at, 5, VQD_F_NEXT, 1);
	desc(b, 1, at + 100, 3, VQD_F_NEXT, 7);
	desc(b, 7, at + 200, 16, VQD_F_NEXT | VQD_F_WRITE, 0);
	desc(b, 0, at + 300, 1, VQD_F_WRITE, 0);
	memcpy(vqd_ptr(&b->d, at), "hello", 5);
	memcpy(vqd_ptr(&b->d, at + 100), "you", 3);
	vqd_offer(&b->d, 0, 3);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.head, 3);
	assert_int_equal(b->c.out_nr, 2);
	assert_int_equal(b->c.out_bytes, 8);
	assert_int_equal(b->c.in_nr, 2);
	assert_int_equal(b->c.in_bytes, 17);
	assert_int_equal(vq_read(b->c.out, b->c.out_nr, 0, text, 8), 8);
	assert_memory_equal(text, "helloyou", 8);
	assert_int_equal(vq_read(b->c.out, b->c.out_nr, 4, text, 8), 4);
	assert_memory_equal(text, "oyou", 4);
	assert_int_equal(vq_write(b->c.in, b->c.in_nr, 15, "AB", 2), 2);
	assert_int_equal(*(char *)vqd_ptr(&b->d, at + 215), 'A');
	assert_int_equal(*(char *)vqd_ptr(&b->d, at + 300), 'B');
	assert_int_equal(vq_write(b->c.in, b->c.in_nr, 17, "C", 1), 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 0);
	drop(b);
}

static void used_elements_and_indices_wrap(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64);
	uint16_t head;
	uint32_t len;

	b->q.next_avail = b->q.next_used = 0xfffd;
	b->ring->avail_idx = b->ring->last_used = 0xfffd;
	le16_put((uint8_t *)vqd_ptr(&b->d, b->ring->avail) + 2, 0xfffd);
	le16_put((uint8_t *)vqd_ptr(&b->d, b->ring->used) + 2, 0xfffd);
	for (uint16_t i = 0; i < 3 * SIZE; i++) {
		desc(b, i % SIZE, at, 4, VQD_F_WRITE, 0);
		vqd_offer(&b->d, 0, i % SIZE);
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
		assert_int_equal(b->q.in_flight, 1);
		vq_push(&b->q, b->c.head, i);
		assert_int_equal(b->q.in_flight, 0);
		assert_true(vqd_used(&b->d, 0, &head, &len));
		assert_int_equal(head, i % SIZE);
		assert_int_equal(len, i);
	}
	assert_false(vqd_used(&b->d, 0, &head, &len));
	drop(b);
}

static void a_full_queue_of_chains_of_one(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64);

	for (uint16_t i = 0; i < SIZE; i++) {
		desc(b, i, at, 4, 0, 0);
		vqd_offer(&b->d, 0, i);
	}
	for (uint16_t i = 0; i < SIZE; i++) {
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
		assert_int_equal(b->c.head, i);
	}
	assert_int_equal(vq_pop(&b->q, &b->c), 0);
	/* What is undone comes again. */
	vq_unpop(&b->q);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.head, SIZE - 1);
	drop(b);
}

static void a_chain_as_long_as_the_queue(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64);

	for (uint16_t i = 0; i < SIZE; i++)
		desc(b, i, at + i, 1, i + 1 < SIZE ? VQD_F_NEXT : 0, (uint16_t)(i + 1));
	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.out_nr, SIZE);
	drop(b);
}

static void indirect_tables(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64), table = vqd_alloc(&b->d, 16 * SIZE, 16);

	/* A direct descriptor, then a table (2.7.5.3.2); a write flag on the one that points to it means nothing. */
	desc(b, 0, at, 2, VQD_F_NEXT, 1);
	desc(b, 1, table, 3 * 16, VQD_F_INDIRECT | VQD_F_WRITE, 0);
	vqd_desc(&b->d, table, 0, at + 8, 3, VQD_F_NEXT, 2);
	vqd_desc(&b->d, table, 2, at + 16, 4, VQD_F_WRITE, 0);
	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.out_bytes, 5);
	assert_int_equal(b->c.in_bytes, 4);
	/* Full: as many descriptors as the queue has. */
	for (uint16_t i = 0; i < SIZE; i++)
		vqd_desc(&b->d, table, i, at, 1, i + 1 < SIZE ? VQD_F_NEXT : 0, (uint16_t)(i + 1));
	desc(b, 0, table, 16 * SIZE, VQD_F_INDIRECT, 0);
	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.out_bytes, SIZE);
	drop(b);
}

static void empty_buffers_count_for_nothing(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64);

	/* Wherever they are said to be. */
	desc(b, 0, UINT64_MAX, 0, VQD_F_NEXT, 1);
	desc(b, 1, at, 4, VQD_F_NEXT, 2);
	desc(b, 2, 0, 0, VQD_F_WRITE, 0);
	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.out_nr, 1);
	assert_int_equal(b->c.in_nr, 0);
	desc(b, 0, at, 0, 0, 0);
	vqd_offer(&b->d, 0, 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.out_nr + b->c.in_nr, 0);
	drop(b);
}

static void rules_of_chains(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64), end = VQD_RAM_START + b->d.ram_size;

	drop(b);
	/* Loops, to itself and longer. */
	b = started();
	desc(b, 0, at, 1, VQD_F_NEXT, 0);
	refused(b, "loop");
	b = started();
	desc(b, 0, at, 1, VQD_F_NEXT, 1);
	desc(b, 1, at, 1, VQD_F_NEXT, 0);
	refused(b, "loop");
	/* Empty buffers do not hide a loop. */
	b = started();
	desc(b, 0, at, 0, VQD_F_NEXT, 0);
	refused(b, "loop");

	b = started();
	desc(b, 0, at, 1, VQD_F_NEXT, SIZE);
	refused(b, "outside its table");
	b = started();
	vqd_offer(&b->d, 0, SIZE);
	assert_int_equal(vq_pop(&b->q, &b->c), -EPROTO);
	drop(b);
	b = started();
	vqd_offer(&b->d, 0, 0xffff);
	assert_int_equal(vq_pop(&b->q, &b->c), -EPROTO);
	drop(b);

	b = started();
	desc(b, 0, at, 1, VQD_F_NEXT | VQD_F_WRITE, 1);
	desc(b, 1, at, 1, 0, 0);
	refused(b, "readable descriptor follows");
	/* Also behind an empty one. */
	b = started();
	desc(b, 0, at, 0, VQD_F_NEXT | VQD_F_WRITE, 1);
	desc(b, 1, at, 1, 0, 0);
	refused(b, "readable descriptor follows");

	/* Outside RAM: before it, behind it, across its end, across the end of the address space. */
	static const struct {
		int64_t from_end;
		uint64_t gpa;
		uint32_t len;
	} outside[] = {{0, VQD_RAM_START - 1, 1}, {0, 0, 4096}, {0, VQD_RAM_START - 1, 2}, {1, 0, 1}, {-1, 0, 2},
		{-8, 0, UINT32_MAX}, {0, UINT64_MAX, 1}, {0, UINT64_MAX, 2}, {0, UINT64_MAX - 7, 16},
		{0, UINT64_MAX - UINT32_MAX + 1, UINT32_MAX}};

	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		b = started();
		desc(b, 0,
			outside[i].gpa                ? outside[i].gpa
				: outside[i].from_end ? end + (uint64_t)outside[i].from_end
						      : 0,
			outside[i].len, i & 1 ? VQD_F_WRITE : 0, 0);
		refused(b, "outside RAM");
	}
}

/* 2.7.5.3.1: no more than 2^32 bytes in all. The RAM for it is one page, mapped many times by the driver's numbers. */
static void sums_do_not_wrap(void **state)
{
	struct bench *b = started();
	struct gmem_region huge = {.gpa = UINT64_C(1) << 32, .size = UINT64_C(1) << 33, .host = b->d.ram, .fd = -1};

	assert_int_equal(gmem_add(&b->d.mem, &huge), 0);
	desc(b, 0, huge.gpa, 0xfffff000, VQD_F_NEXT, 1);
	desc(b, 1, huge.gpa, 0x1000, 0, 0);
	refused(b, "longer than 2^32");
}

static void rules_of_indirect_tables(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t flags, inner_flags, inner_next;
		bool negotiated;
		const char *rule;
	} cases[] = {
		{16, VQD_F_INDIRECT, 0, 0, false, "not negotiated"},
		{16, VQD_F_INDIRECT, VQD_F_INDIRECT, 0, true, "inside an indirect table"},
		{16, VQD_F_INDIRECT | VQD_F_NEXT, 0, 0, true, "has a successor"},
		{0, VQD_F_INDIRECT, 0, 0, true, "length"},
		{15, VQD_F_INDIRECT, 0, 0, true, "length"},
		{17, VQD_F_INDIRECT, 0, 0, true, "length"},
		{UINT32_MAX, VQD_F_INDIRECT, 0, 0, true, "length"},
		{0xfffffff0, VQD_F_INDIRECT, 0, 0, true, "outside RAM"},
		{16, VQD_F_INDIRECT, VQD_F_NEXT, 1, true, "outside its table"},
		{16, VQD_F_INDIRECT, VQD_F_NEXT, 0, true, "loop"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench *b = started();
		uint64_t table = vqd_alloc(&b->d, 64, 16);

		b->q.indirect = cases[i].negotiated;
		desc(b, 0, table, cases[i].len, cases[i].flags, 1);
		vqd_desc(&b->d, table, 0, table, 16, cases[i].inner_flags, cases[i].inner_next);
		refused(b, cases[i].rule);
	}
	struct bench *b = started();

	desc(b, 0, VQD_RAM_START + b->d.ram_size - 16, 32, VQD_F_INDIRECT, 0);
	refused(b, "outside RAM");
	/* A table that is longer than the queue is allowed, a chain through it that is longer is not. */
	b = started();
	uint64_t table = vqd_alloc(&b->d, 16 * 16, 16);

	for (uint16_t i = 0; i < 16; i++)
		vqd_desc(&b->d, table, i, table, 1, i < 15 ? VQD_F_NEXT : 0, (uint16_t)(i + 1));
	desc(b, 0, table, 16 * 16, VQD_F_INDIRECT, 0);
	refused(b, "longer than the queue");
}

static void an_available_index_that_runs_ahead(void **state)
{
	struct bench *b = started();

	le16_put((uint8_t *)vqd_ptr(&b->d, b->ring->avail) + 2, SIZE + 1);
	assert_int_equal(vq_pop(&b->q, &b->c), -EPROTO);
	assert_non_null(strstr(b->q.rule, "ran ahead"));
	drop(b);
	b = started();
	/* Going back looks the same. */
	b->q.next_avail = 5;
	le16_put((uint8_t *)vqd_ptr(&b->d, b->ring->avail) + 2, 4);
	assert_int_equal(vq_pop(&b->q, &b->c), -EPROTO);
	drop(b);
}

static void sizes(void **state)
{
	static const uint16_t wrong[] = {0, 3, 5, 255, 257, 512, 32768, 65535};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bench *b = make(SIZE);

		b->q.size = wrong[i];
		assert_int_equal(vq_start(&b->q), -EINVAL);
		assert_false(b->q.ready);
		assert_non_null(strstr(b->q.rule, "queue size"));
		drop(b);
	}
	for (unsigned size = 1; size <= VQ_SIZE_MAX; size *= 2) {
		struct bench *b = make((uint16_t)size);

		assert_int_equal(vq_start(&b->q), 0);
		drop(b);
	}
}

static void places_of_rings(void **state)
{
	enum { DESC, AVAIL, USED };
	static const struct {
		int ring;
		int64_t offset; /* from the ring's own place, or from the end of RAM */
		bool from_end;
		const char *rule;
	} wrong[] = {
		{DESC, 8, false, "misaligned"},
		{AVAIL, 1, false, "misaligned"},
		{USED, 2, false, "misaligned"},
		{DESC, -16, true, "outside RAM"},
		{AVAIL, -2, true, "outside RAM"},
		{USED, -4, true, "outside RAM"},
		{DESC, -(int64_t)(UINT64_C(1) << 20) - 16, true, "outside RAM"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bench *b = make(SIZE);
		uint64_t *at = wrong[i].ring == DESC ? &b->q.desc : wrong[i].ring == AVAIL ? &b->q.avail : &b->q.used;

		*at = (uint64_t)wrong[i].offset + (wrong[i].from_end ? VQD_RAM_START + b->d.ram_size : *at);
		assert_int_equal(vq_start(&b->q), -EINVAL);
		assert_non_null(strstr(b->q.rule, wrong[i].rule));
		drop(b);
	}
	/* Each on each other, and ends of the address space. */
	for (int i = 0; i < 6; i++) {
		struct bench *b = make(SIZE);

		switch (i) {
		case 0: b->q.avail = b->q.desc + 16 * SIZE - 2; break;
		case 1: b->q.used = b->q.desc; break;
		case 2: b->q.used = align_down(b->q.avail, 4); break;
		case 3: b->q.desc = UINT64_MAX - 15; break;
		case 4: b->q.avail = UINT64_MAX - 1; break;
		case 5: b->q.used = UINT64_MAX - 3; break;
		}
		assert_int_equal(vq_start(&b->q), -EINVAL);
		assert_non_null(strstr(b->q.rule, i < 3 ? "overlap" : "outside RAM"));
		drop(b);
	}
}

/* File-backed RAM is accessed through copies, with the same results. */
static void rings_in_file_backed_ram(void **state)
{
	struct bench *b = make(SIZE);
	uint64_t at = vqd_alloc(&b->d, 64, 64);
	uint16_t head;
	uint32_t len;

	gmem_set_file_window(&b->d.mem, VQD_RAM_START, b->d.ram_size);
	assert_int_equal(vq_start(&b->q), 0);
	assert_null(b->q.ring[0]);
	for (uint16_t i = 0; i < 2 * SIZE; i++) {
		desc(b, i % SIZE, at, 4, 0, 0);
		vqd_offer(&b->d, 0, i % SIZE);
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
		vq_push(&b->q, b->c.head, i);
		assert_true(vqd_used(&b->d, 0, &head, &len) && head == i % SIZE && len == i);
	}
	assert_true(vq_wants_interrupt(&b->q));
	desc(b, 0, at, 1, VQD_F_NEXT, 0);
	refused(b, "loop");
}

static void interrupts_without_event_index(void **state)
{
	struct bench *b = started();
	uint64_t at = vqd_alloc(&b->d, 64, 64);

	for (uint16_t i = 0; i < 2; i++) {
		desc(b, i, at, 1, 0, 0);
		vqd_offer(&b->d, 0, i);
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
	}
	assert_false(vq_wants_interrupt(&b->q)); /* nothing was used yet */
	vq_push(&b->q, 0, 0);
	assert_true(vq_wants_interrupt(&b->q));
	assert_false(vq_wants_interrupt(&b->q));     /* and nothing since */
	le16_put(vqd_ptr(&b->d, b->ring->avail), 1); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
	vq_push(&b->q, 1, 0);
	assert_false(vq_wants_interrupt(&b->q));
	vq_quiet(&b->q);
	assert_int_equal(le16_get(vqd_ptr(&b->d, b->ring->used)), 1); /* VIRTQ_USED_F_NO_NOTIFY */
	assert_false(vq_listen(&b->q));
	assert_int_equal(le16_get(vqd_ptr(&b->d, b->ring->used)), 0);
	vqd_offer(&b->d, 0, 0);
	assert_true(vq_listen(&b->q));
	drop(b);
}

static void interrupts_with_event_index(void **state)
{
	struct bench *b = started();
	uint8_t *used_event = (uint8_t *)vqd_ptr(&b->d, b->ring->avail) + 4 + 2 * SIZE;
	const uint8_t *avail_event = (uint8_t *)vqd_ptr(&b->d, b->ring->used) + 4 + 8 * SIZE;
	uint64_t at = vqd_alloc(&b->d, 64, 64);

	b->q.event_idx = true;
	assert_false(vq_wants_interrupt(&b->q));
	le16_put(vqd_ptr(&b->d, b->ring->avail), 1); /* 2.7.7.2: means nothing now */
	for (uint16_t i = 0; i < 7; i++) {
		desc(b, i, at, 1, 0, 0);
		vqd_offer(&b->d, 0, i);
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
	}
	le16_put(used_event, 0);
	vq_push(&b->q, 0, 0);
	assert_true(vq_wants_interrupt(&b->q));
	/* 2.7.7.2: one for the element behind used_event, and none before it. */
	le16_put(used_event, 3);
	vq_push(&b->q, 1, 0);
	assert_false(vq_wants_interrupt(&b->q));
	vq_push(&b->q, 2, 0);
	assert_false(vq_wants_interrupt(&b->q));
	vq_push(&b->q, 3, 0);
	assert_true(vq_wants_interrupt(&b->q));
	assert_false(vq_wants_interrupt(&b->q));
	/* Several at once that pass it. */
	le16_put(used_event, 4);
	vq_push(&b->q, 4, 0);
	vq_push(&b->q, 5, 0);
	assert_true(vq_wants_interrupt(&b->q));
	/* One interrupt for the element that was the last: it was reported, and the next is not requested. */
	le16_put(used_event, 5);
	vq_push(&b->q, 6, 0);
	assert_false(vq_wants_interrupt(&b->q));

	assert_false(vq_listen(&b->q));
	assert_int_equal(le16_get(avail_event), 7);
	vq_quiet(&b->q);
	assert_int_equal(le16_get(vqd_ptr(&b->d, b->ring->used)), 0);
	drop(b);
}

/* Payload in a mapped kernel whose file was cut: the first page is there, the second has gone. */
static void payload_in_ram_that_vanished(void **state)
{
	struct bench *b = started();
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	uint8_t *host, got[8192], want[8192] = {0};
	struct iovec iov;

	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	host = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(host != MAP_FAILED);
	memset(host, 0x11, 8192);
	assert_int_equal(ftruncate(fd, 4096), 0);
	gmem_set_file_window(&b->d.mem, FILE_GPA, 8192);
	iov = (struct iovec){host, 8192};
	memset(got, 0xee, sizeof(got));
	assert_int_equal(vq_read(&iov, 1, 4096, got, 4096), 4096);
	assert_memory_equal(got, want, 4096);
	assert_int_equal(vq_read(&iov, 1, 0, got, 4096), 4096);
	memset(want, 0x11, 4096);
	assert_memory_equal(got, want, 4096);
	assert_int_equal(vq_write(&iov, 1, 4000, "over the edge of what there is", 30), 30);
	gmem_window_zero(host, 8192);
	memset(want, 0, 4096);
	gmem_window_read(got, host, 4096);
	assert_memory_equal(got, want, 4096);
	munmap(host, 8192);
	close(fd);
	drop(b);
}

/* Rings in such a page: the queue has nothing to say any more, and breaks no rule. */
static void rings_in_ram_that_vanished(void **state)
{
	struct bench *b = make(SIZE);
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct gmem_region r = {.gpa = FILE_GPA, .size = 4096, .fd = fd};
	uint8_t *avail;

	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	r.host = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(r.host != MAP_FAILED);
	assert_int_equal(gmem_add(&b->d.mem, &r), 0);
	gmem_set_file_window(&b->d.mem, FILE_GPA, r.size);
	b->q.avail = FILE_GPA;
	b->q.used = FILE_GPA + 1024;
	avail = r.host;
	assert_int_equal(vq_start(&b->q), 0);
	desc(b, 0, VQD_RAM_START + 4096, 1, 0, 0);
	le16_put(avail + 2, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(vq_pop(&b->q, &b->c), 0);
	vq_push(&b->q, 0, 0);
	assert_false(vq_listen(&b->q));
	assert_false(b->q.broken);
	munmap(r.host, r.size);
	close(fd);
	drop(b);
}

/* A chain that is put back is the next to be taken, and does not count as in flight. */
static void a_chain_that_is_put_back(void **state)
{
	struct bench *b = started();

	desc(b, 0, VQD_RAM_START + 4096, 1, 0, 0);
	desc(b, 1, VQD_RAM_START + 4096, 2, 0, 0);
	vqd_offer(&b->d, 0, 0);
	vqd_offer(&b->d, 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(vq_pop(&b->q, &b->c), 1);
		assert_int_equal(b->c.head, 0);
		assert_int_equal(b->q.in_flight, 1);
		vq_unpop(&b->q);
		assert_int_equal(b->q.in_flight, 0);
	}
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(vq_pop(&b->q, &b->c), 1);
	assert_int_equal(b->c.head, 1);
	assert_int_equal(b->q.in_flight, 2);
	drop(b);
}

static void a_reset_forgets_and_counts(void **state)
{
	struct bench *b = started();
	uint32_t generation = b->q.generation;

	b->q.working = 2;
	vq_reset(&b->q);
	assert_int_equal(b->q.generation, generation + 1);
	assert_int_equal(b->q.working, 2);
	assert_false(b->q.ready || b->q.broken || b->q.event_idx || b->q.indirect);
	assert_int_equal(b->q.size, VQ_SIZE_MAX);
	assert_int_equal(vq_pop(&b->q, &b->c), 0);
	assert_false(vq_listen(&b->q));
	assert_false(vq_wants_interrupt(&b->q));
	drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_in_any_order),
		cmocka_unit_test(a_chain_comes_in_order),
		cmocka_unit_test(used_elements_and_indices_wrap),
		cmocka_unit_test(a_full_queue_of_chains_of_one),
		cmocka_unit_test(a_chain_as_long_as_the_queue),
		cmocka_unit_test(indirect_tables),
		cmocka_unit_test(empty_buffers_count_for_nothing),
		cmocka_unit_test(rules_of_chains),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(rules_of_indirect_tables),
		cmocka_unit_test(an_available_index_that_runs_ahead),
		cmocka_unit_test(sizes),
		cmocka_unit_test(places_of_rings),
		cmocka_unit_test(rings_in_file_backed_ram),
		cmocka_unit_test(payload_in_ram_that_vanished),
		cmocka_unit_test(rings_in_ram_that_vanished),
		cmocka_unit_test(a_chain_that_is_put_back),
		cmocka_unit_test(interrupts_without_event_index),
		cmocka_unit_test(interrupts_with_event_index),
		cmocka_unit_test(a_reset_forgets_and_counts),
	};

	return run_group(tests);
}
