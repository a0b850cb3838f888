/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector that runs CPUID over every leaf and prints the answers, raw, to the debug console at port 0xe9: 24
 * bytes each, leaf, sub-leaf, EAX, EBX, ECX, EDX, least significant byte first. Then it ends QEMU through
 * isa-debug-exit at port 0xf4. tests/support/qemu-cpuid runs it.
 */
	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ss
	movw $0x7c00, %sp
	xorl %edi, %edi			/* EDI: first leaf of a range */
	call range
	movl $0x80000000, %edi
	call range
	xorw %ax, %ax
	outb %al, $0xf4
1:	hlt
	jmp 1b

/* All leaves from EDI up to what leaf EDI tells, at most 64. */
range:
	movl %edi, %eax
	xorl %ecx, %ecx
	cpuid
	movl %eax, %ebp			/* EBP: last leaf */
	leal 63(%edi), %eax
	cmpl %eax, %ebp
	jbe 1f
	movl %eax, %ebp
1:	xorl %esi, %esi			/* ESI: sub-leaf */
2:	movl %edi, %eax
	movl %esi, %ecx
	cpuid
	pushl %edx
	pushl %ecx
	pushl %ebx
	pushl %eax
	movl %edi, %eax
	call put
	movl %esi, %eax
	call put
	popl %eax
	call put
	popl %eax
	call put
	popl %eax
	call put
	popl %eax
	call put
	incl %esi
	cmpl $64, %esi
	jb 2b
	incl %edi
	cmpl %ebp, %edi
	jbe 1b
	ret

/* EAX, byte by byte. */
put:
	movw $4, %cx
1:	outb %al, $0xe9
	shrl $8, %eax
	loop 1b
	ret

	.org 510
	.word 0xaa55
