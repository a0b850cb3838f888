// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets: virtio 1.2, 5.10. Behind port ECHO of the host somebody sends back what comes; behind every other one is
 * nobody.
 */
#include "tests/guest/hostile/hostile.h"

enum { RX = 0, TX = 1, EVENT = 2 };
enum { INVALID, REQUEST, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST };

#define HOST   2u
#define STREAM 1u
#define ECHO   1234u

#define TX_PACKET(d) BUFFER(d, 0)
#define RX_BUFFER(i) ((i) + 32u)
#define RX_LEN       2048u

struct packet {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
} __attribute__((packed));

#define HDR 44u
_Static_assert(sizeof(struct packet) == HDR, "5.10.6");

static void offer_buffer(struct dev *d, unsigned i, uint32_t len, unsigned flags)
{
	put(&d->q[RX], i, BUFFER(d, RX_BUFFER(i)), len, flags, 0);
	offer(&d->q[RX], (uint16_t)i);
}

static void prepare(struct dev *d)
{
	for (unsigned i = 0; i < RX_BUFFERS; i++)
		offer_buffer(d, i, RX_LEN, D_WRITE);
	kick(d, RX);
}

static uint64_t our_cid(const struct dev *d)
{
	return get(d, R_CONFIG) | (uint64_t)get(d, R_CONFIG + 4) << 32;
}

/* A packet from a port that has not been used yet. */
static struct packet packet(struct dev *d, unsigned op, uint32_t port)
{
	return (struct packet){
		.src_cid = our_cid(d),
		.dst_cid = HOST,
		.src_port = 10000 + ++d->count,
		.dst_port = port,
		.type = STREAM,
		.op = (uint16_t)op,
		.buf_alloc = 0x10000,
	};
}

static void put_packet(struct dev *d, const struct packet *h)
{
	copy(TX_PACKET(d), (uint64_t)h, HDR);
}

/* Sends it, with @len bytes after the header. */
static void send(struct dev *d, const struct packet *h, uint32_t len)
{
	struct part p[] = {{TX_PACKET(d), HDR + len, false}};

	put_packet(d, h);
	expect("used length", do_parts(d, TX, p, 1), 0);
}

/* The next packet that came, or false. @data: where its data are, until the buffer is used again */
static bool next(struct dev *d, struct packet *h, uint64_t *data)
{
	struct queue *q = &d->q[RX];
	struct used_elem e;

	if (d->rx_seen == used_idx(q))
		return false;
	e = used_at(q, d->rx_seen++);
	expect("id of a receive buffer", e.id < RX_BUFFERS, true);
	copy((uint64_t)h, BUFFER(d, RX_BUFFER(e.id)), HDR);
	expect("used length and len", e.len, HDR + h->len);
	*data = BUFFER(d, RX_BUFFER(e.id)) + HDR;
	offer_buffer(d, e.id, RX_LEN, D_WRITE);
	kick(d, RX);
	return true;
}

/* Waits for a packet and checks that its header is right for an answer to @to. */
static struct packet answer(struct dev *d, const struct packet *to, unsigned op)
{
	struct packet h = {0};
	struct wait w = {0};
	uint64_t data;
	bool came;

	do
		came = next(d, &h, &data);
	while (!came && waiting(&w));
	expect("a packet came", came, true);
	expect("op", h.op, op);
	expect("src_cid", h.src_cid, to->dst_cid);
	expect("dst_cid", h.dst_cid, our_cid(d));
	expect("src_port", h.src_port, to->dst_port);
	expect("dst_port", h.dst_port, to->src_port);
	expect("type", h.type, STREAM);
	return h;
}

static void expect_silence(struct dev *d)
{
	struct packet h;
	uint64_t data;

	settle();
	if (next(d, &h, &data))
		expect("op of a packet where none was due", h.op, INVALID);
	expect("Status", get(d, R_STATUS), S_RUNNING);
}

/* --- The kind: a packet of no connection, to which RST is the answer ---------------------------------------------- */

static unsigned request(struct dev *d, struct part *p)
{
	struct packet h = packet(d, CREDIT_REQUEST, 99);

	put_packet(d, &h);
	p[0] = (struct part){TX_PACKET(d), HDR, false};
	return 1;
}

static void answered(struct dev *d, uint32_t used_len)
{
	struct packet h = packet(d, CREDIT_REQUEST, 99);

	d->count--;
	h.src_port--;
	expect("used length", used_len, 0);
	/* A request that was offered twice has two answers. */
	do
		answer(d, &h, RST);
	while (d->rx_seen != used_idx(&d->q[RX]));
}

static void untouched(struct dev *d)
{
	expect("packets", used_idx(&d->q[RX]), d->rx_seen);
}

const struct kind vsock_kind = {
	.id = 19,
	.name = "vsock",
	.main = TX,
	.prepare = prepare,
	.request = request,
	.answered = answered,
	.untouched = untouched,
};

/* --- Form --------------------------------------------------------------------------------------------------------- */

static void header_cut(struct dev *d, const struct test *t)
{
	uint32_t cut = (uint32_t)t->a;
	struct part p[] = {{TX_PACKET(d), cut, false}, {TX_PACKET(d) + cut, HDR - cut, false}};

	request(d, p + 1);
	p[1] = (struct part){TX_PACKET(d) + cut, HDR - cut, false};
	answered(d, do_parts(d, TX, p, 2));
}

static void header_short(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	request(d, p);
	p[0].len = (uint32_t)t->a;
	offer_parts(d, TX, p, 1);
	expect_broken(d);
}

/* @a: len, @b: bytes that are there */
static void len_lies(struct dev *d, const struct test *t)
{
	struct part p[] = {{TX_PACKET(d), HDR + (uint32_t)t->b, false}};
	struct packet h = packet(d, RW, 99);

	h.len = (uint32_t)t->a;
	put_packet(d, &h);
	offer_parts(d, TX, p, 1);
	expect_broken(d);
}

static void writable_packet(struct dev *d, const struct test *t)
{
	struct part p[] = {{TX_PACKET(d), HDR, true}};

	request(d, p);
	p[0].write = true;
	offer_parts(d, TX, p, 1);
	expect_broken(d);
}

/* @a: bytes of a receive buffer, @b: its flags */
static void rx_wrong(struct dev *d, const struct test *t)
{
	struct part p[PARTS_MAX];

	dev_start(d, 0);
	set(d, R_QUEUE_SEL, RX);
	set(d, R_QUEUE_READY, 0);
	wait_reg(d, R_QUEUE_READY, ~0u, 0);
	queue_ready(d, RX);
	fill(BUFFER(d, RX_BUFFER(0)), 64, 0xee);
	offer_buffer(d, 0, (uint32_t)t->a, (unsigned)t->b);
	kick(d, RX);
	settle();
	expect("Status", get(d, R_STATUS) & ~S_NEEDS_RESET, S_RUNNING);
	request(d, p);
	offer_parts(d, TX, p, 1);
	expect("DEVICE_NEEDS_RESET", wait_reg(d, R_STATUS, S_NEEDS_RESET, S_NEEDS_RESET), true);
	expect("used index", used_idx(&d->q[RX]), 0);
	expect_bytes("the buffer", BUFFER(d, RX_BUFFER(0)), 64, 0xee);
}

static void event_queue(struct dev *d, const struct test *t)
{
	put(&d->q[EVENT], 0, BUFFER(d, 100), (uint32_t)t->a, (unsigned)t->b, 0);
	offer(&d->q[EVENT], 0);
	kick(d, EVENT);
	expect_nothing(d);
	expect("used index of events", used_idx(&d->q[EVENT]), 0);
	do_plain(d);
}

static const struct test form[] = {
	{"header cut behind byte 1", "5.10.6", header_cut, 1, 0, NULL},
	{"header cut behind byte 8", "5.10.6", header_cut, 8, 0, NULL},
	{"header cut behind byte 15", "5.10.6", header_cut, 15, 0, NULL},
	{"header cut behind byte 29", "5.10.6", header_cut, 29, 0, NULL},
	{"header cut behind byte 31", "5.10.6", header_cut, 31, 0, NULL},
	{"header cut behind byte 43", "5.10.6", header_cut, 43, 0, NULL},
	{"a header of 1 byte", "5.10.6", header_short, 1, 0, NULL},
	{"a header of 24 bytes", "5.10.6", header_short, 24, 0, NULL},
	{"a header of 43 bytes", "5.10.6", header_short, 43, 0, NULL},
	{"len 1, and no data", "5.10.6", len_lies, 1, 0, NULL},
	{"len 5, and 4 bytes", "5.10.6", len_lies, 5, 4, NULL},
	{"len 0xffffffff", "5.10.6", len_lies, UINT32_MAX, 4, NULL},
	{"len 0xffffffd4, which with the header is 2^32", "5.10.6", len_lies, 0xffffffd4, 4, NULL},
	{"a packet in a buffer to be written", "5.10.6", writable_packet, 0, 0, NULL},
	{"a receive buffer of 1 byte", "5.10.6", rx_wrong, 1, D_WRITE, NULL},
	{"a receive buffer of 43 bytes", "5.10.6", rx_wrong, 43, D_WRITE, NULL},
	{"a receive buffer for the header only", "5.10.6", rx_wrong, 44, D_WRITE, NULL},
	{"a receive buffer that cannot be written", "5.10.6", rx_wrong, RX_LEN, 0, NULL},
	{"a buffer for events", "5.10.6.7", event_queue, 8, D_WRITE, NULL},
	{"a buffer for events that cannot be written", "5.10.6.7", event_queue, 8, 0, NULL},
};

/* --- Fields ------------------------------------------------------------------------------------------------------- */

enum field { OP, TYPE, SRC_CID, DST_CID, FLAGS, CREDIT };

static void set_field(struct packet *h, enum field f, uint64_t v)
{
	switch (f) {
	case OP: h->op = (uint16_t)v; break;
	case TYPE: h->type = (uint16_t)v; break;
	case SRC_CID: h->src_cid = v; break;
	case DST_CID: h->dst_cid = v; break;
	case FLAGS: h->flags = (uint32_t)v; break;
	case CREDIT:
		h->buf_alloc = (uint32_t)v;
		h->fwd_cnt = (uint32_t)~v;
		break;
	}
}

/* A packet that belongs to nothing: RST is the answer. @a: which field is wrong, @b: what is there */
static void is_reset(struct dev *d, const struct test *t)
{
	struct packet h = packet(d, CREDIT_REQUEST, 99);

	set_field(&h, (enum field)t->a, t->b);
	send(d, &h, 0);
	answer(d, &h, RST);
	expect_silence(d);
}

static void is_ignored(struct dev *d, const struct test *t)
{
	struct packet h = packet(d, CREDIT_REQUEST, 99);

	set_field(&h, (enum field)t->a, t->b);
	send(d, &h, 0);
	expect_silence(d);
}

static void request_refused(struct dev *d, const struct test *t)
{
	struct packet h = packet(d, REQUEST, (uint32_t)t->a);

	send(d, &h, 0);
	answer(d, &h, RST);
	expect_silence(d);
}

/* The same where a listener would be: by another type, or to somebody else. */
static void request_elsewhere(struct dev *d, const struct test *t)
{
	struct packet h = packet(d, REQUEST, ECHO);

	set_field(&h, (enum field)t->a, t->b);
	send(d, &h, 0);
	answer(d, &h, RST);
	expect_silence(d);
}

/* Its source is not this guest, so there is no one to answer. */
static void request_forged(struct dev *d, const struct test *t)
{
	struct packet h = packet(d, REQUEST, ECHO);

	h.src_cid = t->a == 1 ? our_cid(d) + 1 : t->a == 4 ? our_cid(d) | BIT(32) : t->a;
	send(d, &h, 0);
	expect_silence(d);
}

static void cid(struct dev *d, const struct test *t)
{
	expect("guest_cid", our_cid(d), 5);
}

static const struct test fields[] = {
	{"guest_cid", "5.10.4", cid, 0, 0, NULL},
	{"op 0", "5.10.6", is_reset, OP, INVALID, NULL},
	{"RESPONSE of no connection", "5.10.6.5", is_reset, OP, RESPONSE, NULL},
	{"RST of no connection", "5.10.6", is_ignored, OP, RST, NULL},
	{"SHUTDOWN of no connection", "5.10.6.5", is_reset, OP, SHUTDOWN, NULL},
	{"RW of no connection", "5.10.6", is_reset, OP, RW, NULL},
	{"CREDIT_UPDATE of no connection", "5.10.6.3", is_reset, OP, CREDIT_UPDATE, NULL},
	{"op 8", "5.10.6", is_reset, OP, 8, NULL},
	{"op 0x103, which is RST in a byte", "5.10.6", is_reset, OP, 0x103, NULL},
	{"op 0xffff", "5.10.6", is_reset, OP, 0xffff, NULL},
	{"type 0", "5.10.6.4.2", is_reset, TYPE, 0, NULL},
	{"type 2, SEQPACKET that was not negotiated", "5.10.6.4.2", is_reset, TYPE, 2, NULL},
	{"type 0xffff", "5.10.6.4.2", is_reset, TYPE, 0xffff, NULL},
	{"dst_cid 0", "5.10.6", is_reset, DST_CID, 0, NULL},
	{"dst_cid 1", "5.10.6", is_reset, DST_CID, 1, NULL},
	{"dst_cid of another guest", "5.10.6", is_reset, DST_CID, 7, NULL},
	{"dst_cid of the host and 2^32", "5.10.4", is_reset, DST_CID, BIT(32) | HOST, NULL},
	{"dst_cid 2^64 - 1", "5.10.6", is_reset, DST_CID, UINT64_MAX, NULL},
	{"src_cid 0", "5.10.6", is_ignored, SRC_CID, 0, NULL},
	{"src_cid of the host", "5.10.6", is_ignored, SRC_CID, HOST, NULL},
	{"src_cid of another guest", "5.10.6", is_ignored, SRC_CID, 7, NULL},
	{"src_cid with bit 32", "5.10.4", is_ignored, SRC_CID, BIT(32) | 5, NULL},
	{"src_cid 2^64 - 1", "5.10.6", is_ignored, SRC_CID, UINT64_MAX, NULL},
	{"flags where there are none", "5.10.6", is_reset, FLAGS, UINT32_MAX, NULL},
	{"credit of no connection", "5.10.6.3", is_reset, CREDIT, UINT32_MAX, NULL},
	{"REQUEST to a port of nobody", "5.10.6.5", request_refused, 99, 0, NULL},
	{"REQUEST to port 0", "5.10.6.5", request_refused, 0, 0, NULL},
	{"REQUEST to port 0xffffffff", "5.10.6.5", request_refused, UINT32_MAX, 0, NULL},
	{"REQUEST of type 2", "5.10.6.4.2", request_elsewhere, TYPE, 2, NULL},
	{"REQUEST of type 0", "5.10.6.4.2", request_elsewhere, TYPE, 0, NULL},
	{"REQUEST to CID 1", "5.10.6", request_elsewhere, DST_CID, 1, NULL},
	{"REQUEST to the host's CID and 2^32", "5.10.4", request_elsewhere, DST_CID, BIT(32) | HOST, NULL},
	{"REQUEST of another guest", "5.10.6", request_forged, 1, 0, NULL},
	{"REQUEST of the host itself", "5.10.6", request_forged, HOST, 0, NULL},
	{"REQUEST of our CID and 2^32", "5.10.4", request_forged, 4, 0, NULL},
};

/* --- Connections -------------------------------------------------------------------------------------------------- */

static struct packet connect_with(struct dev *d, uint32_t alloc)
{
	struct packet h = packet(d, REQUEST, ECHO), a;

	h.buf_alloc = alloc;
	send(d, &h, 0);
	a = answer(d, &h, RESPONSE);
	expect("len of RESPONSE", a.len, 0);
	expect("the device has a buffer", a.buf_alloc > 0, true);
	expect("fwd_cnt at the start", a.fwd_cnt, 0);
	return h;
}

static void say(struct dev *d, struct packet *h, uint32_t len, uint8_t with)
{
	h->op = RW;
	h->len = len;
	fill(TX_PACKET(d) + HDR, len, with);
	send(d, h, len);
	h->len = 0;
}

/* Waits for @len bytes of echo, which may come in several packets; credit updates between are fine. */
static void hear(struct dev *d, struct packet *h, uint32_t len, uint8_t with)
{
	struct wait w = {0};
	uint32_t heard = 0;

	while (heard < len && waiting(&w)) {
		struct packet a;
		uint64_t data;

		if (!next(d, &a, &data))
			continue;
		if (a.op == CREDIT_UPDATE)
			continue;
		expect("op", a.op, RW);
		if (a.op != RW)
			return;
		expect_bytes("data", data, a.len, with);
		heard += a.len;
	}
	expect("bytes of echo", heard, len);
	h->fwd_cnt += heard;
}

/* The connection is gone: packets that belong to it get RST. */
static void expect_gone(struct dev *d, struct packet *h)
{
	h->op = CREDIT_REQUEST;
	h->flags = 0;
	h->type = STREAM;
	send(d, h, 0);
	answer(d, h, RST);
}

static void echoes(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	say(d, &h, (uint32_t)t->a, 'e');
	hear(d, &h, (uint32_t)t->a, 'e');
	h.op = SHUTDOWN;
	h.flags = 3;
	send(d, &h, 0);
	answer(d, &h, RST);
	expect_gone(d, &h);
}

/* @a: an op that ends a connection with RST */
static void op_resets(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	h.op = (uint16_t)t->a;
	h.type = (uint16_t)t->b;
	send(d, &h, 0);
	answer(d, &h, RST);
	if (t->b == STREAM)
		expect_gone(d, &h);
}

static void op_nothing(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	h.op = (uint16_t)t->a;
	h.flags = (uint32_t)t->b;
	send(d, &h, 0);
	expect_silence(d);
	h.flags = 0;
	say(d, &h, 5, 'n');
	hear(d, &h, 5, 'n');
}

static void rst_ends(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	h.op = RST;
	send(d, &h, 0);
	expect_silence(d);
	expect_gone(d, &h);
}

/* What the driver has no credit for does not come, until it has. */
static void no_credit(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, (uint32_t)t->a), a;
	uint64_t data;

	say(d, &h, 100, 'c');
	if (t->a)
		hear(d, &h, (uint32_t)t->a, 'c');
	for (unsigned i = 0; i < 4; i++)
		settle();
	while (next(d, &a, &data))
		expect("op without credit", a.op, CREDIT_UPDATE);
	h.buf_alloc = 0x10000;
	h.op = CREDIT_UPDATE;
	send(d, &h, 0);
	hear(d, &h, 100 - (uint32_t)t->a, 'c');
}

/* fwd_cnt of more than was ever sent: no data come for it, but the connection lives. */
static void forwarded_lies(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000), a;
	uint64_t data;

	h.fwd_cnt = (uint32_t)t->a;
	say(d, &h, 100, 'f');
	for (unsigned i = 0; i < 4; i++)
		settle();
	while (next(d, &a, &data))
		expect("op with a lie for credit", a.op, CREDIT_UPDATE);
	h.fwd_cnt = 0;
	h.op = CREDIT_UPDATE;
	send(d, &h, 0);
	hear(d, &h, 100, 'f');
}

static void credit_request(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000), a;

	say(d, &h, 10, 'q');
	hear(d, &h, 10, 'q');
	h.op = CREDIT_REQUEST;
	send(d, &h, 0);
	a = answer(d, &h, CREDIT_UPDATE);
	expect("fwd_cnt", a.fwd_cnt, 10);
	expect("len", a.len, 0);
}

/* The other side may have ended too, and say so before. */
static void wait_rst(struct dev *d)
{
	struct packet a = {0};
	struct wait w = {0};
	uint64_t data;

	do
		if (next(d, &a, &data) && a.op != SHUTDOWN && a.op != CREDIT_UPDATE)
			expect("op", a.op, RST);
	while (a.op != RST && waiting(&w));
	expect("op at last", a.op, RST);
}

/* SHUTDOWN of @a: the answers, and then data */
static void shuts(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	h.op = SHUTDOWN;
	h.flags = (uint32_t)t->a;
	send(d, &h, 0);
	if ((t->a & 3) == 3) {
		answer(d, &h, RST);
		expect_gone(d, &h);
		return;
	}
	h.flags = 0;
	say(d, &h, 5, 's');
	if (t->a & 2) {
		wait_rst(d);
		expect_gone(d, &h);
		return;
	}
	if (t->a & 1)
		expect_silence(d);
	else
		hear(d, &h, 5, 's');
}

/* One connection more than there may be. */
static void too_many(struct dev *d, const struct test *t)
{
	struct packet h, a = {0};
	unsigned n = 0;
	uint64_t data;

	for (a.op = RESPONSE; n < 1000 && a.op == RESPONSE; n++) {
		struct wait w = {0};
		bool came;

		h = packet(d, REQUEST, ECHO);
		send(d, &h, 0);
		do
			came = next(d, &a, &data);
		while (!came && waiting(&w));
		if (!came)
			break;
	}
	expect("the last one gets RST", a.op, RST);
	expect("for itself", a.dst_port, h.src_port);
}

/* Connections are gone with a reset. */
static void reset_forgets(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	dev_fresh(d);
	expect_silence(d);
	expect_gone(d, &h);
}

static void empty_data(struct dev *d, const struct test *t)
{
	struct packet h = connect_with(d, 0x10000);

	for (unsigned i = 0; i < 20; i++)
		say(d, &h, 0, 0);
	expect_silence(d);
	say(d, &h, 7, 'z');
	hear(d, &h, 7, 'z');
}

static const struct test connections[] = {
	{"1 byte", "5.10.6", echoes, 1, 0, NULL},
	{"1,000 bytes", "5.10.6", echoes, 1000, 0, NULL},
	{"4,000 bytes", "5.10.6", echoes, 4000, 0, NULL},
	{"empty data", "5.10.6", empty_data, 0, 0, NULL},
	{"REQUEST again", "5.10.6.5", op_resets, REQUEST, STREAM, NULL},
	{"RESPONSE to nothing", "5.10.6.5", op_resets, RESPONSE, STREAM, NULL},
	{"op 0", "5.10.6", op_resets, INVALID, STREAM, NULL},
	{"op 8", "5.10.6", op_resets, 8, STREAM, NULL},
	{"op 0xffff", "5.10.6", op_resets, 0xffff, STREAM, NULL},
	{"another type", "5.10.6.4.2", op_resets, RW, 2, NULL},
	{"CREDIT_UPDATE with flags", "5.10.6", op_nothing, CREDIT_UPDATE, UINT32_MAX, NULL},
	{"RST", "5.10.6", rst_ends, 0, 0, NULL},
	{"no credit", "5.10.6.3", no_credit, 0, 0, NULL},
	{"credit of 1 byte", "5.10.6.3", no_credit, 1, 0, NULL},
	{"credit of 40 bytes", "5.10.6.3", no_credit, 40, 0, NULL},
	{"fwd_cnt of a byte that was not sent", "5.10.6.3", forwarded_lies, 1, 0, NULL},
	{"fwd_cnt of 1,000 bytes", "5.10.6.3", forwarded_lies, 1000, 0, NULL},
	{"fwd_cnt of 2^31 bytes", "5.10.6.3", forwarded_lies, 0x80000000, 0, NULL},
	{"CREDIT_REQUEST", "5.10.6.3", credit_request, 0, 0, NULL},
	{"SHUTDOWN of nothing", "5.10.6.5", shuts, 0, 0, NULL},
	{"SHUTDOWN with flags without a meaning", "5.10.6.5", shuts, 0xfffffffc, 0, NULL},
	{"SHUTDOWN: receives no more", "5.10.6.5", shuts, 1, 0, NULL},
	{"SHUTDOWN: sends no more, and sends", "5.10.6.5", shuts, 2, 0, NULL},
	{"SHUTDOWN of both", "5.10.6.5", shuts, 3, 0, NULL},
	{"SHUTDOWN of both, and flags without a meaning", "5.10.6.5", shuts, UINT32_MAX, 0, NULL},
	{"more connections than there may be", "5.10.6.5", too_many, 0, 0, NULL},
	{"a reset ends connections", "5.10.6", reset_forgets, 0, 0, NULL},
};

const struct group vsock_groups[] = {
	GROUP("form", &vsock_kind, 0, form),
	GROUP("fields", &vsock_kind, 0, fields),
	GROUP("connections", &vsock_kind, 0, connections),
	{0},
};
