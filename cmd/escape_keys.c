// SPDX-License-Identifier: Apache-2.0
#include "cmd/escape_keys.h"

#define KEY_ESCAPE 0x01 /* Ctrl-A */

const char escape_keys_help[] = "\r\n"
				"Ctrl-A X   quit: end the machine at once\r\n"
				"Ctrl-A B   send BREAK: SysRq on a Linux serial console (h: help)\r\n"
				"Ctrl-A H   print this help\r\n"
				"Ctrl-A A   send Ctrl-A to the guest\r\n";

const char escape_keys_help_pause[] = "Ctrl-A P   pause the guest, or let it go on\r\n";
const char escape_keys_help_dump[] = "Ctrl-A D   write a core of the guest (--core)\r\n";

const char escape_keys_help_snapshot[] = "Ctrl-A S   write a snapshot of the guest (--snapshot)\r\n";

static enum escape_key meaning(uint8_t key)
{
	switch (key) {
	case 'x':
	case 'X': return ESCAPE_KEY_QUIT;
	case 'b':
	case 'B': return ESCAPE_KEY_BREAK;
	case 'p':
	case 'P': return ESCAPE_KEY_PAUSE;
	case 'd':
	case 'D': return ESCAPE_KEY_DUMP;
	case 's':
	case 'S': return ESCAPE_KEY_SNAPSHOT;
	case 'h':
	case 'H':
	case '?': return ESCAPE_KEY_HELP;
	default: return ESCAPE_KEY_NONE;
	}
}

size_t escape_keys_filter(struct escape_keys *k, uint8_t *data, size_t *n, enum escape_key *ret)
{
	size_t out = 0, i = 0;

	*ret = ESCAPE_KEY_NONE;
	while (i < *n && *ret == ESCAPE_KEY_NONE) {
		uint8_t key = data[i++];

		if (k->begun) {
			k->begun = false;
			*ret = meaning(key);
			if (key == 'a' || key == 'A' || key == KEY_ESCAPE)
				data[out++] = KEY_ESCAPE;
		} else if (key == KEY_ESCAPE) {
			k->begun = true;
		} else {
			data[out++] = key;
		}
	}
	*n = out;
	return i;
}
