/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses a kernel's command line like Linux, to predict what the guest will do: arguments are separated by blanks
 * outside double quotes, "--" ends them (the rest is for init), and hyphens in a name are underscores.
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
 * kernel_arg_next() - parse the next argument
 * @at: the rest of the line, advanced; initially the line
 *
 * Return: false at the end of the line and at "--".
 */
bool kernel_arg_next(const char **at, struct kernel_arg *ret);

/**
 * kernel_arg_is() - whether it has this name and value
 * @value: NULL: any value, or none
 */
bool kernel_arg_is(const struct kernel_arg *a, const char *name, const char *value);

/**
 * struct kernel_irqs - how a kernel with this command line gets its interrupts
 * @acpi_off: it does not use ACPI
 * @pic: the argument that disables the I/O APIC, so that devices interrupt through the 8259s, or NULL; static
 * @no_apic: that argument disables the local APIC, too
 */
struct kernel_irqs {
	bool acpi_off;
	const char *pic;
	bool no_apic;
};

/** kernel_irqs() - @line: a kernel's command line, or NULL */
struct kernel_irqs kernel_irqs(const char *line);

#endif
