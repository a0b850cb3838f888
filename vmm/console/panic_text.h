/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans a guest's output for significant lines: the kernel's banner, its panic and its last line before a reset. User
 * space in the guest can print the same text, so a match is not proof.
 */
#ifndef VMM_CONSOLE_PANIC_TEXT_H
#define VMM_CONSOLE_PANIC_TEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PANIC_TEXT_LINE_MAX 160

/**
 * enum panic_text_found - bits
 * @PANIC_TEXT_BANNER: "Linux version " at the start of a line
 * @PANIC_TEXT_SEEN: "Kernel panic - not syncing" at the start of a line
 * @PANIC_TEXT_LINE: that line is complete (ended, or PANIC_TEXT_LINE_MAX bytes of it were seen)
 * @PANIC_TEXT_END: "---[ end Kernel panic" at the start of a line: the end of the kernel's output
 */
enum panic_text_found { PANIC_TEXT_BANNER = 1, PANIC_TEXT_SEEN = 2, PANIC_TEXT_LINE = 4, PANIC_TEXT_END = 8 };

/**
 * struct panic_text - zero-initialise; members are private
 */
struct panic_text {
	uint8_t state;
	uint8_t groups;
	uint8_t in_group;
	uint8_t at;
	uint8_t candidates;
	bool behind; /* text that is not the kernel's, on the same line */
	bool stamped;
	bool capturing;
	size_t line_len;
	char line[PANIC_TEXT_LINE_MAX];
	_Atomic uint32_t found;
	_Atomic bool restarting;
	_Atomic uint64_t last_ns;
};

/**
 * panic_text_feed() - scan the next @n bytes; their division into calls does not matter
 * @now_ns: CLOCK_MONOTONIC
 *
 * A line may start with a printk level `<6>`, up to two groups in brackets (the time stamp, and the caller that
 * CONFIG_PRINTK_CALLER adds), and blanks. A carriage return starts a line as well, and so does a time stamp in the
 * middle of one: the kernel writes behind a prompt.
 *
 * Return: the panic_text_found bits that are new with these bytes.
 * Context: one thread at a time; never blocks.
 * Trust: guest.
 */
uint32_t panic_text_feed(struct panic_text *w, const uint8_t *data, size_t n, uint64_t now_ns);

/** panic_text_line_length() - the number of bytes, of @n, before the first newline or carriage return */
size_t panic_text_line_length(const uint8_t *data, size_t n);

/** panic_text_seen(), panic_text_ended(), panic_text_banner_seen() - any thread */
bool panic_text_seen(const struct panic_text *w);
bool panic_text_ended(const struct panic_text *w);
bool panic_text_banner_seen(const struct panic_text *w);

/**
 * panic_text_restarting() - whether the last line that is not empty starts with "reboot: Restarting system"; any thread
 */
bool panic_text_restarting(const struct panic_text *w);

/** panic_text_last_byte_ns() - @now_ns of the last panic_text_feed() with a byte in it, 0: none yet; any thread */
uint64_t panic_text_last_byte_ns(const struct panic_text *w);

/**
 * panic_text_line() - the first panic line so far, escaped (see printable.h), without its time stamp
 * @buf, @size: at least 1 byte; empty when there was none
 *
 * Return: the length. Context: as panic_text_feed(), not at the same time.
 */
size_t panic_text_line(const struct panic_text *w, char *buf, size_t size);

#endif
