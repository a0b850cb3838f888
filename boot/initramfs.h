/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The initramfs of a guest that runs one command: our init (boot/init/init.c), which is part of vmm, and the kernel's
 * modules that it loads.
 */
#ifndef BOOT_INITRAMFS_H
#define BOOT_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

/**
 * struct initramfs_module - a module's file, as it is: compressed or not
 * @fd: of a regular file; borrowed
 * @name: of the file, without a directory; borrowed
 */
struct initramfs_module {
	int fd;
	const char *name;
};

/**
 * initramfs_pack() - an archive of them
 * @module: @nr of them, in the order in which they are loaded
 * @ret: the caller frees it; untouched on failure
 *
 * Return: 0; -ENOMEM; -EFBIG: more than INITRAMFS_MAX; a negative errno of fstat or pread; -EIO: a file became shorter
 * meanwhile. Errors: a message in @e. Context: blocks on the files. Trust: operator.
 */
int initramfs_pack(const struct initramfs_module *module, size_t nr, void **ret, size_t *ret_size, struct err *e);

#define INITRAMFS_MAX (256 << 20)

#endif
