# SPDX-License-Identifier: Apache-2.0
# Goes wrong after a word, in the way that HOW says.
	.include "flat.inc"
start:
	puts	word
	.if HOW == 0			# no such instruction
	ud2
	.elseif HOW == 1		# division by zero
	xor	%ecx, %ecx
	div	%ecx
	.elseif HOW == 2		# jumps to where nothing is
	.if MODE == 16
	ljmp	$0xf000, $0x0000
	.else
	mov	$0x20000000, %eax
	.if MODE == 64
	jmp	*%rax
	.else
	jmp	*%eax
	.endif
	.endif
	.elseif HOW == 3		# reads beyond its window
	mov	$0x20000000, %ebx
	mov	(%ebx), %al
	.elseif HOW == 4		# a null pointer
	xor	%ebx, %ebx
	mov	%al, (%ebx)
	.elseif HOW == 5		# a stack that is none, and a fault
	mov	$0x30000000, %esp
	ud2
	.elseif HOW == 6		# a BIOS call, a system call
	int	$0x10
	.endif
	puts	word
	finish
word:	.asciz	"here\n"
	.include "print.inc"
