/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile driver without an operating system: an ELF that vmm enters directly. It is written from the virtio 1.2
 * specification only, without vmm's headers, violates one rule after the other, and prints the results on the serial
 * port as TAP. After each case the device is reset, negotiated and used, and so is another device that was not
 * involved.
 *
 * Words of the command line:
 *	case=all | DEVICE | GROUP | DEVICE.GROUP | DEVICE.GROUP.N | list
 *	at=BASE,STRIDE,NR	where the virtio-mmio devices are (default: vmm's)
 *	ram=BYTES		where RAM ends
 *	peer			the device is not vmm's: cases that say so may differ
 *	terse			no output for cases that pass
 * It ends by debug exit: 0, or 1 when a case failed.
 *
 * One CPU, interrupts disabled: devices are polled.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)        (UINT64_C(1) << (n))

/* 4.2.2, table 4.1 */
enum {
	R_MAGIC = 0x00,
	R_VERSION = 0x04,
	R_DEVICE = 0x08,
	R_VENDOR = 0x0c,
	R_DEV_FEATURES = 0x10,
	R_DEV_FEATURES_SEL = 0x14,
	R_DRV_FEATURES = 0x20,
	R_DRV_FEATURES_SEL = 0x24,
	R_QUEUE_SEL = 0x30,
	R_QUEUE_MAX = 0x34,
	R_QUEUE_NUM = 0x38,
	R_QUEUE_READY = 0x44,
	R_NOTIFY = 0x50,
	R_ISR = 0x60,
	R_ACK = 0x64,
	R_STATUS = 0x70,
	R_DESC = 0x80,
	R_DRIVER = 0x90,
	R_DEVICE_RING = 0xa0,
	R_SHM_LEN = 0xb0,
	R_SHM_BASE = 0xb8,
	R_QUEUE_RESET = 0xc0,
	R_GENERATION = 0xfc,
	R_CONFIG = 0x100,
};

/* 2.1 */
#define S_ACKNOWLEDGE 1u
#define S_DRIVER      2u
#define S_DRIVER_OK   4u
#define S_FEATURES_OK 8u
#define S_NEEDS_RESET 64u
#define S_FAILED      128u
#define S_RUNNING     (S_ACKNOWLEDGE | S_DRIVER | S_DRIVER_OK | S_FEATURES_OK)

/* 4.2.2: InterruptStatus */
#define ISR_USED   1u
#define ISR_CONFIG 2u

/* 6 */
#define F_INDIRECT   BIT(28)
#define F_EVENT_IDX  BIT(29)
#define F_VERSION_1  BIT(32)
#define F_RING_RESET BIT(40)

/* 2.7.5 */
#define D_NEXT     1u
#define D_WRITE    2u
#define D_INDIRECT 4u

#define QUEUES_MAX 8u
#define QUEUE_SIZE 16u /* of the driver by the book */
#define RX_BUFFERS 8u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct used_elem {
	uint32_t id;
	uint32_t len;
};

/* A queue's rings, as the driver set them up. @offered: its index of the available ring */
struct queue {
	unsigned index;
	uint16_t size;
	uint16_t offered;
	volatile struct desc *desc;
	volatile uint16_t *avail; /* flags, idx, ring, used_event */
	volatile uint16_t *used;  /* flags, idx; elements from [2] on; avail_event */
};

/* A piece of a request. */
struct part {
	uint64_t addr;
	uint32_t len;
	bool write; /* by the device */
};

#define PARTS_MAX 3u

struct dev;

/*
 * A kind of device.
 * @has, @lacks: features that distinguish it from another kind with the same id
 * @variant: a variant of another kind, which has all the cases of registers and rings: it has only cases of its own
 * @main: the queue that the cases of rings use
 * @writable: words of configuration that a driver may write, as a mask
 * @prepare: called after each start, to fill the receive queues
 * @request: a plain request for the main queue, prepared so that its effects can be checked. Return: number of parts
 * @answered: checks that the request had its effects, and that @used_len is right
 * @untouched: checks that it had no effect
 */
struct kind {
	uint32_t id;
	const char *name;
	uint64_t has;
	uint64_t lacks;
	bool variant;
	unsigned main;
	uint64_t features;
	uint64_t writable;
	void (*prepare)(struct dev *d);
	unsigned (*request)(struct dev *d, struct part *p);
	void (*answered)(struct dev *d, uint32_t used_len);
	void (*untouched)(struct dev *d);
};

struct dev {
	const struct kind *kind;
	uint64_t base;
	uint64_t memory; /* DEV_MEMORY of it: rings, then buffers */
	uint64_t offered;
	unsigned nr_queues;
	struct queue q[QUEUES_MAX];
	uint16_t rx_seen;
	uint32_t count; /* requests so far: makes each different */
};

#define DEV_MEMORY   0x200000u
#define RING_MEMORY  0x4000u
#define BUFFER(d, n) ((d)->memory + 0x100000 + (uint64_t)(n)*0x1000) /* n: 0 to 255 */
/* Memory for the indirect tables of ring cases. */
#define TABLE(d) ((d)->memory + 0x80000)

struct test {
	const char *does;
	const char *section;
	void (*run)(struct dev *d, const struct test *t);
	uint64_t a;
	uint64_t b;
	const char *peer; /* why another device may do something else; NULL: it may not */
};

/* Reasons why a case is not run with another device. */
extern const char HANGS[], ABORTS[];

/* @kind: of the devices that it is for, NULL: all; @needs: features without which it is meaningless */
struct group {
	const char *name;
	const struct kind *kind;
	uint64_t needs;
	const struct test *test;
	size_t nr;
};

#define GROUP(name, kind, needs, tests)                                                                                \
	{                                                                                                              \
		name, kind, needs, tests, ARRAY_SIZE(tests)                                                            \
	}

extern const struct group register_groups[], ring_groups[], blk_groups[], net_groups[], vsock_groups[], small_groups[];
extern const struct kind blk_kind, blk_ro_kind, net_kind, rng_kind, vsock_kind, console_kind, balloon_kind;

extern uint64_t ram_end;

/* --- main.c: what was seen ---------------------------------------------------------------------------------------- */

/* The case fails unless the two are equal. */
void expect(const char *what, uint64_t seen, uint64_t want);
void expect_bytes(const char *what, uint64_t at, size_t len, uint8_t want);
void print(const char *s);
void print_number(uint64_t n);

/* --- driver.c: a driver by the book, in steps --------------------------------------------------------------------- */

uint32_t get(const struct dev *d, uint32_t reg);
void set(const struct dev *d, uint32_t reg, uint32_t value);
uint64_t get_features(const struct dev *d);
void set_features(const struct dev *d, uint64_t features);
void set_address(const struct dev *d, uint32_t reg, uint64_t gpa);
uint8_t config8(const struct dev *d, uint32_t offset);

/* Return: true if there is a device at @base that this guest knows. */
bool dev_find(struct dev *d, uint64_t base, uint64_t memory);
/* Resets, and waits until it is done. */
void dev_reset(struct dev *d);
/* Up to FEATURES_OK, which the device has to accept. */
void dev_negotiate(struct dev *d, uint64_t features);
/* A queue of the driver's, empty; not ready yet. */
void queue_init(struct dev *d, unsigned index);
/* Tells the device where it is, without making it ready. */
void queue_place(struct dev *d, unsigned index);
void queue_ready(struct dev *d, unsigned index);
/* All of it: reset, negotiation with @features, every queue, DRIVER_OK. */
void dev_start(struct dev *d, uint64_t features);
/* dev_start() with the features that the kind's driver accepts. */
void dev_fresh(struct dev *d);

void put(struct queue *q, unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next);
/* A chain of direct descriptors from @first on. */
void put_parts(struct queue *q, unsigned first, const struct part *p, unsigned n);
void offer(struct queue *q, uint16_t head);
void kick(struct dev *d, unsigned index);
uint16_t used_idx(const struct queue *q);
struct used_elem used_at(const struct queue *q, uint16_t n);

/* For waiting while a device may still act: number of polls, and the start time. waiting() is the next poll. */
struct wait {
	unsigned looks;
	uint64_t since;
};

bool waiting(struct wait *w);
/* Long enough for a device that is going to do something. */
void settle(void);
/* Waits until the used index is @idx; if it never is, the case fails. Return: whether it is. */
bool wait_used(struct queue *q, uint16_t idx);
/* Waits until (register & mask) == want. */
bool wait_reg(const struct dev *d, uint32_t reg, uint32_t mask, uint32_t want);

/* A plain request on the main queue, with its effects. */
void do_plain(struct dev *d);
/* Asserts that a violation was noticed: DEVICE_NEEDS_RESET, its interrupt, nothing used, and no further activity. */
void expect_broken(struct dev *d);
/* Nothing happens at all: no used element, the device is as it was. */
void expect_nothing(struct dev *d);

/* One chain of @n parts on queue @index from descriptor 0, kicked. Return: bytes written, or 0 and a failure. */
uint32_t do_parts(struct dev *d, unsigned index, const struct part *p, unsigned n);
void offer_parts(struct dev *d, unsigned index, const struct part *p, unsigned n);

void fill(uint64_t at, size_t len, uint8_t with);
void copy(uint64_t to, uint64_t from, size_t len);
bool is_filled(uint64_t at, size_t len, uint8_t with);
void store16(uint64_t at, uint16_t v);
void store32(uint64_t at, uint32_t v);
void store64(uint64_t at, uint64_t v);
uint32_t load32(uint64_t at);
uint64_t load64(uint64_t at);
uint8_t in8(uint16_t port);
void out8(uint16_t port, uint8_t v);
void out32(uint16_t port, uint32_t v);

#endif
