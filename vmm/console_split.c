// SPDX-License-Identifier: Apache-2.0
#include "vmm/console_split.h"

#include "vmm/base/util.h"

static size_t split_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct console_split *s = container_of(g, struct console_split, guest);

	if (s->hvc && virtio_console_active(s->hvc))
		return s->hvc->guest.rx(&s->hvc->guest, data, n);
	return s->serial->rx(s->serial, data, n);
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
	*s = (struct console_split){.guest = {.rx = split_rx, .tx_room = split_tx_room}, .serial = serial, .hvc = hvc};
}
