/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's end of an interrupt line: an eventfd. The machine attaches a KVM irqfd to it; a test reads it. Every
 * line of this machine is edge-triggered: raising it sends a pulse.
 */
#ifndef VMM_BASE_IRQ_H
#define VMM_BASE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct irq_direct - delivers pulses within irq_raise(), for a machine in which no delivery may be under way when it
 * is held; implemented by the machine
 * @pulse: any thread, does not block
 */
struct irq_direct {
	void (*pulse)(struct irq_direct *d, uint32_t gsi);
};

/**
 * struct irq_line - owns its eventfd
 * @fd: -1 when there is none; raising it then does nothing
 * @gsi, @direct: raise this interrupt there instead of signalling @fd; borrowed, NULL: not
 */
struct irq_line {
	int fd;
	uint32_t gsi;
	struct irq_direct *direct;
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
