# SPDX-License-Identifier: Apache-2.0
# Repeats what is typed: the first line through the serial port, polled; the rest through the key port, up to the end of
# the input. Then says how many keys there were in all.
	.include "flat.inc"
start:
	xor	%ebx, %ebx
1:	mov	$PORT_SERIAL + 5, %dx
	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$PORT_SERIAL, %dx
	in	%dx, %al
	out	%al, %dx
	inc	%ebx
	cmp	$'\n', %al
	jne	1b
2:	in	$PORT_KEY, %eax
	test	%eax, %eax
	js	3f
	out	%al, $PORT_CONSOLE
	inc	%ebx
	jmp	2b
3:	mov	%ebx, %eax
	out	%eax, $PORT_NUMBER
	puts	keys
	finish
keys:	.asciz	" keys\n"
	.include "print.inc"
