// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/stats.h"

#include <errno.h>
#include <string.h>

/* Longer than any name of KVM; bounds what the host reports. */
#define NAME_MAX_BYTES 256

static int read_all(int fd, void *buf, size_t n, off_t at)
{
	ssize_t r;

	do
		r = pread(fd, buf, n, at);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EPROTO;
}

static const struct kvm_stats_desc *desc_of(const struct kvm_stats *s, uint32_t i)
{
	return (const struct kvm_stats_desc *)(s->desc + i * s->desc_size);
}

/* Single 64-bit values only, not histograms. Every index into memory is checked. */
static int read_value(const struct kvm_stats *s, uint32_t i, uint64_t *ret)
{
	const struct kvm_stats_desc *d = desc_of(s, i);

	if (d->size != 1)
		return -ENOTSUP;
	return read_all(s->fd, ret, sizeof(*ret), (off_t)s->data_offset + d->offset);
}

int kvm_stats_open(struct kvm *kvm, int fd, struct kvm_stats *ret)
{
	struct kvm_stats s = {.fd = -1};
	struct kvm_stats_header h;
	int r;

	if (!kvm_check(kvm, KVM_CAP_BINARY_STATS_FD))
		return -ENOTSUP;
	s.fd = kvm_ioctl(kvm, fd, KVM_GET_STATS_FD, NULL);
	if (s.fd < 0)
		return s.fd;
	r = read_all(s.fd, &h, sizeof(h), 0);
	if (r == 0 && (!h.num_desc || h.num_desc > KVM_STATS_MAX || !h.name_size || h.name_size > NAME_MAX_BYTES))
		r = -EPROTO;
	if (r < 0)
		goto fail;
	s.nr = h.num_desc;
	s.desc_size = sizeof(struct kvm_stats_desc) + h.name_size;
	s.data_offset = h.data_offset;
	s.desc = calloc(s.nr, s.desc_size);
	s.base = calloc(s.nr, sizeof(s.base[0]));
	r = s.desc && s.base ? read_all(s.fd, s.desc, s.nr * s.desc_size, h.desc_offset) : -ENOMEM;
	if (r < 0)
		goto fail;
	for (uint32_t i = 0; i < s.nr; i++) {
		s.desc[(i + 1) * s.desc_size - 1] = '\0'; /* of its name */
		if ((desc_of(&s, i)->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE)
			read_value(&s, i, &s.base[i]);
	}
	*ret = s;
	return 0;
fail:
	close(s.fd);
	s.fd = -1;
	kvm_stats_close(&s);
	return r;
}

int kvm_stats_each(const struct kvm_stats *s, void (*fn)(const char *name, uint64_t value, void *arg), void *arg)
{
	for (uint32_t i = 0; i < s->nr; i++) {
		uint64_t value;
		int r = read_value(s, i, &value);

		if (r == -ENOTSUP)
			continue;
		if (r < 0)
			return r;
		fn(desc_of(s, i)->name, value - s->base[i], arg);
	}
	return 0;
}

void kvm_stats_close(struct kvm_stats *s)
{
	if (!s)
		return;
	if (s->nr && s->fd >= 0)
		close(s->fd);
	free(s->desc);
	free(s->base);
	*s = (struct kvm_stats){0};
}
