/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's end of an interrupt line: an eventfd. The machine attaches a KVM irqfd to it; a test reads it. Every
 * line of this machine is edge-triggered: raising it sends a pulse.
 */
#ifndef VMM_BASE_IRQ_H
#define VMM_BASE_IRQ_H

#include <stdbool.h>

/**
 * struct irq_line - owns its eventfd
 * @fd: -1 when there is none; raising it then does nothing
 */
struct irq_line {
	int fd;
};

/**
 * irq_line_init() - make the eventfd (non-blocking, close-on-exec)
 *
 * Return: 0 or a negative errno; @line->fd is -1 on failure.
 */
int irq_line_init(struct irq_line *line);

/** irq_line_destroy() - close it; takes NULL and a line whose fd is -1 */
void irq_line_destroy(struct irq_line *line);

/** irq_raise() - pulse the line. Context: any thread, does not block. */
void irq_raise(const struct irq_line *line);

/** irq_take() - for tests: true when the line was raised since the last call */
bool irq_take(const struct irq_line *line);

#endif
