/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the stages: each runs in a child, which examines itself; and a host that refuses a system call.
 */
#ifndef TESTS_UNIT_SECURITY_STAGE_KIT_H
#define TESTS_UNIT_SECURITY_STAGE_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "security/sandbox.h"

/* In the child: ends it with the line as its status, and says it on stderr. */
#define must(what)                                                                                                     \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                          \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

/* What a child that does @what ends with. */
int status_of(void (*what)(void));

/* It has to end well. */
void in_child(void (*what)(void));

/* A plan that a test completes. */
struct sandbox_plan plan_of(enum sandbox_mode mode);

/* A number of /proc/self/status, which is opened before it cannot be any more. */
unsigned long long proc_number(int fd, const char *key, int base);

/* The stages up to BUILD. Return: 0 or a negative errno. */
int run_stages(struct sandbox *s, struct sandbox_plan *plan, struct err *e);

/**
 * struct refusal - a system call that the host refuses with EPERM, by a filter of the test's own
 * @arg, @value: only with this in the lower half of this argument; -1: whatever its arguments
 * @set: only with an address in this argument, which is what it is to set; -1: with any
 * @words: what is said of it
 * @fatal: in best-effort mode too
 */
struct refusal {
	long nr;
	int arg;
	uint32_t value;
	int set;
	const char *words;
	bool fatal;
};

/*
 * From now on the host refuses it, with errno @as or EPERM. Addresses have to be above 4 GiB, as in a program that is
 * position-independent.
 */
void host_refuses_with(const struct refusal *f, uint32_t as);
void host_refuses(const struct refusal *f);

#endif
