// SPDX-License-Identifier: Apache-2.0
#include "tests/support/image_kit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

void kit_ram_open(struct kit_ram *k, uint64_t size)
{
	memset(k, 0, sizeof(*k));
	k->size = size;
	k->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	kit_must(k->host != MAP_FAILED);
	kit_must(!gmem_add(&k->mem, &(struct gmem_region){.gpa = 0, .size = size, .host = k->host, .fd = -1}));
}

void kit_ram_clear(struct kit_ram *k)
{
	kit_must(mmap(k->host, k->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
			 -1, 0) == k->host);
	k->mem.file_lo = k->mem.file_hi = 0;
}

void kit_ram_close(struct kit_ram *k)
{
	munmap(k->host, k->size);
}

int kit_file(const void *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	kit_must(fd >= 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
	return fd;
}

void kit_elf(struct kit_elf *k)
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

uint8_t *kit_gzip(const void *data, size_t len, int level, size_t *ret_len)
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

void kit_bzimage(struct kit_bzimage *k)
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

void kit_bzimage_payload(struct kit_bzimage *k, const void *data, size_t len)
{
	kit_must(len <= KIT_BZ_CODE_SIZE - KIT_BZ_PAYLOAD);
	memcpy(k->bytes + KIT_BZ_SETUP + KIT_BZ_PAYLOAD, data, len);
	k->h.payload_length = (uint32_t)len;
}
