// SPDX-License-Identifier: Apache-2.0
/*
 * The address space of a program, compared with a model that is an array: mapped pages, their rights and contents; and
 * the page tables as a processor walks them.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <sys/mman.h>

#include "tests/support/exec_kit.h"

#define BASE  UINT64_C(0x7f1234000000)
#define PAGES 96
#define RAM   (4 * MIB)
#define STEPS 20000

static const int no_streams[EXEC_STREAMS] = {-1, -1, -1};

/* -1: not mapped; else the rights. */
struct model {
	int rights[PAGES];
	uint8_t byte[PAGES];
};

static uint64_t at_page(unsigned page)
{
	return BASE + page * PAGE_4K;
}

/* The page tables grant the processor exactly the area's rights; a page that was never touched is not present. */
static void compare_page(struct space *s, const struct model *m, unsigned page)
{
	uint64_t entry = kit_walk(s, at_page(page));
	const struct area *a = space_area(s, at_page(page));
	bool mapped = a && a->start <= at_page(page);
	uint8_t byte = 0;

	assert_int_equal(mapped, m->rights[page] >= 0);
	if (mapped)
		assert_int_equal(a->rights, m->rights[page]);
	if (entry) {
		assert_true(mapped && m->rights[page] && entry & PTE_U);
		assert_int_equal(!!(entry & PTE_W), !!(m->rights[page] & SPACE_W));
		assert_int_equal(!(entry & PTE_NX), !!(m->rights[page] & SPACE_X));
		assert_int_equal(gmem_read(s->mem, entry & UINT64_C(0x000ffffffffff000), &byte, 1), 0);
		assert_int_equal(byte, m->byte[page]);
	}
	if (mapped && m->rights[page]) {
		assert_int_equal(space_read(s, at_page(page), &byte, 1), 0);
		assert_int_equal(byte, m->byte[page]);
	} else {
		assert_int_equal(space_read(s, at_page(page), &byte, 1), -EFAULT);
	}
}

static void compare(struct space *s, const struct model *m)
{
	for (size_t i = 1; i < s->nr; i++)
		assert_true(space_nth(s, i - 1)->end <= space_nth(s, i)->start);
	for (unsigned p = 0; p < PAGES; p++)
		compare_page(s, m, p);
	assert_int_equal(s->lost, 0);
}

static void model_set(struct model *m, unsigned page, unsigned nr, int rights)
{
	for (unsigned i = page; i < page + nr; i++) {
		m->rights[i] = rights;
		m->byte[i] = 0;
	}
}

static bool model_mapped(const struct model *m, unsigned page, unsigned nr)
{
	for (unsigned i = page; i < page + nr; i++)
		if (m->rights[i] < 0)
			return false;
	return true;
}

static void move(struct space *s, struct model *m, unsigned page, unsigned nr, unsigned to)
{
	bool overlap = page < to + nr && to < page + nr, one = model_mapped(m, page, nr);
	int r = space_move(s, at_page(page), nr * PAGE_4K, at_page(to), nr * PAGE_4K);

	for (unsigned i = page; i < page + nr; i++)
		one = one && m->rights[i] == m->rights[page];
	assert_int_equal(r, overlap ? -EINVAL : one ? 0 : -EFAULT);
	if (r)
		return;
	for (unsigned i = 0; i < nr; i++) {
		m->rights[to + i] = m->rights[page + i];
		m->byte[to + i] = m->byte[page + i];
	}
	model_set(m, page, nr, -1);
}

static void step(struct space *s, struct model *m)
{
	static const unsigned rights[] = {0, SPACE_R, SPACE_R | SPACE_W, SPACE_R | SPACE_X, SPACE_W, 7};
	unsigned page = (unsigned)rand() % PAGES, nr = 1 + (unsigned)rand() % MIN(PAGES - page, 12u);
	unsigned how = rights[(unsigned)rand() % ARRAY_SIZE(rights)], to = (unsigned)rand() % (PAGES - nr + 1);
	uint8_t byte = (uint8_t)rand();
	uint64_t at = at_page(page), len = nr * PAGE_4K;
	int r;

	switch (rand() % 7) {
	case 0:
		assert_int_equal(space_map(s, at, len, how, AREA_MAPPED), 0);
		model_set(m, page, nr, (int)how);
		break;
	case 1:
		assert_int_equal(space_unmap(s, at, len), 0);
		model_set(m, page, nr, -1);
		break;
	case 2:
		r = space_protect(s, at, len, how);
		assert_int_equal(r, model_mapped(m, page, nr) ? 0 : -ENOMEM);
		for (unsigned i = page; r == 0 && i < page + nr; i++)
			m->rights[i] = (int)how;
		break;
	case 3:
		r = space_discard(s, at, len);
		assert_int_equal(r, model_mapped(m, page, nr) ? 0 : -ENOMEM);
		for (unsigned i = page; r == 0 && i < page + nr; i++)
			m->byte[i] = 0;
		break;
	case 4: move(s, m, page, nr, to); break;
	default:
		r = space_write(s, at, &byte, 1);
		assert_int_equal(r, m->rights[page] > 0 && m->rights[page] & SPACE_W ? 0 : -EFAULT);
		if (r == 0)
			m->byte[page] = byte;
	}
}

static void as_the_model(void **state)
{
	struct kit_task k;
	struct model m;

	kit_task_open(&k, RAM, no_streams, NULL);
	model_set(&m, 0, PAGES, -1);
	srand(1);
	for (int i = 0; i < STEPS; i++) {
		step(&k.t.space, &m);
		if (i % 16 == 0)
			compare(&k.t.space, &m);
	}
	assert_false(k.t.space.empty);
	kit_task_close(&k);
}

/* What the program's own stores do: KVM's log has the page. */
static void store(struct space *s, struct model *m, uint64_t *log)
{
	unsigned page = (unsigned)rand() % PAGES;
	uint64_t entry = kit_walk(s, at_page(page)), gpa = entry & UINT64_C(0x000ffffffffff000), n;

	if (!(entry & PTE_W))
		return;
	n = (gpa - s->mem->region[0].gpa) / PAGE_4K;
	m->byte[page] = (uint8_t)rand();
	assert_int_equal(gmem_write(s->mem, gpa, &m->byte[page], 1), 0);
	log[n / 64] |= BIT(n % 64);
}

/* Whatever was done since, a return brings all of it back, as often as wanted; nothing of the pool is lost. */
static void goes_back(void **state)
{
	struct kit_task k;
	struct model m, now;
	uint64_t log[RAM / PAGE_4K / 64 + 1] = {0};
	uint32_t used = 0;

	kit_task_open(&k, RAM, no_streams, NULL);
	assert_int_equal(space_base_init(&k.t.space), 0);
	assert_int_equal(space_base_words(&k.t.space), ARRAY_SIZE(log));
	model_set(&m, 0, PAGES, -1);
	srand(2);
	for (int i = 0; i < 200; i++)
		step(&k.t.space, &m);
	assert_true(space_mark(&k.t.space) > 0);
	for (int round = 0; round < 300; round++) {
		now = m;
		for (int i = 0; i < round % 50; i++) {
			step(&k.t.space, &now);
			store(&k.t.space, &now, log);
		}
		compare(&k.t.space, &now);
		assert_true(space_return(&k.t.space, log) <= 2 * PAGES);
		memset(log, 0, sizeof(log));
		compare(&k.t.space, &m);
		if (round == 200)
			used = k.t.space.used;
	}
	assert_int_equal(k.t.space.used, used);
	assert_int_equal(space_return(&k.t.space, log), 0);
	kit_task_close(&k);
}

/* The pool was used up; the next one has all of it. */
static void goes_back_from_the_end_of_memory(void **state)
{
	uint64_t log[2] = {0};
	struct kit_task k;
	struct space *s = &k.t.space;
	uint8_t byte = 1;

	kit_task_open(&k, 64 * PAGE_4K, no_streams, NULL);
	assert_int_equal(space_base_init(s), 0);
	assert_int_equal(space_map(s, BASE, 128 * PAGE_4K, SPACE_R | SPACE_W, AREA_MAPPED), 0);
	assert_int_equal(space_write(s, BASE, &byte, 1), 0);
	space_mark(s);
	for (int round = 0; round < 3; round++) {
		uint64_t n = 0;

		while (space_write(s, at_page((unsigned)n), &(uint8_t){2}, 1) == 0)
			n++;
		assert_true(s->empty && n == 60);
		space_return(s, log);
		assert_false(s->empty);
		assert_int_equal(space_read(s, BASE, &byte, 1), 0);
		assert_int_equal(byte, 1);
		assert_int_equal(space_read(s, at_page(1), &byte, 1), 0);
		assert_int_equal(byte, 0);
	}
	kit_task_close(&k);
}

static void faults_say_why(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;

	kit_task_open(&k, RAM, no_streams, NULL);
	assert_int_equal(space_fault(s, BASE, SPACE_R), -EFAULT);
	assert_int_equal(space_map(s, BASE, PAGE_4K, SPACE_R, AREA_MAPPED), 0);
	assert_int_equal(kit_walk(s, BASE), 0);
	assert_int_equal(space_fault(s, BASE + 1, SPACE_R), 0);
	assert_int_not_equal(kit_walk(s, BASE), 0);
	assert_int_equal(space_fault(s, BASE, SPACE_W), -EACCES);
	assert_int_equal(space_fault(s, BASE, SPACE_X), -EACCES);
	assert_int_equal(space_fault(s, BASE + PAGE_4K, SPACE_R), -EFAULT);
	assert_int_equal(space_protect(s, BASE, PAGE_4K, 0), 0);
	assert_int_equal(kit_walk(s, BASE), 0);
	assert_int_equal(space_fault(s, BASE, SPACE_R), -EACCES);
	assert_int_equal(space_fault(s, SPACE_HIGH, SPACE_R), -EFAULT);
	assert_int_equal(space_fault(s, UINT64_MAX, SPACE_R), -EFAULT);
	kit_task_close(&k);
}

static void only_the_lower_half(void **state)
{
	static const uint64_t wrong[][2] = {{0, PAGE_4K}, {SPACE_LOW - PAGE_4K, 2 * PAGE_4K}, {SPACE_HIGH, PAGE_4K},
		{SPACE_HIGH - PAGE_4K, 2 * PAGE_4K}, {BASE, 0}, {BASE, 1}, {BASE + 1, PAGE_4K},
		{BASE, UINT64_MAX - 4095}, {UINT64_C(0xffffffff80000000), PAGE_4K}};
	struct kit_task k;

	kit_task_open(&k, RAM, no_streams, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(space_map(&k.t.space, wrong[i][0], wrong[i][1], 7, AREA_MAPPED), -EINVAL);
		assert_int_equal(space_unmap(&k.t.space, wrong[i][0], wrong[i][1]), -EINVAL);
		assert_int_equal(space_protect(&k.t.space, wrong[i][0], wrong[i][1], 7), -EINVAL);
		assert_int_equal(space_discard(&k.t.space, wrong[i][0], wrong[i][1]), -EINVAL);
	}
	assert_int_equal(space_map(&k.t.space, SPACE_HIGH - PAGE_4K, PAGE_4K, 7, AREA_MAPPED), 0);
	assert_int_equal(space_map(&k.t.space, SPACE_LOW, PAGE_4K, 7, AREA_MAPPED), 0);
	kit_task_close(&k);
}

/* Untouched pages cost nothing, and unmapped pages return to the pool, zeroed. */
static void memory_is_what_was_touched(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;
	uint32_t before;
	uint8_t byte = 1;

	kit_task_open(&k, RAM, no_streams, NULL);
	assert_int_equal(space_map(s, UINT64_C(1) << 40, UINT64_C(64) << 40, SPACE_R | SPACE_W, AREA_MAPPED), 0);
	assert_int_equal(s->used, 1);
	assert_int_equal(space_write(s, UINT64_C(2) << 40, &byte, 1), 0);
	before = s->used;
	assert_int_equal(before, 1 + 3 + 1); /* the root, three tables, the page */
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(space_map(s, BASE, PAGE_4K, SPACE_R | SPACE_W, AREA_MAPPED), 0);
		assert_int_equal(space_read(s, BASE, &byte, 1), 0);
		assert_int_equal(byte, 0);
		byte = 0xaa;
		assert_int_equal(space_write(s, BASE, &byte, 1), 0);
		assert_int_equal(space_unmap(s, BASE, PAGE_4K), 0);
	}
	assert_true(s->used <= before + 3);
	assert_int_equal(space_unmap(s, UINT64_C(1) << 40, UINT64_C(64) << 40), 0);
	assert_int_equal(s->nr, 1); /* the kit's */
	kit_task_close(&k);
}

static void the_pool_ends(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;
	uint64_t n = 0;
	uint8_t byte = 1;

	kit_task_open(&k, 64 * PAGE_4K, no_streams, NULL);
	assert_int_equal(space_map(s, BASE, 128 * PAGE_4K, SPACE_R | SPACE_W, AREA_MAPPED), 0);
	while (space_write(s, at_page((unsigned)n), &byte, 1) == 0)
		n++;
	assert_true(s->empty && s->used == 64 && n == 60);
	assert_int_equal(space_fault(s, at_page(100), SPACE_R), -ENOMEM);
	assert_int_equal(space_discard(s, BASE, PAGE_4K), 0);
	assert_int_equal(space_fault(s, at_page(100), SPACE_R), 0);
	kit_task_close(&k);
}

/* As many areas as Linux allows, then -ENOMEM; they can still be unmapped. Finding a free range stays fast. */
static void many_areas(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;
	int r = 0;

	kit_task_open(&k, RAM, no_streams, NULL);
	for (int i = 0; i < 100000 && r == 0; i++) {
		uint64_t at = space_find(s, PAGE_4K, BASE);

		assert_true(at);
		r = space_map(s, at, PAGE_4K, i & 1 ? SPACE_R : SPACE_W, AREA_MAPPED);
	}
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(s->nr, SPACE_AREAS_MAX);
	assert_int_equal(space_protect(s, BASE - PAGE_4K, PAGE_4K, 7), 0);
	assert_int_equal(space_unmap(s, BASE - 2 * PAGE_4K, PAGE_4K), 0);
	assert_int_equal(space_unmap(s, BASE - 40000 * PAGE_4K, 40000 * PAGE_4K), 0);
	assert_int_equal(space_find(s, 40000 * PAGE_4K, BASE), BASE - 40000 * PAGE_4K);
	kit_task_close(&k);
}

/* Finds the highest gap that is large enough, whatever earlier searches have found. */
static void places(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;

	kit_task_open(&k, RAM, no_streams, NULL);
	assert_int_equal(space_map(s, BASE - 2 * PAGE_4K, PAGE_4K, 7, AREA_MAPPED), 0);
	assert_int_equal(space_find(s, 2 * PAGE_4K, BASE), BASE - 4 * PAGE_4K);
	assert_int_equal(space_map(s, BASE - 4 * PAGE_4K, 2 * PAGE_4K, 5, AREA_MAPPED), 0);
	assert_int_equal(space_find(s, PAGE_4K, BASE), BASE - PAGE_4K);
	assert_int_equal(space_find(s, 2 * PAGE_4K, BASE), BASE - 6 * PAGE_4K);
	assert_int_equal(space_find(s, PAGE_4K, SPACE_LOW + PAGE_4K), SPACE_LOW);
	assert_int_equal(space_find(s, 2 * PAGE_4K, SPACE_LOW + PAGE_4K), 0);
	assert_int_equal(space_find(s, UINT64_C(1) << 50, SPACE_HIGH), 0);
	kit_task_close(&k);
}

static void strings(void **state)
{
	struct kit_task k;
	struct space *s = &k.t.space;
	char buf[PAGE_4K * 2];

	kit_task_open(&k, RAM, no_streams, NULL);
	assert_int_equal(space_map(s, BASE, PAGE_4K * 2, SPACE_R | SPACE_W, AREA_MAPPED), 0);
	memset(buf, 'a', sizeof(buf));
	assert_int_equal(space_write(s, BASE, buf, sizeof(buf)), 0);
	assert_int_equal(space_string(s, BASE + PAGE_4K - 2, buf, 5), -ENAMETOOLONG);
	assert_int_equal(space_string(s, BASE + 2 * PAGE_4K - 2, buf, 5), -EFAULT);
	assert_int_equal(space_write(s, BASE + PAGE_4K + 1, "", 1), 0);
	assert_int_equal(space_string(s, BASE + PAGE_4K - 2, buf, 5), 3);
	assert_string_equal(buf, "aaa");
	kit_task_close(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model),
		cmocka_unit_test(goes_back),
		cmocka_unit_test(goes_back_from_the_end_of_memory),
		cmocka_unit_test(faults_say_why),
		cmocka_unit_test(only_the_lower_half),
		cmocka_unit_test(memory_is_what_was_touched),
		cmocka_unit_test(the_pool_ends),
		cmocka_unit_test(many_areas),
		cmocka_unit_test(places),
		cmocka_unit_test(strings),
	};

	return run_group(tests);
}
