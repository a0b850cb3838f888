/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of gdb's remote serial protocol: $DATA#SUM, acknowledgements between them, and the byte 3 that interrupts.
 *
 * Spec: Debugging with GDB, appendix E.1 (overview) and E.6 (interrupts).
 */
#ifndef VMM_DEBUG_GDB_PACKET_H
#define VMM_DEBUG_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest packet that a client is allowed, and what PacketSize says; replies keep to it as well. */
#define GDB_PACKET_MAX 0x4000

/** enum gdb_event - what a byte completed; TOO_LONG: a packet of more than GDB_PACKET_MAX bytes, which was dropped */
enum gdb_event {
	GDB_NOTHING,
	GDB_PACKET,
	GDB_BAD_SUM,
	GDB_TOO_LONG,
	GDB_INTERRUPT,
	GDB_ACK,
	GDB_NAK,
};

/**
 * struct gdb_reader - zero-initialise
 * @data, @len: the packet so far, as it was sent; after GDB_PACKET the whole of it, with a NUL behind it
 */
struct gdb_reader {
	char data[GDB_PACKET_MAX + 1];
	size_t len;
	enum { GDB_BETWEEN, GDB_IN_DATA, GDB_IN_SUM1, GDB_IN_SUM2 } state;
	bool too_long;
	uint8_t sum;
	int told;
};

/** gdb_read_byte() - one more byte of the client. Trust: the client; any sequence of bytes is fine. */
enum gdb_event gdb_read_byte(struct gdb_reader *r, uint8_t byte);

/* Room for a reply of which each byte is escaped, an acknowledgement and two messages in front of it. */
#define GDB_OUT_MAX (4 * GDB_PACKET_MAX)

/**
 * struct gdb_writer - zero-initialise
 * @data, @len: what waits to be sent; what does not fit is left out
 * @start: of the packet that is being written
 * @last, @last_len: the last complete one, for a client that did not get it
 */
struct gdb_writer {
	char data[GDB_OUT_MAX];
	size_t len;
	size_t start;
	size_t last, last_len;
};

/** gdb_begin(), gdb_end() - a packet: everything put between them is its data */
void gdb_begin(struct gdb_writer *w);
void gdb_end(struct gdb_writer *w);

/** gdb_put_raw() - bytes as they are, an acknowledgement or text that needs no escape */
void gdb_put_raw(struct gdb_writer *w, const void *data, size_t len);
void gdb_put_text(struct gdb_writer *w, const char *text);

/** gdb_put_hex() - two digits a byte */
void gdb_put_hex(struct gdb_writer *w, const void *data, size_t len);

/** gdb_put_number() - hexadecimal, without leading zeroes */
void gdb_put_number(struct gdb_writer *w, uint64_t n);

/** gdb_put_binary() - with escapes for what means something in a packet */
void gdb_put_binary(struct gdb_writer *w, const void *data, size_t len);

/** gdb_again() - the last complete packet once more, when nothing else waits */
void gdb_again(struct gdb_writer *w);

/** gdb_unescape() - binary data in place. Return: its length, or -EINVAL when an escape has nothing behind it */
int gdb_unescape(char *data, size_t len);

/** gdb_hex_digit() - Return: 0 to 15, or -1 */
int gdb_hex_digit(char c);

/**
 * gdb_take_number() - a hexadecimal number at the front of @text
 * @text: moved behind it
 *
 * Return: true; false when there is no digit, or more than 16: neither is changed then.
 */
bool gdb_take_number(const char **text, uint64_t *ret);

/** gdb_take_char() - true when @text begins with @c, and is moved behind it */
bool gdb_take_char(const char **text, char c);

/** gdb_take_hex() - exactly @len bytes, two digits each. Return: true; else @text is not moved */
bool gdb_take_hex(const char **text, void *ret, size_t len);

#endif
