/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the unit tests and fuzzers of boot/: guest RAM that can be mapped over, files in memory, and small kernel
 * images to corrupt. A failure in here is not a bug of boot/, so it aborts.
 *
 * The images are unions of headers and bytes. What takes their bytes is not inline: a compiler that sees both takes the
 * address of the first header's first member, whose size it knows, for that of the bytes (gcc -O3, stringop-overread).
 */
#ifndef TESTS_SUPPORT_IMAGE_KIT_H
#define TESTS_SUPPORT_IMAGE_KIT_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdlib.h>

#include "boot/boot.h"
#include "vmm/base/gmem.h"
#include "vmm/base/util.h"

static inline void kit_must(bool ok)
{
	if (!ok)
		abort();
}

/* One region of RAM from 0 on. */
struct kit_ram {
	struct gmem mem;
	uint8_t *host;
	uint64_t size;
};

void kit_ram_open(struct kit_ram *k, uint64_t size);

/* Makes RAM all zeroes again, whatever was mapped over it. */
void kit_ram_clear(struct kit_ram *k);

void kit_ram_close(struct kit_ram *k);

/* A file that holds these bytes; the caller closes it. */
int kit_file(const void *data, size_t len);

/* An ELF with text and data: page-aligned in the file, with an odd length, and bss behind the data. */
#define KIT_TEXT_OFFSET    UINT64_C(0x1000)
#define KIT_TEXT_GPA       UINT64_C(0x200000)
#define KIT_TEXT_SIZE      UINT64_C(0x2100)
#define KIT_DATA_OFFSET    UINT64_C(0x4000)
#define KIT_DATA_GPA       UINT64_C(0x204000)
#define KIT_DATA_FILE_SIZE UINT64_C(0x1800)
#define KIT_DATA_SIZE      UINT64_C(0x5000)
#define KIT_ELF_END        (KIT_DATA_GPA + KIT_DATA_SIZE)
#define KIT_ENTRY          (KIT_TEXT_GPA + 0x40)
#define KIT_ELF_SIZE       (KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE + 0x123) /* with a tail that is not loaded */

struct kit_elf {
	union {
		struct {
			Elf64_Ehdr h;
			Elf64_Phdr ph[3];
		};
		uint8_t bytes[KIT_ELF_SIZE];
	};
};

void kit_elf(struct kit_elf *k);

/* Bytes in a gzip wrapper; the caller frees. Level 0 stores. */
uint8_t *kit_gzip(const void *data, size_t len, int level, size_t *ret_len);

/* A bzImage: setup code of two sectors (with the boot sector), then code in which a payload can be put. */
#define KIT_BZ_HEADER    0x1f1
#define KIT_BZ_SETUP     UINT64_C(1024)
#define KIT_BZ_CODE_SIZE UINT64_C(0xa000)
#define KIT_BZ_SIZE      (KIT_BZ_SETUP + KIT_BZ_CODE_SIZE)
#define KIT_BZ_PAYLOAD   UINT64_C(0x400)
#define KIT_BZ_GPA       UINT64_C(0x400000)
#define KIT_BZ_INIT_SIZE UINT64_C(0x30000)

struct kit_bzimage {
	union {
		struct {
			uint8_t sector[KIT_BZ_HEADER];
			struct setup_header h;
		} __attribute__((packed));
		uint8_t bytes[KIT_BZ_SIZE];
	};
};

void kit_bzimage(struct kit_bzimage *k);

void kit_bzimage_payload(struct kit_bzimage *k, const void *data, size_t len);

#endif
