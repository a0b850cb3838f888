/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unit tests and fuzzers of boot/ share: guest RAM that can be mapped over, files in memory, and small kernel
 * images to spoil. A step that fails here is no finding about boot/, so it aborts.
 */
#ifndef TESTS_SUPPORT_IMAGE_KIT_H
#define TESTS_SUPPORT_IMAGE_KIT_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "boot/kernel.h"
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

static inline void kit_ram_open(struct kit_ram *k, uint64_t size)
{
	memset(k, 0, sizeof(*k));
	k->size = size;
	k->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	kit_must(k->host != MAP_FAILED);
	kit_must(!gmem_add(&k->mem, &(struct gmem_region){.gpa = 0, .size = size, .host = k->host, .fd = -1}));
}

/* Zeroes again, whatever was mapped over them. */
static inline void kit_ram_clear(struct kit_ram *k)
{
	kit_must(mmap(k->host, k->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
			 -1, 0) == k->host);
	k->mem.file_lo = k->mem.file_hi = 0;
}

static inline void kit_ram_close(struct kit_ram *k)
{
	munmap(k->host, k->size);
}

/* A file that holds these bytes; the caller closes it. */
static inline int kit_file(const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	kit_must(fd >= 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
	return fd;
}

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
#define KIT_ELF_SIZE       (KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE + 0x123) /* a tail that nobody loads */

struct kit_elf {
	union {
		struct {
			Elf64_Ehdr h;
			Elf64_Phdr ph[3];
		};
		uint8_t bytes[KIT_ELF_SIZE];
	};
};

static inline void kit_elf(struct kit_elf *k)
{
	/* Not zero anywhere, so that a byte that was not loaded shows. */
	for (size_t i = 0; i < sizeof(k->bytes); i++)
		k->bytes[i] = (uint8_t)(1 + i % 251);
	k->h = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = KIT_ENTRY,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	k->ph[0] = (Elf64_Phdr){.p_type = PT_NOTE};
	k->ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = KIT_TEXT_OFFSET,
		.p_vaddr = UINT64_C(0xffffffff81000000),
		.p_paddr = KIT_TEXT_GPA,
		.p_filesz = KIT_TEXT_SIZE,
		.p_memsz = KIT_TEXT_SIZE,
		.p_align = 0x1000};
	k->ph[2] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = KIT_DATA_OFFSET,
		.p_vaddr = UINT64_C(0xffffffff81004000),
		.p_paddr = KIT_DATA_GPA,
		.p_filesz = KIT_DATA_FILE_SIZE,
		.p_memsz = KIT_DATA_SIZE,
		.p_align = 0x1000};
}

/* Bytes in a gzip wrapper; the caller frees. Level 0 stores. */
static inline uint8_t *kit_gzip(const void *data, size_t len, int level, size_t *ret_len)
{
	z_stream z = {0};
	uint8_t *out;
	uLong bound;

	kit_must(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	bound = deflateBound(&z, len);
	out = malloc(bound);
	kit_must(out);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)bound;
	kit_must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	*ret_len = z.total_out;
	deflateEnd(&z);
	return out;
}

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

static inline void kit_bzimage(struct kit_bzimage *k)
{
	for (size_t i = 0; i < sizeof(k->bytes); i++)
		k->bytes[i] = (uint8_t)(1 + i % 249);
	k->h = (struct setup_header){
		.setup_sects = 1,
		.syssize = KIT_BZ_CODE_SIZE / 16,
		.boot_flag = 0xaa55,
		.jump = 0xeb | (sizeof(struct setup_header) - (0x202 - KIT_BZ_HEADER)) << 8,
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 255,
		.payload_offset = KIT_BZ_PAYLOAD,
		.payload_length = 0x1000,
		.pref_address = KIT_BZ_GPA,
		.init_size = KIT_BZ_INIT_SIZE,
	};
}

static inline void kit_bzimage_payload(struct kit_bzimage *k, const void *data, size_t len)
{
	kit_must(len <= KIT_BZ_CODE_SIZE - KIT_BZ_PAYLOAD);
	memcpy(k->bytes + KIT_BZ_SETUP + KIT_BZ_PAYLOAD, data, len);
	k->h.payload_length = (uint32_t)len;
}

#endif
