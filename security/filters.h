/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gen/gen_filters.c makes of the table of rules.h during the build: the rules without their words, in the order in
 * which seccomp.c makes programs of them.
 */
#ifndef SECURITY_FILTERS_H
#define SECURITY_FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/rules.h"

/**
 * struct filter_rule - a row of rules.h
 * @nr: the system call
 * @role, @device: enum sandbox_role, enum sandbox_device
 * @refused: answered with 0
 * @conds: how many conditions there are
 * @cond: where they stand in filter_conds
 */
struct filter_rule {
	uint16_t nr;
	uint8_t role;
	uint8_t device;
	bool refused;
	uint8_t conds;
	uint8_t cond[SANDBOX_CONDS_MAX];
};

/* Sorted by role and system call. Without the rows for sanitizers where none is built in. */
extern const struct filter_rule filter_rules[];
extern const size_t filter_rules_nr;

extern const struct sandbox_cond filter_conds[];

/* Names of the system calls 0 to filter_calls_nr - 1, one behind the other, each with its NUL; empty: there is none */
extern const char filter_calls[];
extern const size_t filter_calls_nr;

#endif
