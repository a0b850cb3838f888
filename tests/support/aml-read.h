/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader for the part of AML that boot/tables/dsdt.c writes (ACPI 6.5, 20.2). It checks every length against the
 * contents, so a test and the fuzzer notice a body that is truncated or too long; iasl checks the rest.
 */
#ifndef TESTS_SUPPORT_AML_READ_H
#define TESTS_SUPPORT_AML_READ_H

#include <stdbool.h>
#include <string.h>

#include "vmm/base/le.h"

struct aml_span {
	const uint8_t *p, *end;
};

/**
 * struct aml_walk - the object to look for; counts of the objects seen
 * @device: "" for objects outside any device; @name: "" for none
 * @found: the object's bytes, a method's terms, when it was there
 */
struct aml_walk {
	const char *device, *name;
	bool hit;
	struct aml_span found;
	unsigned devices, names, methods;
};

static inline bool aml_skip(struct aml_span *s, size_t n)
{
	if ((size_t)(s->end - s->p) < n)
		return false;
	s->p += n;
	return true;
}

static inline bool aml_read_body(struct aml_span *s, struct aml_span *ret_body)
{
	const uint8_t *start = s->p;
	size_t length, more;

	if (s->p == s->end)
		return false;
	more = *s->p >> 6;
	if ((size_t)(s->end - s->p) < 1 + more)
		return false;
	length = more ? *s->p & 0xf : *s->p & 0x3f;
	for (size_t i = 0; i < more; i++)
		length |= (size_t)s->p[1 + i] << (4 + 8 * i);
	if (length < 1 + more || length > (size_t)(s->end - start))
		return false;
	ret_body->p = start + 1 + more;
	ret_body->end = s->p = start + length;
	return true;
}

static inline bool aml_read_seg(struct aml_span *s, char seg[5])
{
	memset(seg, 0, 5);
	if (s->end - s->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = (char)s->p[i];

		if (!((c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9')))
			return false;
		seg[i] = c;
	}
	return aml_skip(s, 4);
}

static inline bool aml_read_int(struct aml_span *s, uint64_t *ret)
{
	struct aml_span t = *s;
	size_t n = 0;

	if (!aml_skip(&t, 1))
		return false;
	switch (*s->p) {
	case 0x00:
	case 0x01: break;
	case 0x0a: n = 1; break;
	case 0x0b: n = 2; break;
	case 0x0c: n = 4; break;
	case 0x0e: n = 8; break;
	default: return false;
	}
	*ret = *s->p <= 1 ? *s->p : 0;
	if (!aml_skip(&t, n))
		return false;
	for (size_t i = 0; i < n; i++)
		*ret |= (uint64_t)s->p[1 + i] << (8 * i);
	*s = t;
	return true;
}

/* One data object: integer, string, resource buffer or package of integers. */
static inline bool aml_read_object(struct aml_span *s)
{
	struct aml_span body;
	uint64_t v, n;

	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case 0x0d:
		while (aml_skip(s, 1))
			if (!s->p[-1])
				return true;
		return false;
	case 0x11:
		return aml_skip(s, 1) && aml_read_body(s, &body) && aml_read_int(&body, &v) &&
			v == (size_t)(body.end - body.p) && v >= 2 && body.end[-2] == 0x79 && !body.end[-1];
	case 0x12:
		if (!aml_skip(s, 1) || !aml_read_body(s, &body) || body.p == body.end)
			return false;
		for (n = *body.p++; n; n--)
			if (!aml_read_int(&body, &v))
				return false;
		return body.p == body.end;
	default: return aml_read_int(s, &v);
	}
}

static inline bool aml_read_terms(struct aml_span s, const char *device, struct aml_walk *w)
{
	struct aml_span body;
	char seg[5];
	uint64_t v;

	while (s.p != s.end) {
		uint8_t op = *s.p++;

		if (op == 0x5b && s.p != s.end)
			op = *s.p++;
		switch (op) {
		case 0x08: { /* Name */
			const uint8_t *start;

			if (!aml_read_seg(&s, seg))
				return false;
			start = s.p;
			if (!aml_read_object(&s))
				return false;
			w->names++;
			if (!strcmp(device, w->device) && !strcmp(seg, w->name)) {
				w->hit = true;
				w->found = (struct aml_span){start, s.p};
			}
			break;
		}
		case 0x10: /* Scope */
			if (!aml_read_body(&s, &body) || !aml_read_seg(&body, seg) || !aml_read_terms(body, device, w))
				return false;
			break;
		case 0x82: /* Device */
			if (!aml_read_body(&s, &body) || !aml_read_seg(&body, seg))
				return false;
			w->devices++;
			if (!strcmp(seg, w->device) && !w->name[0]) {
				w->hit = true;
				w->found = body;
			}
			if (!aml_read_terms(body, seg, w))
				return false;
			break;
		case 0x80: /* OperationRegion */
			if (!aml_read_seg(&s, seg) || !aml_skip(&s, 1) || !aml_read_int(&s, &v) ||
				!aml_read_int(&s, &v))
				return false;
			break;
		case 0x81: /* Field */
			if (!aml_read_body(&s, &body) || !aml_read_seg(&body, seg) || !aml_skip(&body, 1))
				return false;
			break;
		case 0x14: /* Method */
			if (!aml_read_body(&s, &body) || !aml_read_seg(&body, seg) || !aml_skip(&body, 1))
				return false;
			w->methods++;
			if (!strcmp(device, w->device) && !strcmp(seg, w->name)) {
				w->hit = true;
				w->found = body;
			}
			break;
		default: return false;
		}
	}
	return true;
}

/**
 * aml_find() - the value of @name in device @device ("" for outside of devices), or a method's terms;
 * with "" as @name the device's body
 */
static inline bool aml_find(const uint8_t *aml, size_t size, const char *device, const char *name, struct aml_span *ret)
{
	struct aml_walk w = {.device = device, .name = name};

	if (!aml_read_terms((struct aml_span){aml, aml + size}, "", &w) || !w.hit)
		return false;
	*ret = w.found;
	return true;
}

#endif
