# SPDX-License-Identifier: Apache-2.0
#
# A kernel that starts a program, where programs are (far from the kernel's addresses), and lets nothing take the CPU from
# it: interrupts are off. So whoever looks at the CPU finds the program's one instruction, always.
.code64
.globl _start, program

PROGRAM_AT = 0x7f0000400000	# where the 2 MiB from 0x1000000 are seen as well
CODE = 0x28 | 3
DATA = 0x20 | 3

.text
_start:
	lgdt	gdtr
	mov	$pml4, %eax
	mov	%rax, %cr3
	mov	$text, %esi
	mov	$0x3f8, %edx
1:	mov	(%rsi), %al
	test	%al, %al
	jz	2f
	out	%al, %dx
	inc	%rsi
	jmp	1b
2:	mov	$stack, %esp
	pushq	$DATA
	pushq	$stack
	pushq	$2			# flags: none, and the bit that is always set
	pushq	$CODE
	movabs	$(PROGRAM_AT + 0x1000), %rax
	push	%rax
	iretq

	.balign	4096			# PROGRAM_AT + 0x1000
program:
	jmp	program
	.fill	8, 1, 0x90

.data
text:	.asciz	"program: running\n"
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00af9b000000ffff	# 0x10, as we were started: 64-bit code
	.quad	0x00cf93000000ffff	# 0x18: data
	.quad	0x00cff3000000ffff	# DATA
	.quad	0x00affb000000ffff	# CODE
gdtr:	.word	gdtr - gdt - 1
	.quad	gdt
	.balign	16
	.fill	256
stack:

	.balign	4096			# entries: 7: present, writable, for programs; 0x80: a page of 2 MiB
pml4:	.quad	low + 7
	.fill	253, 8
	.quad	high + 7		# PROGRAM_AT >> 39
	.fill	257, 8
low:	.quad	low_dir + 7
	.fill	511, 8
low_dir:
	.fill	8, 8
	.quad	0x1000087		# 16 MiB, to itself
	.fill	503, 8
high:	.quad	high_dir + 7
	.fill	511, 8
high_dir:
	.fill	2, 8
	.quad	0x1000087
	.fill	509, 8
