// SPDX-License-Identifier: Apache-2.0
#include "vmm/debug/gdb/packet.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/util.h"

#define INTERRUPT   3
#define ESCAPE      '}'
#define ESCAPE_FLIP 0x20

static const char digits[] = "0123456789abcdef";

int gdb_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum gdb_event between(struct gdb_reader *r, uint8_t byte)
{
	switch (byte) {
	case '$':
		r->state = GDB_IN_DATA;
		r->len = 0;
		r->sum = 0;
		r->too_long = false;
		return GDB_NOTHING;
	case '+': return GDB_ACK;
	case '-': return GDB_NAK;
	case INTERRUPT: return GDB_INTERRUPT;
	default: return GDB_NOTHING;
	}
}

static void data(struct gdb_reader *r, uint8_t byte)
{
	if (byte == '#') {
		r->state = GDB_IN_SUM1;
		return;
	}
	r->sum = (uint8_t)(r->sum + byte);
	if (r->len == GDB_PACKET_MAX)
		r->too_long = true;
	else
		r->data[r->len++] = (char)byte;
}

static enum gdb_event complete(struct gdb_reader *r, uint8_t byte)
{
	int low = gdb_hex_digit((char)byte);

	r->state = GDB_BETWEEN;
	r->data[r->len] = '\0';
	if (r->told < 0 || low < 0 || (r->told << 4 | low) != r->sum)
		return GDB_BAD_SUM;
	return r->too_long ? GDB_TOO_LONG : GDB_PACKET;
}

enum gdb_event gdb_read_byte(struct gdb_reader *r, uint8_t byte)
{
	switch (r->state) {
	case GDB_BETWEEN: return between(r, byte);
	case GDB_IN_DATA:
		/* Unescaped, it begins a packet: the one before it was cut off. */
		if (byte == '$')
			return between(r, byte);
		data(r, byte);
		break;
	case GDB_IN_SUM1:
		r->told = gdb_hex_digit((char)byte);
		r->state = GDB_IN_SUM2;
		break;
	case GDB_IN_SUM2: return complete(r, byte);
	}
	return GDB_NOTHING;
}

void gdb_put_raw(struct gdb_writer *w, const void *bytes, size_t len)
{
	if (len > sizeof(w->data) - w->len)
		len = sizeof(w->data) - w->len;
	memcpy(w->data + w->len, bytes, len);
	w->len += len;
}

void gdb_put_text(struct gdb_writer *w, const char *text)
{
	gdb_put_raw(w, text, strlen(text));
}

void gdb_begin(struct gdb_writer *w)
{
	w->start = w->len;
	gdb_put_raw(w, "$", 1);
}

void gdb_end(struct gdb_writer *w)
{
	char tail[3] = {'#'};
	uint8_t sum = 0;

	for (size_t i = w->start + 1; i < w->len; i++)
		sum = (uint8_t)(sum + (uint8_t)w->data[i]);
	tail[1] = digits[sum >> 4];
	tail[2] = digits[sum & 15];
	gdb_put_raw(w, tail, sizeof(tail));
	w->last = w->start;
	w->last_len = w->len - w->start;
}

void gdb_put_hex(struct gdb_writer *w, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		char pair[2] = {digits[b[i] >> 4], digits[b[i] & 15]};

		gdb_put_raw(w, pair, sizeof(pair));
	}
}

void gdb_put_number(struct gdb_writer *w, uint64_t n)
{
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[n & 15];
		n >>= 4;
	} while (n);
	gdb_put_raw(w, text + at, sizeof(text) - at);
}

void gdb_put_binary(struct gdb_writer *w, const void *bytes, size_t len)
{
	const char *b = bytes;

	for (size_t i = 0; i < len; i++) {
		char pair[2] = {ESCAPE, (char)(b[i] ^ ESCAPE_FLIP)};

		/* The asterisk would be a run length. */
		if (b[i] == '#' || b[i] == '$' || b[i] == '*' || b[i] == ESCAPE)
			gdb_put_raw(w, pair, sizeof(pair));
		else
			gdb_put_raw(w, b + i, 1);
	}
}

void gdb_again(struct gdb_writer *w)
{
	if (w->len)
		return;
	memmove(w->data, w->data + w->last, w->last_len);
	w->last = 0;
	w->len = w->last_len;
}

int gdb_unescape(char *bytes, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if (c == ESCAPE) {
			if (++i == len)
				return -EINVAL;
			c = (char)(bytes[i] ^ ESCAPE_FLIP);
		}
		bytes[to++] = c;
	}
	return (int)to;
}

bool gdb_take_number(const char **text, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	for (; gdb_hex_digit(*p) >= 0; p++) {
		if (n >> 60)
			return false;
		n = n << 4 | (uint64_t)gdb_hex_digit(*p);
	}
	if (p == *text)
		return false;
	*text = p;
	*ret = n;
	return true;
}

bool gdb_take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

bool gdb_take_hex(const char **text, void *ret, size_t len)
{
	const char *p = *text;
	uint8_t *b = ret;

	for (size_t i = 0; i < len; i++, p += 2) {
		int high = gdb_hex_digit(p[0]), low = high < 0 ? -1 : gdb_hex_digit(p[1]);

		if (low < 0)
			return false;
		b[i] = (uint8_t)(high << 4 | low);
	}
	*text = p;
	return true;
}
