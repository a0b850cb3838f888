// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptor chains and rings, on the main queue of every device. A case changes a plain request; either the device
 * still does it, with all its effects, or it stops (DEVICE_NEEDS_RESET) and has done nothing of it.
 */
#include "tests/guest/hostile/hostile.h"

#define SPARE 12u /* descriptors from here on are free: a plain request has three at most */

/* A plain request, of @n parts from descriptor 0 on. */
struct plain {
	struct queue *q;
	struct part p[PARTS_MAX];
	unsigned n;
};

static struct plain plain(struct dev *d)
{
	struct plain r = {.q = &d->q[d->kind->main]};

	r.n = d->kind->request(d, r.p);
	put_parts(r.q, 0, r.p, r.n);
	return r;
}

static unsigned flags_of(const struct plain *r, unsigned part)
{
	return (r->p[part].write ? D_WRITE : 0) | (part + 1 < r->n ? D_NEXT : 0);
}

/* Its effects, and of the rings nothing but the used one is written. */
static void works(struct dev *d, struct plain *r, unsigned head)
{
	static struct desc table[QUEUE_SIZE];
	struct queue *q = r->q;
	uint16_t before = used_idx(q), flags = q->avail[0];

	copy((uint64_t)table, (uint64_t)q->desc, sizeof(table));
	offer(q, (uint16_t)head);
	kick(d, q->index);
	if (!wait_used(q, (uint16_t)(before + 1)))
		return;
	expect("id of the used element", used_at(q, before).id, head);
	d->kind->answered(d, used_at(q, before).len);
	for (size_t i = 0; i < sizeof(table) / 4; i++)
		expect("descriptor table", load32((uint64_t)q->desc + i * 4), load32((uint64_t)table + i * 4));
	expect("flags of the available ring", q->avail[0], flags);
	expect_bytes("behind the used ring", (uint64_t)(q->used + 2 + 4 * q->size + 1), 32, 0);
}

static void breaks(struct dev *d, struct plain *r, unsigned head)
{
	offer(r->q, (uint16_t)head);
	kick(d, r->q->index);
	expect_broken(d);
}

/* --- What works --------------------------------------------------------------------------------------------------- */

/* @a: descriptor that the chain begins with; they go down from there */
static void backwards(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);
	unsigned at = (unsigned)t->a;

	for (unsigned i = 0; i < r.n; i++)
		put(r.q, at - i, r.p[i].addr, r.p[i].len, flags_of(&r, i), at - i - 1);
	works(d, &r, at);
}

/* @a: flags without a meaning, in every descriptor; @b: `next` where there is no successor */
static void odd_flags(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);

	for (unsigned i = 0; i < r.n; i++)
		r.q->desc[i].flags |= (uint16_t)t->a;
	r.q->desc[r.n - 1].next = (uint16_t)t->b;
	works(d, &r, 0);
}

static void avail_flags(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);

	r.q->avail[0] = (uint16_t)t->a;
	works(d, &r, 0);
}

/* Writes an indirect table: part i, from @first on, is at place[i - first]. */
static struct queue put_table(struct dev *d, const struct plain *r, unsigned first, const uint16_t *place)
{
	struct queue table = {.desc = (volatile struct desc *)TABLE(d)};

	fill(TABLE(d), 0x1000, 0xee);
	for (unsigned i = first; i < r->n; i++)
		put(&table, place[i - first], r->p[i].addr, r->p[i].len, flags_of(r, i),
			i + 1 < r->n ? place[i - first + 1] : 0xffff);
	return table;
}

static const uint16_t in_order[] = {0, 1, 2}, out_of_order[] = {0, 5, 3};

/* A plain request on a device that takes indirect tables. */
static struct plain plain_indirect(struct dev *d)
{
	dev_start(d, d->kind->features | F_INDIRECT);
	return plain(d);
}

/* @a: entries of the table, 0: as many as parts; @b: more flags of its descriptor */
static void indirect(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);

	put_table(d, &r, 0, t->a ? out_of_order : in_order);
	put(r.q, SPARE, TABLE(d), (t->a ? (uint32_t)t->a : r.n) * 16, D_INDIRECT | (unsigned)t->b, 0);
	works(d, &r, SPARE);
}

/* Direct descriptors first, and the table last. */
static void direct_then_indirect(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);
	unsigned direct = r.n > 1 ? 1 : 0;

	put_table(d, &r, direct, in_order);
	put(r.q, direct, TABLE(d), (r.n - direct) * 16, D_INDIRECT, 0);
	works(d, &r, 0);
}

/* Every part in pieces of @a bytes, as far as the queue goes; the rest in one. */
static void pieces(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);
	unsigned left = QUEUE_SIZE, at = 0;

	for (unsigned i = 0; i < r.n; i++) {
		uint64_t addr = r.p[i].addr;
		uint32_t len = r.p[i].len;
		unsigned most = left - (r.n - i - 1); /* one for each part behind it */

		for (; len; at++, left--, most--) {
			uint32_t n = most > 1 && len > t->a ? (uint32_t)t->a : len;

			put(r.q, at, addr, n, (r.p[i].write ? D_WRITE : 0) | D_NEXT, at + 1);
			addr += n;
			len -= n;
		}
	}
	r.q->desc[at - 1].flags &= (uint16_t)~D_NEXT;
	works(d, &r, 0);
}

/* Empty descriptors around the parts: the specification has nothing against them. */
static void empty_between(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);
	unsigned at = 0;

	for (unsigned i = 0; i < r.n; i++, at += 3) {
		unsigned write = r.p[i].write ? D_WRITE : 0;

		put(r.q, at, t->a, 0, write | D_NEXT, at + 1);
		put(r.q, at + 1, r.p[i].addr, r.p[i].len, write | D_NEXT, at + 2);
		put(r.q, at + 2, t->a, 0, flags_of(&r, i), at + 3);
	}
	works(d, &r, 0);
}

/* One after the other, @a times: the indices go around the ring. */
static void many(struct dev *d, const struct test *t)
{
	for (uint64_t i = 0; i < t->a; i++)
		do_plain(d);
}

/* The same chain offered twice at once. */
static void twice(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);

	offer(r.q, 0);
	offer(r.q, 0);
	kick(d, r.q->index);
	if (!wait_used(r.q, 2))
		return;
	expect("id of the first", used_at(r.q, 0).id, 0);
	expect("id of the second", used_at(r.q, 1).id, 0);
	d->kind->answered(d, used_at(r.q, 1).len);
}

/* @a: kicks for nothing, then one for something */
static void kicks(struct dev *d, const struct test *t)
{
	for (uint64_t i = 0; i < t->a; i++)
		kick(d, d->kind->main);
	expect_nothing(d);
	do_plain(d);
}

#define A_BUFFER "an entry with INDIRECT is a buffer to it"

static const struct test chains[] = {
	{"descriptors in reverse", "2.7.5", backwards, 3, 0, NULL},
	{"descriptors in reverse, from the last one on", "2.7.5", backwards, QUEUE_SIZE - 1, 0, NULL},
	{"flags without a meaning", "2.7.5", odd_flags, 0xfff8, 0, NULL},
	{"a successor's number without NEXT", "2.7.5", odd_flags, 0, 0xffff, NULL},
	{"a successor's number that is itself, without NEXT", "2.7.5", odd_flags, 0, 0, NULL},
	{"flags of the available ring without a meaning", "2.7.6", avail_flags, 0xfffe, 0, NULL},
	{"an indirect table", "2.7.5.3", indirect, 0, 0, NULL},
	{"an indirect table whose entries are out of order", "2.7.5.3", indirect, 6, 0, NULL},
	{"an indirect table, WRITE in its descriptor", "2.7.5.3.2", indirect, 0, D_WRITE, NULL},
	{"an indirect table, flags without a meaning", "2.7.5.3", indirect, 0, 0xfff8, NULL},
	{"direct descriptors, then a table", "2.7.5.3.2", direct_then_indirect, 0, 0, A_BUFFER},
	{"in pieces of 1 byte", "2.7.4", pieces, 1, 0, NULL},
	{"in pieces of 2 bytes", "2.7.4", pieces, 2, 0, NULL},
	{"in pieces of 3 bytes", "2.7.4", pieces, 3, 0, NULL},
	{"in pieces of 5 bytes", "2.7.4", pieces, 5, 0, NULL},
	{"in pieces of 7 bytes", "2.7.4", pieces, 7, 0, NULL},
	{"in pieces of 13 bytes", "2.7.4", pieces, 13, 0, NULL},
	{"empty descriptors around each part", "2.7.5", empty_between, 0x3000000, 0, "it takes no empty descriptor"},
	{"40 requests, around the ring", "2.7", many, 40, 0, NULL},
	{"a chain offered twice", "2.7.13", twice, 0, 0, NULL},
	{"100 kicks for nothing", "2.7.13", kicks, 100, 0, NULL},
};

/* --- What breaks -------------------------------------------------------------------------------------------------- */

/* The last part has a successor: @a; the spare ones are a loop of two. */
#define ITSELF 100

static void last_links(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);
	const struct part *last = &r.p[r.n - 1];
	unsigned flags = (last->write ? D_WRITE : 0) | D_NEXT;

	put(r.q, r.n - 1, last->addr, last->len, flags, t->a == ITSELF ? r.n - 1 : (unsigned)t->a);
	put(r.q, SPARE, last->addr, last->len, flags, SPARE + 1);
	put(r.q, SPARE + 1, last->addr, last->len, flags, SPARE);
	breaks(d, &r, 0);
}

static void head(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);

	breaks(d, &r, (unsigned)t->a);
}

/* @a: how far the available index jumps; @b: after so many requests that went well */
static void jumps(struct dev *d, const struct test *t)
{
	struct plain r;

	for (uint64_t i = 0; i < t->b; i++)
		do_plain(d);
	r = plain(d);
	r.q->offered = (uint16_t)(r.q->offered + t->a - 1);
	breaks(d, &r, 0);
}

/* @a: bytes of a readable descriptor behind a writable one */
static void wrong_order(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);
	unsigned n = r.n;

	r.q->desc[n - 1].flags |= D_NEXT;
	r.q->desc[n - 1].next = (uint16_t)n;
	if (!r.p[n - 1].write) {
		put(r.q, n, BUFFER(d, 200), 64, D_WRITE | D_NEXT, n + 1);
		n++;
	}
	put(r.q, n, BUFFER(d, 201), (uint32_t)t->a, 0, 0);
	breaks(d, &r, 0);
}

/* Addresses in rows: this represents the end of RAM, and addresses close to it. */
#define RAM_END   BIT(40)
#define REGISTERS 1

static uint64_t place_of(const struct dev *d, uint64_t a)
{
	if (a == REGISTERS)
		return d->base;
	return a >= RAM_END - 0x10000 && a <= RAM_END ? ram_end + a - RAM_END : a;
}

/* The last part lies at @a; @b: its bytes, 0: as it is */
static void buffer_at(struct dev *d, const struct test *t)
{
	struct plain r = plain(d);

	r.q->desc[r.n - 1].addr = place_of(d, t->a);
	if (t->b)
		r.q->desc[r.n - 1].len = (uint32_t)t->b;
	breaks(d, &r, 0);
}

/* So many bytes of RAM that their sum does not fit 32 bits, in a queue that is long enough for such a chain. */
static void too_many_bytes(struct dev *d, const struct test *t)
{
	const unsigned n = 40;
	struct queue table = {.desc = (volatile struct desc *)TABLE(d)};
	struct plain r;
	unsigned write;

	dev_negotiate(d, (d->kind->features & d->offered) | F_INDIRECT);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		queue_init(d, i);
		d->q[i].size = 64;
		queue_place(d, i);
		set(d, R_QUEUE_READY, 1);
	}
	set(d, R_STATUS, S_RUNNING);
	r = plain(d);
	write = r.p[r.n - 1].write ? D_WRITE : 0;
	for (unsigned i = 0; i < n; i++)
		put(&table, i, 0x1000000, 0x6fffffc, write | (i + 1 < n ? D_NEXT : 0), i + 1);
	put(r.q, SPARE, TABLE(d), n * 16, D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

/* A table of @a bytes (0: what is needed, 1: none) at @b (0: where it is). */
static void bad_table(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);

	put_table(d, &r, 0, in_order);
	put(r.q, SPARE, t->b ? place_of(d, t->b) : TABLE(d),
		t->a == 1      ? 0
			: t->a ? (uint32_t)t->a
			       : r.n * 16,
		D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

static void table_not_negotiated(struct dev *d, const struct test *t)
{
	struct plain r;

	dev_start(d, d->kind->features & ~F_INDIRECT);
	r = plain(d);
	put_table(d, &r, 0, in_order);
	put(r.q, SPARE, TABLE(d), r.n * 16, D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

static void table_with_next(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);

	put_table(d, &r, 0, in_order);
	put(r.q, SPARE, TABLE(d), r.n * 16, D_INDIRECT | D_NEXT, SPARE + 1);
	put(r.q, SPARE + 1, BUFFER(d, 200), 16, D_WRITE, 0);
	breaks(d, &r, SPARE);
}

/* A table whose only entry points to another one: @a: to itself */
static void table_in_table(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);
	struct queue table = put_table(d, &r, 0, in_order);
	uint64_t at = TABLE(d) + 8 * sizeof(struct desc);

	put(&table, 8, t->a ? at : TABLE(d), (t->a ? 1 : r.n) * 16, D_INDIRECT, 0);
	put(r.q, SPARE, at, 16, D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

/* The last entry of the table has a successor: @a, or the one behind the table. */
#define BEHIND 101

static void table_links(struct dev *d, const struct test *t)
{
	struct plain r = plain_indirect(d);
	struct queue table = put_table(d, &r, 0, in_order);

	table.desc[r.n - 1].flags |= D_NEXT;
	table.desc[r.n - 1].next = (uint16_t)(t->a == ITSELF ? r.n - 1 : t->a == BEHIND ? r.n : t->a);
	put(r.q, SPARE, TABLE(d), r.n * 16, D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

/* A chain of @a descriptors more than the queue has, all of them in a table. */
static void longer_than_queue(struct dev *d, const struct test *t)
{
	unsigned n = QUEUE_SIZE + (unsigned)t->a;
	struct plain r = plain_indirect(d);
	struct queue table = put_table(d, &r, 0, in_order);
	const struct part *last = &r.p[r.n - 1];

	for (unsigned i = r.n - 1; i < n; i++)
		put(&table, i, last->addr, last->len, (last->write ? D_WRITE : 0) | (i + 1 < n ? D_NEXT : 0), i + 1);
	put(r.q, SPARE, TABLE(d), n * 16, D_INDIRECT, 0);
	breaks(d, &r, SPARE);
}

#define NOWHERE     "DMA to where nothing is goes nowhere, and the request goes on"
#define NO_DISTANCE "it serves what is there up to the index, however far that is"
#define LONG_CHAINS "it bounds chains by 1,024 descriptors, not by the queue"

static const struct test broken[] = {
	{"a descriptor that is its own successor", "2.7.5.3.1", last_links, ITSELF, 0, NULL},
	{"a loop of two", "2.7.5.3.1", last_links, SPARE, 0, NULL},
	{"a loop back to the head", "2.7.5.3.1", last_links, 0, 0, NULL},
	{"a successor beyond the table", "2.7.5", last_links, QUEUE_SIZE, 0, NULL},
	{"successor 0x7fff", "2.7.5", last_links, 0x7fff, 0, NULL},
	{"successor 0xffff", "2.7.5", last_links, 0xffff, 0, NULL},
	{"a head beyond the table", "2.7.6", head, QUEUE_SIZE, 0, NULL},
	{"head 0x8000", "2.7.6", head, 0x8000, 0, NULL},
	{"head 0xffff", "2.7.6", head, 0xffff, 0, NULL},
	{"the available index jumps by the queue and one", "2.7.6", jumps, QUEUE_SIZE + 1, 0, NO_DISTANCE},
	{"the available index jumps by half its range", "2.7.6", jumps, 0x8000, 0, NO_DISTANCE},
	{"the available index goes back by one", "2.7.6", jumps, 0xffff, 0, NO_DISTANCE},
	{"the available index goes back by one, later", "2.7.6", jumps, 0xffff, 5, NO_DISTANCE},
	{"the available index goes back to 0, later", "2.7.6", jumps, 0x10000 - 5, 5, NO_DISTANCE},
	{"readable behind writable", "2.7.4.2", wrong_order, 16, 0, NULL},
	{"readable behind writable, empty", "2.7.4.2", wrong_order, 0, 0, NULL},
	{"a buffer at the first byte beyond RAM", "2.7.5", buffer_at, RAM_END, 0, NOWHERE},
	{"a buffer over the end of RAM", "2.7.5", buffer_at, RAM_END - 8, 64, NOWHERE},
	{"a buffer in the hole below 4 GiB", "2.7.5", buffer_at, 0xc8000000, 0, NOWHERE},
	{"a buffer in this device's registers", "2.7.5", buffer_at, REGISTERS, 0, "it does DMA to registers"},
	{"a buffer at 4 GiB, where no RAM is", "2.7.5", buffer_at, BIT(32), 0, NOWHERE},
	{"a buffer at 2^63", "2.7.5", buffer_at, BIT(63), 0, NOWHERE},
	{"a buffer that wraps around at 2^64", "2.7.5", buffer_at, UINT64_MAX - 3, 64, "it does DMA there"},
	{"a buffer of 0xffffffff bytes", "2.7.5", buffer_at, 0x2000000, UINT32_MAX, HANGS},
	{"a buffer of 2 GiB", "2.7.5", buffer_at, 0x2000000, 0x80000000, HANGS},
	{"more than 2^32 bytes, all of them in RAM", "2.7.5.3.1", too_many_bytes, 0, 0, HANGS},
	{"an indirect table that was not negotiated", "2.7.5.3", table_not_negotiated, 0, 0, "it takes them always"},
	{"an indirect table with a successor", "2.7.5.3.1", table_with_next, 0, 0, "it ignores the successor"},
	{"an indirect table in an indirect table", "2.7.5.3.1", table_in_table, 0, 0, A_BUFFER},
	{"an indirect table that points to itself", "2.7.5.3.1", table_in_table, 1, 0, A_BUFFER},
	{"an indirect table of 0 bytes", "2.7.5.3", bad_table, 1, 0, NULL},
	{"an indirect table of 8 bytes", "2.7.5.3", bad_table, 8, 0, NULL},
	{"an indirect table of 17 bytes", "2.7.5.3", bad_table, 17, 0, NULL},
	{"an indirect table of 0xffffffff bytes", "2.7.5.3", bad_table, UINT32_MAX, 0, NULL},
	{"an indirect table of 0xfffffff0 bytes", "2.7.5.3", bad_table, 0xfffffff0, 0, NULL},
	{"an indirect table beyond RAM", "2.7.5.3", bad_table, 0, RAM_END, NULL},
	{"an indirect table over the end of RAM", "2.7.5.3", bad_table, 48, RAM_END - 16, NULL},
	{"an indirect table in the hole", "2.7.5.3", bad_table, 0, 0xc8000000, NULL},
	{"an indirect table in registers", "2.7.5.3", bad_table, 0, REGISTERS, NULL},
	{"an indirect table that wraps around", "2.7.5.3", bad_table, 48, UINT64_MAX - 15, NULL},
	{"an entry that is its own successor", "2.7.5.3.1", table_links, ITSELF, 0, NULL},
	{"an entry with a successor behind the table", "2.7.5.3.1", table_links, BEHIND, 0, NULL},
	{"an entry with successor 0xffff", "2.7.5.3.1", table_links, 0xffff, 0, NULL},
	{"an entry with the first as its successor", "2.7.5.3.1", table_links, 0, 0, NULL},
	{"a chain longer than the queue by one", "2.7.5.3.1", longer_than_queue, 1, 0, LONG_CHAINS},
	{"a chain longer than the queue by 100", "2.7.5.3.1", longer_than_queue, 100, 0, LONG_CHAINS},
};

/* --- Notifications ------------------------------------------------------------------------------------------------ */

/* The device runs with these features, and has no interrupt under way: the one for the last request was there. */
static struct queue *quiet(struct dev *d, uint64_t features)
{
	struct queue *q = &d->q[d->kind->main];

	dev_start(d, features);
	for (unsigned i = 0; i < 3; i++) {
		q->avail[2 + q->size] = used_idx(q);
		do_plain(d);
		expect("used buffer in InterruptStatus", wait_reg(d, R_ISR, ISR_USED, ISR_USED), true);
		settle();
		set(d, R_ACK, ISR_USED | ISR_CONFIG);
	}
	return q;
}

static void expect_interrupt(struct dev *d, bool want)
{
	if (want)
		wait_reg(d, R_ISR, ISR_USED, ISR_USED);
	settle();
	expect("InterruptStatus", get(d, R_ISR), want ? ISR_USED : 0);
}

/* @a: used_event - used index before the request; @b: whether an interrupt comes */
static void used_event(struct dev *d, const struct test *t)
{
	struct queue *q = quiet(d, d->kind->features | F_EVENT_IDX);

	q->avail[2 + q->size] = (uint16_t)(used_idx(q) + t->a);
	do_plain(d);
	expect_interrupt(d, t->b);
}

/* Four requests in one kick. */
static void used_event_passed(struct dev *d, const struct test *t)
{
	struct queue *q = quiet(d, d->kind->features | F_EVENT_IDX);
	uint16_t before = used_idx(q);
	struct part p[PARTS_MAX];

	q->avail[2 + q->size] = (uint16_t)(before + t->a);
	put_parts(q, 0, p, d->kind->request(d, p));
	for (unsigned i = 0; i < 4; i++)
		offer(q, 0);
	kick(d, q->index);
	wait_used(q, (uint16_t)(before + 4));
	expect_interrupt(d, t->b);
}

/* @a: EVENT_IDX, with which the flag is nobody's */
static void no_interrupt(struct dev *d, const struct test *t)
{
	struct queue *q = quiet(d, (d->kind->features & ~F_EVENT_IDX) | t->a);

	for (unsigned i = 0; i < d->nr_queues; i++)
		d->q[i].avail[0] = 1;
	q->avail[2 + q->size] = used_idx(q);
	do_plain(d);
	expect_interrupt(d, t->a);
}

static void wait_half(const volatile uint16_t *at, uint16_t want, const char *what)
{
	struct wait w = {0};

	while (*at != want && waiting(&w))
		;
	expect(what, *at, want);
}

/* The device wants a kick for the next request, and not for one before it. */
static void avail_event(struct dev *d, const struct test *t)
{
	struct queue *q = quiet(d, d->kind->features | F_EVENT_IDX);

	for (uint64_t i = 0; i < t->a; i++) {
		do_plain(d);
		wait_half(&q->used[2 + 4 * q->size], q->offered, "avail_event");
	}
	expect("flags of the used ring", q->used[0], 0);
}

/* Without EVENT_IDX the flag is clear when the device is idle, and the event index is not written. */
static void used_flags(struct dev *d, const struct test *t)
{
	struct queue *q = quiet(d, d->kind->features & ~F_EVENT_IDX);

	q->used[2 + 4 * q->size] = 0x5a5a;
	do_plain(d);
	wait_half(&q->used[0], 0, "flags of the used ring");
	expect("where avail_event would be", q->used[2 + 4 * q->size], 0x5a5a);
}

static const struct test events[] = {
	{"used_event is the next: interrupt", "2.7.7.2", used_event, 0, 1, NULL},
	{"used_event is one later: none", "2.7.7.2", used_event, 1, 0, NULL},
	{"used_event is one earlier: none", "2.7.7.2", used_event, 0xffff, 0, NULL},
	{"used_event is half the range away: none", "2.7.7.2", used_event, 0x8000, 0, NULL},
	{"used_event is just below half the range: none", "2.7.7.2", used_event, 0x7fff, 0, NULL},
	{"used_event is the queue's size away: none", "2.7.7.2", used_event, QUEUE_SIZE, 0, NULL},
	{"four requests pass used_event at the first", "2.7.7.2", used_event_passed, 0, 1, NULL},
	{"four requests pass used_event in the middle", "2.7.7.2", used_event_passed, 2, 1, NULL},
	{"four requests pass used_event at the last", "2.7.7.2", used_event_passed, 3, 1, NULL},
	{"four requests end before used_event", "2.7.7.2", used_event_passed, 4, 0, NULL},
	{"NO_INTERRUPT: none", "2.7.7.1", no_interrupt, 0, 0, NULL},
	{"NO_INTERRUPT means nothing with EVENT_IDX", "2.7.7.2", no_interrupt, F_EVENT_IDX, 0, NULL},
	{"avail_event follows", "2.7.10", avail_event, 40, 0, NULL},
	{"no avail_event without EVENT_IDX", "2.7.10", used_flags, 0, 0, NULL},
};

const struct group ring_groups[] = {
	GROUP("chains", NULL, 0, chains),
	GROUP("broken", NULL, 0, broken),
	GROUP("events", NULL, F_EVENT_IDX, events),
	{0},
};
