// SPDX-License-Identifier: Apache-2.0
/* Registers, features, status, the set-up of queues, notifications, configuration: of every device. */
#include "tests/guest/hostile/hostile.h"

#define SNAPSHOT 128 /* words: registers, and 256 bytes of configuration */

struct snapshot {
	uint32_t word[SNAPSHOT];
};

static void take(const struct dev *d, struct snapshot *s)
{
	for (unsigned i = 0; i < SNAPSHOT; i++)
		s->word[i] = get(d, i * 4);
}

/* Each register reads as it did. */
static void same(const struct dev *d, const struct snapshot *s)
{
	for (unsigned i = 0; i < SNAPSHOT; i++)
		if (get(d, i * 4) != s->word[i]) {
			print("# register ");
			print_number(i * 4);
			print("\n");
			expect("register", get(d, i * 4), s->word[i]);
		}
}

/* --- Registers: @a is where, @b what ------------------------------------------------------------------------------ */

static void reads(struct dev *d, const struct test *t)
{
	expect("register", get(d, (uint32_t)t->a), t->b);
}

static void reads_id(struct dev *d, const struct test *t)
{
	expect("DeviceID", get(d, R_DEVICE), d->kind->id);
}

static void is_read_only(struct dev *d, const struct test *t)
{
	static const uint32_t values[] = {0, 1, 0x5a5a5a5a, UINT32_MAX};
	struct snapshot s;

	take(d, &s);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		set(d, (uint32_t)t->a, values[i]);
	same(d, &s);
	do_plain(d);
}

static void reads_zero(struct dev *d, const struct test *t)
{
	for (uint64_t at = t->a; at < t->b; at += 4)
		expect("register", get(d, (uint32_t)at), 0);
}

static void store(uint64_t at, unsigned width, uint64_t v)
{
	switch (width) {
	case 1: *(volatile uint8_t *)at = (uint8_t)v; break;
	case 2: *(volatile uint16_t *)at = (uint16_t)v; break;
	case 4: *(volatile uint32_t *)at = (uint32_t)v; break;
	default: *(volatile uint64_t *)at = v; break;
	}
}

/* @a: offset, @b: width. Control registers take 32 bits at aligned addresses and nothing else. */
static void write_of_width(struct dev *d, const struct test *t)
{
	struct snapshot s;

	take(d, &s);
	store(d->base + t->a, (unsigned)t->b, 0);
	store(d->base + t->a, (unsigned)t->b, 1);
	store(d->base + t->a, (unsigned)t->b, UINT64_MAX);
	same(d, &s);
	do_plain(d);
}

/* Of a narrow or misaligned read comes 0 (or all ones), or the bytes that stand there. */
static void read_of_width(struct dev *d, const struct test *t)
{
	unsigned width = (unsigned)t->b;

	for (uint64_t at = t->a; at + width <= t->a + 8; at++) {
		uint64_t v = width == 1 ? *(volatile uint8_t *)(d->base + at)
			: width == 2    ? *(volatile uint16_t *)(d->base + at)
					: *(volatile uint32_t *)(d->base + at);
		uint64_t all = load32(d->base + (at & ~3u)) | (uint64_t)load32(d->base + (at & ~3u) + 4) << 32;
		uint64_t there = all >> (at % 4 * 8) & (BIT(width * 8) - 1);

		if (v && v != there)
			expect("a part of a register", v, there);
	}
	do_plain(d);
}

#define TWO_REGISTERS "8 bytes are two registers to it"

static const struct test registers[] = {
	{"MagicValue", "4.2.2", reads, R_MAGIC, 0x74726976, NULL},
	{"Version", "4.2.2", reads, R_VERSION, 2, NULL},
	{"DeviceID", "5", reads_id, 0, 0, NULL},
	{"MagicValue is read-only", "4.2.2", is_read_only, R_MAGIC, 0, NULL},
	{"Version is read-only", "4.2.2", is_read_only, R_VERSION, 0, NULL},
	{"DeviceID is read-only", "4.2.2", is_read_only, R_DEVICE, 0, NULL},
	{"VendorID is read-only", "4.2.2", is_read_only, R_VENDOR, 0, NULL},
	{"DeviceFeatures is read-only", "4.2.2", is_read_only, R_DEV_FEATURES, 0, NULL},
	{"QueueNumMax is read-only", "4.2.2", is_read_only, R_QUEUE_MAX, 0, NULL},
	{"InterruptStatus is read-only", "4.2.2", is_read_only, R_ISR, 0, NULL},
	{"ConfigGeneration is read-only", "4.2.2", is_read_only, R_GENERATION, 0, NULL},
	{"SHMLenLow is read-only", "4.2.2", is_read_only, R_SHM_LEN, 0, NULL},
	{"SHMLenHigh is read-only", "4.2.2", is_read_only, R_SHM_LEN + 4, 0, NULL},
	{"SHMBaseLow is read-only", "4.2.2", is_read_only, R_SHM_BASE, 0, NULL},
	{"SHMBaseHigh is read-only", "4.2.2", is_read_only, R_SHM_BASE + 4, 0, NULL},
	{"DriverFeatures after FEATURES_OK has no effect", "3.1.1", is_read_only, R_DRV_FEATURES, 0, NULL},
	{"a write to 0x18, which is no register", "4.2.2", is_read_only, 0x18, 0, NULL},
	{"a write to 0x28 (GuestPageSize of legacy devices)", "4.2.4", is_read_only, 0x28, 0, NULL},
	{"a write to 0x3c (QueueAlign of legacy devices)", "4.2.4", is_read_only, 0x3c, 0, NULL},
	{"a write to 0x40 (QueuePFN of legacy devices)", "4.2.4", is_read_only, 0x40, 0, NULL},
	{"a write to 0x4c, which is no register", "4.2.2", is_read_only, 0x4c, 0, NULL},
	{"a write to 0x58, which is no register", "4.2.2", is_read_only, 0x58, 0, NULL},
	{"a write to 0x74, which is no register", "4.2.2", is_read_only, 0x74, 0, NULL},
	{"a write to 0x7c, which is no register", "4.2.2", is_read_only, 0x7c, 0, NULL},
	{"a write to 0xc4, which is no register", "4.2.2", is_read_only, 0xc4, 0, NULL},
	{"a write to 0xf8, which is no register", "4.2.2", is_read_only, 0xf8, 0, NULL},
	{"0x18 to 0x20 read as 0", "4.2.2", reads_zero, 0x18, 0x20, NULL},
	{"0x28 to 0x30 read as 0", "4.2.2", reads_zero, 0x28, 0x30, NULL},
	{"0x3c to 0x44 read as 0", "4.2.2", reads_zero, 0x3c, 0x44, NULL},
	{"0x48 to 0x60 read as 0", "4.2.2", reads_zero, 0x48, 0x60, NULL},
	{"0x74 to 0x80 read as 0", "4.2.2", reads_zero, 0x74, 0x80, NULL},
	{"0xc4 to 0xfc read as 0", "4.2.2", reads_zero, 0xc4, 0xfc, NULL},
	{"no shared memory: SHMLenLow", "4.2.2", reads, R_SHM_LEN, UINT32_MAX, NULL},
	{"no shared memory: SHMLenHigh", "4.2.2", reads, R_SHM_LEN + 4, UINT32_MAX, NULL},
	{"no shared memory: SHMBaseLow", "4.2.2", reads, R_SHM_BASE, UINT32_MAX, "it reads as 0"},
	{"no shared memory: SHMBaseHigh", "4.2.2", reads, R_SHM_BASE + 4, UINT32_MAX, "it reads as 0"},
	{"Status written by 1 byte", "4.2.2.2", write_of_width, R_STATUS, 1, NULL},
	{"Status written by 2 bytes", "4.2.2.2", write_of_width, R_STATUS, 2, NULL},
	{"Status written by 8 bytes", "4.2.2.2", write_of_width, R_STATUS, 8, TWO_REGISTERS},
	{"Status written at 0x71", "4.2.2.2", write_of_width, R_STATUS + 1, 4, NULL},
	{"Status written at 0x6e", "4.2.2.2", write_of_width, R_STATUS - 2, 4, NULL},
	{"QueueReady written by 1 byte", "4.2.2.2", write_of_width, R_QUEUE_READY, 1, NULL},
	{"QueueReady written by 2 bytes", "4.2.2.2", write_of_width, R_QUEUE_READY, 2, NULL},
	{"QueueReady written by 8 bytes", "4.2.2.2", write_of_width, R_QUEUE_READY, 8, TWO_REGISTERS},
	{"QueueReady written at 0x46", "4.2.2.2", write_of_width, R_QUEUE_READY + 2, 4, NULL},
	{"QueueSel written by 1 byte", "4.2.2.2", write_of_width, R_QUEUE_SEL, 1, NULL},
	{"QueueSel written by 8 bytes", "4.2.2.2", write_of_width, R_QUEUE_SEL, 8, TWO_REGISTERS},
	{"DeviceFeaturesSel written by 2 bytes", "4.2.2.2", write_of_width, R_DEV_FEATURES_SEL, 2, NULL},
	{"InterruptACK written by 1 byte", "4.2.2.2", write_of_width, R_ACK, 1, NULL},
	{"QueueNotify written at 0x51", "4.2.2.2", write_of_width, R_NOTIFY + 1, 4, NULL},
	{"QueueReset written by 1 byte", "4.2.2.2", write_of_width, R_QUEUE_RESET, 1, NULL},
	{"MagicValue and Version read by 1 byte", "4.2.2.2", read_of_width, R_MAGIC, 1, NULL},
	{"MagicValue and Version read by 2 bytes", "4.2.2.2", read_of_width, R_MAGIC, 2, NULL},
	{"MagicValue and Version read misaligned", "4.2.2.2", read_of_width, R_MAGIC, 4, NULL},
	{"Status read by 1 byte", "4.2.2.2", read_of_width, R_STATUS, 1, NULL},
	{"Status read by 2 bytes", "4.2.2.2", read_of_width, R_STATUS, 2, NULL},
	{"Status read misaligned", "4.2.2.2", read_of_width, R_STATUS, 4, NULL},
};

/* --- Features ----------------------------------------------------------------------------------------------------- */

static void pages(struct dev *d, const struct test *t)
{
	set(d, R_DEV_FEATURES_SEL, (uint32_t)t->a);
	expect("DeviceFeatures", get(d, R_DEV_FEATURES), t->a < 2 ? (uint32_t)(d->offered >> (32 * t->a)) : 0);
	expect("VERSION_1 is offered", d->offered & F_VERSION_1, F_VERSION_1);
}

static void refused(struct dev *d, uint64_t features, const char *what)
{
	dev_reset(d);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	set_features(d, features);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	expect(what, get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER);
}

/* @a, @b: bits from, to */
static void not_offered(struct dev *d, const struct test *t)
{
	for (uint64_t bit = t->a; bit < t->b; bit++)
		if (!(d->offered & BIT(bit)))
			refused(d, F_VERSION_1 | BIT(bit), "Status with a feature that was not offered");
}

static void no_version(struct dev *d, const struct test *t)
{
	refused(d, d->kind->features & d->offered & ~F_VERSION_1, "Status without VERSION_1");
}

/* @a: the page of DriverFeatures beyond 63, @b: what is written there */
static void page_of_driver(struct dev *d, const struct test *t)
{
	dev_reset(d);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	set_features(d, F_VERSION_1);
	set(d, R_DRV_FEATURES_SEL, (uint32_t)t->a);
	set(d, R_DRV_FEATURES, (uint32_t)t->b);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	expect("Status", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER | (t->b ? 0 : S_FEATURES_OK));
}

/* After a refusal the driver may ask for less. */
static void asks_for_less(struct dev *d, const struct test *t)
{
	no_version(d, t);
	set_features(d, F_VERSION_1);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	expect("Status", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
}

static void all_offered(struct dev *d, const struct test *t)
{
	dev_start(d, d->offered & (t->a ? t->a : UINT64_MAX));
	do_plain(d);
}

static void generation_of_features(struct dev *d, const struct test *t)
{
	expect("features after a reset", get_features(d), d->offered);
	dev_reset(d);
	expect("features after a reset", get_features(d), d->offered);
}

#define PAGE_1 "every page but 0 is page 1"
#define MASKS  "it accepts FEATURES_OK, and drops what it has not offered"

static const struct test features[] = {
	{"page 0", "4.2.2", pages, 0, 0, NULL},
	{"page 1", "4.2.2", pages, 1, 0, NULL},
	{"page 2 reads as 0", "4.2.2", pages, 2, 0, PAGE_1},
	{"page 3 reads as 0", "4.2.2", pages, 3, 0, PAGE_1},
	{"page 0x80000000 reads as 0", "4.2.2", pages, 0x80000000, 0, PAGE_1},
	{"page 0xffffffff reads as 0", "4.2.2", pages, UINT32_MAX, 0, PAGE_1},
	{"each bit of 0 to 15 that was not offered: FEATURES_OK is refused", "2.2.1", not_offered, 0, 16, MASKS},
	{"each bit of 16 to 31 that was not offered", "2.2.1", not_offered, 16, 32, MASKS},
	{"each bit of 32 to 47 that was not offered", "2.2.1", not_offered, 32, 48, MASKS},
	{"each bit of 48 to 63 that was not offered", "2.2.1", not_offered, 48, 64, MASKS},
	{"VERSION_1 not accepted: FEATURES_OK is refused", "6.1", no_version, 0, 0, MASKS},
	{"after a refusal less is accepted", "3.1.1", asks_for_less, 0, 0, MASKS},
	{"feature 64", "2.2.1", page_of_driver, 2, 1, MASKS},
	{"feature 95", "2.2.1", page_of_driver, 2, 0x80000000, MASKS},
	{"features of page 0xffffffff", "2.2.1", page_of_driver, UINT32_MAX, UINT32_MAX, MASKS},
	{"none of page 2", "2.2.1", page_of_driver, 2, 0, NULL},
	{"features are the same at any time", "2.2", generation_of_features, 0, 0, NULL},
	{"nothing but VERSION_1", "6", all_offered, F_VERSION_1, 0, NULL},
	{"VERSION_1 and RING_INDIRECT_DESC", "6", all_offered, F_VERSION_1 | F_INDIRECT, 0, NULL},
	{"VERSION_1 and RING_EVENT_IDX", "6", all_offered, F_VERSION_1 | F_EVENT_IDX, 0, NULL},
};

/* --- Status ------------------------------------------------------------------------------------------------------- */

/* Brings the device to a state. */
static void to_state(struct dev *d, uint32_t state)
{
	struct part p[PARTS_MAX];

	dev_reset(d);
	if (state & S_DRIVER_OK) {
		dev_fresh(d);
	} else if (state & S_FEATURES_OK) {
		dev_negotiate(d, d->kind->features & d->offered);
	} else if (state) {
		set(d, R_STATUS, state & (S_ACKNOWLEDGE | S_DRIVER | S_FAILED));
	}
	if (state & S_FAILED)
		set(d, R_STATUS, get(d, R_STATUS) | S_FAILED);
	if (state & S_NEEDS_RESET) {
		d->kind->request(d, p);
		d->q[d->kind->main].avail[1] = 0x8000;
		kick(d, d->kind->main);
		expect("it breaks", wait_reg(d, R_STATUS, S_NEEDS_RESET, S_NEEDS_RESET), true);
	}
}

/* @a: the state to reset in. Nothing of before is left. */
static void reset_in(struct dev *d, const struct test *t)
{
	to_state(d, (uint32_t)t->a);
	dev_reset(d);
	expect("InterruptStatus", get(d, R_ISR), 0);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		set(d, R_QUEUE_SEL, i);
		expect("QueueReady", get(d, R_QUEUE_READY), 0);
	}
	expect("features", get_features(d), d->offered);
}

/* The driver's features are forgotten, VERSION_1 with them. */
static void reset_forgets(struct dev *d, const struct test *t)
{
	dev_reset(d);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	expect("FEATURES_OK of an earlier life", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER);
}

/* A request that a reset overtakes: the device is reset all the same, and does not touch the ring afterwards. */
static void reset_in_flight(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];
	struct queue *q = &d->q[d->kind->main];
	uint16_t idx;

	for (uint64_t i = 0; i < t->a; i++)
		offer_parts(d, d->kind->main, p, d->kind->request(d, p));
	dev_reset(d);
	idx = used_idx(q);
	settle();
	expect("used index after the reset", used_idx(q), idx);
	expect("InterruptStatus", get(d, R_ISR), 0);
}

/* @a: a state, @b: what is written, in which a bit of it is not set */
static void clears(struct dev *d, const struct test *t)
{
	to_state(d, (uint32_t)t->a);
	set(d, R_STATUS, (uint32_t)t->b);
	expect("Status", get(d, R_STATUS), t->a);
	if (t->a == S_RUNNING)
		do_plain(d);
}

static void bits(struct dev *d, const struct test *t)
{
	set(d, R_STATUS, S_RUNNING | (uint32_t)t->a);
	expect("Status", get(d, R_STATUS), S_RUNNING);
	do_plain(d);
}

/* @a: written at once after a reset, @b: what is read then */
static void at_once(struct dev *d, const struct test *t)
{
	dev_reset(d);
	set_features(d, 0);
	set(d, R_STATUS, (uint32_t)t->a);
	expect("Status", get(d, R_STATUS), t->b);
}

/* DRIVER_OK that was not to be: no queue runs. */
static void not_driven(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	dev_reset(d);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	set_features(d, F_VERSION_1);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		queue_init(d, i);
		queue_place(d, i);
		set(d, R_QUEUE_READY, 1);
	}
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_DRIVER_OK);
	expect("Status", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER);
	offer_parts(d, d->kind->main, p, d->kind->request(d, p));
	expect_nothing(d);
	d->kind->untouched(d);
}

static void fails(struct dev *d, const struct test *t)
{
	set(d, R_STATUS, S_RUNNING | S_FAILED);
	expect("Status", get(d, R_STATUS), S_RUNNING | S_FAILED);
	set(d, R_STATUS, S_RUNNING);
	expect("FAILED is cleared by a reset only", get(d, R_STATUS), S_RUNNING | S_FAILED);
}

static void needs_reset_stays(struct dev *d, const struct test *t)
{
	to_state(d, S_RUNNING | S_NEEDS_RESET);
	set(d, R_STATUS, (uint32_t)t->a);
	expect("Status", get(d, R_STATUS), S_RUNNING | S_NEEDS_RESET);
	expect_broken(d);
}

#define ANY_BIT "it takes whatever is written for the status"

static const struct test status[] = {
	{"reset when reset", "2.4.1", reset_in, 0, 0, NULL},
	{"reset after ACKNOWLEDGE", "2.4.1", reset_in, S_ACKNOWLEDGE, 0, NULL},
	{"reset after DRIVER", "2.4.1", reset_in, S_ACKNOWLEDGE | S_DRIVER, 0, NULL},
	{"reset after FEATURES_OK", "2.4.1", reset_in, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK, 0, NULL},
	{"reset after DRIVER_OK", "2.4.1", reset_in, S_RUNNING, 0, NULL},
	{"reset after FAILED", "2.4.1", reset_in, S_ACKNOWLEDGE | S_FAILED, 0, NULL},
	{"reset after FAILED, running", "2.4.1", reset_in, S_RUNNING | S_FAILED, 0, NULL},
	{"reset after DEVICE_NEEDS_RESET", "2.4.1", reset_in, S_RUNNING | S_NEEDS_RESET, 0, NULL},
	{"reset: the driver's features are forgotten", "2.4.1", reset_forgets, 0, 0, MASKS},
	{"reset with a request in flight", "2.4.1", reset_in_flight, 1, 0, NULL},
	{"reset with eight requests in flight", "2.4.1", reset_in_flight, 8, 0, NULL},
	{"ACKNOWLEDGE cleared", "2.1.1", clears, S_RUNNING, S_RUNNING & ~S_ACKNOWLEDGE, ANY_BIT},
	{"DRIVER cleared", "2.1.1", clears, S_RUNNING, S_RUNNING & ~S_DRIVER, ANY_BIT},
	{"FEATURES_OK cleared", "2.1.1", clears, S_RUNNING, S_RUNNING & ~S_FEATURES_OK, ANY_BIT},
	{"DRIVER_OK cleared", "2.1.1", clears, S_RUNNING, S_RUNNING & ~S_DRIVER_OK, ANY_BIT},
	{"all but FAILED cleared", "2.1.1", clears, S_RUNNING, S_FAILED, ANY_BIT},
	{"DRIVER cleared before FEATURES_OK", "2.1.1", clears, S_ACKNOWLEDGE | S_DRIVER, S_ACKNOWLEDGE, ANY_BIT},
	{"FEATURES_OK cleared before DRIVER_OK", "2.1.1", clears, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK,
		S_ACKNOWLEDGE | S_DRIVER, ANY_BIT},
	{"status bit 16 is reserved", "2.1", bits, 16, 0, ANY_BIT},
	{"status bit 32 is reserved", "2.1", bits, 32, 0, ANY_BIT},
	{"DEVICE_NEEDS_RESET is the device's", "2.1.2", bits, S_NEEDS_RESET, 0, ANY_BIT},
	{"status is a byte: bit 8", "2.1", bits, 0x100, 0, ANY_BIT},
	{"status is a byte: bit 31", "2.1", bits, 0x80000000, 0, ANY_BIT},
	{"status is a byte: 256 alone is no reset", "2.1", clears, S_RUNNING, 0x100, ANY_BIT},
	{"DRIVER_OK at once", "3.1.1", at_once, S_RUNNING, S_ACKNOWLEDGE | S_DRIVER, ANY_BIT},
	{"FEATURES_OK without DRIVER", "3.1.1", at_once, S_FEATURES_OK, 0, ANY_BIT},
	{"DRIVER_OK alone", "3.1.1", at_once, S_DRIVER_OK, 0, ANY_BIT},
	{"FAILED alone", "2.1", at_once, S_FAILED, S_FAILED, NULL},
	{"DRIVER_OK without FEATURES_OK drives nothing", "3.1.1", not_driven, 0, 0, ANY_BIT},
	{"FAILED stays until reset", "2.1.1", fails, 0, 0, ANY_BIT},
	{"DEVICE_NEEDS_RESET stays: DRIVER_OK again", "2.1.2", needs_reset_stays, S_RUNNING, 0, ANY_BIT},
	{"DEVICE_NEEDS_RESET stays: written back", "2.1.2", needs_reset_stays, S_RUNNING | S_NEEDS_RESET, 0, NULL},
	{"DEVICE_NEEDS_RESET stays: ACKNOWLEDGE", "2.1.2", needs_reset_stays, S_ACKNOWLEDGE, 0, ANY_BIT},
};

/* --- Queues ------------------------------------------------------------------------------------------------------- */

/* All queues are placed, but not ready; the main one is selected. */
static void negotiated(struct dev *d)
{
	dev_negotiate(d, d->kind->features & d->offered);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		queue_init(d, i);
		queue_place(d, i);
	}
	set(d, R_QUEUE_SEL, d->kind->main);
}

/* What cannot be made ready is not, and the device says that it is broken. */
static void expect_not_ready(struct dev *d)
{
	set(d, R_QUEUE_READY, 1);
	expect("QueueReady", get(d, R_QUEUE_READY), 0);
	expect("Status", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_NEEDS_RESET);
	set(d, R_STATUS, S_RUNNING);
	kick(d, d->kind->main);
	settle();
	expect("used index", used_idx(&d->q[d->kind->main]), 0);
}

/* @a: QueueNum; 0: twice the maximum */
static void size(struct dev *d, const struct test *t)
{
	negotiated(d);
	set(d, R_QUEUE_NUM, t->a == 2 ? 2 * get(d, R_QUEUE_MAX) : (uint32_t)t->a);
	expect_not_ready(d);
}

/* @a: QueueNum that is possible */
static void good_size(struct dev *d, const struct test *t)
{
	unsigned main = d->kind->main;

	dev_negotiate(d, d->kind->features & d->offered);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		queue_init(d, i);
		if (i == main)
			d->q[i].size = (uint16_t)(t->a ? t->a : 64);
		queue_place(d, i);
		set(d, R_QUEUE_READY, 1);
	}
	set(d, R_STATUS, S_RUNNING);
	d->rx_seen = 0;
	if (d->kind->prepare)
		d->kind->prepare(d);
	/* Twice around the ring, of the small ones. */
	for (unsigned i = 0; i < 9; i++)
		do_plain(d);
}

/* @a: which ring's address register, @b: what is written there, RAM_END + n standing for addresses around its end */
#define RAM_END BIT(40)

static void address(struct dev *d, const struct test *t)
{
	uint64_t at = t->b >= RAM_END - 0x10000 && t->b <= RAM_END + 0x10000 ? ram_end + t->b - RAM_END : t->b;

	negotiated(d);
	set_address(d, (uint32_t)t->a, at == 1 ? d->base : at);
	expect_not_ready(d);
}

/* @a: a register, @b: which ring it gets the address of */
static void overlap(struct dev *d, const struct test *t)
{
	struct queue *q = &d->q[d->kind->main];

	negotiated(d);
	set_address(d, (uint32_t)t->a,
		t->b == R_DESC             ? (uint64_t)q->desc + 128
			: t->b == R_DRIVER ? (uint64_t)q->avail + 16
					   : (uint64_t)q->used + 64);
	expect_not_ready(d);
}

/* @a: a queue that is not there */
static void absent(struct dev *d, const struct test *t)
{
	uint32_t queue = t->a == 1 ? d->nr_queues : (uint32_t)t->a;

	set(d, R_QUEUE_SEL, queue);
	expect("QueueNumMax", get(d, R_QUEUE_MAX), 0);
	expect("QueueReady", get(d, R_QUEUE_READY), 0);
	set(d, R_QUEUE_NUM, 16);
	set_address(d, R_DESC, TABLE(d));
	set_address(d, R_DRIVER, TABLE(d) + 0x1000);
	set_address(d, R_DEVICE_RING, TABLE(d) + 0x2000);
	set(d, R_QUEUE_READY, 1);
	expect("QueueReady", get(d, R_QUEUE_READY), 0);
	set(d, R_QUEUE_RESET, 1);
	expect("QueueReset", get(d, R_QUEUE_RESET), 0);
	kick(d, queue);
	expect_nothing(d);
	do_plain(d);
}

/*
 * @a: QueueNotify of a queue that is not there, while the main queue has work, which stays where it is. An earlier kick
 * that the device has not seen yet would start it too, hence some tries.
 */
static void notify_absent(struct dev *d, const struct test *t)
{
	struct queue *q = &d->q[d->kind->main];
	struct part p[PARTS_MAX];
	bool stays = false;

	for (unsigned i = 0; i < 5 && !stays; i++) {
		dev_fresh(d);
		settle();
		put_parts(q, 0, p, d->kind->request(d, p));
		offer(q, 0);
		set(d, R_NOTIFY, t->a == 1 ? d->nr_queues : (uint32_t)t->a | q->index);
		settle();
		stays = used_idx(q) == 0;
	}
	expect("the request stays", stays, true);
	expect("Status", get(d, R_STATUS), S_RUNNING);
	kick(d, q->index);
	if (wait_used(q, 1))
		d->kind->answered(d, used_at(q, 0).len);
}

/* @a: a register of the queue, written while it is ready */
static void write_when_ready(struct dev *d, const struct test *t)
{
	set(d, R_QUEUE_SEL, d->kind->main);
	set(d, (uint32_t)t->a, (uint32_t)t->b);
	expect("QueueReady", get(d, R_QUEUE_READY), 1);
	expect("Status", get(d, R_STATUS), S_RUNNING);
	/* More than a queue of 4 has. */
	for (unsigned i = 0; i < 6; i++)
		do_plain(d);
}

/* Before FEATURES_OK queues are not looked at. */
static void too_early(struct dev *d, const struct test *t)
{
	dev_reset(d);
	set(d, R_STATUS, (uint32_t)t->a);
	queue_init(d, d->kind->main);
	queue_place(d, d->kind->main);
	set(d, R_QUEUE_READY, 1);
	expect("QueueReady", get(d, R_QUEUE_READY), 0);
	expect("Status", get(d, R_STATUS), t->a);
}

/* A kick at the wrong moment is lost, and the request is not. */
static void kick_too_early(struct dev *d, const struct test *t)
{
	unsigned main = d->kind->main;
	struct part p[PARTS_MAX];

	dev_negotiate(d, d->kind->features & d->offered);
	for (unsigned i = 0; i < d->nr_queues; i++)
		queue_ready(d, i);
	offer_parts(d, main, p, d->kind->request(d, p));
	expect_nothing(d);
	d->kind->untouched(d);
	set(d, R_STATUS, S_RUNNING);
	d->rx_seen = 0;
	if (d->kind->prepare)
		d->kind->prepare(d);
	kick(d, main);
	if (wait_used(&d->q[main], 1))
		d->kind->answered(d, used_at(&d->q[main], 0).len);
}

static void kick_not_ready(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	negotiated(d);
	set(d, R_STATUS, S_RUNNING);
	offer_parts(d, d->kind->main, p, d->kind->request(d, p));
	expect_nothing(d);
	d->kind->untouched(d);
}

/* @a: the register that stops the queue, @b: what is written there */
static void stops(struct dev *d, const struct test *t)
{
	struct queue *q = &d->q[d->kind->main];
	struct part p[PARTS_MAX];

	dev_start(d, d->kind->features | F_RING_RESET);
	do_plain(d);
	set(d, R_QUEUE_SEL, d->kind->main);
	set(d, (uint32_t)t->a, (uint32_t)t->b);
	expect("the queue stops", wait_reg(d, R_QUEUE_READY, ~0u, 0), true);
	expect("QueueReset", wait_reg(d, R_QUEUE_RESET, ~0u, 0), true);
	offer_parts(d, d->kind->main, p, d->kind->request(d, p));
	expect_nothing(d);
	d->kind->untouched(d);
	queue_ready(d, d->kind->main);
	expect("used index", used_idx(q), 0);
	do_plain(d);
}

/* QueueReset without the feature does nothing. */
static void no_queue_reset(struct dev *d, const struct test *t)
{
	dev_start(d, d->kind->features & ~F_RING_RESET);
	set(d, R_QUEUE_SEL, d->kind->main);
	set(d, R_QUEUE_RESET, (uint32_t)t->a);
	expect("QueueReady", get(d, R_QUEUE_READY), 1);
	expect("QueueReset", get(d, R_QUEUE_RESET), 0);
	do_plain(d);
}

static void interrupt_status(struct dev *d, const struct test *t)
{
	do_plain(d);
	expect("used buffer in InterruptStatus", wait_reg(d, R_ISR, ISR_USED, ISR_USED), true);
	settle(); /* another queue may have something to say too */
	set(d, R_ACK, (uint32_t)t->a);
	expect("InterruptStatus", get(d, R_ISR), ISR_USED & ~t->a);
}

#define LATER     "it looks at the ring when it is used"
#define KEEPS_SEL "it selects no queue from 1,024 on, and keeps the state of those below that are not there"
#define NO_STOP   "it cannot stop a single queue"
#define NO_SIZE   "a bad QueueNum is dropped, and the one before stays"

/* Each ring at each address that is none. */
#define RING_ADDRESSES(ring, reg, odd)                                                                                 \
	{ring ": the first byte beyond RAM", "2.7", address, reg, RAM_END, LATER},                                     \
		{ring ": reaches over the end of RAM", "2.7", address, reg, RAM_END - 16, LATER},                      \
		{ring ": the hole below 4 GiB", "2.7", address, reg, 0xc8000000, LATER},                               \
		{ring ": registers of this device", "2.7", address, reg, 1, LATER},                                    \
		{ring ": at 4 GiB, where no RAM is", "2.7", address, reg, BIT(32), LATER},                             \
		{ring ": wraps around at 2^64", "2.7", address, reg, UINT64_MAX - 15, LATER},                          \
		{ring ": bit 63", "2.7", address, reg, BIT(63), LATER},                                                \
	{                                                                                                              \
		ring ": misaligned", "2.7", address, reg, 0x3000000 + odd, LATER                                       \
	}

static const struct test queues[] = {
	{"size 0", "4.2.2.2", size, 0, 0, NO_SIZE},
	{"size 3", "2.7", size, 3, 0, NO_SIZE},
	{"size 24", "2.7", size, 24, 0, NO_SIZE},
	{"twice the maximum", "4.2.2.2", size, 2, 0, NO_SIZE},
	{"size 0x7fff", "4.2.2.2", size, 0x7fff, 0, NO_SIZE},
	{"size 0x8000", "4.2.2.2", size, 0x8000, 0, NO_SIZE},
	{"size 0x10000", "4.2.2.2", size, 0x10000, 0, NO_SIZE},
	{"size 0x10010, which is 16 in 16 bits", "4.2.2.2", size, 0x10010, 0, NO_SIZE},
	{"size 0xffffffff", "4.2.2.2", size, UINT32_MAX, 0, NO_SIZE},
	{"size 4 works", "2.7", good_size, 4, 0, NULL},
	{"size 8 works", "2.7", good_size, 8, 0, NULL},
	{"size 64 works", "2.7", good_size, 64, 0, NULL},
	RING_ADDRESSES("descriptor table", R_DESC, 8),
	RING_ADDRESSES("available ring", R_DRIVER, 1),
	RING_ADDRESSES("used ring", R_DEVICE_RING, 2),
	{"the used ring in the descriptor table", "2.7", overlap, R_DEVICE_RING, R_DESC, LATER},
	{"the used ring in the available ring", "2.7", overlap, R_DEVICE_RING, R_DRIVER, LATER},
	{"the available ring in the descriptor table", "2.7", overlap, R_DRIVER, R_DESC, LATER},
	{"the queue after the last one", "4.2.2", absent, 1, 0, KEEPS_SEL},
	{"queue 8", "4.2.2", absent, 8, 0, KEEPS_SEL},
	{"queue 1024", "4.2.2", absent, 1024, 0, KEEPS_SEL},
	{"queue 0x10000", "4.2.2", absent, 0x10000, 0, KEEPS_SEL},
	{"queue 0x80000000", "4.2.2", absent, 0x80000000, 0, KEEPS_SEL},
	{"queue 0xffffffff", "4.2.2", absent, UINT32_MAX, 0, KEEPS_SEL},
	{"a kick of the queue after the last one", "4.2.2", notify_absent, 1, 0, NULL},
	{"a kick with bit 8", "4.2.2", notify_absent, 0x100, 0, NULL},
	{"a kick with bit 16", "4.2.2", notify_absent, 0x10000, 0, NULL},
	{"a kick with bit 31", "4.2.2", notify_absent, 0x80000000, 0, NULL},
	{"QueueNum of a queue that is ready", "4.2.3.2", write_when_ready, R_QUEUE_NUM, 4, LATER},
	{"QueueDescLow of a queue that is ready", "4.2.3.2", write_when_ready, R_DESC, 0, NULL},
	{"QueueDescHigh of a queue that is ready", "4.2.3.2", write_when_ready, R_DESC + 4, 1, NULL},
	{"QueueDriverLow of a queue that is ready", "4.2.3.2", write_when_ready, R_DRIVER, 0, NULL},
	{"QueueDeviceLow of a queue that is ready", "4.2.3.2", write_when_ready, R_DEVICE_RING, 0, NULL},
	{"QueueReady again", "4.2.2", write_when_ready, R_QUEUE_READY, 1, NULL},
	{"QueueReady = 2", "4.2.2", write_when_ready, R_QUEUE_READY, 2, NULL},
	{"QueueReady = 0xffffffff", "4.2.2", write_when_ready, R_QUEUE_READY, UINT32_MAX, NULL},
	{"QueueReset = 0", "4.2.2", write_when_ready, R_QUEUE_RESET, 0, NULL},
	{"a queue before ACKNOWLEDGE", "3.1.1", too_early, 0, 0, LATER},
	{"a queue before FEATURES_OK", "3.1.1", too_early, S_ACKNOWLEDGE | S_DRIVER, 0, LATER},
	{"a kick before DRIVER_OK", "2.1.2", kick_too_early, 0, 0, "its disk starts at the first kick"},
	{"a kick of a queue that is not ready", "4.2.2.2", kick_not_ready, 0, 0, NULL},
	{"QueueReset = 1 stops it", "2.6.1", stops, R_QUEUE_RESET, 1, NO_STOP},
	{"QueueReady = 0 stops it", "4.2.3.2", stops, R_QUEUE_READY, 0, NO_STOP},
	{"QueueReset that was not negotiated", "2.6.1", no_queue_reset, 1, 0, NULL},
	{"InterruptACK = 0", "4.2.2", interrupt_status, 0, 0, NULL},
	{"InterruptACK of the other bit", "4.2.2", interrupt_status, ISR_CONFIG, 0, NULL},
	{"InterruptACK of bits that are none", "4.2.2", interrupt_status, 0xfffffffc, 0, NULL},
	{"InterruptACK", "4.2.3.4", interrupt_status, ISR_USED, 0, NULL},
	{"InterruptACK of everything", "4.2.3.4", interrupt_status, UINT32_MAX, 0, NULL},
};

/* --- Configuration ------------------------------------------------------------------------------------------------ */

/* @a: width */
static void config_by(struct dev *d, const struct test *t)
{
	for (uint32_t at = 0; at < 64; at += (uint32_t)t->a) {
		uint64_t base = d->base + R_CONFIG + at, seen, bytes = 0;

		for (unsigned i = (unsigned)t->a; i; i--)
			bytes = bytes << 8 | config8(d, at + i - 1);
		seen = t->a == 2 ? *(volatile uint16_t *)base : t->a == 4 ? load32(base) : load64(base);
		expect("configuration", seen, bytes);
	}
}

/* Every byte that is read-only, by @a bytes at a time, with @b */
static void config_written(struct dev *d, const struct test *t)
{
	struct snapshot s;

	take(d, &s);
	for (uint32_t at = 0; at < 256; at += (uint32_t)t->a)
		if (!(d->kind->writable & BIT(at / 4 % 64)) || at >= 256)
			store(d->base + R_CONFIG + at, (unsigned)t->a, t->b);
	same(d, &s);
	do_plain(d);
}

static void config_beyond(struct dev *d, const struct test *t)
{
	for (uint32_t at = (uint32_t)t->a; at < t->b; at += 4)
		expect("configuration behind its end", get(d, R_CONFIG + at), 0);
}

#define BEYOND "a read that reaches beyond it is all ones"

static const struct test config[] = {
	{"read by 2 bytes", "4.2.2.2", config_by, 2, 0, BEYOND},
	{"read by 4 bytes", "4.2.2.2", config_by, 4, 0, BEYOND},
	{"zeroes behind it", "2.5", config_beyond, 64, 256, BEYOND},
	{"read-only fields written by 1 byte", "2.5", config_written, 1, 0xff, NULL},
	{"read-only fields written by 2 bytes", "2.5", config_written, 2, 0xa5a5, NULL},
	{"read-only fields written by 4 bytes", "2.5", config_written, 4, UINT32_MAX, NULL},
	{"read-only fields written with zeroes", "2.5", config_written, 4, 0, NULL},
};

const struct group register_groups[] = {
	GROUP("registers", NULL, 0, registers),
	GROUP("features", NULL, 0, features),
	GROUP("status", NULL, 0, status),
	GROUP("queues", NULL, 0, queues),
	GROUP("config", NULL, 0, config),
	{0},
};
