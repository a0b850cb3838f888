// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"

/* Parses digits of `base` from *p on; -EINVAL when there is none. */
static int digits(const char **p, unsigned base, uint64_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	for (;; s++) {
		unsigned d;

		if (*s >= '0' && *s <= '9')
			d = (unsigned)(*s - '0');
		else if (base == 16 && (*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
			d = (unsigned)((*s | 0x20) - 'a') + 10;
		else
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return -ERANGE;
	}
	if (s == *p)
		return -EINVAL;
	*p = s;
	*ret = v;
	return 0;
}

int parse_u64(const char *text, uint64_t *ret_value)
{
	unsigned base = 10;
	uint64_t v;
	int r;

	if (text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		text += 2;
	}
	r = digits(&text, base, &v);
	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret_value = v;
	return 0;
}

/* A number with a decimal fraction, as it was written: @whole and @frac / @scale. */
struct decimal {
	uint64_t whole;
	uint64_t frac;
	uint64_t scale;
};

/* From *p on, with at most nine digits behind the point. */
static int decimal(const char **p, struct decimal *ret)
{
	const char *start;
	int r = digits(p, 10, &ret->whole);

	ret->frac = 0;
	ret->scale = 1;
	if (r < 0 || **p != '.')
		return r;
	start = ++*p;
	r = digits(p, 10, &ret->frac);
	if (r < 0)
		return r;
	if (*p - start > 9)
		return -ERANGE;
	for (; start < *p; start++)
		ret->scale *= 10;
	return 0;
}

/* @d of these units; exact, or -ERANGE. */
static int times_unit(const struct decimal *d, uint64_t unit, uint64_t *ret)
{
	/* frac < 10^9 and a unit < 2^44: the product needs the wide type. */
	unsigned __int128 part = (unsigned __int128)d->frac * unit;
	uint64_t v;

	if (part % d->scale || __builtin_mul_overflow(d->whole, unit, &v) ||
		__builtin_add_overflow(v, (uint64_t)(part / d->scale), &v))
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	uint64_t unit = 1;
	struct decimal d;
	const char *u;
	int r;

	r = decimal(&text, &d);
	if (r < 0)
		return r;
	u = *text ? strchr(units, *text & ~0x20) : NULL;
	if (u && *u) {
		unit = BIT(10 * (u - units + 1));
		text++;
		if (*text == 'i')
			text += text[1] == 'B' ? 2 : 0;
		else if (*text == 'B')
			text++;
	}
	if (*text || (unit == 1 && d.scale > 1))
		return -EINVAL;
	return times_unit(&d, unit, ret_bytes);
}

static const struct time_unit {
	const char *name;
	uint64_t ns;
} time_units[] = {
	{"h", 3600 * NSEC_PER_SEC},
	{"m", 60 * NSEC_PER_SEC},
	{"s", NSEC_PER_SEC},
	{"ms", NSEC_PER_MSEC},
	{"us", UINT64_C(1000)},
	{"ns", 1},
};

int parse_duration(const char *text, uint64_t *ret_ns)
{
	struct decimal d;
	int r;

	r = decimal(&text, &d);
	if (r < 0)
		return r;
	if (!*text && !d.whole && !d.frac) {
		*ret_ns = 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++)
		if (!strcmp(text, time_units[i].name))
			return times_unit(&d, time_units[i].ns, ret_ns);
	return -EINVAL;
}

const char *format_size(uint64_t bytes, char *buf)
{
	static const char units[] = "TGMK";

	for (unsigned i = 0; i < 4 && bytes; i++) {
		unsigned shift = 40 - 10 * i;

		if (is_aligned(bytes, BIT(shift))) {
			snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%c", bytes >> shift, units[i]);
			return buf;
		}
	}
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64, bytes);
	return buf;
}

const char *format_duration(uint64_t ns, char *buf)
{
	if (!ns) {
		snprintf(buf, UNITS_TEXT_MAX, "0s");
		return buf;
	}
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++) {
		const struct time_unit *u = &time_units[i];

		if (ns % u->ns == 0) {
			snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", ns / u->ns, u->name);
			break;
		}
	}
	return buf;
}
