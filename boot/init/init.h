/* SPDX-License-Identifier: Apache-2.0 */
/* The program that init.c is compiled to; made while vmm is built. */
#ifndef BOOT_INIT_INIT_H
#define BOOT_INIT_INIT_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t init_program[];
extern const size_t init_program_size;

#endif
