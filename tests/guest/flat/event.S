# SPDX-License-Identifier: Apache-2.0
# In real mode, a thousand times: an interrupt that the guest delivers to itself, and at once a store where no memory is (by
# a window of 64 KiB). The processor must not take the exit for one in the midst of the delivery.
	.include "flat.inc"
start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	movw	$handler, 0x21 * 4
	movw	$0, 0x21 * 4 + 2
	mov	$0xa000, %ax
	mov	%ax, %es
	mov	$1000, %cx
again:
	int	$0x21
	mov	%al, %es:0
	loop	again
	puts	word
	finish
handler:
	iretw
word:	.asciz	"1,000 stores\n"
	.include "print.inc"
