/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a client of gdb's protocol is waited for: --gdb unix:PATH|tcp:[ADDRESS:]PORT[,wait].
 */
#ifndef VMM_DEBUG_GDB_ADDRESS_H
#define VMM_DEBUG_GDB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

#define GDB_UNIX_PREFIX "unix:"

/**
 * struct gdb_address - where a client is waited for
 * @text, @len: a path or [ADDRESS:]PORT, borrowed from what was parsed
 * @wait: the guest does not start before a client lets it
 */
struct gdb_address {
	bool is_unix;
	bool wait;
	const char *text;
	size_t len;
};

/** gdb_parse() - the value of --gdb. Return: 0, or -EINVAL and sets @e. Trust: operator */
int gdb_parse(const char *text, struct gdb_address *ret, struct err *e);

/** gdb_check() - gdb_parse(), and whether there can be such an address at all */
int gdb_check(const char *text, struct err *e);

/**
 * gdb_listen_tcp() - the loopback of IPv4 where no address is given; names are not looked up
 * @ret_fd: non-blocking, the caller's
 *
 * Return: 0 or a negative errno and sets @e: -EINVAL: not of that form. Context: OPEN. Trust: operator.
 */
int gdb_listen_tcp(const struct gdb_address *a, int *ret_fd, struct err *e);

#endif
