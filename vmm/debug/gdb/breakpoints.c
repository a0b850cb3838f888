// SPDX-License-Identifier: Apache-2.0
#include "vmm/debug/gdb/breakpoints.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/util.h"

#define INT3 0xcc

/* SDM 3, 17.2.4: for each register a bit that enables it, and a field of 4 bits: when, and how long */
#define DR7_ENABLE(n)       (UINT64_C(2) << 2 * (n))
#define DR7_FIELD(n, value) ((uint64_t)(value) << (16 + 4 * (n)))
#define DR7_EXACT           (BIT(9) | BIT(10)) /* GE, and a bit that is always 1 */
#define DR7_ON_WRITE        1u
#define DR7_ON_ACCESS       3u

static struct gdb_software *find_software(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t linear)
{
	for (unsigned i = 0; i < b->nr; i++)
		if (b->software[i].mem == mem && b->software[i].linear == linear)
			return &b->software[i];
	return NULL;
}

int gdb_set_software(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t linear, uint64_t gpa)
{
	struct gdb_software *s;
	int r = 0;

	if (!gmem_contains(mem, gpa, 1))
		return -EFAULT;
	pthread_mutex_lock(&b->lock);
	s = find_software(b, mem, linear);
	if (!s && b->nr == GDB_SOFTWARE_MAX)
		r = -ENOSPC;
	else if (!s)
		s = &b->software[b->nr++];
	/* The page may have moved since it was set. */
	if (s)
		*s = (struct gdb_software){.mem = mem, .linear = linear, .gpa = gpa};
	pthread_mutex_unlock(&b->lock);
	return r;
}

void gdb_clear_software(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t linear)
{
	struct gdb_software *s;

	pthread_mutex_lock(&b->lock);
	s = find_software(b, mem, linear);
	if (s)
		*s = b->software[--b->nr];
	pthread_mutex_unlock(&b->lock);
}

static bool is_piece(const struct gdb_hardware *h, enum gdb_breakpoint type, uint64_t address, uint64_t len)
{
	return h->of_len == len && h->of == address && h->type == type;
}

/* The largest aligned piece at the front of a range. */
static uint8_t piece_at(uint64_t address, uint64_t len)
{
	uint8_t n = 8;

	while (address % n || n > len)
		n /= 2;
	return n;
}

/* Into copies of the registers, so that what does not fit leaves no piece behind. Return: false: it does not */
static bool add_pieces(
	struct gdb_hardware h[static GDB_HARDWARE_MAX], enum gdb_breakpoint type, uint64_t address, uint64_t len)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < GDB_HARDWARE_MAX && done < len; i++) {
		if (h[i].of_len)
			continue;
		h[i] = (struct gdb_hardware){
			.type = type,
			.of = address,
			.of_len = len,
			.address = address + done,
			.len = piece_at(address + done, len - done),
		};
		done += h[i].len;
	}
	return done == len;
}

int gdb_set_hardware(struct gdb_breakpoints *b, enum gdb_breakpoint type, uint64_t address, uint64_t len)
{
	struct gdb_hardware h[GDB_HARDWARE_MAX];
	bool is_set = false;
	int r = 0;

	if (type == GDB_WATCH_READ || type == GDB_SOFTWARE)
		return -ENOTSUP;
	if (type == GDB_HARDWARE)
		len = 1;
	if (!len || len > 8 * GDB_HARDWARE_MAX || address + (len - 1) < address)
		return -EINVAL;
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++)
		is_set |= is_piece(&b->hardware[i], type, address, len);
	memcpy(h, b->hardware, sizeof(h));
	if (!is_set && !add_pieces(h, type, address, len))
		r = -ENOSPC;
	else if (!is_set)
		memcpy(b->hardware, h, sizeof(h));
	pthread_mutex_unlock(&b->lock);
	return r;
}

void gdb_clear_hardware(struct gdb_breakpoints *b, enum gdb_breakpoint type, uint64_t address, uint64_t len)
{
	if (type == GDB_HARDWARE)
		len = 1;
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; len && i < GDB_HARDWARE_MAX; i++)
		if (is_piece(&b->hardware[i], type, address, len))
			b->hardware[i] = (struct gdb_hardware){0};
	pthread_mutex_unlock(&b->lock);
}

void gdb_clear_all(struct gdb_breakpoints *b)
{
	pthread_mutex_lock(&b->lock);
	b->nr = 0;
	memset(b->hardware, 0, sizeof(b->hardware));
	pthread_mutex_unlock(&b->lock);
}

bool gdb_has_software(struct gdb_breakpoints *b)
{
	bool any;

	pthread_mutex_lock(&b->lock);
	any = b->nr;
	pthread_mutex_unlock(&b->lock);
	return any;
}

bool gdb_debug_registers(struct gdb_breakpoints *b, uint64_t ret[static 8])
{
	bool any = false;

	memset(ret, 0, 8 * sizeof(ret[0]));
	ret[7] = DR7_EXACT;
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++) {
		const struct gdb_hardware *h = &b->hardware[i];
		/* Lengths of 1, 2 and 4 are one less; 8 is 2. */
		unsigned len = h->len == 8 ? 2 : h->len - 1u;
		unsigned when = h->type == GDB_WATCH_WRITE ? DR7_ON_WRITE : DR7_ON_ACCESS;

		if (!h->of_len)
			continue;
		any = true;
		ret[i] = h->address;
		ret[7] |= DR7_ENABLE(i);
		if (h->type != GDB_HARDWARE)
			ret[7] |= DR7_FIELD(i, len << 2 | when);
	}
	pthread_mutex_unlock(&b->lock);
	return any;
}

bool gdb_hardware_hit(struct gdb_breakpoints *b, unsigned n, struct gdb_hardware *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->hardware[n];
	pthread_mutex_unlock(&b->lock);
	return ret->of_len;
}

bool gdb_software_hit(struct gdb_breakpoints *b, const struct gmem *mem, uint64_t gpa)
{
	bool hit = false;

	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->nr; i++)
		hit |= b->software[i].placed && b->software[i].mem == mem && b->software[i].gpa == gpa;
	pthread_mutex_unlock(&b->lock);
	return hit;
}

void gdb_place(struct gdb_breakpoints *b)
{
	static const uint8_t int3 = INT3;

	pthread_mutex_lock(&b->lock);
	/* All bytes first: two breakpoints may be on one of them. */
	for (unsigned i = 0; !b->placed && i < b->nr; i++) {
		struct gdb_software *s = &b->software[i];

		s->placed = gmem_read(s->mem, s->gpa, &s->original, 1) == 0;
	}
	for (unsigned i = 0; !b->placed && i < b->nr; i++) {
		struct gdb_software *s = &b->software[i];

		s->placed = s->placed && gmem_write(s->mem, s->gpa, &int3, 1) == 0;
	}
	b->placed = true;
	pthread_mutex_unlock(&b->lock);
}

void gdb_lift(struct gdb_breakpoints *b)
{
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; b->placed && i < b->nr; i++) {
		struct gdb_software *s = &b->software[i];
		uint8_t now;

		if (s->placed && gmem_read(s->mem, s->gpa, &now, 1) == 0 && now == INT3)
			gmem_write(s->mem, s->gpa, &s->original, 1);
		s->placed = false;
	}
	b->placed = false;
	pthread_mutex_unlock(&b->lock);
}
