# SPDX-License-Identifier: Apache-2.0
# Each hypercall once. Ends through the exit port with 5, hence status 11.
	.include "flat.inc"
start:
	puts	t_unsigned
	mov	$200, %al
	out	%al, $PORT_NUMBER
	putc	' '
	mov	$65535, %ax
	out	%ax, $PORT_NUMBER
	putc	' '
	mov	$4294967295, %eax
	out	%eax, $PORT_NUMBER
	puts	t_signed
	mov	$200, %al
	out	%al, $PORT_SIGNED
	putc	' '
	mov	$32768, %ax
	out	%ax, $PORT_SIGNED
	putc	' '
	mov	$2147483648, %eax
	out	%eax, $PORT_SIGNED
	putc	' '
	mov	$2147483647, %eax
	out	%eax, $PORT_SIGNED

	puts	t_probe
	in	$PORT_CONSOLE, %al
	movzbl	%al, %eax
	out	%eax, $PORT_NUMBER
	puts	t_nothing
	mov	$0x1234, %dx
	in	%dx, %eax
	out	%eax, $PORT_SIGNED
	puts	t_status
	mov	$PORT_SERIAL + 5, %dx
	in	%dx, %al
	movzbl	%al, %eax
	out	%eax, $PORT_NUMBER
	putc	'\n'

	mov	$t_serial, %esi
	mov	$PORT_SERIAL, %dx
1:	mov	(%esi), %al
	test	%al, %al
	jz	2f
	out	%al, %dx
	inc	%esi
	jmp	1b
2:	mov	$t_string, %esi
	mov	$t_string_end - t_string, %ecx
	mov	$PORT_CONSOLE, %dx
	cld
	rep outsb
	mov	$5, %al
	out	%al, $PORT_EXIT
	putc	'!'
	finish
t_unsigned:	.asciz	"unsigned "
t_signed:	.asciz	"\nsigned "
t_probe:	.asciz	"\nconsole port reads "
t_nothing:	.asciz	"\nno port reads "
t_status:	.asciz	"\nline status "
t_serial:	.asciz	"by the serial port\n"
t_string:	.ascii	"by one instruction\n"
t_string_end:
	.include "print.inc"
