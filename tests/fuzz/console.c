// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest prints. The first byte cuts the rest into two; both ways of feeding it must find the same, and nothing
 * that is not printable may come out of the texts made for the operator.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/console/console.h"
#include "vmm/console/printable.h"

static void check_text(const char *text, size_t len, size_t size, bool lines)
{
	if (len >= size || strlen(text) != len)
		abort();
	for (size_t i = 0; i < len; i++)
		if ((text[i] < 0x20 || text[i] > 0x7e) && !(lines && (text[i] == '\n' || text[i] == '\t')))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[CONSOLE_TAIL_TEXT], again[4 * PANIC_TEXT_LINE_MAX + 1], line[4 * PANIC_TEXT_LINE_MAX + 1];
	const struct console_params params = {.kind = CONSOLE_NULL};
	struct panic_text whole = {0}, parts = {0};
	struct console *c = NULL;
	struct char_host *h;
	uint32_t found = 0;
	size_t cut, n, room;

	if (size < 3 || console_open(&params, &c, NULL))
		return 0;
	cut = 1 + data[0] % 37;
	room = 1 + data[1];
	data += 2;
	size -= 2;
	h = console_host(c);
	for (size_t at = 0; at < size; at += n) {
		n = size - at < cut ? size - at : cut;
		found |= panic_text_feed(&parts, data + at, n, 1);
		if (h->tx(h, data + at, n) != n)
			abort();
	}
	if (panic_text_feed(&whole, data, size, 1) != found || found != console_panic_text(c)->found)
		abort();
	if (panic_text_restarting(&whole) != panic_text_restarting(&parts))
		abort();
	n = panic_text_line(&whole, line, sizeof(line));
	check_text(line, n, sizeof(line), false);
	if (panic_text_line(&parts, again, sizeof(again)) != n || strcmp(line, again))
		abort();
	n = console_tail(c, text, sizeof(text));
	check_text(text, n, sizeof(text), true);
	n = console_tail(c, text, room);
	check_text(text, n, room, true);
	n = printable_text(text, room, data, size, PRINTABLE_LINE);
	check_text(text, n, room, false);
	console_destroy(c);
	return 0;
}
