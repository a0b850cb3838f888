// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A bzImage is real-mode code that contains the setup header, then protected-mode code: a
 * decompressor with the kernel proper as its payload. The header has their offsets and sizes.
 *
 * A gzip payload is an ELF, which the host inflates much faster than the guest would, so it is loaded like an ELF file.
 * Other payloads are unpacked by the guest: the protected-mode code is loaded to the kernel's preferred address and
 * starts at its 64-bit entry. It unpacks within [load address, + init_size).
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" and "64-bit boot protocol".
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "boot/format.h"
#include "boot/layout.h"
#include "vmm/base/util.h"

#define HEADER_OFFSET   UINT64_C(0x1f1)
#define HEADER_JUMP     0x201 /* the byte with the length of the header, counted from 0x202 */
#define HEADER_BASE     UINT64_C(0x202)
#define HEADER_MAGIC_AT 0x202 /* "HdrS" */
#define VERSION_MIN     0x020c
#define SECTOR          UINT64_C(512)
#define PARAGRAPH       UINT64_C(16)
#define ENTRY_64        UINT64_C(0x200) /* 64-bit entry, from the start of the protected-mode code */

/* Up to the last field of 2.12, handover_offset. */
#define HEADER_SIZE_MIN (offsetof(struct setup_header, handover_offset) + sizeof(uint32_t))

_Static_assert(sizeof(struct setup_header) <= OFFER_HEADER_MAX, "an offer keeps the whole header");

struct parts {
	uint64_t code;      /* the protected-mode code, in the file */
	uint64_t code_size; /* its bytes in the file; the rest of the last paragraph reads as zero */
	uint64_t payload;   /* in the file */
	uint64_t payload_size;
};

bool bzimage_probe(const uint8_t *head, uint64_t len)
{
	static const uint8_t magic[] = {'H', 'd', 'r', 'S'};

	return len >= HEADER_MAGIC_AT + sizeof(magic) && !memcmp(head + HEADER_MAGIC_AT, magic, sizeof(magic));
}

static int read_header(struct source *src, struct setup_header *ret, struct err *e)
{
	uint8_t buf[HEADER_OFFSET + sizeof(*ret)];
	uint64_t have = MIN(src->size, sizeof(buf));
	uint64_t len;
	int r;

	r = source_read(src, 0, buf, have, e);
	if (r < 0)
		return r;
	/* The version is checked first: an old header is shorter. */
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, buf + HEADER_OFFSET, have - HEADER_OFFSET);
	if (have - HEADER_OFFSET >= offsetof(struct setup_header, realmode_swtch) && ret->version < VERSION_MIN)
		return err_set(e, -ENOTSUP,
			"bzImage with boot protocol %u.%02u: %u.%02u or later is needed (Linux 3.8)", ret->version >> 8,
			ret->version & 0xff, VERSION_MIN >> 8, VERSION_MIN & 0xff);
	/* Bytes beyond the length in the header are code, not fields; fields beyond our struct are unknown. */
	len = HEADER_BASE + buf[HEADER_JUMP] - HEADER_OFFSET;
	len = MIN(len, sizeof(*ret));
	memset((uint8_t *)ret + len, 0, sizeof(*ret) - len);
	if (have < HEADER_OFFSET + len)
		return err_set(e, -ENOEXEC,
			"truncated: the bzImage's setup header ends at byte %llu and the file at %llu",
			(unsigned long long)(HEADER_OFFSET + len), (unsigned long long)src->size);
	if (len < HEADER_SIZE_MIN)
		return err_set(e, -ENOEXEC,
			"broken bzImage: a setup header of %llu bytes is too short for protocol %u.%02u",
			(unsigned long long)len, ret->version >> 8, ret->version & 0xff);
	return 0;
}

static int check_header(const struct setup_header *h, struct err *e)
{
	if (!(h->loadflags & LOADED_HIGH))
		return err_set(e, -ENOTSUP, "a zImage that loads below 1 MiB: a bzImage is needed");
	if (!(h->xloadflags & XLF_KERNEL_64))
		return err_set(
			e, -ENOTSUP, "a bzImage without a 64-bit entry (32-bit kernel): an x86-64 kernel is needed");
	if (h->relocatable_kernel && (!h->kernel_alignment || (h->kernel_alignment & (h->kernel_alignment - 1))))
		return err_set(e, -ENOEXEC, "broken bzImage: kernel_alignment 0x%x is not a power of two",
			h->kernel_alignment);
	return 0;
}

static int find_parts(const struct setup_header *h, uint64_t file_size, struct parts *ret, struct err *e)
{
	/* For compatibility, 0 means 4. */
	uint64_t sectors = h->setup_sects ? h->setup_sects : 4;
	uint64_t size = h->syssize * PARAGRAPH;

	ret->code = (sectors + 1) * SECTOR;
	if (size <= ENTRY_64)
		return err_set(
			e, -ENOEXEC, "broken bzImage: its syssize of %u leaves no room for a 64-bit entry", h->syssize);
	/* The length is rounded up to paragraphs; not every linker pads the file to one (memtest86+ 6.10). */
	if (ret->code > file_size || size - MIN(size, file_size - ret->code) >= PARAGRAPH)
		return err_set(e, -ENOEXEC, "truncated: the bzImage's code ends at byte %llu and the file at %llu",
			(unsigned long long)(ret->code + size), (unsigned long long)file_size);
	ret->code_size = MIN(size, file_size - ret->code);
	if ((uint64_t)h->payload_offset + h->payload_length > ret->code_size)
		return err_set(e, -ENOEXEC,
			"broken bzImage: its payload (0x%x bytes at 0x%x) does not fit its code of 0x%llx "
			"bytes",
			h->payload_length, h->payload_offset, (unsigned long long)ret->code_size);
	ret->payload = ret->code + h->payload_offset;
	ret->payload_size = h->payload_length;
	return 0;
}

/* Return: 1: loaded; 0: its payload is not an ELF in gzip. */
static int load_gzip_payload(
	struct source *src, const struct parts *p, struct gmem *mem, struct loaded *l, struct err *e)
{
	uint8_t magic[2];
	int r;

	if (p->payload_size < sizeof(magic))
		return 0;
	r = source_read(src, p->payload, magic, sizeof(magic), e);
	if (r < 0)
		return r;
	if (!gzip_probe(magic, sizeof(magic)))
		return 0;
	r = gzip_load_elf(src, p->payload, p->payload_size, mem, l, e);
	return r < 0 ? err_wrap(e, r, "bzImage payload") : r;
}

static int load_code(struct source *src, const struct setup_header *h, const struct parts *p, struct gmem *mem,
	struct loaded *l, struct err *e)
{
	uint64_t gpa = h->pref_address;
	uint64_t len = MAX(h->init_size, align_up(p->code_size, PARAGRAPH));
	int r;

	/*
	 * No other address is better than the preferred one: a relocatable kernel that starts below it moves itself
	 * there, and any other kernel runs only there.
	 */
	if (h->relocatable_kernel) {
		gpa = MAX(gpa, BOOT_HIGH_START);
		if (range_wraps(gpa, h->kernel_alignment - 1))
			return err_set(
				e, -ENOEXEC, "broken bzImage: preferred address 0x%llx", (unsigned long long)gpa);
		gpa = align_up(gpa, h->kernel_alignment);
	}
	r = layout_check_kernel(mem, gpa, len, "bzImage", e);
	if (r < 0)
		return r;
	r = source_place(src, p->code, p->code_size, mem, gpa, e);
	if (r < 0)
		return r;
	l->start = gpa;
	l->end = gpa + len;
	l->offer[BOOT_LINUX64].entry = gpa + ENTRY_64;
	return 0;
}

int bzimage_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e)
{
	struct offer *offer = &l->offer[BOOT_LINUX64];
	struct parts p = {0};
	struct setup_header h;
	int r;

	r = read_header(src, &h, e);
	if (r < 0)
		return r;
	r = check_header(&h, e);
	if (r < 0)
		return r;
	r = find_parts(&h, src->size, &p, e);
	if (r < 0)
		return r;
	r = load_gzip_payload(src, &p, mem, l, e);
	if (r < 0)
		return r;
	l->format = r ? "bzImage, payload inflated on the host" : "bzImage";
	if (!r) {
		r = load_code(src, &h, &p, mem, l, e);
		if (r < 0)
			return r;
	}
	offer->offered = true;
	offer->header_size = sizeof(h);
	memcpy(offer->header, &h, sizeof(h));
	return 0;
}
