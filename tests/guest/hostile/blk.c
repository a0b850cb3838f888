// SPDX-License-Identifier: Apache-2.0
/* A disk: virtio 1.2, 5.2. The first sectors are written at the start, each with a pattern of its own. */
#include "tests/guest/hostile/hostile.h"

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };

#define F_RO           BIT(5)
#define F_FLUSH        BIT(9)
#define F_CONFIG_WCE   BIT(11)
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)
#define DISCARDS       (F_DISCARD | F_WRITE_ZEROES)

#define SECTOR    512u
#define HEADER(d) BUFFER(d, 0)
#define DATA(d)   BUFFER(d, 1)
#define STATUS(d) BUFFER(d, 20)
#define UNSET     0xee
#define WRITEBACK 32u /* 5.2.4 */

static uint64_t capacity(const struct dev *d)
{
	return get(d, R_CONFIG) | (uint64_t)get(d, R_CONFIG + 4) << 32;
}

static uint32_t word_of(uint64_t sector, unsigned i)
{
	return (uint32_t)(sector * 0x01010101u + i * 0x9e3779b9u) ^ 0x5a5a5a5a;
}

static void put_header(struct dev *d, uint32_t type, uint64_t sector)
{
	store32(HEADER(d), type);
	store32(HEADER(d) + 4, 0);
	store64(HEADER(d) + 8, sector);
	fill(STATUS(d), 1, UNSET);
}

static uint8_t status_byte(const struct dev *d)
{
	return *(volatile uint8_t *)STATUS(d);
}

/* A request with its parts in descriptors of their own. Return: the used length; the status is in status_byte(). */
static uint32_t ask(struct dev *d, uint32_t type, uint64_t sector, uint32_t len)
{
	struct part p[] = {
		{HEADER(d), 16, false}, {DATA(d), len, type == T_IN || type == T_GET_ID}, {STATUS(d), 1, true}};

	put_header(d, type, sector);
	if (!len)
		p[1] = p[2];
	return do_parts(d, 0, p, len ? 3 : 2);
}

static void put_pattern(struct dev *d, uint64_t sector)
{
	for (unsigned i = 0; i < SECTOR / 4; i++)
		store32(DATA(d) + i * 4, word_of(sector, i));
}

/* What is in DATA is the sector's pattern; some words tell. */
static void expect_pattern(struct dev *d, uint64_t sector)
{
	for (unsigned i = 0; i < SECTOR / 4; i += 9)
		expect("data", load32(DATA(d) + i * 4), word_of(sector, i));
}

/* Puts the pattern of @pattern into @sector. */
static void write_pattern(struct dev *d, uint64_t sector, uint64_t pattern)
{
	put_pattern(d, pattern);
	ask(d, T_OUT, sector, SECTOR);
	expect("status of a write", status_byte(d), OK);
}

static void read_sector(struct dev *d, uint64_t sector)
{
	fill(DATA(d), SECTOR, UNSET);
	expect("used length of a read", ask(d, T_IN, sector, SECTOR), SECTOR + 1);
	expect("status of a read", status_byte(d), OK);
}

static void expect_sector(struct dev *d, uint64_t sector, uint64_t pattern)
{
	read_sector(d, sector);
	expect_pattern(d, pattern);
}

/* --- The kind ----------------------------------------------------------------------------------------------------- */

#define PATTERNS 64u
#define SCRATCH  100u /* from this sector on cases write what they like */

static void prepare(struct dev *d)
{
	if (d->count)
		return;
	d->count = 1;
	for (uint64_t s = 0; s < PATTERNS; s++)
		write_pattern(d, s, s);
	dev_fresh(d);
}

static unsigned request(struct dev *d, struct part *p)
{
	put_header(d, T_IN, ++d->count % PATTERNS);
	fill(DATA(d), SECTOR + 16, UNSET);
	p[0] = (struct part){HEADER(d), 16, false};
	p[1] = (struct part){DATA(d), SECTOR, true};
	p[2] = (struct part){STATUS(d), 1, true};
	return 3;
}

static void expect_answer(struct dev *d, uint32_t used_len)
{
	expect("used length", used_len, SECTOR + 1);
	expect("status byte", status_byte(d), OK);
	expect_bytes("behind the data", DATA(d) + SECTOR, 16, UNSET);
}

static void answered(struct dev *d, uint32_t used_len)
{
	expect_answer(d, used_len);
	expect_pattern(d, d->count % PATTERNS);
}

static void untouched(struct dev *d)
{
	expect("status byte", status_byte(d), UNSET);
	expect_bytes("data", DATA(d), SECTOR, UNSET);
}

const struct kind blk_kind = {
	.id = 2,
	.name = "blk",
	.lacks = F_RO,
	.features = F_FLUSH | DISCARDS | F_CONFIG_WCE,
	.writable = BIT(WRITEBACK / 4),
	.prepare = prepare,
	.request = request,
	.answered = answered,
	.untouched = untouched,
};

/* A disk that cannot be written: it is all zeroes. */
static void ro_answered(struct dev *d, uint32_t used_len)
{
	expect_answer(d, used_len);
	expect_bytes("data", DATA(d), SECTOR, 0);
}

const struct kind blk_ro_kind = {
	.id = 2,
	.name = "blk-ro",
	.has = F_RO,
	.variant = true,
	.features = F_RO | F_FLUSH | F_CONFIG_WCE,
	.writable = BIT(WRITEBACK / 4),
	.request = request,
	.answered = ro_answered,
	.untouched = untouched,
};

/* --- Form --------------------------------------------------------------------------------------------------------- */

/* A read whose header is cut in two behind @a bytes. */
static void header_cut(struct dev *d, const struct test *t)
{
	uint32_t cut = (uint32_t)t->a;
	struct part p[4];

	d->kind->request(d, p + 1);
	p[0] = (struct part){HEADER(d), cut, false};
	p[1] = (struct part){HEADER(d) + cut, 16 - cut, false};
	d->kind->answered(d, do_parts(d, 0, p, 4));
}

/* Data that are cut in two behind @a bytes; the status is the end of the second descriptor. */
static void data_cut(struct dev *d, const struct test *t)
{
	uint32_t cut = (uint32_t)t->a;
	struct part p[3];

	d->kind->request(d, p);
	p[1] = (struct part){DATA(d), cut, true};
	p[2] = (struct part){DATA(d) + cut, SECTOR + 1 - cut, true};
	expect("used length", do_parts(d, 0, p, 3), SECTOR + 1);
	expect_pattern(d, d->count % PATTERNS);
	expect("status behind the data", *(volatile uint8_t *)(DATA(d) + SECTOR), OK);
	expect_bytes("behind it", DATA(d) + SECTOR + 1, 15, UNSET);
}

/* A write in two descriptors: the header's first @a bytes, and the rest with the data. */
static void write_cut(struct dev *d, const struct test *t)
{
	uint32_t cut = (uint32_t)t->a;
	struct part p[] = {{HEADER(d), cut, false}, {HEADER(d) + cut, 16 - cut + SECTOR, false}, {STATUS(d), 1, true}};

	put_header(d, T_OUT, SCRATCH);
	put_pattern(d, 77 + cut);
	copy(HEADER(d) + 16, DATA(d), SECTOR);
	if (!cut)
		p[0] = p[1];
	expect("used length", do_parts(d, 0, cut ? p : p + 1, cut ? 3 : 2), 1);
	expect("status byte", status_byte(d), OK);
	expect_sector(d, SCRATCH, 77 + cut);
}

/* @a: bytes of a header that is too short */
static void header_short(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	d->kind->request(d, p);
	p[0].len = (uint32_t)t->a;
	offer_parts(d, 0, t->a ? p : p + 1, t->a ? 3 : 2);
	expect_broken(d);
}

/* A request of type @a with nothing to write; @b bytes of data */
static void no_status(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	d->kind->request(d, p);
	put_header(d, (uint32_t)t->a, 3);
	p[1] = (struct part){DATA(d), (uint32_t)t->b, false};
	offer_parts(d, 0, p, t->b ? 2 : 1);
	expect_broken(d);
	dev_fresh(d);
	expect_sector(d, 3, 3);
}

#define NO_STATUS "it exits or stops otherwise"

static const struct test form[] = {
	{"header cut behind byte 1", "5.2.6", header_cut, 1, 0, NULL},
	{"header cut behind byte 2", "5.2.6", header_cut, 2, 0, NULL},
	{"header cut behind byte 3", "5.2.6", header_cut, 3, 0, NULL},
	{"header cut behind byte 4", "5.2.6", header_cut, 4, 0, NULL},
	{"header cut behind byte 5", "5.2.6", header_cut, 5, 0, NULL},
	{"header cut behind byte 6", "5.2.6", header_cut, 6, 0, NULL},
	{"header cut behind byte 7", "5.2.6", header_cut, 7, 0, NULL},
	{"header cut behind byte 8", "5.2.6", header_cut, 8, 0, NULL},
	{"header cut behind byte 9", "5.2.6", header_cut, 9, 0, NULL},
	{"header cut behind byte 10", "5.2.6", header_cut, 10, 0, NULL},
	{"header cut behind byte 11", "5.2.6", header_cut, 11, 0, NULL},
	{"header cut behind byte 12", "5.2.6", header_cut, 12, 0, NULL},
	{"header cut behind byte 13", "5.2.6", header_cut, 13, 0, NULL},
	{"header cut behind byte 14", "5.2.6", header_cut, 14, 0, NULL},
	{"header cut behind byte 15", "5.2.6", header_cut, 15, 0, NULL},
	{"data cut behind byte 1, the status with them", "5.2.6", data_cut, 1, 0, NULL},
	{"data cut behind byte 255", "5.2.6", data_cut, 255, 0, NULL},
	{"data cut behind byte 511", "5.2.6", data_cut, 511, 0, NULL},
	{"data cut before the status", "5.2.6", data_cut, 512, 0, NULL},
	{"a write, header and data in one", "5.2.6", write_cut, 0, 0, NULL},
	{"a write, header cut behind byte 1, data with the rest", "5.2.6", write_cut, 1, 0, NULL},
	{"a write, header cut behind byte 8, data with the rest", "5.2.6", write_cut, 8, 0, NULL},
	{"a write, header cut behind byte 15, data with the rest", "5.2.6", write_cut, 15, 0, NULL},
	{"no header", "5.2.6", header_short, 0, 0, NULL},
	{"a header of 1 byte", "5.2.6", header_short, 1, 0, NULL},
	{"a header of 8 bytes", "5.2.6", header_short, 8, 0, NULL},
	{"a header of 15 bytes", "5.2.6", header_short, 15, 0, NULL},
	{"a read without a status byte", "5.2.6", no_status, T_IN, 0, NULL},
	{"a write without a status byte", "5.2.6", no_status, T_OUT, SECTOR, NULL},
	{"a flush without a status byte", "5.2.6", no_status, T_FLUSH, 0, NULL},
	{"a discard without a status byte", "5.2.6", no_status, T_DISCARD, 16, NULL},
	{"an unknown request without a status byte", "5.2.6", no_status, 99, 16, NULL},
};

/* --- Sectors and lengths ------------------------------------------------------------------------------------------ */

#define CAPACITY BIT(40) /* stands for it, and what is close to it */

static uint64_t sector_of(const struct dev *d, uint64_t a)
{
	return a >= CAPACITY - 16 && a <= CAPACITY + 16 ? capacity(d) + a - CAPACITY : a;
}

/* A read of @b bytes that cannot be: nothing of the disk comes. */
static void bad_read(struct dev *d, const struct test *t)
{
	fill(DATA(d), 2048, UNSET);
	expect("used length of a failed read", ask(d, T_IN, sector_of(d, t->a), (uint32_t)t->b) <= t->b + 1, true);
	expect("status byte", status_byte(d), IOERR);
	for (unsigned i = 0; i + 4 <= t->b; i += 4)
		if (load32(DATA(d) + i) != 0xeeeeeeee)
			expect("data of a failed read", load32(DATA(d) + i), 0);
	expect_bytes("behind the data", DATA(d) + t->b, 16, UNSET);
}

/* A write of @b bytes that cannot be: nothing is written, wherever its sector may wrap to. */
static void bad_write(struct dev *d, const struct test *t)
{
	write_pattern(d, capacity(d) - 1, 200);
	put_pattern(d, 201);
	copy(DATA(d) + SECTOR, DATA(d), SECTOR);
	expect("used length of a failed write", ask(d, T_OUT, sector_of(d, t->a), (uint32_t)t->b), 1);
	expect("status byte", status_byte(d), IOERR);
	expect_sector(d, 0, 0);
	expect_sector(d, 1, 1);
	expect_sector(d, capacity(d) - 1, 200);
}

static void no_data(struct dev *d, const struct test *t)
{
	expect("used length", ask(d, (uint32_t)t->a, 5, 0), 1);
	expect("status byte", status_byte(d), OK);
	expect_sector(d, 5, 5);
}

/* The last sector is a sector. */
static void last_sector(struct dev *d, const struct test *t)
{
	write_pattern(d, capacity(d) - 1, 333);
	expect_sector(d, capacity(d) - 1, 333);
}

/* Data on the wrong side: of a read, where the device cannot write them; of a write, where it cannot read them. */
static void wrong_side(struct dev *d, const struct test *t)
{
	struct part p[] = {{HEADER(d), 16, false}, {DATA(d), SECTOR, t->a == T_OUT}, {STATUS(d), 1, true}};

	write_pattern(d, SCRATCH + 1, 44);
	put_header(d, (uint32_t)t->a, SCRATCH + 1);
	fill(DATA(d), SECTOR, UNSET);
	do_parts(d, 0, p, 3);
	expect("a status was written", status_byte(d) != UNSET, true);
	expect_bytes("data", DATA(d), SECTOR, UNSET);
	expect_sector(d, SCRATCH + 1, 44);
}

#define EMPTY "it wants data"

static const struct test sectors[] = {
	{"read: the sector behind the last", "5.2.6.1", bad_read, CAPACITY, SECTOR, NULL},
	{"read: over the end", "5.2.6.1", bad_read, CAPACITY - 1, 1024, NULL},
	{"read: sector 2^32", "5.2.6.1", bad_read, BIT(32), SECTOR, NULL},
	{"read: sector 2^55, which is byte 2^64", "5.2.6.1", bad_read, BIT(55), SECTOR, NULL},
	{"read: sector 2^55 + 1", "5.2.6.1", bad_read, BIT(55) + 1, SECTOR, NULL},
	{"read: sector 2^63", "5.2.6.1", bad_read, BIT(63), SECTOR, NULL},
	{"read: sector 2^64 - 1", "5.2.6.1", bad_read, UINT64_MAX, SECTOR, NULL},
	{"read: sector 2^64 - 1, two sectors", "5.2.6.1", bad_read, UINT64_MAX, 1024, NULL},
	{"read: 1 byte", "5.2.6.1", bad_read, 0, 1, NULL},
	{"read: 511 bytes", "5.2.6.1", bad_read, 0, 511, NULL},
	{"read: 513 bytes", "5.2.6.1", bad_read, 0, 513, NULL},
	{"read: 1,023 bytes", "5.2.6.1", bad_read, 0, 1023, NULL},
	{"write: the sector behind the last", "5.2.6.1", bad_write, CAPACITY, SECTOR, NULL},
	{"write: over the end", "5.2.6.1", bad_write, CAPACITY - 1, 1024, NULL},
	{"write: sector 2^32", "5.2.6.1", bad_write, BIT(32), SECTOR, NULL},
	{"write: sector 2^55, which is byte 2^64", "5.2.6.1", bad_write, BIT(55), SECTOR, NULL},
	{"write: sector 2^55 + 1", "5.2.6.1", bad_write, BIT(55) + 1, SECTOR, NULL},
	{"write: sector 2^63", "5.2.6.1", bad_write, BIT(63), SECTOR, NULL},
	{"write: sector 2^64 - 1", "5.2.6.1", bad_write, UINT64_MAX, SECTOR, NULL},
	{"write: sector 2^64 - 1, two sectors", "5.2.6.1", bad_write, UINT64_MAX, 1024, NULL},
	{"write: 1 byte", "5.2.6.1", bad_write, 0, 1, NULL},
	{"write: 511 bytes", "5.2.6.1", bad_write, 0, 511, NULL},
	{"write: 513 bytes", "5.2.6.1", bad_write, 0, 513, NULL},
	{"write: 1,023 bytes", "5.2.6.1", bad_write, 0, 1023, NULL},
	{"read: nothing", "5.2.6", no_data, T_IN, 0, EMPTY},
	{"write: nothing", "5.2.6", no_data, T_OUT, 0, EMPTY},
	{"the last sector", "5.2.6", last_sector, 0, 0, NULL},
	{"read into data that cannot be written", "5.2.6", wrong_side, T_IN, 0, EMPTY},
	{"write from data that cannot be read", "5.2.6", wrong_side, T_OUT, 0, EMPTY},
};

/* --- Other requests ----------------------------------------------------------------------------------------------- */

/* @a: a type, @b: the status */
static void other(struct dev *d, const struct test *t)
{
	fill(DATA(d), SECTOR, UNSET);
	expect("used length", ask(d, (uint32_t)t->a, 2, SECTOR), 1);
	expect("status byte", status_byte(d), t->b);
	expect_bytes("data", DATA(d), SECTOR, UNSET);
	expect_sector(d, 2, 2);
}

/* @a: bytes of the buffer, @b: the status */
static void get_id(struct dev *d, const struct test *t)
{
	static const char id[20] = "hostile-disk";

	fill(DATA(d), SECTOR, UNSET);
	ask(d, T_GET_ID, 0, (uint32_t)t->a);
	expect("status byte", status_byte(d), t->b);
	for (unsigned i = 0; i < sizeof(id) && t->b == OK; i++)
		expect("id", ((volatile uint8_t *)DATA(d))[i], (uint8_t)id[i]);
	expect_bytes("behind the id", DATA(d) + (t->b == OK ? 20 : 0), 64, UNSET);
}

/* A flush with a sector, with data on either side. */
static void flush(struct dev *d, const struct test *t)
{
	struct part p[] = {{HEADER(d), 16, false}, {DATA(d), (uint32_t)t->b, false}, {STATUS(d), 1, true}};

	fill(DATA(d), SECTOR, UNSET);
	put_header(d, T_FLUSH, t->a);
	if (!t->b)
		p[1] = p[2];
	expect("used length", do_parts(d, 0, p, t->b ? 3 : 2), 1);
	expect("status byte", status_byte(d), OK);
}

#define SCSI       "it knows SCSI commands, and they fail"
#define NO_BIT_0   "bit 0 of the type is the direction to it, whatever the type"
#define NO_PADDING "it writes the id and one zero"
#define NO_FLUSH   "it does not look at what is behind a flush's header"

static const struct test others[] = {
	{"type 2, which was a SCSI command", "5.2.6.2", other, 2, UNSUPP, SCSI},
	{"type 3", "5.2.6.2", other, 3, UNSUPP, SCSI},
	{"type 5", "5.2.6.2", other, 5, UNSUPP, NO_BIT_0},
	{"type 6", "5.2.6.2", other, 6, UNSUPP, NULL},
	{"type 7", "5.2.6.2", other, 7, UNSUPP, NULL},
	{"type 9", "5.2.6.2", other, 9, UNSUPP, NO_BIT_0},
	{"type 10, GET_LIFETIME that was not negotiated", "5.2.6.2", other, 10, UNSUPP, NULL},
	{"type 12", "5.2.6.2", other, 12, UNSUPP, NULL},
	{"type 14, SECURE_ERASE that was not negotiated", "5.2.6.2", other, 14, UNSUPP, NULL},
	{"type 15", "5.2.6.2", other, 15, UNSUPP, NULL},
	{"type 0x100, which is 0 in a byte", "5.2.6.2", other, 0x100, UNSUPP, NULL},
	{"type 0x10001, which is 1 in 16 bits", "5.2.6.2", other, 0x10001, UNSUPP, NULL},
	{"type 0x80000000, a barrier once", "5.2.6.2", other, 0x80000000, UNSUPP, "it takes no notice of the bit"},
	{"type 0xffffffff", "5.2.6.2", other, UINT32_MAX, UNSUPP, NULL},
	{"GET_ID of 20 bytes", "5.2.6.1", get_id, 20, OK, NO_PADDING},
	{"GET_ID of 21 bytes", "5.2.6.1", get_id, 21, OK, NO_PADDING},
	{"GET_ID of 512 bytes", "5.2.6.1", get_id, 512, OK, NO_PADDING},
	{"GET_ID of 19 bytes", "5.2.6.1", get_id, 19, IOERR, "it cuts the id"},
	{"GET_ID of 1 byte", "5.2.6.1", get_id, 1, IOERR, "it cuts the id"},
	{"GET_ID of none", "5.2.6.1", get_id, 0, IOERR, "it cuts the id"},
	{"a flush", "5.2.6.1", flush, 0, 0, NULL},
	{"a flush of a sector that is not there", "5.2.6.1", flush, UINT64_MAX, 0, NO_FLUSH},
	{"a flush with data", "5.2.6.1", flush, 0, SECTOR, NO_FLUSH},
};

/* --- Discard and write zeroes ------------------------------------------------------------------------------------- */

#define UNMAP 1u

/* Puts segment @i of a list into DATA. */
static void put_segment(struct dev *d, unsigned i, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	store64(DATA(d) + i * 16, sector);
	store32(DATA(d) + i * 16 + 8, sectors);
	store32(DATA(d) + i * 16 + 12, flags);
}

static void expect_kept(struct dev *d)
{
	expect_sector(d, 0, 0);
	expect_sector(d, SCRATCH, 50);
	expect_sector(d, capacity(d) - 1, 51);
}

static void scratch(struct dev *d)
{
	write_pattern(d, SCRATCH, 50);
	write_pattern(d, capacity(d) - 1, 51);
}

struct segment {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};

static const struct segment wrong_segments[] = {
	{CAPACITY, 1, 0},
	{CAPACITY - 1, 2, 0},
	{BIT(55), 1, 0},
	{BIT(55) + SCRATCH, 1, 0},
	{BIT(63), 1, 0},
	{UINT64_MAX, 1, 0},
	{UINT64_MAX, 2, 0},
	{0, UINT32_MAX, 0},
	{SCRATCH, UINT32_MAX, 0},
};

/* @a: type, @b: which one; none of the disk changes */
static void wrong_segment(struct dev *d, const struct test *t)
{
	const struct segment *s = &wrong_segments[t->b];

	scratch(d);
	put_segment(d, 0, sector_of(d, s->sector), s->sectors, s->flags);
	expect("used length", ask(d, (uint32_t)t->a, 0, 16), 1);
	expect("status byte", status_byte(d), IOERR);
	expect_kept(d);
}

/* The first of two would be good: neither is done. */
static void second_is_wrong(struct dev *d, const struct test *t)
{
	scratch(d);
	put_segment(d, 0, SCRATCH, 1, 0);
	put_segment(d, 1, capacity(d), 1, (uint32_t)t->b);
	expect("used length", ask(d, (uint32_t)t->a, 0, 32), 1);
	expect("an error", status_byte(d) == IOERR || status_byte(d) == UNSUPP, true);
	expect_kept(d);
}

/* @b: flags that are not allowed */
static void wrong_flags(struct dev *d, const struct test *t)
{
	scratch(d);
	put_segment(d, 0, SCRATCH, 1, (uint32_t)t->b);
	expect("used length", ask(d, (uint32_t)t->a, 0, 16), 1);
	expect("status byte", status_byte(d), UNSUPP);
	expect_kept(d);
}

/* @b: bytes of a list that is none, or too long */
static void wrong_list(struct dev *d, const struct test *t)
{
	scratch(d);
	for (unsigned i = 0; i < 258; i++)
		put_segment(d, i, SCRATCH, 1, 0);
	expect("used length", ask(d, (uint32_t)t->a, 0, (uint32_t)t->b), 1);
	expect("an error", status_byte(d) == IOERR || status_byte(d) == UNSUPP, true);
	expect_kept(d);
}

static void empty_range(struct dev *d, const struct test *t)
{
	scratch(d);
	put_segment(d, 0, SCRATCH, 0, 0);
	expect("used length", ask(d, (uint32_t)t->a, 0, 16), 1);
	expect("status byte", status_byte(d), OK);
	expect_kept(d);
}

/* @a: flags. What is asked for becomes zeroes, and no sector beside it. */
static void zeroes(struct dev *d, const struct test *t)
{
	for (uint64_t s = 0; s < 5; s++)
		write_pattern(d, SCRATCH + s, 60 + s);
	put_segment(d, 0, SCRATCH + 1, 1, (uint32_t)t->a);
	put_segment(d, 1, SCRATCH + 3, 1, (uint32_t)t->a);
	expect("used length", ask(d, T_WRITE_ZEROES, UINT64_MAX, t->b ? 32 : 16), 1);
	expect("status byte", status_byte(d), OK);
	for (uint64_t s = 0; s < 5; s++) {
		if (s == 1 || (s == 3 && t->b)) {
			read_sector(d, SCRATCH + s);
			expect_bytes("data", DATA(d), SECTOR, 0);
		} else {
			expect_sector(d, SCRATCH + s, 60 + s);
		}
	}
}

/* A discarded sector may hold anything; those around it may not. */
static void discards(struct dev *d, const struct test *t)
{
	for (uint64_t s = 0; s < 3; s++)
		write_pattern(d, SCRATCH + s * t->a, 70 + s);
	put_segment(d, 0, SCRATCH + 1, (uint32_t)(2 * t->a - 1), 0);
	expect("used length", ask(d, T_DISCARD, 0, 16), 1);
	expect("status byte", status_byte(d), OK);
	expect_sector(d, SCRATCH, 70);
	expect_sector(d, SCRATCH + 2 * t->a, 72);
}

#define LISTS "QEMU takes one segment a request"

/* Each of these for both requests. */
#define BOTH(does, section, run, b, peer)                                                                              \
	{"discard: " does, section, run, T_DISCARD, b, peer},                                                          \
	{                                                                                                              \
		"write zeroes: " does, section, run, T_WRITE_ZEROES, b, peer                                           \
	}

static const struct test ranges[] = {
	BOTH("the sector behind the last", "5.2.6.2", wrong_segment, 0, NULL),
	BOTH("over the end", "5.2.6.2", wrong_segment, 1, NULL),
	BOTH("sector 2^55", "5.2.6.2", wrong_segment, 2, NULL),
	BOTH("sector 2^55 and more", "5.2.6.2", wrong_segment, 3, NULL),
	BOTH("sector 2^63", "5.2.6.2", wrong_segment, 4, NULL),
	BOTH("sector 2^64 - 1", "5.2.6.2", wrong_segment, 5, NULL),
	BOTH("sector 2^64 - 1, two sectors", "5.2.6.2", wrong_segment, 6, NULL),
	BOTH("2^32 - 1 sectors from the first", "5.2.6.2", wrong_segment, 7, NULL),
	BOTH("2^32 - 1 sectors", "5.2.6.2", wrong_segment, 8, NULL),
	BOTH("the second of two is wrong", "5.2.6.2", second_is_wrong, 0, LISTS),
	BOTH("the second of two has a wrong flag", "5.2.6.2", second_is_wrong, 2, LISTS),
	BOTH("flag 2", "5.2.6.2", wrong_flags, 2, NULL),
	BOTH("flag 0x80000000", "5.2.6.2", wrong_flags, 0x80000000, NULL),
	BOTH("flags 0xffffffff", "5.2.6.2", wrong_flags, UINT32_MAX, NULL),
	BOTH("no segment", "5.2.6.1", wrong_list, 0, "it stops"),
	BOTH("1 byte", "5.2.6.1", wrong_list, 1, "it stops"),
	BOTH("15 bytes", "5.2.6.1", wrong_list, 15, "it stops"),
	BOTH("17 bytes", "5.2.6.1", wrong_list, 17, LISTS),
	BOTH("257 segments", "5.2.6.1", wrong_list, 257 * 16, LISTS),
	BOTH("no sectors", "5.2.6.2", empty_range, 0, NULL),
	{"discard: unmap", "5.2.6.2", wrong_flags, T_DISCARD, UNMAP, NULL},
	{"discard: a sector's neighbours stay", "5.2.6.2", discards, 1, 0, NULL},
	{"discard: many sectors' neighbours stay", "5.2.6.2", discards, 50, 0, NULL},
	{"write zeroes", "5.2.6.2", zeroes, 0, 0, NULL},
	{"write zeroes: two segments", "5.2.6.2", zeroes, 0, 1, LISTS},
	{"write zeroes: unmap", "5.2.6.2", zeroes, UNMAP, 0, NULL},
	{"write zeroes: unmap, two segments", "5.2.6.2", zeroes, UNMAP, 1, LISTS},
};

/* --- Write-back --------------------------------------------------------------------------------------------------- */

static void set_writeback(const struct dev *d, uint8_t v)
{
	*(volatile uint8_t *)(d->base + R_CONFIG + WRITEBACK) = v;
}

static void writeback(struct dev *d, const struct test *t)
{
	set_writeback(d, 0);
	expect("writeback", config8(d, WRITEBACK), 0);
	write_pattern(d, SCRATCH, 80);
	set_writeback(d, (uint8_t)t->a);
	expect("writeback", config8(d, WRITEBACK), 1);
	write_pattern(d, SCRATCH, 81);
	expect_sector(d, SCRATCH, 81);
	set_writeback(d, 0);
	dev_fresh(d);
	expect("writeback after a reset", config8(d, WRITEBACK), 1);
}

static void writeback_not_negotiated(struct dev *d, const struct test *t)
{
	uint8_t before;

	dev_start(d, d->kind->features & ~(F_CONFIG_WCE | t->a));
	before = config8(d, WRITEBACK);
	set_writeback(d, !before);
	expect("writeback", config8(d, WRITEBACK), before);
	/* 5.2.5.2: without FLUSH everything is written through. */
	if (t->a)
		expect("writeback without FLUSH", before, 0);
	write_pattern(d, SCRATCH, 82);
	expect_sector(d, SCRATCH, 82);
}

static const struct test modes[] = {
	{"writeback changes", "5.2.5.2", writeback, 1, 0, NULL},
	{"writeback = 255", "5.2.5.2", writeback, 255, 0, "it keeps the number"},
	{"CONFIG_WCE was not negotiated", "5.2.5.2", writeback_not_negotiated, 0, 0, "it takes the byte always"},
	{"neither was FLUSH", "5.2.5.2", writeback_not_negotiated, F_FLUSH, 0, "it takes the byte always"},
};

/* --- Read-only ---------------------------------------------------------------------------------------------------- */

static void refused(struct dev *d, const struct test *t)
{
	fill(DATA(d), SECTOR, 0x55);
	if (t->a != T_OUT)
		put_segment(d, 0, t->b, 8, 0);
	expect("used length", ask(d, (uint32_t)t->a, t->b, t->a == T_OUT ? SECTOR : 16), 1);
	expect("status byte", status_byte(d), IOERR);
	read_sector(d, t->b);
	expect_bytes("data", DATA(d), SECTOR, 0);
}

static void not_offered(struct dev *d, const struct test *t)
{
	expect("discard and write zeroes are not offered", d->offered & DISCARDS, 0);
}

static const struct test read_only[] = {
	{"a write", "5.2.6.2", refused, T_OUT, 0, NULL},
	{"a write elsewhere", "5.2.6.2", refused, T_OUT, 9, NULL},
	{"a discard", "5.2.6.2", refused, T_DISCARD, 0, "it says UNSUPP"},
	{"write zeroes", "5.2.6.2", refused, T_WRITE_ZEROES, 0, "it says UNSUPP"},
	{"discard and write zeroes are not offered", "5.2.3", not_offered, 0, 0, "it offers them all the same"},
};

const struct group blk_groups[] = {
	GROUP("form", &blk_kind, 0, form),
	GROUP("sectors", &blk_kind, 0, sectors),
	GROUP("others", &blk_kind, 0, others),
	GROUP("ranges", &blk_kind, DISCARDS, ranges),
	GROUP("modes", &blk_kind, F_CONFIG_WCE, modes),
	GROUP("read-only", &blk_ro_kind, 0, read_only),
	{0},
};
