/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the initrd, which every protocol passes on.
 */
#ifndef BOOT_INITRD_H
#define BOOT_INITRD_H

#include <stdint.h>

#include "boot/boot.h"

/**
 * initrd_place() - read the initrd into RAM beside the kernel, in whole pages, as high as it may be
 * @env: has the file and the kernel; no file: nothing is done
 * @max: highest guest-physical address that its last byte may have
 * @ret: where it went; zeroes without a file
 *
 * Return: 0, -EFBIG (no room for it), or as source_open() and source_place().
 * Trust: operator.
 */
int initrd_place(struct gmem *mem, const struct boot_env *env, uint64_t max, struct boot_placed *ret, struct err *e);

#endif
