// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/irq.h"

#include "vmm/base/util.h"
#include "vmm/base/wake.h"

int irq_line_init(struct irq_line *line)
{
	int fd = wake_open();

	*line = (struct irq_line){.fd = MAX(fd, -1)};
	return MIN(fd, 0);
}

void irq_line_destroy(struct irq_line *line)
{
	if (line)
		wake_close(&line->fd);
}

void irq_raise(const struct irq_line *line)
{
	if (unlikely(line->direct))
		line->direct->pulse(line->direct, line->gsi);
	else
		wake_send(line->fd);
}

bool irq_take(const struct irq_line *line)
{
	return wake_take(line->fd);
}
