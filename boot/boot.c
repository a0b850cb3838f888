// SPDX-License-Identifier: Apache-2.0
#include "boot/boot.h"

#include <errno.h>
#include <stddef.h>

#include "boot/entry_linux64.h"
#include "boot/format.h"
#include "vmm/base/assert.h"
#include "vmm/base/util.h"

/* Enough for every magic number: bzImage's is at 0x202. */
#define HEAD_SIZE 0x210

static const struct format formats[] = {
	{elf_probe, elf_load},
	{gzip_probe, gzip_load},
	{bzimage_probe, bzimage_load},
};

static int (*const entries[BOOT_PROTOCOLS])(struct gmem *mem, const struct boot_env *env, struct entry *ret_entry,
	struct boot_placed *ret_placed, struct err *e) = {
	[BOOT_LINUX64] = entry_linux64,
};

static int load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e)
{
	uint8_t head[HEAD_SIZE] = {0};
	uint64_t len = MIN(src->size, sizeof(head));
	int r = source_read(src, 0, head, len, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].probe(head, len))
			return formats[i].load(src, mem, l, e);
	return err_set(e, -ENOEXEC,
		"is not a kernel: neither ELF, nor ELF in gzip, nor a bzImage (%llu bytes, first %02x %02x %02x %02x)",
		(unsigned long long)src->size, head[0], head[1], head[2], head[3]);
}

int boot_load(struct gmem *mem, int fd, enum load_how how, struct loaded *ret, struct err *e)
{
	struct loaded l = {0};
	struct source src;
	int r;

	r = source_open(fd, how, &src, e);
	if (r == 0)
		r = load(&src, mem, &l, e);
	if (r < 0)
		return r;
	l.mapped_bytes = src.mapped_bytes;
	l.copied_bytes = src.copied_bytes;
	*ret = l;
	return 0;
}

static size_t protocol_of(const struct loaded *image)
{
	size_t i = 0;

	while (i < BOOT_PROTOCOLS && !image->offer[i].offered)
		i++;
	assert(i < BOOT_PROTOCOLS);
	return i;
}

const struct offer *boot_offer(const struct loaded *image)
{
	return &image->offer[protocol_of(image)];
}

int boot_enter(struct gmem *mem, const struct boot_env *env, struct entry *ret_entry, struct boot_placed *ret_placed,
	struct err *e)
{
	return entries[protocol_of(env->image)](mem, env, ret_entry, ret_placed, e);
}
