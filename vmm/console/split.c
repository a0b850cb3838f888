// SPDX-License-Identifier: Apache-2.0
#include "vmm/console/split.h"

#include <errno.h>

#include "vmm/base/util.h"

/* The line that input goes to now. */
static struct char_guest *listener(struct console_split *s)
{
	return s->hvc && virtio_console_active(s->hvc) ? &s->hvc->guest : s->serial;
}

static size_t split_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct char_guest *to = listener(container_of(g, struct console_split, guest));

	return to->rx(to, data, n);
}

static int split_rx_break(struct char_guest *g)
{
	struct char_guest *to = listener(container_of(g, struct console_split, guest));

	return to->rx_break ? to->rx_break(to) : -ENOTTY;
}

static void split_tx_room(struct char_guest *g)
{
	struct console_split *s = container_of(g, struct console_split, guest);

	s->serial->tx_room(s->serial);
	if (s->hvc)
		s->hvc->guest.tx_room(&s->hvc->guest);
}

void console_split_init(struct console_split *s, struct char_guest *serial, struct virtio_console *hvc)
{
	*s = (struct console_split){
		.guest = {.rx = split_rx, .tx_room = split_tx_room, .rx_break = split_rx_break},
		.serial = serial,
		.hvc = hvc,
	};
}
