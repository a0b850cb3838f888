# SPDX-License-Identifier: Apache-2.0
# How often each letter is in a string of 1 KiB, capitals or not.
	.include "flat.inc"
start:
	mov	$string, %esi
	mov	$1024, %ecx
1:	movzbl	(%esi), %eax
	inc	%esi
	or	$0x20, %al
	sub	$'a', %al
	cmp	$26, %al
	jae	2f
	incl	counts(, %eax, 4)
2:	dec	%ecx
	jnz	1b
	mov	$'a', %bl
	mov	$counts, %edi
3:	mov	%bl, %al
	out	%al, $PORT_CONSOLE
	mov	(%edi), %eax
	add	$4, %edi
	mov	$4, %ecx
	call	put_number
	putc	'\n'
	inc	%bl
	cmp	$'z', %bl
	jbe	3b
	finish
	.include "print.inc"
	.balign	4
counts:	.fill	26, 4, 0
# 22 times 45 characters, and 34 of one more
string:
	.rept	22
	.ascii	"The quick brown fox jumps over the lazy dog. "
	.endr
	.ascii	"The quick brown fox jumps over the"
