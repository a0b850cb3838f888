# SPDX-License-Identifier: Apache-2.0
# In real mode: a thousand INT3 with a handler of its own, and how many came to it. tests/lab/inner/gdb.sh has a breakpoint
# at `done`.
	.include "flat.inc"
start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	movw	$handler, 3 * 4
	movw	$0, 3 * 4 + 2
	xor	%ebx, %ebx
	mov	$1000, %cx
again:
	int3
	loop	again
	nop
done:
	mov	%ebx, %eax
	out	%eax, $PORT_NUMBER
	puts	word
	finish
handler:
	inc	%ebx
	iretw
word:	.asciz	" traps\n"
	.include "print.inc"
