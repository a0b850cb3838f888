/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of the vDSO, which a program's C library reads as an ELF file: headers, a symbol table, three functions.
 * They run in ring 3 and are the program's: nothing of ours trusts them. The page of the time is the one before.
 *
 * Spec: System V ABI, chapter 5 (dynamic linking); Linux Documentation/ABI/stable/vdso.
 */
#include "vmm/exec/vdso.h"

#define SYS_CLOCK_GETTIME 228
#define NSEC_PER_SEC      1000000000

	.section .rodata
	.globl exec_vdso
	.globl exec_vdso_end
	.code64
	.balign 16
exec_vdso:
	.byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0	/* 64 bits, little-endian */
	.zero 8
	.short 3, 62				/* ET_DYN, EM_X86_64 */
	.long 1
	.quad 0
	.quad headers - exec_vdso
	.quad 0
	.long 0
	.short 64, 56, 2, 64, 0, 0
headers:
	.long 1, 5				/* PT_LOAD, to read and execute */
	.quad 0, 0, 0, exec_vdso_end - exec_vdso, exec_vdso_end - exec_vdso, 4096
	.long 2, 4				/* PT_DYNAMIC */
	.quad dynamic - exec_vdso, dynamic - exec_vdso, dynamic - exec_vdso
	.quad dynamic_end - dynamic, dynamic_end - dynamic, 8
dynamic:
	.quad 14, name - strings		/* DT_SONAME */
	.quad 4, hash - exec_vdso		/* DT_HASH */
	.quad 5, strings - exec_vdso		/* DT_STRTAB */
	.quad 6, symbols - exec_vdso		/* DT_SYMTAB */
	.quad 10, strings_end - strings		/* DT_STRSZ */
	.quad 11, 24				/* DT_SYMENT */
	.quad 0, 0
dynamic_end:
	/* One bucket with all symbols */
hash:
	.long 1, 4, 1, 0, 2, 3, 0
	.balign 8
symbols:
	.zero 24
	.macro symbol text, start, end
	.long \text - strings
	.byte 0x12, 0				/* STB_GLOBAL, STT_FUNC */
	.short 1
	.quad \start - exec_vdso, \end - \start
	.endm
	symbol text_gettime, gettime, gettime_end
	symbol text_timeofday, timeofday, timeofday_end
	symbol text_time, time, time_end
strings:
	.byte 0
name:
	.asciz "linux-vdso.so.1"
text_gettime:
	.asciz "__vdso_clock_gettime"
text_timeofday:
	.asciz "__vdso_gettimeofday"
text_time:
	.asciz "__vdso_time"
strings_end:

	/*
	 * clock_gettime(EDI, RSI). The page changes only in an exit, also one that another thread causes: then it is
	 * read again. If it no longer holds, the system call renews it, and gets our TSC (R8).
	 */
	.balign 16
gettime:
	xor %r9d, %r9d
	cmp $31, %edi
	ja 4f
	mov $VDSO_CLOCKS, %eax
	bt %edi, %eax
	jnc 4f
1:	lea exec_vdso - VVAR_SIZE(%rip), %r10
	mov VVAR_SEQ(%r10), %r11
	lfence
	rdtsc
	shl $32, %rdx
	or %rdx, %rax
	mov %rax, %rcx
	sub VVAR_BASE(%r10), %rax
	cmp VVAR_SPAN(%r10), %rax
	jae 3f
	mulq VVAR_MULT(%r10)
	shrd $32, %rdx, %rax
	add VVAR_MONO(%r10), %rax
	mov $VDSO_WALL, %edx
	bt %edi, %edx
	jnc 2f
	add VVAR_WALL(%r10), %rax
2:	cmp VVAR_SEQ(%r10), %r11
	jne 1b
	xor %edx, %edx
	mov $NSEC_PER_SEC, %ecx
	div %rcx
	mov %rax, (%rsi)
	mov %rdx, 8(%rsi)
	xor %eax, %eax
	ret
	/* Once; then what the call has written stands. */
3:	xor %eax, %eax
	test %r9d, %r9d
	jnz 5f
	inc %r9d
	mov %rcx, %r8
	mov $SYS_CLOCK_GETTIME, %eax
	syscall
	test %rax, %rax
	jz 1b
	ret
4:	mov $SYS_CLOCK_GETTIME, %eax
	syscall
5:	ret
gettime_end:

	/* gettimeofday(RDI, RSI) */
timeofday:
	push %rdi
	push %rsi
	sub $16, %rsp
	xor %edi, %edi
	mov %rsp, %rsi
	call gettime
	pop %rax
	pop %r8
	pop %rsi
	pop %rdi
	test %rdi, %rdi
	jz 1f
	mov %rax, (%rdi)
	mov %r8, %rax
	xor %edx, %edx
	mov $1000, %ecx
	div %rcx
	mov %rax, 8(%rdi)
1:	test %rsi, %rsi
	jz 2f
	movq $0, (%rsi)
2:	xor %eax, %eax
	ret
timeofday_end:

	/* time(RDI) */
time:
	push %rdi
	sub $16, %rsp
	xor %edi, %edi
	mov %rsp, %rsi
	call gettime
	pop %rax
	pop %rdx
	pop %rdi
	test %rdi, %rdi
	jz 1f
	mov %rax, (%rdi)
1:	ret
time_end:
exec_vdso_end:
	.section .note.GNU-stack, "", @progbits
