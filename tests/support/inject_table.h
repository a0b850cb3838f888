/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that inject.c makes the threads of a strict vmm execute: for each call that a filter allows the most
 * dangerous arguments, and calls that no filter may ever allow. Each row has the expected result, and why that result
 * is acceptable.
 */
#ifndef TESTS_SUPPORT_INJECT_TABLE_H
#define TESTS_SUPPORT_INJECT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "security/rules.h"

#define INJECT_ROLE(role) (1u << (role))

enum inject_kind {
	INJECT_NUMBER,
	INJECT_FD,       /* the lowest descriptor whose link in /proc/PID/fd begins or ends with @text */
	INJECT_ITS,      /* the first descriptor of kind @n that the thread's filter names (enum sandbox_fd) */
	INJECT_BYTES,    /* address of @text */
	INJECT_ROOM,     /* address of @n zeroes */
	INJECT_IOVEC,    /* address of one iovec: @text; NULL: @n bytes of room */
	INJECT_PATH,     /* address of a path below the host's directory; one that begins with / as it is */
	INJECT_UNIX,     /* address of a sockaddr_un with such a path, zero-padded to its full size */
	INJECT_ABSTRACT, /* address of a sockaddr_un: the host's abstract socket, of INJECT_ABSTRACT_SIZE bytes */
	INJECT_INET,     /* address of a sockaddr_in: the host's TCP or UDP port (@n: 0, 1) */
	INJECT_KEPT,     /* the result of the last `socket` of this thread */
	INJECT_SELF,     /* the process id of vmm */
	INJECT_VICTIM,   /* the process id of another process of the same user */
	INJECT_CODE,     /* address of the C library's code */
	INJECT_THREAD,   /* the id of another thread of vmm */
};

struct inject_arg {
	enum inject_kind kind;
	uint64_t n;
	const char *text;
};

/**
 * struct inject_row - a call
 * @roles: INJECT_ROLE() bits of those whose filter allows it; all others are killed
 * @devices: SANDBOX_HAS() bits: with any of them it is allowed
 * @nr, @call: the system call
 * @arg, @words: its arguments
 * @want: what comes of it where it is allowed: `ok`, `blocks`, the name of an error, or `killed`; then, each behind a
 *        blank, what is to be seen of it on the host. Alternatives are separated by `|`.
 * @why: why that is acceptable, or what the hole is
 * @ends: the machine does not survive it
 * @only: INJECT_ROLE() bits of those that try it
 */
struct inject_row {
	unsigned roles;
	uint32_t devices;
	int nr;
	const char *call;
	struct inject_arg arg[6];
	const char *words;
	const char *want;
	const char *why;
	bool ends;
	unsigned only;
};

extern const struct inject_row inject_rows[];
extern const size_t inject_rows_nr;

#endif
