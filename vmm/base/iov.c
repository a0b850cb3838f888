// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/iov.h"

#include "vmm/base/util.h"

void iov_skip(struct iovec **iov, size_t *nr, uint64_t len)
{
	while (*nr && len >= (*iov)->iov_len) {
		len -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (*nr) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + len;
		(*iov)->iov_len -= len;
	}
}

size_t iov_cut(const struct iovec *iov, size_t nr, uint64_t skip, uint64_t len, struct iovec *out)
{
	size_t n = 0;

	for (size_t i = 0; i < nr && len; i++) {
		uint64_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip, len);
		out[n++] = (struct iovec){.iov_base = (uint8_t *)iov[i].iov_base + skip, .iov_len = part};
		len -= part;
		skip = 0;
	}
	return n;
}
