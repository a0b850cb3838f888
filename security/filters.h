/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of gen/gen_filters.c, which runs during the build: the rules of rules.h without their texts, in the order
 * in which seccomp.c compiles them to programs.
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
 * @refused: returns 0 without being executed
 * @conds: number of conditions
 * @cond: index of the first one in filter_conds
 */
struct filter_rule {
	uint16_t nr;
	uint8_t role;
	uint8_t device;
	bool refused;
	uint8_t conds;
	uint8_t cond[SANDBOX_CONDS_MAX];
};

/* Sorted by role and system call. Without the rows for sanitizers unless one is built in. */
extern const struct filter_rule filter_rules[];
extern const size_t filter_rules_nr;

extern const struct sandbox_cond filter_conds[];

/* Names of the system calls 0 to filter_calls_nr - 1, concatenated, each with its NUL; empty: no such call */
extern const char filter_calls[];
extern const size_t filter_calls_nr;

#endif
