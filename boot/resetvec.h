/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reset entry of a BIOS: a few bytes of real-mode code where a kernel jumps when it wants to restart and has been
 * told no other way.
 *
 * A hardware-reduced Linux does that by default: it tries EFI, which is not there, then goes to real mode and jumps to
 * f000:fff0; the FADT's reset register is tried only with reboot=acpi. Without code there it would run through zeroes
 * into RAM and hang, instead of resetting. reboot=k, the default command line, does not come here.
 */
#ifndef BOOT_RESETVEC_H
#define BOOT_RESETVEC_H

#include <stdint.h>

#include "vmm/base/board.h"

#define RESETVEC_SIZE 16 /* bytes at BOOT_RESET_VECTOR */

/**
 * resetvec_build() - code that resets the machine
 * @board: what to reset it with: the power block, else the keyboard controller, else nothing: the CPU halts
 * @code: filled; goes to BOOT_RESET_VECTOR
 */
void resetvec_build(const struct board *board, uint8_t code[RESETVEC_SIZE]);

#endif
