/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gen_filters.c makes of the table of rules.h during the build: a piece of BPF per role and device.
 */
#ifndef SECURITY_FILTERS_H
#define SECURITY_FILTERS_H

#include <linux/filter.h>
#include <stddef.h>

#include "security/rules.h"

/**
 * struct filter_piece - a whole program: allows what the rows say, traps the rest
 * @code: NULL: there is no row
 */
struct filter_piece {
	const struct sock_filter *code;
	size_t len;
};

extern const struct filter_piece filter_pieces[SANDBOX_ROLE_COUNT][SANDBOX_DEVICE_COUNT];

/* Names of the system calls by number, for the report; NULL where there is none. */
extern const char *const filter_calls[];
extern const size_t filter_calls_nr;

#endif
