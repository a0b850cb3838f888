/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the initrd, which every protocol passes to the kernel.
 */
#ifndef BOOT_INITRD_H
#define BOOT_INITRD_H

#include <stdint.h>

#include "boot/boot.h"

/**
 * initrd_place() - read the initrd into whole pages of RAM, at the highest address allowed that does not overlap the
 * kernel
 * @env: names the file, or has its bytes, and the kernel; without either the function does nothing
 * @max: highest guest-physical address allowed for its last byte
 * @ret: where it was placed; zeroes without a file
 *
 * Return: 0, -EFBIG (no room for it), or as source_open() and source_place().
 * Trust: operator.
 */
int initrd_place(struct gmem *mem, const struct boot_env *env, uint64_t max, struct boot_placed *ret, struct err *e);

#endif
