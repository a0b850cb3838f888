// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/state.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/crc.h"
#include "vmm/base/le.h"

/* Of a section's header. */
#define AT_INDEX  STATE_NAME_MAX
#define AT_FIELDS (AT_INDEX + 4)
#define AT_SIZE   (AT_FIELDS + 4)

static uint32_t crc(const void *data, size_t size)
{
	return crc32c(0, data, size);
}

static size_t payload(const struct state_table *t)
{
	size_t n = 0;

	if (!t->field)
		return t->nr;
	for (size_t i = 0; i < t->nr; i++)
		n += (size_t)t->field[i].size * t->field[i].nr;
	return n;
}

/* Which fields a section has. Where they are in the struct is the compiler's affair. */
static uint32_t fields(const struct state_table *t)
{
	uint32_t sum = 0;

	for (size_t i = 0; t->field && i < t->nr; i++) {
		const struct state_field *f = &t->field[i];
		uint8_t raw[sizeof(f->name) + 4] = {0};

		memcpy(raw, f->name, sizeof(f->name));
		raw[sizeof(f->name)] = f->size;
		raw[sizeof(f->name) + 1] = f->nr;
		sum = crc32c(sum, raw, sizeof(raw));
	}
	return sum;
}

size_t state_size(const struct state_table *t)
{
	return STATE_HEADER + payload(t) + STATE_TRAILER;
}

static uint64_t load(const void *from, uint8_t size)
{
	const uint8_t *p = from;

	switch (size) {
	case 1: return *p;
	case 2: return le16_get(p);
	case 4: return le32_get(p);
	default: return le64_get(p);
	}
}

void state_put(struct state_writer *w, const struct state_table *t, uint32_t index, const void *from)
{
	size_t size = state_size(t);
	uint8_t *section = w->data + w->used, *to = section + STATE_HEADER;
	bool fits = w->used <= w->size && size <= w->size - w->used;

	w->used += size;
	if (!fits)
		return;
	memset(section, 0, STATE_HEADER);
	memcpy(section, t->name, strnlen(t->name, STATE_NAME_MAX - 1));
	le32_put(section + AT_INDEX, index);
	le32_put(section + AT_FIELDS, fields(t));
	le32_put(section + AT_SIZE, (uint32_t)payload(t));
	/* The host is little-endian, as its guests are: a number's bytes are in the section's order. */
	for (size_t i = 0; t->field && i < t->nr; i++) {
		size_t n = (size_t)t->field[i].size * t->field[i].nr;

		memcpy(to, (const uint8_t *)from + t->field[i].at, n);
		to += n;
	}
	if (!t->field) {
		memcpy(to, from, t->nr);
		to += t->nr;
	}
	le32_put(to, crc(section, (size_t)(to - section)));
}

static int check_header(const struct state_reader *r, const struct state_table *t, uint32_t index, struct err *e)
{
	const uint8_t *section = r->data + r->at;
	size_t left = r->size - r->at, size = state_size(t);

	if (left < STATE_HEADER || strncmp((const char *)section, t->name, STATE_NAME_MAX) != 0 ||
		le32_get(section + AT_INDEX) != index)
		return state_refuse(e, t, index, "it is not there, or not in its place");
	if (!t->field && le32_get(section + AT_SIZE) != t->nr)
		return state_refuse(e, t, index, "it has another size here");
	if (le32_get(section + AT_FIELDS) != fields(t) ||
		le32_get(section + AT_SIZE) != size - STATE_HEADER - STATE_TRAILER)
		return state_refuse(e, t, index, "another version of vmm wrote it");
	if (left < size)
		return state_refuse(e, t, index, "it is cut short");
	if (le32_get(section + size - STATE_TRAILER) != crc(section, size - STATE_TRAILER))
		return state_refuse(e, t, index, "its checksum is wrong");
	return 0;
}

static int check_field(const struct state_field *f, const uint8_t *from, struct err *e)
{
	if (f->max >= UINT64_MAX >> (64 - 8 * f->size))
		return 0;
	for (unsigned k = 0; k < f->nr; k++) {
		uint64_t value = load(from + (size_t)k * f->size, f->size);

		if (value > f->max)
			return err_set(e, -EINVAL, "%s is %#llx, more than %#llx", f->name, (unsigned long long)value,
				(unsigned long long)f->max);
	}
	return 0;
}

int state_get(struct state_reader *r, const struct state_table *t, uint32_t index, void *to, struct err *e)
{
	const uint8_t *fields_at, *from;
	int ret;

	assert(r->at <= r->size);
	ret = check_header(r, t, index, e);
	if (ret < 0)
		return ret;
	fields_at = from = r->data + r->at + STATE_HEADER;
	if (!t->field)
		memcpy(to, from, t->nr);
	for (size_t i = 0; t->field && i < t->nr; i++) {
		ret = check_field(&t->field[i], from, e);
		if (ret < 0)
			return err_wrap(e, ret, "the saved state of %s %u", t->name, index);
		from += (size_t)t->field[i].size * t->field[i].nr;
	}
	from = fields_at;
	for (size_t i = 0; t->field && i < t->nr; i++) {
		size_t n = (size_t)t->field[i].size * t->field[i].nr;

		memcpy((uint8_t *)to + t->field[i].at, from, n);
		from += n;
	}
	r->at += state_size(t);
	return 0;
}

int state_refuse(struct err *e, const struct state_table *t, uint32_t index, const char *rule)
{
	return err_set(e, -EINVAL, "the saved state of %s %u: %s", t->name, index, rule);
}
