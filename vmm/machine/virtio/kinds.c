// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/virtio/kinds.h"

const struct virtio_kind virtio_kinds[VIRTIO_KINDS_NR] = {
#define X(kind, name, option, driver, thread) {name, option, driver, VIRTIO_##thread, &virtio_##kind##_ops},
	VIRTIO_KINDS(X)
#undef X
};

size_t virtio_kinds_count(const struct config *c)
{
	size_t n = 0;

	for_each_virtio_kind(k) n += k->ops->count(c);
	return n;
}

int virtio_kinds_check(const struct config *c, struct err *e)
{
	for_each_virtio_kind(k)
	{
		int r = k->ops->check ? k->ops->check(c, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

bool virtio_needs(const struct config *c, size_t nth, struct virtio_needs *ret)
{
	for_each_virtio_kind(k)
	{
		size_t n = k->ops->count(c);

		if (nth < n) {
			*ret = (struct virtio_needs){.fd = -1};
			if (k->ops->needs)
				k->ops->needs(c, nth, ret);
			return true;
		}
		nth -= n;
	}
	return false;
}
