// SPDX-License-Identifier: Apache-2.0
/* A conforming driver, split into the steps of virtio 1.2, 3.1.1 and 4.2.3: a case omits one, or does it wrongly. */
#include "tests/guest/hostile/hostile.h"

/* A device counts as silent after this many polls, an exit each, and this many cycles: a second or two. */
#define PATIENCE        100000u
#define PATIENCE_CYCLES UINT64_C(4000000000)

/* For how many exits nothing may happen. */
#define SETTLE 32u

#define LINE_STATUS 0x3fd /* the UART's: any port does whose reading has no effect and goes to user space */

uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* By words: where KVM emulates the guest, each step of a string instruction costs as much as another. */
void *memset(void *to, int with, size_t len)
{
	void *at = to;
	uint64_t word = (uint8_t)with * UINT64_C(0x0101010101010101);
	size_t words = len / 8, rest = len % 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(word) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(word) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
	void *at = to;
	size_t words = len / 8, rest = len % 8;

	__asm__ volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void fill(uint64_t at, size_t len, uint8_t with)
{
	memset((void *)at, with, len);
}

void copy(uint64_t to, uint64_t from, size_t len)
{
	memcpy((void *)to, (const void *)from, len);
}

bool is_filled(uint64_t at, size_t len, uint8_t with)
{
	uint64_t word = with * UINT64_C(0x0101010101010101), end = at + len;

	for (; at + 8 <= end && load64(at) == word; at += 8)
		;
	for (; at < end; at++)
		if (*(volatile uint8_t *)at != with)
			return false;
	return true;
}

void store16(uint64_t at, uint16_t v)
{
	*(volatile uint16_t *)at = v;
}

void store32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

void store64(uint64_t at, uint64_t v)
{
	*(volatile uint64_t *)at = v;
}

uint32_t load32(uint64_t at)
{
	return *(volatile uint32_t *)at;
}

uint64_t load64(uint64_t at)
{
	return *(volatile uint64_t *)at;
}

/* --- Registers ------------------------------------------------------------------------------------------------- */

uint32_t get(const struct dev *d, uint32_t reg)
{
	return load32(d->base + reg);
}

void set(const struct dev *d, uint32_t reg, uint32_t value)
{
	store32(d->base + reg, value);
}

uint64_t get_features(const struct dev *d)
{
	uint64_t low;

	set(d, R_DEV_FEATURES_SEL, 0);
	low = get(d, R_DEV_FEATURES);
	set(d, R_DEV_FEATURES_SEL, 1);
	return low | (uint64_t)get(d, R_DEV_FEATURES) << 32;
}

void set_features(const struct dev *d, uint64_t features)
{
	set(d, R_DRV_FEATURES_SEL, 0);
	set(d, R_DRV_FEATURES, (uint32_t)features);
	set(d, R_DRV_FEATURES_SEL, 1);
	set(d, R_DRV_FEATURES, (uint32_t)(features >> 32));
}

void set_address(const struct dev *d, uint32_t reg, uint64_t gpa)
{
	set(d, reg, (uint32_t)gpa);
	set(d, reg + 4, (uint32_t)(gpa >> 32));
}

uint8_t config8(const struct dev *d, uint32_t offset)
{
	return *(volatile uint8_t *)(d->base + R_CONFIG + offset);
}

/* --- Waiting --------------------------------------------------------------------------------------------------- */

static uint64_t cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

bool waiting(struct wait *w)
{
	if (!w->looks++)
		w->since = cycles();
	in8(LINE_STATUS);
	return w->looks < PATIENCE || cycles() - w->since < PATIENCE_CYCLES;
}

void settle(void)
{
	for (unsigned i = 0; i < SETTLE; i++)
		in8(LINE_STATUS);
}

bool wait_used(struct queue *q, uint16_t idx)
{
	struct wait w = {0};

	while (used_idx(q) != idx && waiting(&w))
		;
	expect("used index", used_idx(q), idx);
	return used_idx(q) == idx;
}

bool wait_reg(const struct dev *d, uint32_t reg, uint32_t mask, uint32_t want)
{
	struct wait w = {0};

	while ((get(d, reg) & mask) != want && waiting(&w))
		;
	return (get(d, reg) & mask) == want;
}

/* --- Queues ---------------------------------------------------------------------------------------------------- */

void queue_init(struct dev *d, unsigned index)
{
	struct queue *q = &d->q[index];
	uint64_t at = d->memory + (uint64_t)index * RING_MEMORY;

	fill(at, 64 + QUEUE_SIZE * sizeof(struct desc), 0);
	fill(at + 0x1000, 64 + QUEUE_SIZE * 2, 0);
	fill(at + 0x2000, 64 + QUEUE_SIZE * sizeof(struct used_elem), 0);
	*q = (struct queue){
		.index = index,
		.size = QUEUE_SIZE,
		.desc = (volatile struct desc *)at,
		.avail = (volatile uint16_t *)(at + 0x1000),
		.used = (volatile uint16_t *)(at + 0x2000),
	};
}

void queue_place(struct dev *d, unsigned index)
{
	struct queue *q = &d->q[index];

	set(d, R_QUEUE_SEL, index);
	set(d, R_QUEUE_NUM, q->size);
	set_address(d, R_DESC, (uint64_t)q->desc);
	set_address(d, R_DRIVER, (uint64_t)q->avail);
	set_address(d, R_DEVICE_RING, (uint64_t)q->used);
}

void queue_ready(struct dev *d, unsigned index)
{
	queue_init(d, index);
	queue_place(d, index);
	set(d, R_QUEUE_READY, 1);
	expect("QueueReady", get(d, R_QUEUE_READY), 1);
}

void put(struct queue *q, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	q->desc[i].addr = addr;
	q->desc[i].len = len;
	q->desc[i].flags = (uint16_t)flags;
	q->desc[i].next = (uint16_t)next;
}

void put_parts(struct queue *q, unsigned first, const struct part *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put(q, first + i, p[i].addr, p[i].len, (p[i].write ? D_WRITE : 0) | (i + 1 < n ? D_NEXT : 0),
			first + i + 1);
}

void offer(struct queue *q, uint16_t head)
{
	q->avail[2 + q->offered % q->size] = head;
	q->offered++;
	__asm__ volatile("" : : : "memory"); /* stores of x86 keep their order */
	q->avail[1] = q->offered;
	__asm__ volatile("mfence" : : : "memory");
}

void kick(struct dev *d, unsigned index)
{
	set(d, R_NOTIFY, index);
}

uint16_t used_idx(const struct queue *q)
{
	return q->used[1];
}

struct used_elem used_at(const struct queue *q, uint16_t n)
{
	const volatile struct used_elem *e = (const volatile struct used_elem *)(q->used + 2) + n % q->size;

	return (struct used_elem){e->id, e->len};
}

void offer_parts(struct dev *d, unsigned index, const struct part *p, unsigned n)
{
	put_parts(&d->q[index], 0, p, n);
	offer(&d->q[index], 0);
	kick(d, index);
}

uint32_t do_parts(struct dev *d, unsigned index, const struct part *p, unsigned n)
{
	struct queue *q = &d->q[index];
	uint16_t before = used_idx(q);

	offer_parts(d, index, p, n);
	if (!wait_used(q, (uint16_t)(before + 1)))
		return 0;
	expect("id of the used element", used_at(q, before).id, 0);
	return used_at(q, before).len;
}

/* --- The device ------------------------------------------------------------------------------------------------ */

static const struct kind *const kinds[] = {
	&blk_kind, &blk_ro_kind, &net_kind, &rng_kind, &vsock_kind, &console_kind, &balloon_kind};

bool dev_find(struct dev *d, uint64_t base, uint64_t memory)
{
	*d = (struct dev){.base = base, .memory = memory};
	if (get(d, R_MAGIC) != 0x74726976 || get(d, R_VERSION) != 2)
		return false;
	set(d, R_STATUS, 0);
	d->offered = get_features(d);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->id == get(d, R_DEVICE) && (d->offered & kinds[i]->has) == kinds[i]->has &&
			!(d->offered & kinds[i]->lacks))
			d->kind = kinds[i];
	if (!d->kind)
		return false;
	for (d->nr_queues = 0; d->nr_queues < QUEUES_MAX; d->nr_queues++) {
		set(d, R_QUEUE_SEL, d->nr_queues);
		if (!get(d, R_QUEUE_MAX))
			break;
	}
	return true;
}

void dev_reset(struct dev *d)
{
	set(d, R_STATUS, 0);
	expect("a reset ends", wait_reg(d, R_STATUS, ~0u, 0), true);
}

void dev_negotiate(struct dev *d, uint64_t features)
{
	dev_reset(d);
	set(d, R_STATUS, S_ACKNOWLEDGE);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	set_features(d, features | F_VERSION_1);
	set(d, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	expect("FEATURES_OK", get(d, R_STATUS), S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
}

void dev_start(struct dev *d, uint64_t features)
{
	dev_negotiate(d, features & d->offered);
	for (unsigned i = 0; i < d->nr_queues; i++)
		queue_ready(d, i);
	set(d, R_STATUS, S_RUNNING);
	expect("Status", get(d, R_STATUS), S_RUNNING);
	d->rx_seen = 0;
	if (d->kind->prepare)
		d->kind->prepare(d);
}

void dev_fresh(struct dev *d)
{
	dev_start(d, d->kind->features);
}

void do_plain(struct dev *d)
{
	struct part p[PARTS_MAX];
	unsigned n = d->kind->request(d, p);

	d->kind->answered(d, do_parts(d, d->kind->main, p, n));
}

void expect_broken(struct dev *d)
{
	struct queue *q = &d->q[d->kind->main];
	struct part p[PARTS_MAX];
	uint16_t before = used_idx(q);

	if (!wait_reg(d, R_STATUS, S_NEEDS_RESET, S_NEEDS_RESET))
		expect("Status with DEVICE_NEEDS_RESET", get(d, R_STATUS), get(d, R_STATUS) | S_NEEDS_RESET);
	expect("configuration change in InterruptStatus", get(d, R_ISR) & ISR_CONFIG, ISR_CONFIG);
	expect("used index", used_idx(q), before);
	d->kind->untouched(d);
	/* 2.1.2: no more buffers are consumed. */
	offer_parts(d, d->kind->main, p, d->kind->request(d, p));
	settle();
	expect("used index after another request", used_idx(q), before);
	d->kind->untouched(d);
}

void expect_nothing(struct dev *d)
{
	struct queue *q = &d->q[d->kind->main];
	uint32_t status = get(d, R_STATUS), isr = get(d, R_ISR);
	uint16_t before = used_idx(q);

	settle();
	expect("Status", get(d, R_STATUS), status);
	expect("InterruptStatus", get(d, R_ISR), isr);
	expect("used index", used_idx(q), before);
}
