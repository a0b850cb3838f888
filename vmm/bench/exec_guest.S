/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of `vmm bench exec`, as a file: an ELF for Linux. It touches its pages, and then writes to as many of
 * them as each input says, 32 bits.
 */
#include "vmm/exec/vmm-guest.h"

#define BASE  0x400000
#define PAGES 100 /* EXEC_COSTS_PAGES_MAX */

	.section .rodata
	.globl	exec_costs_guest_start, exec_costs_guest_end
	.code64
	.balign	8
exec_costs_guest_start:
	.byte	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
	.short	2, 62			/* ET_EXEC, EM_X86_64 */
	.long	1
	.quad	BASE + entry - exec_costs_guest_start
	.quad	64, 0
	.long	0
	.short	64, 56, 1, 0, 0, 0
	/* The only segment: all of the file, and the pages. */
	.long	1, 7			/* PT_LOAD, RWX */
	.quad	0, BASE, BASE
	.quad	exec_costs_guest_end - exec_costs_guest_start, (PAGES + 2) * 4096, 4096

write:	/* %ecx pages */
	mov	$(BASE + 4096), %edx
1:	test	%ecx, %ecx
	jz	2f
	movb	$1, (%rdx)
	add	$4096, %edx
	dec	%ecx
	jmp	1b
2:	ret

entry:	mov	$PAGES, %ecx
	call	write
next:	mov	$VMM_CALL_NEXT, %eax
	mov	$(BASE + (PAGES + 1) * 4096), %edi
	mov	$4, %esi
	syscall
	mov	BASE + (PAGES + 1) * 4096, %ecx
	call	write
	jmp	next
exec_costs_guest_end:
	.section .note.GNU-stack, "", @progbits
