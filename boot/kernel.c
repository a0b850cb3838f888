// SPDX-License-Identifier: Apache-2.0
#include "boot/kernel.h"

#include <errno.h>

#include "boot/gzip.h"
#include "boot/image.h"
#include "vmm/base/util.h"

/* Enough for every magic number: bzImage's is at 0x202. */
#define HEAD_SIZE 0x210

const char *kernel_format_name(enum kernel_format f)
{
	switch (f) {
	case KERNEL_ELF: return "ELF";
	case KERNEL_ELF_GZIP: return "ELF, gzip";
	case KERNEL_BZIMAGE: return "bzImage";
	case KERNEL_BZIMAGE_ELF: return "bzImage, payload inflated on the host";
	}
	return "unknown";
}

static int load_gzip(struct image *img, struct gmem *mem, struct kernel *k, struct err *e)
{
	CLEANUP_GUNZIP struct gunzip *gz = NULL;
	struct image elf = {.fd = img->fd};
	const uint8_t *head;
	uint64_t len;
	int r;

	r = gunzip_open(img->fd, 0, img->size, gmem_size(mem), &gz, e);
	if (r < 0)
		return r;
	head = gunzip_head(gz, &len);
	if (!image_is_elf(head, len))
		return err_set(e, -ENOEXEC, "gzip, but what it holds is not an ELF kernel: unpack it and look");
	elf.gz = gz;
	r = elf_load(&elf, mem, KERNEL_READ, k, e);
	if (r < 0)
		return r;
	k->format = KERNEL_ELF_GZIP;
	return gunzip_finish(gz, e);
}

int kernel_load(struct gmem *mem, int fd, enum kernel_load_how how, struct kernel *ret, struct err *e)
{
	struct image img = {.fd = fd};
	struct kernel k = {.format = KERNEL_ELF};
	uint8_t head[HEAD_SIZE] = {0};
	uint64_t len;
	int r;

	r = image_stat(fd, &img.size, e);
	if (r < 0)
		return r;
	len = MIN(img.size, sizeof(head));
	r = image_pread(fd, 0, head, len, e);
	if (r < 0)
		return r;
	if (image_is_elf(head, len))
		r = elf_load(&img, mem, how, &k, e);
	else if (gunzip_probe(head, len))
		r = load_gzip(&img, mem, &k, e);
	else if (bzimage_probe(head, len))
		r = bzimage_load(&img, mem, how, &k, e);
	else
		r = err_set(e, -ENOEXEC,
			"is not a kernel: neither ELF, nor ELF in gzip, nor a bzImage (%llu bytes, first %02x "
			"%02x %02x %02x)",
			(unsigned long long)img.size, head[0], head[1], head[2], head[3]);
	if (r < 0)
		return r;
	*ret = k;
	return 0;
}
