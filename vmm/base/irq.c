// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/irq.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int irq_line_init(struct irq_line *line)
{
	line->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return line->fd < 0 ? -errno : 0;
}

void irq_line_destroy(struct irq_line *line)
{
	if (!line || line->fd < 0)
		return;
	close(line->fd);
	line->fd = -1;
}

void irq_raise(const struct irq_line *line)
{
	uint64_t one = 1;

	if (line->fd < 0)
		return;
	/* EAGAIN means 2^64 - 2 pulses that nobody took: the line is raised all the same. */
	while (write(line->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool irq_take(const struct irq_line *line)
{
	uint64_t n;

	return line->fd >= 0 && read(line->fd, &n, sizeof(n)) == sizeof(n);
}
