/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads along what a guest prints and notices the lines that mean something: the kernel's banner, its panic and its
 * last word before a reset. User space in the guest can print the same text: what is found here is what the console
 * said, not a fact.
 */
#ifndef VMM_CONSOLE_WATCH_H
#define VMM_CONSOLE_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCH_LINE_MAX 160

/**
 * enum watch_found - bits
 * @WATCH_BANNER: "Linux version " at the start of a line
 * @WATCH_PANIC: "Kernel panic - not syncing" at the start of a line
 * @WATCH_PANIC_LINE: that line is complete (ended, or WATCH_LINE_MAX bytes of it were seen)
 * @WATCH_PANIC_END: "---[ end Kernel panic" at the start of a line: the kernel has said all it will say
 */
enum watch_found { WATCH_BANNER = 1, WATCH_PANIC = 2, WATCH_PANIC_LINE = 4, WATCH_PANIC_END = 8 };

/**
 * struct watch - zero-initialise; private but for its size
 */
struct watch {
	uint8_t state;
	uint8_t groups;
	uint8_t in_group;
	uint8_t at;
	uint8_t candidates;
	bool capturing;
	size_t line_len;
	char line[WATCH_LINE_MAX];
	_Atomic uint32_t found;
	_Atomic bool restarting;
	_Atomic uint64_t last_ns;
};

/**
 * watch_feed() - the next @n bytes; how they are cut into calls makes no difference
 * @now_ns: CLOCK_MONOTONIC
 *
 * A line may start with a printk level `<6>`, up to two groups in brackets (the time stamp, and the caller that
 * CONFIG_PRINTK_CALLER adds), and blanks. A carriage return starts a line as well.
 *
 * Return: the watch_found bits that are new with these bytes.
 * Context: one thread at a time; never blocks.
 * Trust: guest.
 */
uint32_t watch_feed(struct watch *w, const uint8_t *data, size_t n, uint64_t now_ns);

/** watch_line_length() - how many of @n bytes stand in front of the first newline or carriage return */
size_t watch_line_length(const uint8_t *data, size_t n);

/** watch_panic_seen(), watch_panic_ended(), watch_banner_seen() - any thread */
bool watch_panic_seen(const struct watch *w);
bool watch_panic_ended(const struct watch *w);
bool watch_banner_seen(const struct watch *w);

/**
 * watch_restarting() - "reboot: Restarting system" is how the last line with any text in it starts; any thread
 */
bool watch_restarting(const struct watch *w);

/** watch_last_byte_ns() - @now_ns of the last watch_feed() with a byte in it, 0: none yet; any thread */
uint64_t watch_last_byte_ns(const struct watch *w);

/**
 * watch_panic_line() - the first panic line so far, escaped (see printable.h), without its time stamp
 * @buf, @size: at least 1 byte; empty when there was none
 *
 * Return: the length. Context: as watch_feed(): the caller keeps the two apart.
 */
size_t watch_panic_line(const struct watch *w, char *buf, size_t size);

#endif
