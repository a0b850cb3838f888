// SPDX-License-Identifier: Apache-2.0
/*
 * A body's PkgLength precedes it and includes its own one to four bytes, so its size is not known before the body's.
 * aml_end() therefore inserts it and moves everything after the mark. Bodies nest, and an inner length is inserted
 * after the marks of all outer ones, so these stay valid.
 */
#include "boot/tables/aml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

/* ACPI 6.5, 20.3 (AML byte stream byte values). */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5b,
	OP_LOCAL0 = 0x60,
	OP_STORE = 0x70,
	OP_AND = 0x7b,
	OP_NOTIFY = 0x86,
	OP_IF = 0xa0,
	OP_RETURN = 0xa4,
	EXT_REGION = 0x80,
	EXT_FIELD = 0x81,
	EXT_DEVICE = 0x82,
};

#define SPACE_SYSTEM_IO   0x01
#define FIELD_BYTE_ACCESS 0x01 /* ByteAcc, NoLock, Preserve */
#define METHOD_SERIALIZED 0x08

/* ACPI 6.5, 6.4.2 and 6.4.3: resource descriptors. */
#define RES_IO           0x47 /* small, type 8, 7 bytes follow */
#define RES_IO_DECODE16  0x01
#define RES_END          0x79 /* small, type 15, 1 byte follows */
#define RES_MEM32_FIXED  0x86
#define RES_MEM32_WRITE  0x01
#define RES_IRQ          0x89
#define RES_IRQ_CONSUMER 0x01
#define RES_IRQ_EDGE     0x02 /* bit 2 clear: active high; bit 3 clear: exclusive */

#define PKG_LENGTH_MAX ((UINT32_C(1) << 28) - 1)

static bool reserve(struct aml *a, size_t more)
{
	size_t room = MAX(a->room, 256);
	uint8_t *data;

	if (a->error)
		return false;
	while (room - a->size < more)
		room *= 2;
	if (room == a->room)
		return true;
	data = realloc(a->data, room);
	if (!data) {
		a->error = -ENOMEM;
		return false;
	}
	a->data = data;
	a->room = room;
	return true;
}

static void insert(struct aml *a, size_t at, const void *bytes, size_t n)
{
	if (!reserve(a, n))
		return;
	memmove(a->data + at + n, a->data + at, a->size - at);
	memcpy(a->data + at, bytes, n);
	a->size += n;
}

static void bytes(struct aml *a, const void *data, size_t n)
{
	insert(a, a->size, data, n);
}

static void byte(struct aml *a, uint8_t v)
{
	bytes(a, &v, 1);
}

static void begin(struct aml *a)
{
	assert(a->depth < AML_NEST_MAX);
	a->open[a->depth++] = a->size;
}

/* NameSeg (20.2.2): upper case, digits and '_', not starting with a digit, padded to four with '_'. */
static void name_seg(struct aml *a, const char *name)
{
	char seg[4] = {'_', '_', '_', '_'};
	size_t n = strlen(name);

	assert(n >= 1 && n <= 4);
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		assert((c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9'));
		seg[i] = c;
	}
	bytes(a, seg, sizeof(seg));
}

/* 20.2.4. Return: the number of bytes. */
static size_t encode_length(uint8_t *p, uint32_t body)
{
	size_t n = 1;
	uint32_t v;

	if (body + 1 <= 0x3f) {
		p[0] = (uint8_t)(body + 1);
		return 1;
	}
	do {
		n++;
		v = body + (uint32_t)n;
	} while (v >> (4 + 8 * (n - 1)));
	p[0] = (uint8_t)((n - 1) << 6 | (v & 0xf));
	for (size_t i = 1; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i - 4));
	return n;
}

static size_t encode_int(uint8_t *p, uint64_t v)
{
	if (v <= 1) {
		p[0] = v ? OP_ONE : OP_ZERO;
		return 1;
	}
	if (v <= UINT8_MAX) {
		p[0] = OP_BYTE;
		p[1] = (uint8_t)v;
		return 2;
	}
	if (v <= UINT16_MAX) {
		p[0] = OP_WORD;
		le16_put(p + 1, (uint16_t)v);
		return 3;
	}
	if (v <= UINT32_MAX) {
		p[0] = OP_DWORD;
		le32_put(p + 1, (uint32_t)v);
		return 5;
	}
	p[0] = OP_QWORD;
	le64_put(p + 1, v);
	return 9;
}

void aml_destroy(struct aml *a)
{
	free(a->data);
	memset(a, 0, sizeof(*a));
}

int aml_take(struct aml *a, uint8_t **ret_data, size_t *ret_size)
{
	assert(!a->depth);
	if (!reserve(a, 1)) /* never NULL, even when empty */
		return a->error;
	*ret_data = a->data;
	*ret_size = a->size;
	memset(a, 0, sizeof(*a));
	return 0;
}

void aml_end(struct aml *a)
{
	uint8_t length[4] = {0};
	size_t at;

	assert(a->depth);
	at = a->open[--a->depth];
	if (a->error)
		return;
	if (a->size - at > PKG_LENGTH_MAX - sizeof(length)) {
		a->error = -E2BIG;
		return;
	}
	insert(a, at, length, encode_length(length, (uint32_t)(a->size - at)));
}

void aml_scope(struct aml *a, const char *name)
{
	byte(a, OP_SCOPE);
	begin(a);
	name_seg(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	byte(a, OP_EXT);
	byte(a, EXT_DEVICE);
	begin(a);
	name_seg(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
	assert(args <= 7);
	byte(a, OP_METHOD);
	begin(a);
	name_seg(a, name);
	byte(a, (uint8_t)(args | (serialized ? METHOD_SERIALIZED : 0)));
}

void aml_package(struct aml *a, uint8_t elements)
{
	byte(a, OP_PACKAGE);
	begin(a);
	byte(a, elements);
}

void aml_if(struct aml *a)
{
	byte(a, OP_IF);
	begin(a);
}

void aml_field(struct aml *a, const char *region)
{
	byte(a, OP_EXT);
	byte(a, EXT_FIELD);
	begin(a);
	name_seg(a, region);
	byte(a, FIELD_BYTE_ACCESS);
}

void aml_field_unit(struct aml *a, const char *name, unsigned bits)
{
	assert(bits && bits <= 0x3f);
	name_seg(a, name);
	byte(a, (uint8_t)bits); /* a one-byte PkgLength, counting bits */
}

void aml_name(struct aml *a, const char *name)
{
	byte(a, OP_NAME);
	name_seg(a, name);
}

void aml_int(struct aml *a, uint64_t value)
{
	uint8_t p[9] = {0};

	bytes(a, p, encode_int(p, value));
}

void aml_string(struct aml *a, const char *text)
{
	byte(a, OP_STRING);
	for (const char *c = text; *c; c++)
		assert((unsigned char)*c < 0x80);
	bytes(a, text, strlen(text) + 1);
}

static unsigned hex(char c)
{
	assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	uint8_t p[5] = {OP_DWORD};
	unsigned v = 0;

	assert(strlen(id) == 7);
	for (int i = 0; i < 3; i++) {
		assert(id[i] >= 'A' && id[i] <= 'Z');
		v = v << 5 | (unsigned)(id[i] - '@');
	}
	p[1] = (uint8_t)(v >> 8); /* big-endian, unlike everything else (19.6.36 EISAID) */
	p[2] = (uint8_t)v;
	p[3] = (uint8_t)(hex(id[3]) << 4 | hex(id[4]));
	p[4] = (uint8_t)(hex(id[5]) << 4 | hex(id[6]));
	bytes(a, p, sizeof(p));
}

void aml_port_region(struct aml *a, const char *name, uint16_t base, uint16_t size)
{
	byte(a, OP_EXT);
	byte(a, EXT_REGION);
	name_seg(a, name);
	byte(a, SPACE_SYSTEM_IO);
	aml_int(a, base);
	aml_int(a, size);
}

void aml_and(struct aml *a)
{
	byte(a, OP_AND);
}

void aml_and_end(struct aml *a)
{
	byte(a, OP_ZERO); /* NullName: no target */
}

void aml_store_local(struct aml *a, const char *name)
{
	byte(a, OP_STORE);
	name_seg(a, name);
	byte(a, OP_LOCAL0);
}

void aml_local(struct aml *a)
{
	byte(a, OP_LOCAL0);
}

void aml_store_int(struct aml *a, uint64_t value, const char *name)
{
	byte(a, OP_STORE);
	aml_int(a, value);
	name_seg(a, name);
}

void aml_return(struct aml *a)
{
	byte(a, OP_RETURN);
}

void aml_notify(struct aml *a, const char *name, uint8_t value)
{
	byte(a, OP_NOTIFY);
	name_seg(a, name);
	aml_int(a, value);
}

void aml_resources(struct aml *a)
{
	byte(a, OP_BUFFER);
	begin(a);
}

void aml_resources_end(struct aml *a)
{
	uint8_t p[9] = {0};
	size_t at, n;

	byte(a, RES_END);
	byte(a, 0); /* checksum 0: treated as valid (6.4.2.9) */
	assert(a->depth);
	at = a->open[a->depth - 1];
	if (!a->error) {
		n = encode_int(p, a->size - at);
		insert(a, at, p, n);
	}
	aml_end(a);
}

void aml_res_io(struct aml *a, uint16_t base, uint8_t size)
{
	uint8_t p[8] = {RES_IO, RES_IO_DECODE16};

	le16_put(p + 2, base);
	le16_put(p + 4, base);
	p[6] = 1; /* alignment: irrelevant with a fixed base */
	p[7] = size;
	bytes(a, p, sizeof(p));
}

void aml_res_irq(struct aml *a, uint32_t gsi)
{
	uint8_t p[9] = {RES_IRQ, 6, 0, RES_IRQ_CONSUMER | RES_IRQ_EDGE, 1};

	le32_put(p + 5, gsi);
	bytes(a, p, sizeof(p));
}

void aml_res_mem32(struct aml *a, uint32_t base, uint32_t size)
{
	uint8_t p[12] = {RES_MEM32_FIXED, 9, 0, RES_MEM32_WRITE};

	le32_put(p + 4, base);
	le32_put(p + 8, size);
	bytes(a, p, sizeof(p));
}
