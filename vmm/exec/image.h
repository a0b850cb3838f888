/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a program's file into its address space and builds its initial stack.
 *
 * Spec: System V ABI for AMD64, 3.4 (process initialization); Linux fs/binfmt_elf.c.
 */
#ifndef VMM_EXEC_IMAGE_H
#define VMM_EXEC_IMAGE_H

#include "vmm/base/err.h"
#include "vmm/exec/task.h"

#define IMAGE_STACK_SIZE (8 * MIB)
#define IMAGE_ARGS_MAX   (IMAGE_STACK_SIZE / 4) /* bytes of arguments and environment: Linux's limit */

/**
 * struct image_start - the initial data of a program
 * @argv, @envp: ended by NULL; borrowed
 * @hwcap: CPUID leaf 1, EDX, of its processor; @hwcap2: bit 1: it may use FSGSBASE
 * @vdso: let it have one
 * @seed: random bytes for the addresses of its parts and for AT_RANDOM
 */
struct image_start {
	const char *const *argv;
	const char *const *envp;
	uint32_t hwcap;
	uint32_t hwcap2;
	bool vdso;
	uint8_t seed[48];
};

/**
 * image_load() - map a program and its stack, and fill both
 * @t: has nothing mapped; the start addresses for brk and mmap are set in it
 * @fd: a regular file
 * @loader: the file of its loader; -1: none, and a program that needs one is refused
 * @ret_rip, @ret_rsp: initial RIP and RSP
 *
 * Return: 0; -ENOEXEC: see program_image_read(); -E2BIG: too many arguments; -EFBIG: they or the program do not fit
 * into memory.
 * Context: BUILD stage. Trust: operator.
 */
int image_load(struct exec_task *t, int fd, int loader, const struct image_start *start, uint64_t *ret_rip,
	uint64_t *ret_rsp, struct err *e);

#endif
