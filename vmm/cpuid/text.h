/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPUID set as text, one sub-leaf per line, so that a host's CPUID can be examined and tested on another machine:
 *
 *	# words up to the end of the line
 *	LEAF INDEX FLAGS EAX EBX ECX EDX	seven hexadecimal numbers, 0x or not
 */
#ifndef VMM_CPUID_TEXT_H
#define VMM_CPUID_TEXT_H

#include <stdio.h>

#include "vmm/cpuid/cpuid.h"

/**
 * cpuid_text_read() - the set that a text describes
 * @in: borrowed, read to its end
 * @name: of the file, for messages
 * @ret: in the order of the lines, filled on success only
 *
 * Errors: -EINVAL (the line is named), -E2BIG for more than CPUID_ENTRIES_MAX lines, -EIO.
 * Trust: operator.
 */
int cpuid_text_read(FILE *in, const char *name, struct cpuid_set *ret, struct err *e);

/**
 * cpuid_text_write() - write a set in the format of cpuid_text_read()
 *
 * Return: 0, or -EIO when @out has failed.
 */
int cpuid_text_write(FILE *out, const struct cpuid_set *set);

#endif
