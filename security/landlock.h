/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: after landlock_restrict() the calling thread, and those it starts, can reach only the paths named, no TCP
 * or UDP port, and no socket or process outside. Descriptors that are open stay usable.
 *
 * Constants up to ABI 11 (Linux 7.3, include/uapi/linux/landlock.h), since the headers of distributions are older and
 * no library is packaged. Rights that the host's ABI does not support are left out, and can be listed.
 */
#ifndef SECURITY_LANDLOCK_H
#define SECURITY_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

#define LANDLOCK_ABI_KNOWN 11

/* struct landlock_allow.rights */
#define LL_EXECUTE     (UINT64_C(1) << 0)
#define LL_WRITE_FILE  (UINT64_C(1) << 1)
#define LL_READ_FILE   (UINT64_C(1) << 2)
#define LL_READ_DIR    (UINT64_C(1) << 3)
#define LL_REMOVE_DIR  (UINT64_C(1) << 4)
#define LL_REMOVE_FILE (UINT64_C(1) << 5)
#define LL_MAKE_CHAR   (UINT64_C(1) << 6)
#define LL_MAKE_DIR    (UINT64_C(1) << 7)
#define LL_MAKE_REG    (UINT64_C(1) << 8)
#define LL_MAKE_SOCK   (UINT64_C(1) << 9)
#define LL_MAKE_FIFO   (UINT64_C(1) << 10)
#define LL_MAKE_BLOCK  (UINT64_C(1) << 11)
#define LL_MAKE_SYM    (UINT64_C(1) << 12)
#define LL_REFER       (UINT64_C(1) << 13) /* ABI 2 */
#define LL_TRUNCATE    (UINT64_C(1) << 14) /* ABI 3 */
#define LL_IOCTL_DEV   (UINT64_C(1) << 15) /* ABI 5 */
#define LL_CONNECT     (UINT64_C(1) << 16) /* ABI 9: to a Unix socket by its path (RESOLVE_UNIX) */

/**
 * struct landlock_allow - a path that stays reachable
 * @fd: O_PATH fd of a file, or of a directory and all below it; borrowed
 * @rights: LL_ bits; those that the host does not support are left out
 */
struct landlock_allow {
	int fd;
	uint64_t rights;
};

/**
 * landlock_abi() - the Landlock ABI of the host
 *
 * Return: 1 or more; -ENOSYS: not built in, or hidden by a seccomp filter of a container; -EOPNOTSUPP: not enabled at
 * boot; -EPERM: a seccomp filter that is older than Landlock refuses the call, so that the ABI cannot be determined.
 */
int landlock_abi(void);

/**
 * landlock_missing() - a text that lists what an ABI cannot deny: "truncation, device ioctls"
 * @abi: 0: nothing at all
 * @buf, @size: at least 1; empty when nothing is missing
 */
void landlock_missing(int abi, char *buf, size_t size);

/**
 * landlock_ruleset() - the same restrictions, to be put in force later, by landlock_enforce()
 * @ret: a descriptor that the caller owns; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int landlock_ruleset(int abi, const struct landlock_allow *allow, size_t nr, int *ret, struct err *e);

/**
 * landlock_enforce() - a layer more for the calling thread; no_new_privs is set
 *
 * Return: 0 or a negative errno.
 */
int landlock_enforce(int ruleset);

/**
 * landlock_restrict() - deny everything that an ABI can deny, except what @allow names
 * @abi: 1 to the value of landlock_abi(); rights added by later ABIs are not denied
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: no_new_privs is set; before any other thread exists, since other threads would keep their access.
 */
int landlock_restrict(int abi, const struct landlock_allow *allow, size_t nr, struct err *e);

#endif
