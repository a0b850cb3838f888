# SPDX-License-Identifier: Apache-2.0
# F(0) to F(30).
	.include "flat.inc"
start:
	xor	%ebx, %ebx		# n
	xor	%edi, %edi		# F(n)
	mov	$1, %ebp		# F(n + 1)
1:	xor	%ecx, %ecx
	puts	left
	mov	%ebx, %eax
	call	put_number
	puts	right
	mov	%edi, %eax
	call	put_number
	putc	'\n'
	lea	(%edi, %ebp), %eax
	mov	%ebp, %edi
	mov	%eax, %ebp
	inc	%ebx
	cmp	$30, %ebx
	jbe	1b
	finish
left:	.asciz	"F("
right:	.asciz	") = "
	.include "print.inc"
