/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs that `vmm exec --each-line` and `--each-frame` run: see vmm-exec(1). Needs no library.
 *
 *	static char line[65536];
 *	long n;
 *
 *	prepare();
 *	while ((n = vmm_next(line, sizeof(line))) > 0) {
 *		answer(line, n);
 *		fflush(stdout);
 *	}
 */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H

#define VMM_CALL_NEXT 0x766d6d /* number of the system call; Linux has none so high */

#ifndef __ASSEMBLER__

/**
 * vmm_next() - the program is ready for an input, and has answered the last one
 * @buf, @size: where the input goes; longer ones are refused before they come here
 *
 * What the program has written to standard output since it was called last is the answer; what is still in a buffer of
 * its C library goes back with the rest of its memory, and is lost. The first call is the moment that each input begins
 * at: memory, registers and open files are as they are now. Only one thread may exist then.
 *
 * Return: length of the input; 0: there is none, since vmm runs the program without inputs; a negative errno: -EINVAL,
 * -EFAULT for a buffer that cannot be written, -ENOSYS under any other system.
 */
static inline long vmm_next(void *buf, unsigned long size)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"((long)VMM_CALL_NEXT), "D"(buf), "S"(size) : "rcx", "r11", "memory");
	return r;
}

#endif

#endif
