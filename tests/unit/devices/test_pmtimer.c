// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdatomic.h>

#include "devices/pmtimer.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"

#define S (1000 * NSEC_PER_MSEC)

/* A host whose clock is stopped, and a guest with or without a clock. */
struct bench {
	struct pmtimer_host host;
	struct pmtimer timer;
	bool clock;
	unsigned asked;
};

static uint64_t now_ns;

static uint64_t fake_now(const struct pmtimer *t)
{
	return now_ns;
}

static bool has_clock(struct pmtimer_host *host)
{
	struct bench *b = container_of(host, struct bench, host);

	b->asked++;
	return b->clock;
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->host.has_clock = has_clock;
	if (pmtimer_init(&b->timer, &b->host))
		return -1;
	b->timer.now = fake_now;
	now_ns = 7 * S;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	pmtimer_destroy(&b->timer);
	pmtimer_destroy(NULL);
	free(b);
	return 0;
}

static uint32_t read_timer(struct bench *b)
{
	return (uint32_t)in_wide(&b->timer.dev, 0, 4);
}

static void it_counts_at_its_rate(void **state)
{
	struct bench *b = *state;
	/* 2^32 ticks take 1199.86 s: a day has wraps in it. */
	static const uint64_t after[] = {
		0, 279, 280, NSEC_PER_MSEC, 999999999, S, S + 1, 3600 * S, 86400 * S + 123456789};
	uint32_t first = read_timer(b);

	for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
		unsigned __int128 ticks = (unsigned __int128)after[i] * 3579545 / 1000000000;

		now_ns = 7 * S + after[i];
		assert_int_equal(read_timer(b) - first, (uint32_t)ticks);
	}
	assert_int_equal(b->asked, 1);
}

static void it_starts_in_the_middle(void **state)
{
	struct bench *b = *state;
	uint32_t first = read_timer(b) & 0xffffff;

	/* The next seconds do not pass the end of 24 bits, nor is a value small enough to look like one that has. */
	assert_in_range(first, 0xfff, 0xffffff - 4 * 3579545);
}

static void a_guest_with_a_better_clock_finds_it_absent_once(void **state)
{
	struct bench *b = *state;
	uint32_t second;

	b->clock = true;
	assert_int_equal(read_timer(b), UINT32_MAX);
	/* Linux takes a timer for inconsistent that reads less than before, and not because it wrapped. */
	now_ns += 3 * S;
	second = read_timer(b) & 0xffffff;
	assert_in_range(second, 0xfff, 0xfffffe);
	now_ns += S;
	assert_int_equal((read_timer(b) & 0xffffff) - second, 3579545);
	assert_int_equal(b->asked, 1);
}

static void a_clock_that_comes_later_changes_nothing(void **state)
{
	struct bench *b = *state;
	uint32_t first = read_timer(b);

	b->clock = true;
	now_ns += S;
	assert_int_equal(read_timer(b) - first, 3579545);
}

static void every_access_is_answered(void **state)
{
	struct bench *b = *state;
	static const unsigned widths[] = {1, 2, 4, 8};
	uint64_t value;

	read_timer(b);
	now_ns += 123 * S;
	value = UINT64_C(0xffffffff00000000) | read_timer(b);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		for (unsigned at = 0; at < PMTIMER_SIZE; at++) {
			uint64_t want = (value >> 8 * at) | (at ? ~(UINT64_MAX >> 8 * at) : 0);

			assert_int_equal(in_wide(&b->timer.dev, at, widths[w]), want & ones(widths[w]));
			out_wide(&b->timer.dev, at, 0, widths[w]);
		}
		assert_int_equal(in_wide(&b->timer.dev, 0, 4), (uint32_t)value);
		assert_int_equal(in_wide(&b->timer.dev, UINT64_MAX, widths[w]), ones(widths[w]));
	}
}

static void the_hosts_time_drives_it(void **state)
{
	struct pmtimer_host host = {.has_clock = has_clock};
	struct pmtimer t;
	uint64_t a, b;

	assert_int_equal(pmtimer_init(&t, &host), 0);
	a = t.now(&t);
	b = t.now(&t);
	assert_true(a && b >= a && b - a < 10 * S);
	pmtimer_destroy(&t);
}

struct crowd {
	struct bench *bench;
	_Atomic bool *backwards;
};

static void *reader(void *arg)
{
	struct crowd *c = arg;
	uint32_t last = read_timer(c->bench);

	for (unsigned i = 0; i < 2000; i++) {
		uint32_t next = read_timer(c->bench);

		/* All ones is the absent one, which only the first of all reads gets. */
		if (next < last && last != UINT32_MAX)
			*c->backwards = true;
		last = next;
	}
	return NULL;
}

static void it_never_goes_back_for_any_cpu(void **state)
{
	struct bench *b = *state;
	_Atomic bool backwards = false;
	struct crowd c = {.bench = b, .backwards = &backwards};
	pthread_t thread[4];
	struct pmtimer real;

	assert_int_equal(pmtimer_init(&real, &b->host), 0);
	b->timer.now = real.now;
	b->clock = true;
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, &c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	assert_false(backwards);
	assert_int_equal(b->asked, 1);
	pmtimer_destroy(&real);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(it_counts_at_its_rate),
		T(it_starts_in_the_middle),
		T(a_guest_with_a_better_clock_finds_it_absent_once),
		T(a_clock_that_comes_later_changes_nothing),
		T(every_access_is_answered),
		T(the_hosts_time_drives_it),
		T(it_never_goes_back_for_any_cpu),
	};

	return run_group(tests);
}
