// SPDX-License-Identifier: Apache-2.0
/* Runs everything in order: devices, groups, cases, verdicts. */
#include "tests/guest/hostile/hostile.h"

#define SERIAL     0x3f8
#define DEBUG_EXIT 0xf4
#define MEMORY     0x2000000u /* of the first device; DEV_MEMORY each */
#define DEVS_MAX   12u

uint64_t ram_end = 128u << 20;

static struct dev dev[DEVS_MAX];
static unsigned nr_devs;
static const char *wanted = "all";
static bool peer;
const char HANGS[] = "not run: it works on that for minutes", ABORTS[] = "not run: an assertion of its own ends it";
static bool listing, terse;
static unsigned nr_cases, nr_failed, nr_differ;
static bool failed;

static const struct group *const groups[] = {
	register_groups, ring_groups, blk_groups, net_groups, vsock_groups, small_groups};

/* --- Serial port ----------------------------------------------------------------------------------------------- */

void print(const char *s)
{
	static unsigned in_fifo;

	for (; *s; s++) {
		while (in_fifo == 0 && !(in8(SERIAL + 5) & 0x20))
			;
		in_fifo = (in_fifo + 1) % 16;
		out8(SERIAL, (uint8_t)*s);
	}
}

static void print_in(uint64_t n, unsigned base)
{
	char text[24], *at = text + sizeof(text);

	*--at = 0;
	do
		*--at = "0123456789abcdef"[n % base];
	while ((n /= base));
	print(at);
}

void print_number(uint64_t n)
{
	print_in(n, 10);
}

void expect(const char *what, uint64_t seen, uint64_t want)
{
	if (seen == want)
		return;
	failed = true;
	print("# ");
	print(what);
	print(": 0x");
	print_in(seen, 16);
	print(", not 0x");
	print_in(want, 16);
	print("\n");
}

void expect_bytes(const char *what, uint64_t at, size_t len, uint8_t want)
{
	for (size_t i = 0; i < len && !is_filled(at, len, want); i++)
		if (((volatile uint8_t *)at)[i] != want) {
			expect(what, ((volatile uint8_t *)at)[i], want);
			return;
		}
}

/* --- Command line ---------------------------------------------------------------------------------------------- */

static bool starts(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return false;
	return true;
}

static uint64_t number(const char **s)
{
	uint64_t n = 0, base = 10;

	if (starts(*s, "0x")) {
		base = 16;
		*s += 2;
	}
	for (;; (*s)++) {
		uint64_t digit = **s >= '0' && **s <= '9' ? (uint64_t)(**s - '0')
			: **s >= 'a' && **s <= 'f'        ? (uint64_t)(**s - 'a' + 10)
							  : base;

		if (digit >= base)
			break;
		n = n * base + digit;
	}
	if (**s == ',')
		(*s)++;
	return n;
}

/* `id` is what was asked for, or of it. */
static bool matches(const char *id)
{
	const char *s = wanted;

	while (*s && *s != ' ' && *id == *s) {
		s++;
		id++;
	}
	return (!*s || *s == ' ') && (!*id || *id == '.');
}

/* The id of a case: DEVICE.GROUP.N */
static const char *id_of(const char *kind, const char *group, unsigned nr)
{
	static char id[64];
	char digits[12], *at = digits + sizeof(digits), *to = id;
	const char *const part[] = {kind, ".", group, ".", digits};

	*--at = 0;
	do
		*--at = (char)('0' + nr % 10);
	while ((nr /= 10));
	for (size_t i = 0; i < ARRAY_SIZE(part); i++)
		for (const char *s = part[i] == digits ? at : part[i]; *s && to < id + sizeof(id) - 1; s++)
			*to++ = *s;
	*to = 0;
	return id;
}

static bool is_wanted(const char *id)
{
	if (listing || matches("all") || matches(id))
		return true;
	/* GROUP of every device */
	while (*id != '.')
		id++;
	return matches(id + 1);
}

static void read_words(const char *s, uint64_t *base, uint64_t *stride, uint64_t *nr)
{
	for (; *s; s++) {
		if (starts(s, "case=")) {
			wanted = s + 5;
		} else if (starts(s, "peer")) {
			peer = true;
		} else if (starts(s, "terse")) {
			terse = true;
		} else if (starts(s, "ram=")) {
			s += 4;
			ram_end = number(&s);
		} else if (starts(s, "at=")) {
			s += 3;
			*base = number(&s);
			*stride = number(&s);
			*nr = number(&s);
		}
		while (*s && *s != ' ')
			s++;
		if (!*s)
			break;
	}
	listing = matches("list");
}

/* --- Cases ----------------------------------------------------------------------------------------------------- */

static void verdict(const char *id, const struct test *t)
{
	bool differs = failed && peer && t->peer;

	nr_cases++;
	nr_failed += failed && !differs;
	nr_differ += differs;
	print(failed && !differs ? "not ok - " : "ok - ");
	print(id);
	if (failed || !terse) {
		print(" ");
		print(t->does);
		print(" [");
		print(t->section);
		print("]");
	}
	if (differs || (listing && t->peer)) {
		print(" (differs: ");
		print(t->peer);
		print(")");
	}
	print("\n");
}

/* Checks that the device works again, and that another one still does. */
static void aftermath(struct dev *d)
{
	struct dev *other = &dev[(unsigned)(d - dev + 1) % nr_devs];

	dev_fresh(d);
	do_plain(d);
	if (other == d)
		return;
	do_plain(other);
	expect("Status of another device", get(other, R_STATUS), S_RUNNING);
}

static void run_group(struct dev *d, const struct group *g)
{
	for (unsigned i = 0; i < g->nr; i++) {
		const char *id = id_of(d->kind->name, g->name, i + 1);

		if (!is_wanted(id))
			continue;
		failed = false;
		if (peer && (g->test[i].peer == HANGS || g->test[i].peer == ABORTS)) {
			failed = true;
		} else if (!listing) {
			dev_fresh(d);
			g->test[i].run(d, &g->test[i]);
			aftermath(d);
		}
		verdict(id, &g->test[i]);
	}
}

static void run_device(struct dev *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct group *g = groups[i]; g->name; g++)
			if ((g->kind ? g->kind == d->kind : !d->kind->variant) && (d->offered & g->needs) == g->needs)
				run_group(d, g);
}

void hostile_main(const char *cmdline);

void hostile_main(const char *cmdline)
{
	static const struct test book = {"a driver by the book", "3.1.1", NULL, 0, 0, NULL};
	uint64_t base = 0xd0000000, stride = 0x1000, nr = 16;

	read_words(cmdline, &base, &stride, &nr);
	print("\n");
	for (uint64_t i = 0; i < nr && nr_devs < DEVS_MAX; i++)
		if (dev_find(&dev[nr_devs], base + i * stride, MEMORY + (uint64_t)nr_devs * DEV_MEMORY))
			nr_devs++;
	for (unsigned i = 0; i < nr_devs && !listing; i++) {
		failed = false;
		dev_fresh(&dev[i]);
		do_plain(&dev[i]);
		verdict(id_of(dev[i].kind->name, "start", 1), &book);
	}
	for (unsigned i = 0; i < nr_devs; i++)
		run_device(&dev[i]);
	print("# hostile: ");
	print_number(nr_cases);
	print(" cases, ");
	print_number(nr_failed);
	print(" failed, ");
	print_number(nr_differ);
	print(" differ\n");
	out8(DEBUG_EXIT, nr_failed || !nr_devs ? 1 : 0);
}
