/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux kernel image into guest RAM. The format is told from the content, never from the file's name.
 */
#ifndef BOOT_KERNEL_H
#define BOOT_KERNEL_H

#include <asm/bootparam.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

/**
 * enum kernel_format - what the image turned out to be, and so how it starts
 * @KERNEL_ELF: a vmlinux
 * @KERNEL_ELF_GZIP: a vmlinux compressed with gzip, inflated on the host
 * @KERNEL_BZIMAGE: a bzImage that unpacks itself in the guest
 * @KERNEL_BZIMAGE_ELF: a bzImage whose gzip payload, an ELF, was inflated on the host
 */
enum kernel_format { KERNEL_ELF, KERNEL_ELF_GZIP, KERNEL_BZIMAGE, KERNEL_BZIMAGE_ELF };

/**
 * enum kernel_load_how - how the bytes get into RAM
 * @KERNEL_READ: copied by the host kernel into guest RAM
 * @KERNEL_MAP: whole pages of the file are mapped privately over guest RAM; the rest, and what has to be inflated or
 *              cannot be mapped (another page offset, RAM of huge pages), is read
 */
enum kernel_load_how { KERNEL_READ, KERNEL_MAP };

/**
 * struct kernel - what was loaded; plain data
 * @format: see above
 * @load_start, @load_end: guest-physical range that the kernel needs for itself, with bss or init_size
 * @entry: its 64-bit entry, guest-physical
 * @cmdline_max: longest command line in bytes, without the NUL
 * @initrd_max: highest guest-physical address that the initrd's last byte may have
 * @has_header: @header is the image's own; else it is all zero
 * @header: setup header of a bzImage
 * @mapped_bytes, @copied_bytes: how the image's bytes came in; inflated bytes count as copied
 */
struct kernel {
	enum kernel_format format;
	uint64_t load_start;
	uint64_t load_end;
	uint64_t entry;
	uint64_t cmdline_max;
	uint64_t initrd_max;
	bool has_header;
	struct setup_header header;
	uint64_t mapped_bytes;
	uint64_t copied_bytes;
};

/** kernel_format_name() - static words, such as "ELF" */
const char *kernel_format_name(enum kernel_format f);

/**
 * kernel_load() - recognise a kernel image and load it
 * @mem: guest RAM that reads as zero (bss is not written); with KERNEL_MAP its file window grows
 * @fd: the image, readable and seekable from any position; borrowed, and not needed afterwards
 * @how: see enum kernel_load_how
 * @ret: what was loaded
 * @e: says what is wrong with the image; the caller puts the path in front
 *
 * The file may be rewritten or cut by others at any time. While it is loaded, that ends in an error. Later, with
 * KERNEL_MAP, bytes that no one touched yet follow the file, and a copy from a page that is gone gives -EFAULT once
 * gmem_install_sigbus() ran.
 *
 * Return: 0, else a negative errno, and guest RAM holds anything: give it up.
 * Errors: -EINVAL, -ENOEXEC (not a kernel, or broken), -ENOTSUP (a kernel that cannot be started this way), -E2BIG
 * (does not fit guest RAM), -ENOMEM (no host memory), -EFBIG (inflates without end), and those of fstat, pread and
 * mmap.
 * Context: before the guest runs; blocks on the file.
 * Trust: operator; the image is hostile.
 * Spec: Linux Documentation/arch/x86/boot.rst; System V ABI, "Object Files"; RFC 1952 (gzip).
 */
int kernel_load(struct gmem *mem, int fd, enum kernel_load_how how, struct kernel *ret, struct err *e);

#endif
