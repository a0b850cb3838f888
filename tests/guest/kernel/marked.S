# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/integration/marker.test, without an operating system: prints "before", sets the mark "ready" and
# stands in it as devices/marker_regs.h says. Then it prints a line each: the status byte in hexadecimal, which clone it
# is (4 bytes each, the lowest first), the seed, whether another one is refused to it, the word. It powers off.
	.code64
	.globl	_start
	.set	COM1, 0x3f8
	.set	CONTROL, 0x624
	.set	DATA, 0x628
	.set	LEFT, 0x62c

_start:	mov	$0x30000, %esp
	lea	before(%rip), %rsi
	call	print
	lea	name(%rip), %rsi
	mov	$DATA, %edx
	mov	$5, %ecx
	rep outsb
	mov	$CONTROL, %edx
	mov	$1, %eax
	out	%eax, %dx
1:	in	%dx, %al
	test	$1, %al
	jnz	1b
	lea	status(%rip), %rsi
	call	print
	mov	$CONTROL, %edx
	in	%dx, %al
	call	hex
	lea	clone(%rip), %rsi
	call	print
	mov	$3, %eax
	call	ask
	lea	seed(%rip), %rsi
	call	print
	mov	$2, %eax
	call	ask
	lea	again(%rip), %rsi
	call	print
	mov	$2, %eax
	call	ask
	lea	word(%rip), %rsi
	call	print
	mov	$CONTROL, %edx
	mov	$4, %eax
	out	%eax, %dx
2:	mov	$LEFT, %edx
	in	%dx, %eax
	test	%eax, %eax
	jz	3f
	mov	$DATA, %edx
	in	%dx, %al
	mov	$COM1, %edx
	out	%al, %dx
	jmp	2b
3:	lea	end(%rip), %rsi
	call	print
	mov	$0x600, %edx		# the sleep control register: enable, type 5
	mov	$0x34, %al
	out	%al, %dx
	hlt

/* The answer to command eax, in hexadecimal. */
ask:	mov	$CONTROL, %edx
	out	%eax, %dx
4:	mov	$LEFT, %edx
	in	%dx, %eax
	test	%eax, %eax
	jz	5f
	mov	$DATA, %edx
	in	%dx, %al
	call	hex
	jmp	4b
5:	ret

hex:	mov	%al, %bl
	shr	$4, %al
	call	digit
	mov	%bl, %al
	and	$15, %al
digit:	add	$'0', %al
	cmp	$'9', %al
	jbe	6f
	add	$'a' - '9' - 1, %al
6:	mov	$COM1, %edx
	out	%al, %dx
	ret

print:	mov	$COM1, %edx
7:	lodsb
	test	%al, %al
	jz	8f
	out	%al, %dx
	jmp	7b
8:	ret

name:	.ascii	"ready"
before:	.asciz	"before\n"
status:	.asciz	"status "
clone:	.asciz	"\nclone "
seed:	.asciz	"\nseed "
again:	.asciz	"\nagain "
word:	.asciz	"\nword "
end:	.asciz	"\n"
