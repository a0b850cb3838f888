// SPDX-License-Identifier: Apache-2.0
/*
 * A network card: virtio 1.2, 5.1. The other side answers ARP (RFC 826) for a gateway's address. Each request asks in
 * the name of another address, so that an answer tells which request it belongs to.
 */
#include "tests/guest/hostile/hostile.h"

enum { RX = 0, TX = 1 };

#define F_CSUM      BIT(0)
#define F_MAC       BIT(5)
#define F_HOST_TSO4 BIT(11)
#define F_HOST_TSO6 BIT(12)
#define F_MRG_RXBUF BIT(15)

#define HDR          12u
#define FRAME        60u
#define HEADER(d)    BUFFER(d, 0)
#define RX_BUFFER(i) ((i) + 32u) /* number of the page */
#define RX_LEN       2048u

/* 5.1.6: where fields are */
enum { H_FLAGS = 0, H_GSO = 1, H_LEN = 2, H_SIZE = 4, H_START = 6, H_OFFSET = 8, H_BUFFERS = 10 };
enum { NEEDS_CSUM = 1, DATA_VALID = 2 };

static const uint8_t us[4] = {10, 7, 0, 0}, gateway[4] = {10, 7, 0, 1};

static void put8(uint64_t at, unsigned v)
{
	*(volatile uint8_t *)at = (uint8_t)v;
}

static uint8_t get8(uint64_t at)
{
	return *(volatile uint8_t *)at;
}

/* Offers buffer @i, of @len bytes, to receive into. */
static void offer_buffer(struct dev *d, unsigned i, uint32_t len)
{
	put(&d->q[RX], i, BUFFER(d, RX_BUFFER(i)), len, D_WRITE, 0);
	offer(&d->q[RX], (uint16_t)i);
}

static void prepare(struct dev *d)
{
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		offer_buffer(d, i, RX_LEN);
	kick(d, RX);
}

/* Which address asks now: 2 to 201. */
static unsigned asks(const struct dev *d)
{
	return 2 + d->count % 200;
}

/* A header of zeroes, and an ARP request for the gateway's address. */
static void put_question(struct dev *d)
{
	uint64_t at = HEADER(d) + HDR, arp = at + 14;
	static const uint8_t fixed[8] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, 6, 4, request */

	d->count++;
	fill(HEADER(d), HDR + FRAME, 0);
	fill(at, 6, 0xff);
	put8(at + 12, 8);
	put8(at + 13, 6); /* ARP */
	for (unsigned i = 0; i < 8; i++)
		put8(arp + i, fixed[i]);
	for (unsigned i = 0; i < 6; i++) {
		put8(at + 6 + i, config8(d, i));
		put8(arp + 8 + i, config8(d, i));
	}
	for (unsigned i = 0; i < 4; i++) {
		put8(arp + 14 + i, i == 3 ? asks(d) : us[i]);
		put8(arp + 24 + i, gateway[i]);
	}
}

static unsigned request(struct dev *d, struct part *p)
{
	put_question(d);
	p[0] = (struct part){HEADER(d), HDR, false};
	p[1] = (struct part){HEADER(d) + HDR, FRAME, false};
	return 2;
}

/* Checks that the answer to the last request is at @frame. */
static bool is_answer(const struct dev *d, uint64_t frame)
{
	return get8(frame + 12) == 8 && get8(frame + 13) == 6 && get8(frame + 21) == 2 &&
		get8(frame + 31) == gateway[3] && get8(frame + 41) == asks(d);
}

static unsigned num_buffers; /* of the last frame */

/*
 * Looks at what came, and gives the buffers back. Return: whether the answer was there. Late answers to questions from
 * before a reset may have taken all buffers: the device waits for the notification then, whatever was in them.
 */
static bool look(struct dev *d)
{
	struct queue *q = &d->q[RX];
	bool found = false;
	const uint16_t before = d->rx_seen;

	while (d->rx_seen != used_idx(q)) {
		struct used_elem e = used_at(q, d->rx_seen++);
		uint64_t at = BUFFER(d, RX_BUFFER(e.id));

		expect("id of a receive buffer", e.id < RX_BUFFERS, true);
		expect("length of a frame", e.len >= HDR + 14 && e.len <= RX_LEN, true);
		num_buffers = get8(at + H_BUFFERS) | (unsigned)get8(at + H_BUFFERS + 1) << 8;
		expect("gso_type", get8(at + H_GSO), 0);
		found = found || is_answer(d, at + HDR);
		offer_buffer(d, e.id, RX_LEN);
	}
	if (d->rx_seen != before)
		kick(d, RX);
	return found;
}

static void answered(struct dev *d, uint32_t used_len)
{
	struct wait w = {0};
	bool found;

	expect("used length", used_len, 0);
	do
		found = look(d);
	while (!found && waiting(&w));
	expect("the frame was answered", found, true);
}

static void untouched(struct dev *d)
{
	expect("the frame was answered", look(d), false);
}

const struct kind net_kind = {
	.id = 1,
	.name = "net",
	.main = TX,
	.features = F_MAC | F_CSUM | F_HOST_TSO4 | F_HOST_TSO6,
	.prepare = prepare,
	.request = request,
	.answered = answered,
	.untouched = untouched,
};

/* --- Transmit ----------------------------------------------------------------------------------------------------- */

static void header_cut(struct dev *d, const struct test *t)
{
	uint32_t cut = (uint32_t)t->a;
	struct part p[] = {{HEADER(d), cut, false}, {HEADER(d) + cut, HDR + FRAME - cut, false}};

	put_question(d);
	answered(d, do_parts(d, TX, p, 2));
}

static void header_short(struct dev *d, const struct test *t)
{
	struct part p[] = {{HEADER(d), (uint32_t)t->a, false}};

	put_question(d);
	offer_parts(d, TX, p, 1);
	expect_broken(d);
}

/* The device accepts the frame, and there is no answer. */
static void dropped(struct dev *d, uint32_t len)
{
	struct part p[] = {{HEADER(d), len, false}};

	expect("used length", do_parts(d, TX, p, 1), 0);
	settle();
	untouched(d);
	expect("Status", get(d, R_STATUS), S_RUNNING);
}

/* @a: bytes of a frame that is too short or too long */
static void frame_of(struct dev *d, const struct test *t)
{
	put_question(d);
	dropped(d, HDR + (uint32_t)t->a);
}

/* @a: field of the header, @b: what stands there; it does not matter */
static void field_ignored(struct dev *d, const struct test *t)
{
	struct part p[] = {{HEADER(d), HDR + FRAME, false}};

	put_question(d);
	put8(HEADER(d) + t->a, (unsigned)t->b);
	put8(HEADER(d) + t->a + (t->a >= H_LEN), (unsigned)t->b);
	answered(d, do_parts(d, TX, p, 1));
}

static void writable_header(struct dev *d, const struct test *t)
{
	struct part p[] = {{HEADER(d), HDR, true}, {HEADER(d) + HDR, FRAME, true}};

	put_question(d);
	offer_parts(d, TX, p, 2);
	expect_broken(d);
}

/* @a: flags and gso_type, @b: size, start, offset, a byte each */
static void asks_for(struct dev *d, const struct test *t)
{
	put_question(d);
	put8(HEADER(d) + H_FLAGS, t->a & 0xff);
	put8(HEADER(d) + H_GSO, t->a >> 8 & 0xff);
	store16(HEADER(d) + H_LEN, 54);
	store16(HEADER(d) + H_SIZE, t->b & 0xffff);
	store16(HEADER(d) + H_START, t->b >> 16 & 0xffff);
	store16(HEADER(d) + H_OFFSET, t->b >> 32 & 0xffff);
	dropped(d, HDR + FRAME);
}

/* The same of a device whose driver takes nothing of the kind. */
static void asks_for_more(struct dev *d, const struct test *t)
{
	dev_start(d, F_MAC);
	asks_for(d, t);
}

#define GSO(flags, type)           ((flags) | (uint64_t)(type) << 8)
#define PLACE(size, start, offset) ((size) | (uint64_t)(start) << 16 | (uint64_t)(offset) << 32)
#define TCPV4                      1
#define UDP                        3
#define TCPV6                      4
#define ECN                        0x80

#define OTHER_SIDE "what it hands on is its backend's business"

static const struct test transmit[] = {
	{"header cut behind byte 1", "5.1.6.2", header_cut, 1, 0, NULL},
	{"header cut behind byte 2", "5.1.6.2", header_cut, 2, 0, NULL},
	{"header cut behind byte 5", "5.1.6.2", header_cut, 5, 0, NULL},
	{"header cut behind byte 10", "5.1.6.2", header_cut, 10, 0, NULL},
	{"header cut behind byte 11", "5.1.6.2", header_cut, 11, 0, NULL},
	{"header and a byte of the frame", "5.1.6.2", header_cut, 13, 0, NULL},
	{"header and half of the addresses", "5.1.6.2", header_cut, 21, 0, NULL},
	{"a header of 1 byte", "5.1.6.2", header_short, 1, 0, ABORTS},
	{"a header of 10 bytes, as of legacy devices", "5.1.6.2", header_short, 10, 0, ABORTS},
	{"a header of 11 bytes", "5.1.6.2", header_short, 11, 0, ABORTS},
	{"no frame", "5.1.6.2", frame_of, 0, 0, "it stops"},
	{"a frame of 1 byte", "5.1.6.2", frame_of, 1, 0, NULL},
	{"a frame of 13 bytes", "5.1.6.2", frame_of, 13, 0, NULL},
	{"a frame of 65,554 bytes", "5.1.6.2", frame_of, 65554, 0, "it takes frames of 68 KiB"},
	{"a frame of 100,000 bytes", "5.1.6.2", frame_of, 100000, 0, NULL},
	{"flags without a meaning", "5.1.6.2", field_ignored, H_FLAGS, 0xf8, NULL},
	{"DATA_VALID, which is the device's", "5.1.6.2", field_ignored, H_FLAGS, DATA_VALID, NULL},
	{"hdr_len without segmentation", "5.1.6.2", field_ignored, H_LEN, 0xff, NULL},
	{"gso_size without segmentation", "5.1.6.2", field_ignored, H_SIZE, 0xff, NULL},
	{"csum_start without NEEDS_CSUM", "5.1.6.2", field_ignored, H_START, 0xff, NULL},
	{"csum_offset without NEEDS_CSUM", "5.1.6.2", field_ignored, H_OFFSET, 0xff, NULL},
	{"num_buffers, which is the device's", "5.1.6.2", field_ignored, H_BUFFERS, 0xff, NULL},
	{"a frame in buffers to be written", "5.1.6.2", writable_header, 0, 0, NULL},
	{"NEEDS_CSUM that was not negotiated", "5.1.6.2", asks_for_more, NEEDS_CSUM, PLACE(0, 14, 16), OTHER_SIDE},
	{"TCPv4 segments that were not negotiated", "5.1.6.2", asks_for_more, GSO(NEEDS_CSUM, TCPV4),
		PLACE(1000, 34, 16), OTHER_SIDE},
	{"TCPv6 segments that were not negotiated", "5.1.6.2", asks_for_more, GSO(NEEDS_CSUM, TCPV6),
		PLACE(1000, 34, 16), OTHER_SIDE},
	{"UDP segments that were not negotiated", "5.1.6.2", asks_for_more, GSO(NEEDS_CSUM, UDP), PLACE(1000, 34, 6),
		OTHER_SIDE},
	{"segmentation of kind 2, which is none", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, 2), PLACE(1000, 34, 16),
		OTHER_SIDE},
	{"segmentation of kind 0x7f", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, 0x7f), PLACE(1000, 34, 16), OTHER_SIDE},
	{"ECN without segmentation", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, ECN), PLACE(1000, 34, 16), OTHER_SIDE},
};

/* Where the driver may ask for checksums and segments. */
static const struct test offload[] = {
	{"a checksum behind the frame", "5.1.6.2", asks_for, NEEDS_CSUM, PLACE(0, FRAME, 0), OTHER_SIDE},
	{"a checksum over the frame's end", "5.1.6.2", asks_for, NEEDS_CSUM, PLACE(0, 14, FRAME - 15), OTHER_SIDE},
	{"csum_start 0xffff", "5.1.6.2", asks_for, NEEDS_CSUM, PLACE(0, 0xffff, 0), OTHER_SIDE},
	{"csum_offset 0xffff", "5.1.6.2", asks_for, NEEDS_CSUM, PLACE(0, 14, 0xffff), OTHER_SIDE},
	{"csum_start and csum_offset that wrap around", "5.1.6.2", asks_for, NEEDS_CSUM, PLACE(0, 0xfff0, 0x20),
		OTHER_SIDE},
	{"segments without NEEDS_CSUM", "5.1.6.2", asks_for, GSO(0, TCPV4), PLACE(1000, 34, 16), OTHER_SIDE},
	{"segments of 0 bytes", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, TCPV4), PLACE(0, 34, 16), OTHER_SIDE},
	{"ECN that was not negotiated", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, TCPV4 | ECN), PLACE(1000, 34, 16),
		OTHER_SIDE},
	{"UDP segments", "5.1.6.2", asks_for, GSO(NEEDS_CSUM, UDP), PLACE(1000, 34, 6), OTHER_SIDE},
};

/* --- Receive ------------------------------------------------------------------------------------------------------ */

/* Without the buffers that prepare() offers. */
static void start_empty(struct dev *d, uint64_t features)
{
	dev_start(d, features);
	set(d, R_QUEUE_SEL, RX);
	set(d, R_QUEUE_READY, 0);
	wait_reg(d, R_QUEUE_READY, ~0u, 0);
	queue_ready(d, RX);
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		fill(BUFFER(d, RX_BUFFER(i)), 128, 0xee);
}

static void ask(struct dev *d)
{
	struct part p[PARTS_MAX];
	unsigned n = request(d, p);

	do_parts(d, TX, p, n);
}

/* There may be a frame, or the device may have looked at its buffers before: it stops, and has written nothing. */
static void expect_rx_broken(struct dev *d)
{
	struct part p[PARTS_MAX];

	offer_parts(d, TX, p, request(d, p));
	expect("DEVICE_NEEDS_RESET", wait_reg(d, R_STATUS, S_NEEDS_RESET, S_NEEDS_RESET), true);
	expect("used index", used_idx(&d->q[RX]), 0);
	expect_bytes("the buffer", BUFFER(d, RX_BUFFER(0)), 128, 0xee);
}

/* @a: bytes of a buffer that has no room for the header */
static void rx_short(struct dev *d, const struct test *t)
{
	start_empty(d, d->kind->features | t->b);
	offer_buffer(d, 0, (uint32_t)t->a);
	kick(d, RX);
	expect_rx_broken(d);
}

/* A buffer for a part of the frame, without MRG_RXBUF: the frame is lost, the buffer is not, and nothing is written. */
static void rx_small(struct dev *d, const struct test *t)
{
	start_empty(d, d->kind->features & ~F_MRG_RXBUF);
	offer_buffer(d, 0, (uint32_t)t->a);
	kick(d, RX);
	ask(d);
	settle();
	expect("used index", used_idx(&d->q[RX]), 0);
	expect_bytes("behind the buffer", BUFFER(d, RX_BUFFER(0)) + t->a, 64, 0xee);
	expect("Status", get(d, R_STATUS), S_RUNNING);
}

/* Buffers that are too small for a frame one by one, with MRG_RXBUF: it comes in several, at once. */
static void rx_merged(struct dev *d, const struct test *t)
{
	struct queue *q = &d->q[RX];
	uint8_t frame[128];
	uint32_t total = 0;
	struct wait w = {0};
	unsigned n;

	start_empty(d, d->kind->features | F_MRG_RXBUF);
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		offer_buffer(d, i, (uint32_t)t->a);
	kick(d, RX);
	ask(d);
	while (!used_idx(q) && waiting(&w))
		;
	n = used_idx(q);
	expect("num_buffers", get8(BUFFER(d, RX_BUFFER(used_at(q, 0).id)) + H_BUFFERS), n);
	for (unsigned i = 0; i < n && i < RX_BUFFERS; i++) {
		struct used_elem e = used_at(q, (uint16_t)i);

		expect("length of a part", e.len <= t->a && (e.len == t->a || i + 1 == n), true);
		expect_bytes("behind the part", BUFFER(d, RX_BUFFER(i)) + e.len, 32, 0xee);
		if (total + e.len <= sizeof(frame))
			copy((uint64_t)frame + total, BUFFER(d, RX_BUFFER(e.id)), e.len);
		total += e.len;
	}
	expect("bytes of the answer", total >= HDR + 42 && total <= sizeof(frame), true);
	expect("the frame was answered", is_answer(d, (uint64_t)frame + HDR), true);
}

/* The buffers come after the frame: it has waited. */
static void rx_late(struct dev *d, const struct test *t)
{
	start_empty(d, d->kind->features);
	ask(d);
	settle();
	d->rx_seen = 0;
	prepare(d);
	answered(d, 0);
}

static void rx_bad(struct dev *d, const struct test *t)
{
	start_empty(d, d->kind->features);
	put(&d->q[RX], 0, t->a, RX_LEN, D_WRITE, 0);
	offer(&d->q[RX], 0);
	kick(d, RX);
	expect_rx_broken(d);
}

static void readable_rx(struct dev *d, const struct test *t)
{
	start_empty(d, d->kind->features);
	put(&d->q[RX], 0, BUFFER(d, RX_BUFFER(0)), RX_LEN, 0, 0);
	offer(&d->q[RX], 0);
	kick(d, RX);
	expect_rx_broken(d);
}

/* Without MRG_RXBUF it says 1 too. */
static void one_buffer(struct dev *d, const struct test *t)
{
	dev_start(d, d->kind->features & ~F_MRG_RXBUF);
	do_plain(d);
	expect("num_buffers", num_buffers, 1);
}

static void no_control(struct dev *d, const struct test *t)
{
	expect("queues", d->nr_queues, 2);
	expect("CTRL_VQ and MQ are not offered", d->offered & (BIT(17) | BIT(22)), 0);
}

static void status_up(struct dev *d, const struct test *t)
{
	expect("STATUS is offered", d->offered >> 16 & 1, 1);
	expect("link", config8(d, 6), 1);
}

#define DROPS "it drops the frame, and waits"

static const struct test receive[] = {
	{"a buffer of 1 byte", "5.1.6.3.1", rx_short, 1, 0, ABORTS},
	{"a buffer of 11 bytes", "5.1.6.3.1", rx_short, 11, 0, ABORTS},
	{"a buffer of 11 bytes, MRG_RXBUF", "5.1.6.3.1", rx_short, 11, F_MRG_RXBUF, DROPS},
	{"a buffer for the header only", "5.1.6.4", rx_small, 12, 0, NULL},
	{"a buffer for a part of the frame", "5.1.6.4", rx_small, 40, 0, NULL},
	{"buffers of 12 bytes, MRG_RXBUF", "5.1.6.4", rx_merged, 12, 0, NULL},
	{"buffers of 13 bytes, MRG_RXBUF", "5.1.6.4", rx_merged, 13, 0, NULL},
	{"buffers of 27 bytes, MRG_RXBUF", "5.1.6.4", rx_merged, 27, 0, NULL},
	{"buffers of 54 bytes, MRG_RXBUF", "5.1.6.4", rx_merged, 54, 0, NULL},
	{"num_buffers without MRG_RXBUF", "5.1.6.4.1", one_buffer, 0, 0, "QEMU before 9.2 leaves it 0"},
	{"buffers that come after the frame", "5.1.6.3", rx_late, 0, 0, NULL},
	{"a buffer beyond RAM", "2.7.5", rx_bad, BIT(41), 0, DROPS},
	{"a buffer in the hole", "2.7.5", rx_bad, 0xc8000000, 0, DROPS},
	{"a buffer that cannot be written", "5.1.6.3", readable_rx, 0, 0, NULL},
	{"no control queue", "5.1.2", no_control, 0, 0, "it has one"},
	{"the link is up", "5.1.4", status_up, 0, 0, NULL},
};

const struct group net_groups[] = {
	GROUP("transmit", &net_kind, 0, transmit),
	GROUP("offload", &net_kind, F_CSUM | F_HOST_TSO4, offload),
	GROUP("receive", &net_kind, 0, receive),
	{0},
};
