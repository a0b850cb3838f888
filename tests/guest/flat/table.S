# SPDX-License-Identifier: Apache-2.0
# The multiplication table up to 10.
	.include "flat.inc"
start:
	mov	$1, %ebx
1:	mov	$1, %ebp
2:	mov	%ebx, %eax
	mul	%ebp
	mov	$4, %ecx
	call	put_number
	inc	%ebp
	cmp	$10, %ebp
	jbe	2b
	putc	'\n'
	inc	%ebx
	cmp	$10, %ebx
	jbe	1b
	finish
	.include "print.inc"
