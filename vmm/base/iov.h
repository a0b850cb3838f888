/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of lists of memory windows. Elements may be empty.
 */
#ifndef VMM_BASE_IOV_H
#define VMM_BASE_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * iov_skip() - remove bytes from the front, in place
 * @iov, @nr: the list; on return, the rest of it
 * @len: bytes; if the list has fewer, it becomes empty
 */
void iov_skip(struct iovec **iov, size_t *nr, uint64_t len);

/**
 * iov_cut() - the bytes [@skip, @skip + @len) of a list, or fewer if the list ends before
 * @out: room for @nr elements; may be @iov itself, whose elements are then overwritten
 *
 * Return: the number of elements, none of them empty.
 */
size_t iov_cut(const struct iovec *iov, size_t nr, uint64_t skip, uint64_t len, struct iovec *out);

#endif
