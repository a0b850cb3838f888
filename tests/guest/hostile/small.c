// SPDX-License-Identifier: Apache-2.0
/* Entropy (virtio 1.2, 5.4), console (5.3) and balloon (5.5). */
#include "tests/guest/hostile/hostile.h"

#define UNSET 0xee

/* --- Entropy ------------------------------------------------------------------------------------------------------ */

#define ENTROPY 64u

static unsigned rng_request(struct dev *d, struct part *p)
{
	fill(BUFFER(d, 0), ENTROPY + 64, UNSET);
	p[0] = (struct part){BUFFER(d, 0), ENTROPY, true};
	return 1;
}

static void rng_answered(struct dev *d, uint32_t used_len)
{
	expect("used length", used_len >= 16 && used_len <= ENTROPY, true);
	/* All 16 bytes are UNSET once in 2^128. */
	expect("it wrote", is_filled(BUFFER(d, 0), 16, UNSET), false);
	expect("not zeroes", is_filled(BUFFER(d, 0), 16, 0), false);
	expect_bytes("behind the used length", BUFFER(d, 0) + used_len, ENTROPY + 64 - used_len, UNSET);
}

static void rng_untouched(struct dev *d)
{
	expect_bytes("buffer", BUFFER(d, 0), ENTROPY, UNSET);
}

const struct kind rng_kind = {
	.id = 4,
	.name = "rng",
	.request = rng_request,
	.answered = rng_answered,
	.untouched = rng_untouched,
};

/* @a: bytes asked for, where nobody else has anything */
#define FREE_MEMORY 0x4000000u

static void rng_size(struct dev *d, const struct test *t)
{
	struct part p[] = {{FREE_MEMORY, (uint32_t)t->a, true}};
	uint32_t n;

	fill(FREE_MEMORY, 0x20000, UNSET);
	n = do_parts(d, 0, p, 1);
	expect("used length", n <= t->a && (n > 0 || !t->a), true);
	for (uint32_t i = 0; i + 64 <= n && i < 0x20000; i += 64)
		expect("bytes that are not random", is_filled(FREE_MEMORY + i, 64, UNSET), false);
	if (n < 0x10000)
		expect_bytes("behind the used length", FREE_MEMORY + n, 64, UNSET);
}

static void rng_readable(struct dev *d, const struct test *t)
{
	struct part p[] = {{BUFFER(d, 8), 16, false}, {BUFFER(d, 0), ENTROPY, true}};

	fill(BUFFER(d, 0), ENTROPY, UNSET);
	offer_parts(d, 0, p, t->a ? 2 : 1);
	expect_broken(d);
}

/* More than the device gives at once: it takes its time, but all of them come. */
static void rng_many(struct dev *d, const struct test *t)
{
	struct queue *q = &d->q[0];

	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		put(q, i, BUFFER(d, i), 4096, D_WRITE, 0);
		offer(q, (uint16_t)i);
	}
	kick(d, 0);
	if (!wait_used(q, QUEUE_SIZE))
		return;
	for (uint16_t i = 0; i < QUEUE_SIZE; i++)
		expect("used length", used_at(q, i).len > 0 && used_at(q, i).len <= 4096, true);
}

static const struct test entropy[] = {
	{"an empty buffer", "5.4.6", rng_size, 0, 0, "it takes no empty descriptor"},
	{"1 byte", "5.4.6", rng_size, 1, 0, NULL},
	{"63 bytes", "5.4.6", rng_size, 63, 0, NULL},
	{"4,096 bytes", "5.4.6", rng_size, 4096, 0, NULL},
	{"4,097 bytes", "5.4.6", rng_size, 4097, 0, NULL},
	{"64 KiB", "5.4.6", rng_size, 65536, 0, NULL},
	{"32 MiB", "5.4.6", rng_size, 32u << 20, 0, NULL},
	{"a readable buffer", "5.4.6.1", rng_readable, 0, 0, "it gives nothing, and goes on"},
	{"a readable buffer in front", "5.4.6.1", rng_readable, 1, 0, "it does not look at it"},
	{"a queue full of requests", "5.4.6", rng_many, 0, 0, NULL},
};

/* --- Console: the test looks for the text that is written to it --------------------------------------------------- */

enum { CONSOLE_RX = 0, CONSOLE_TX = 1 };

static const char text[] = "# console: hostile\n";

static unsigned console_request(struct dev *d, struct part *p)
{
	copy(BUFFER(d, 0), (uint64_t)text, sizeof(text) - 1);
	p[0] = (struct part){BUFFER(d, 0), sizeof(text) - 1, false};
	return 1;
}

static void console_answered(struct dev *d, uint32_t used_len)
{
	expect("used length", used_len, 0);
	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		expect("text", ((volatile uint8_t *)BUFFER(d, 0))[i], (uint8_t)text[i]);
}

/* Nobody can tell here; used indices are looked at anyhow. */
static void console_untouched(struct dev *d)
{
	(void)d;
}

const struct kind console_kind = {
	.id = 3,
	.name = "console",
	.main = CONSOLE_TX,
	.request = console_request,
	.answered = console_answered,
	.untouched = console_untouched,
};

/* @a: bytes of text, in lines of 64 that the test counts */
static void console_long(struct dev *d, const struct test *t)
{
	struct part p[] = {{BUFFER(d, 0), (uint32_t)t->a, false}};

	fill(BUFFER(d, 0), t->a, '#');
	for (uint64_t i = 63; i < t->a; i += 64)
		*(volatile uint8_t *)(BUFFER(d, 0) + i) = '\n';
	*(volatile uint8_t *)(BUFFER(d, 0) + t->a - 1) = '\n';
	expect("used length", do_parts(d, CONSOLE_TX, p, 1), 0);
}

static void console_empty(struct dev *d, const struct test *t)
{
	struct part p[] = {{BUFFER(d, 0), 0, false}, {BUFFER(d, 0), 0, false}};

	expect("used length", do_parts(d, CONSOLE_TX, p, (unsigned)t->a), 0);
}

/* A transmit buffer that the device could write: it does not. */
static void console_writable(struct dev *d, const struct test *t)
{
	struct part p[] = {{BUFFER(d, 0), 64, true}};

	fill(BUFFER(d, 0), 64, UNSET);
	offer_parts(d, CONSOLE_TX, p, 1);
	settle();
	expect_bytes("buffer", BUFFER(d, 0), 64, UNSET);
	if (used_idx(&d->q[CONSOLE_TX]))
		expect("used length", used_at(&d->q[CONSOLE_TX], 0).len, 0);
}

/* A receive buffer, good or not: nothing is typed, so nothing comes. */
static void console_quiet(struct dev *d, const struct test *t)
{
	put(&d->q[CONSOLE_RX], 0, BUFFER(d, 30), (uint32_t)t->a, (unsigned)t->b, 0);
	offer(&d->q[CONSOLE_RX], 0);
	kick(d, CONSOLE_RX);
	settle();
	expect("used index", used_idx(&d->q[CONSOLE_RX]), 0);
	do_plain(d);
}

static void console_features(struct dev *d, const struct test *t)
{
	expect("MULTIPORT and EMERG_WRITE are not offered", d->offered & (BIT(1) | BIT(2)), 0);
	expect("queues", d->nr_queues, 2);
}

#define PORTS "it has ports"

static const struct test console[] = {
	{"64 bytes", "5.3.6", console_long, 64, 0, NULL},
	{"4,097 bytes", "5.3.6", console_long, 4097, 0, NULL},
	{"64 KiB", "5.3.6", console_long, 65536, 0, NULL},
	{"1 byte", "5.3.6", console_long, 1, 0, NULL},
	{"nothing", "5.3.6", console_empty, 1, 0, "it takes no empty descriptor"},
	{"nothing, twice", "5.3.6", console_empty, 2, 0, "it takes no empty descriptor"},
	{"text that cannot be read", "5.3.6", console_writable, 0, 0, NULL},
	{"a buffer to receive into", "5.3.6", console_quiet, 64, D_WRITE, NULL},
	{"an empty buffer to receive into", "5.3.6", console_quiet, 0, D_WRITE, "it takes no empty descriptor"},
	{"one queue pair, no emergency write", "5.3.3", console_features, 0, 0, PORTS},
};

/* --- Balloon ------------------------------------------------------------------------------------------------------ */

enum { INFLATE = 0, DEFLATE = 1, STATS = 2, REPORTING = 4 };

#define F_STATS     BIT(1)
#define F_POISON    BIT(4)
#define F_REPORTING BIT(5)
#define CFG_ACTUAL  4u
#define CFG_POISON  12u
#define PAGE        4096u
#define LIST(d)     BUFFER(d, 0)
/* Pages that the balloon may take: 4 MiB from here. The last one is never given. */
#define POOL    0x6000000u
#define POOL_NR 1024u

static uint64_t pool_page(const struct dev *d)
{
	return POOL + (uint64_t)(d->count % (POOL_NR - 16)) * PAGE;
}

static unsigned balloon_request(struct dev *d, struct part *p)
{
	d->count++;
	store32(LIST(d), (uint32_t)(pool_page(d) / PAGE));
	fill(pool_page(d), 64, UNSET);
	fill(pool_page(d) + PAGE - 64, 128, UNSET);
	p[0] = (struct part){LIST(d), 4, false};
	return 1;
}

/* The host has taken the page: it reads as zeroes. Its neighbours are unchanged. */
static void balloon_answered(struct dev *d, uint32_t used_len)
{
	expect("used length", used_len, 0);
	expect_bytes("the page", pool_page(d), 64, 0);
	expect_bytes("its end", pool_page(d) + PAGE - 64, 64, 0);
	expect_bytes("the page behind it", pool_page(d) + PAGE, 64, UNSET);
}

static void balloon_untouched(struct dev *d)
{
	expect_bytes("the page", pool_page(d), 64, UNSET);
}

const struct kind balloon_kind = {
	.id = 5,
	.name = "balloon",
	.main = INFLATE,
	.writable = BIT(CFG_ACTUAL / 4) | BIT(CFG_POISON / 4),
	.request = balloon_request,
	.answered = balloon_answered,
	.untouched = balloon_untouched,
};

/* A list whose second number is that of no page: @a; it stands for itself, or for what is behind RAM. */
#define RAM_PAGES 1

static void bad_page(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	balloon_request(d, p);
	store32(LIST(d), (uint32_t)(t->a == RAM_PAGES ? ram_end / PAGE : t->a));
	offer_parts(d, (unsigned)t->b, p, 1);
	expect_broken(d);
}

/* @a: bytes of a list that is not one of numbers */
static void bad_list(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	balloon_request(d, p);
	fill(LIST(d) + 4, 12, 0);
	p[0].len = (uint32_t)t->a;
	offer_parts(d, (unsigned)t->b, p, 1);
	expect_broken(d);
}

static void writable_list(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	balloon_request(d, p);
	p[1] = (struct part){BUFFER(d, 9), 64, true};
	fill(BUFFER(d, 9), 64, UNSET);
	offer_parts(d, (unsigned)t->a, p + t->b, t->b ? 1 : 2);
	expect_broken(d);
	expect_bytes("the buffer", BUFFER(d, 9), 64, UNSET);
}

/* @a pages; each of them, and nothing else */
static void inflate_many(struct dev *d, const struct test *t)
{
	struct part p[] = {{LIST(d), (uint32_t)t->a * 4, false}};

	for (uint64_t i = 0; i < POOL_NR; i++)
		fill(POOL + i * PAGE, 8, UNSET);
	for (uint64_t i = 0; i < t->a; i++)
		store32(LIST(d) + i * 4, (uint32_t)(POOL / PAGE + (t->b ? t->a - 1 - i : i)));
	expect("used length", do_parts(d, INFLATE, p, 1), 0);
	for (uint64_t i = 0; i < POOL_NR; i++)
		expect("a page", load64(POOL + i * PAGE), i < t->a ? 0 : 0xeeeeeeeeeeeeeeee);
}

static void empty_list(struct dev *d, const struct test *t)
{
	struct part p[] = {{LIST(d), 0, false}};

	expect("used length", do_parts(d, (unsigned)t->a, p, 1), 0);
}

/* The same page @a times in one list. */
static void same_page(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	balloon_request(d, p);
	for (uint64_t i = 1; i < t->a; i++)
		store32(LIST(d) + i * 4, load32(LIST(d)));
	p[0].len = (uint32_t)t->a * 4;
	balloon_answered(d, do_parts(d, (unsigned)t->b, p, 1));
}

/* Deflating leaves a page as it is, one that was never given too. */
static void deflate(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	balloon_request(d, p);
	expect("used length", do_parts(d, DEFLATE, p, 1), 0);
	balloon_untouched(d);
}

/* @a: the buffer of statistics has so many bytes, @b: tag in each. It is kept until the device wants new ones. */
static void statistics(struct dev *d, const struct test *t)
{
	dev_start(d, F_STATS);
	for (unsigned i = 0; i < 64; i++) {
		store16(LIST(d) + i * 10, (uint16_t)t->b);
		store64(LIST(d) + i * 10 + 2, UINT64_MAX);
	}
	put(&d->q[STATS], 0, LIST(d), (uint32_t)t->a, 0, 0);
	offer(&d->q[STATS], 0);
	put(&d->q[STATS], 1, LIST(d), 20, 0, 0);
	offer(&d->q[STATS], 1);
	kick(d, STATS);
	settle();
	expect("used index", used_idx(&d->q[STATS]), 0);
	expect("Status", get(d, R_STATUS), S_RUNNING);
	do_plain(d);
}

/* 5.5.2 numbers the queues with that of hints, which is not offered, and other devices without it. */
static unsigned queue_of(const struct dev *d, unsigned index)
{
	return index < d->nr_queues ? index : d->nr_queues - 1;
}

/* A queue that was not negotiated does not exist. */
static void queue_unused(struct dev *d, const struct test *t)
{
	unsigned queue = queue_of(d, (unsigned)t->a);

	dev_start(d, 0);
	fill(POOL, PAGE, UNSET);
	put(&d->q[queue], 0, POOL, PAGE, t->b ? D_WRITE : 0, 0);
	offer(&d->q[queue], 0);
	kick(d, queue);
	expect_nothing(d);
	expect("used index", used_idx(&d->q[queue]), 0);
	expect_bytes("the page", POOL, 64, UNSET);
	do_plain(d);
}

/* Free pages: @a is where they begin in the pool, @b how long they are. Whole ones become zeroes, parts stay. */
static void reports(struct dev *d, const struct test *t)
{
	uint64_t from = POOL + t->a, to = from + t->b;
	struct part p[] = {{from, (uint32_t)t->b, true}};

	dev_start(d, F_STATS | F_REPORTING);
	for (uint64_t at = POOL; at < POOL + 8 * PAGE; at += 8)
		store64(at, 0xeeeeeeeeeeeeeeee);
	expect("used length", do_parts(d, queue_of(d, REPORTING), p, 1), 0);
	for (uint64_t at = POOL; at < POOL + 8 * PAGE; at += 256) {
		uint64_t page = at & ~(uint64_t)(PAGE - 1);
		bool whole = page >= from && page + PAGE <= to;

		expect("a page", load64(at), whole ? 0 : 0xeeeeeeeeeeeeeeee);
	}
}

/* A driver that wants another pattern than zeroes in its free pages keeps them. */
static void reports_poison(struct dev *d, const struct test *t)
{
	struct part p[] = {{POOL, PAGE, true}};

	dev_start(d, F_STATS | F_REPORTING | F_POISON);
	set(d, R_CONFIG + CFG_POISON, (uint32_t)t->a);
	expect("poison_val", get(d, R_CONFIG + CFG_POISON), (uint32_t)t->a);
	fill(POOL, PAGE, UNSET);
	expect("used length", do_parts(d, queue_of(d, REPORTING), p, 1), 0);
	expect_bytes("the page", POOL, PAGE, t->a ? UNSET : 0);
}

static void actual(struct dev *d, const struct test *t)
{
	set(d, R_CONFIG + CFG_ACTUAL, (uint32_t)t->a);
	expect("actual", get(d, R_CONFIG + CFG_ACTUAL), t->a);
	do_plain(d);
	dev_fresh(d);
	expect("actual after a reset", get(d, R_CONFIG + CFG_ACTUAL), 0);
}

static void poison_not_negotiated(struct dev *d, const struct test *t)
{
	set(d, R_CONFIG + CFG_POISON, 0xaaaaaaaa);
	expect("poison_val", get(d, R_CONFIG + CFG_POISON), 0);
}

#define SKIPS   "it skips what is no page"
#define UNASKED "it serves that queue all the same"
#define KEEPS   "it keeps the number"

static const struct test balloon[] = {
	{"the first page behind RAM", "5.5.6", bad_page, RAM_PAGES, INFLATE, SKIPS},
	{"a page in the hole", "5.5.6", bad_page, 0xc8000, INFLATE, SKIPS},
	{"a page of registers", "5.5.6", bad_page, 0xd0000, INFLATE, SKIPS},
	{"page 2^20, at 4 GiB", "5.5.6", bad_page, 0x100000, INFLATE, SKIPS},
	{"page 0xffffffff", "5.5.6", bad_page, UINT32_MAX, INFLATE, SKIPS},
	{"deflate: the first page behind RAM", "5.5.6", bad_page, RAM_PAGES, DEFLATE, SKIPS},
	{"deflate: page 0xffffffff", "5.5.6", bad_page, UINT32_MAX, DEFLATE, SKIPS},
	{"a list of 1 byte", "5.5.6", bad_list, 1, INFLATE, SKIPS},
	{"a list of 3 bytes", "5.5.6", bad_list, 3, INFLATE, SKIPS},
	{"a list of 5 bytes", "5.5.6", bad_list, 5, INFLATE, SKIPS},
	{"a list of 7 bytes", "5.5.6", bad_list, 7, INFLATE, SKIPS},
	{"deflate: a list of 6 bytes", "5.5.6", bad_list, 6, DEFLATE, SKIPS},
	{"a list and a buffer to be written", "5.5.6", writable_list, INFLATE, 0, SKIPS},
	{"a buffer to be written", "5.5.6", writable_list, INFLATE, 1, SKIPS},
	{"deflate: a buffer to be written", "5.5.6", writable_list, DEFLATE, 1, SKIPS},
	{"an empty list", "5.5.6", empty_list, INFLATE, 0, "it takes no empty descriptor"},
	{"deflate: an empty list", "5.5.6", empty_list, DEFLATE, 0, "it takes no empty descriptor"},
	{"two pages", "5.5.6", inflate_many, 2, 0, NULL},
	{"256 pages", "5.5.6", inflate_many, 256, 0, NULL},
	{"256 pages, the last one first", "5.5.6", inflate_many, 256, 1, NULL},
	{"1,000 pages", "5.5.6", inflate_many, 1000, 0, NULL},
	{"a page twice in a list", "5.5.6", same_page, 2, INFLATE, NULL},
	{"a page 500 times in a list", "5.5.6", same_page, 500, INFLATE, NULL},
	{"deflate: a page that was not given", "5.5.6", deflate, 0, 0, NULL},
	{"statistics: 1 byte", "5.5.6.3", statistics, 1, 0, NULL},
	{"statistics: 9 bytes", "5.5.6.3", statistics, 9, 0, NULL},
	{"statistics: 25 bytes", "5.5.6.3", statistics, 25, 1, NULL},
	{"statistics: a tag that is none", "5.5.6.4", statistics, 100, 10, NULL},
	{"statistics: tag 0xffff", "5.5.6.4", statistics, 100, 0xffff, NULL},
	{"statistics: the same tag 64 times", "5.5.6.4", statistics, 640, 4, NULL},
	{"statistics that were not negotiated", "5.5.6.3", queue_unused, STATS, 0, NULL},
	{"reporting that was not negotiated", "5.5.6.7", queue_unused, REPORTING, 1, UNASKED},
	{"free page hints, which are not offered", "5.5.6.6", queue_unused, 3, 1, UNASKED},
	{"reporting: a page", "5.5.6.7", reports, 0, PAGE, NULL},
	{"reporting: five pages", "5.5.6.7", reports, PAGE, 5 * PAGE, NULL},
	{"reporting: from the middle of a page on", "5.5.6.7", reports, 100, 3 * PAGE,
		"it takes what begins and ends with a page"},
	{"reporting: less than a page", "5.5.6.7", reports, 0, PAGE - 8, NULL},
	{"reporting: 1 byte", "5.5.6.7", reports, 0, 1, NULL},
	{"reporting: two halves of pages", "5.5.6.7", reports, 2048, PAGE, NULL},
	{"reporting: pages that are to be poisoned", "5.5.6.7", reports_poison, 0xaaaaaaaa, 0, NULL},
	{"reporting: poison that is zero", "5.5.6.7", reports_poison, 0, 0, NULL},
	{"actual", "5.5.4", actual, 77, 0, KEEPS},
	{"actual: 0xffffffff", "5.5.4", actual, UINT32_MAX, 0, KEEPS},
	{"poison_val that was not negotiated", "5.5.4", poison_not_negotiated, 0, 0, KEEPS},
};

const struct group small_groups[] = {
	GROUP("entropy", &rng_kind, 0, entropy),
	GROUP("text", &console_kind, 0, console),
	GROUP("pages", &balloon_kind, F_STATS | F_POISON | F_REPORTING, balloon),
	{0},
};
