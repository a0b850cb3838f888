/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of lists of memory windows. Elements without bytes are allowed everywhere.
 */
#ifndef VMM_BASE_IOV_H
#define VMM_BASE_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * iov_skip() - take bytes off the front, in place
 * @iov, @nr: the list; what is left of it on return
 * @len: bytes; more than the list has leave an empty one
 */
void iov_skip(struct iovec **iov, size_t *nr, uint64_t len);

/**
 * iov_cut() - the bytes [@skip, @skip + @len) of a list, as far as it has them
 * @out: room for @nr elements; may be @iov itself, whose elements are then overwritten
 *
 * Return: how many elements, none of them empty.
 */
size_t iov_cut(const struct iovec *iov, size_t nr, uint64_t skip, uint64_t len, struct iovec *out);

#endif
