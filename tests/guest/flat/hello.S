# SPDX-License-Identifier: Apache-2.0
# The smallest guest: twelve characters, then HLT. Thirteen exits.
	.include "flat.inc"
start:
	mov	$text, %esi
	mov	$12, %ecx
1:	mov	(%esi), %al
	out	%al, $PORT_CONSOLE
	inc	%esi
	dec	%ecx
	jnz	1b
	finish
text:	.ascii	"Hello, World"
