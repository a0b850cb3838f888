# SPDX-License-Identifier: Apache-2.0
# Prints 0 to 9, a line each.
	.include "flat.inc"
start:
	mov	$'0', %bl
1:	mov	%bl, %al
	out	%al, $PORT_CONSOLE
	putc	'\n'
	inc	%bl
	cmp	$'9', %bl
	jbe	1b
	finish
