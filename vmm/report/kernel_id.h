/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which kernel a file is: what a report names it by, since its path says little.
 */
#ifndef VMM_REPORT_KERNEL_ID_H
#define VMM_REPORT_KERNEL_ID_H

#include <stdint.h>

/**
 * struct kernel_id - texts are empty where they are not known
 * @format: "elf", "bzImage" or "other"
 * @build_id: of the linker's note, in hexadecimal; only an ELF file has one that can be read as it is
 * @version: the "Linux version" line of an ELF file; of a bzImage what its header has of it
 */
struct kernel_id {
	uint64_t size;
	const char *format;
	char build_id[2 * 32 + 1];
	char version[256];
};

/**
 * kernel_id_read() - read it
 * @fd: of a regular file, -1: all is unknown
 *
 * Up to 64 MiB of the file are searched. Only pread(2) is called.
 * Trust: none: the file may be anything, and may change meanwhile.
 */
void kernel_id_read(int fd, uint64_t size, struct kernel_id *ret);

#endif
