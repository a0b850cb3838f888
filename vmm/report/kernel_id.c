// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/kernel_id.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/units.h"
#include "vmm/base/util.h"

#define PHDRS_MAX  64
#define NOTES_MAX  4096
#define SEARCH_MAX (64 * MIB)
#define WINDOW     16384

/* Documentation/arch/x86/boot.rst: the header's magic and the offset of its version, less 0x200. */
#define BZIMAGE_MAGIC_AT   0x202
#define BZIMAGE_MAGIC      "HdrS"
#define BZIMAGE_VERSION_AT 0x20e

static const char banner[] = "Linux version ";

static bool read_at(int fd, uint64_t at, void *buf, size_t len)
{
	return at <= INT64_MAX && pread(fd, buf, len, (off_t)at) == (ssize_t)len;
}

/* Up to @size - 1 bytes of text from @at on, to the end of its line. */
static void read_line(int fd, uint64_t at, char *buf, size_t size)
{
	ssize_t n = at <= INT64_MAX ? pread(fd, buf, size - 1, (off_t)at) : -1;

	buf[MAX(n, 0)] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static void find_build_id(int fd, const Elf64_Phdr *ph, struct kernel_id *ret)
{
	uint8_t notes[NOTES_MAX];
	uint64_t len = MIN(ph->p_filesz, sizeof(notes)), at = 0;
	Elf64_Nhdr n;

	if (!read_at(fd, ph->p_offset, notes, len))
		return;
	while (len - at >= sizeof(n)) {
		uint64_t name = at + sizeof(n), desc;

		memcpy(&n, notes + at, sizeof(n));
		desc = name + align_up((uint64_t)n.n_namesz, 4);
		if (desc > len || n.n_descsz > len - desc)
			return;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof(ELF_NOTE_GNU) &&
			!memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) &&
			n.n_descsz <= sizeof(ret->build_id) / 2) {
			for (unsigned i = 0; i < n.n_descsz; i++)
				snprintf(ret->build_id + 2 * i, 3, "%02x", notes[desc + i]);
			return;
		}
		at = MIN(desc + align_up((uint64_t)n.n_descsz, 4), len);
	}
}

/*
 * The first "Linux version " with a number behind it: elsewhere it is a format. Since 6.3 there is one more, with
 * nothing behind its "#", for what is linked before the number of the build is known: it counts where no other is.
 */
static void find_version(int fd, const Elf64_Phdr *ph, uint64_t *budget, struct kernel_id *ret)
{
	char buf[WINDOW];
	uint64_t len = MIN(ph->p_filesz, *budget);

	/* Windows overlap, so that none cuts it. */
	for (uint64_t at = 0; at < len; at += WINDOW - sizeof(banner)) {
		size_t n = MIN(len - at, (uint64_t)WINDOW);
		const char *found = buf, *end = buf + n;

		if (!read_at(fd, ph->p_offset + at, buf, n))
			return;
		while ((found = memmem(found, (size_t)(end - found), banner, strlen(banner)))) {
			const char *digit = found + strlen(banner);

			if (digit < end && *digit >= '0' && *digit <= '9') {
				read_line(fd, ph->p_offset + at + (uint64_t)(found - buf), ret->version,
					sizeof(ret->version));
				if (!strstr(ret->version, " # "))
					return;
			}
			found = digit;
		}
	}
	*budget -= len;
}

static void read_elf(int fd, const Elf64_Ehdr *h, struct kernel_id *ret)
{
	uint64_t budget = SEARCH_MAX;

	for (unsigned i = 0; i < MIN(h->e_phnum, PHDRS_MAX); i++) {
		Elf64_Phdr ph;

		if (h->e_phoff > INT64_MAX / 2 || !read_at(fd, h->e_phoff + i * sizeof(ph), &ph, sizeof(ph)) ||
			ph.p_offset > INT64_MAX / 2)
			return;
		if (ph.p_type == PT_NOTE && !ret->build_id[0])
			find_build_id(fd, &ph, ret);
		else if (ph.p_type == PT_LOAD && (!ret->version[0] || strstr(ret->version, " # ")))
			find_version(fd, &ph, &budget, ret);
	}
}

void kernel_id_read(int fd, uint64_t size, struct kernel_id *ret)
{
	char magic[4];
	uint16_t at;
	Elf64_Ehdr h;

	*ret = (struct kernel_id){.size = size, .format = "other"};
	if (fd < 0)
		return;
	if (read_at(fd, 0, &h, sizeof(h)) && !memcmp(h.e_ident, ELFMAG, SELFMAG) && h.e_ident[EI_CLASS] == ELFCLASS64) {
		ret->format = "elf";
		read_elf(fd, &h, ret);
	} else if (read_at(fd, BZIMAGE_MAGIC_AT, magic, sizeof(magic)) && !memcmp(magic, BZIMAGE_MAGIC, 4)) {
		ret->format = "bzImage";
		if (read_at(fd, BZIMAGE_VERSION_AT, &at, sizeof(at)) && at)
			read_line(fd, 0x200 + at, ret->version, sizeof(ret->version));
	}
}
