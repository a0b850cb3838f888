/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a Linux kernel's command line as Linux reads it, to know beforehand what the guest will do: arguments are
 * separated by blanks outside of double quotes, "--" ends them (what follows is init's), and a name's hyphens are
 * underscores.
 *
 * Spec: Linux Documentation/admin-guide/kernel-parameters.rst; lib/cmdline.c and kernel/params.c are its only grammar.
 */
#ifndef VMM_MACHINE_KERNEL_ARGS_H
#define VMM_MACHINE_KERNEL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct kernel_arg - one argument; points into the line
 * @name, @name_len: up to the first "="; not terminated
 * @value, @value_len: what follows it, without its quotes; NULL without "="
 */
struct kernel_arg {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/**
 * kernel_arg_next() - the next argument
 * @at: the rest of the line, moved on; set it to the line at first
 *
 * Return: false at the end of the line and at "--".
 */
bool kernel_arg_next(const char **at, struct kernel_arg *ret);

/**
 * kernel_arg_is() - does it have this name, and this value?
 * @value: NULL: any, or none
 */
bool kernel_arg_is(const struct kernel_arg *a, const char *name, const char *value);

/**
 * struct kernel_irqs - how a kernel with this command line gets its interrupts
 * @acpi_off: it leaves ACPI alone
 * @pic: the argument that takes the I/O APIC away from it, so that devices interrupt through the 8259s, or NULL; static
 * @no_apic: that argument takes the local APIC away, too
 */
struct kernel_irqs {
	bool acpi_off;
	const char *pic;
	bool no_apic;
};

/** kernel_irqs() - @line: a kernel's command line, or NULL */
struct kernel_irqs kernel_irqs(const char *line);

#endif
