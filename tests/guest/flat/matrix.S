# SPDX-License-Identifier: Apache-2.0
# C = A * B, 8 by 8: A(i, j) = i + j + 1, B(i, j) = (i * j) mod 7 - 0, i and j from 0. A row a line.
	.include "flat.inc"
start:
	xor	%ebx, %ebx		# i
rows:	xor	%ebp, %ebp		# j
cells:	xor	%edi, %edi		# the sum
	xor	%ecx, %ecx		# k
1:	mov	%ecx, %eax
	mul	%ebp
	xor	%edx, %edx
	mov	$7, %esi
	div	%esi			# EDX = B(k, j)
	lea	1(%ebx, %ecx), %eax	# A(i, k)
	mul	%edx
	add	%eax, %edi
	inc	%ecx
	cmp	$8, %ecx
	jb	1b
	mov	%edi, %eax
	mov	$5, %ecx
	call	put_number
	inc	%ebp
	cmp	$8, %ebp
	jb	cells
	putc	'\n'
	inc	%ebx
	cmp	$8, %ebx
	jb	rows
	finish
	.include "print.inc"
