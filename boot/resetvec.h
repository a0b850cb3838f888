/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reset entry of a BIOS: a few bytes of real-mode code to which a kernel jumps when it restarts and was not given
 * another method.
 *
 * A hardware-reduced Linux does that by default: it tries EFI, which is absent, then switches to real mode and jumps to
 * f000:fff0; the FADT's reset register is tried only with reboot=acpi. Without code there it would execute zeroes and
 * hang instead of resetting. With reboot=k, which is in the default command line, this entry is not used.
 */
#ifndef BOOT_RESETVEC_H
#define BOOT_RESETVEC_H

#include <stdint.h>

#include "vmm/base/board.h"

#define RESETVEC_SIZE 16 /* bytes at BOOT_RESET_VECTOR */

/**
 * resetvec_build() - code that resets the machine
 * @board: the code uses its power block, else its keyboard controller; with neither it halts the CPU
 * @code: filled; belongs at BOOT_RESET_VECTOR
 */
void resetvec_build(const struct board *board, uint8_t code[RESETVEC_SIZE]);

#endif
