// SPDX-License-Identifier: Apache-2.0
/*
 * A vmlinux compressed with gzip, as a file or as the payload of a bzImage.
 */
#include <errno.h>

#include "boot/format.h"
#include "boot/gzip.h"
#include "vmm/base/util.h"

#define MAGIC_SIZE 4 /* ELF's */

bool gzip_probe(const uint8_t *head, uint64_t len)
{
	/* RFC 1952, 2.3.1: ID1, ID2 */
	return len >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

int gzip_load_elf(struct source *src, uint64_t at, uint64_t len, struct gmem *mem, struct loaded *l, struct err *e)
{
	CLEANUP_GUNZIP struct gunzip *gz = NULL;
	uint8_t magic[MAGIC_SIZE];
	struct source *inside;
	uint64_t have;
	int r;

	r = gunzip_open(src, at, len, gmem_size(mem), &gz, e);
	if (r < 0)
		return r;
	inside = gunzip_source(gz);
	have = MIN(inside->any_order, sizeof(magic));
	r = source_read(inside, 0, magic, have, e);
	if (r < 0 || !elf_probe(magic, have))
		return r;
	r = elf_load(inside, mem, l, e);
	if (r == 0)
		r = gunzip_finish(gz, e);
	if (r < 0)
		return r;
	/* The file's addresses are valid, but a compressed file cannot be searched for symbols. */
	l->file_addresses = false;
	src->copied_bytes += inside->copied_bytes;
	return 1;
}

int gzip_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e)
{
	int r = gzip_load_elf(src, 0, src->size, mem, l, e);

	if (r == 0)
		return err_set(e, -ENOEXEC, "gzip, but what it holds is not an ELF kernel: unpack it and look");
	l->format = "ELF, gzip";
	return MIN(r, 0);
}
