# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/integration/each-line.test, without an operating system: prints "R>", then answers a line with its
# bytes and their number, and sets a mark at the boot marker. Some bytes end it otherwise: P powers off, R resets,
# T crashes, K panics and halts, H hangs, D writes 5 to the debug-exit port, F prints without an end, M sets a mark by
# a line of the console, I starts the interval timer and goes on. Each byte is counted in RAM, in two pages.
	.code64
	.globl	_start
	.set	COM1, 0x3f8
	.set	LSR, 0x3fd
	.set	COUNT, 0x30000

_start:	mov	$COM1, %edx
	mov	$'R', %al
	out	%al, %dx
	mov	$'>', %al
	out	%al, %dx
	mov	$COUNT, %edi
next:	mov	$LSR, %edx
1:	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$COM1, %edx
	in	%dx, %al
	cmp	$'H', %al
	je	hang
	cmp	$'P', %al
	je	off
	cmp	$'T', %al
	je	triple
	cmp	$'R', %al
	je	reset
	cmp	$'F', %al
	je	flood
	cmp	$'M', %al
	je	mark
	cmp	$'K', %al
	je	panic
	cmp	$'D', %al
	je	debug
	cmp	$'I', %al
	je	timer
	cmp	$10, %al
	je	done
	incb	(%rdi)
	incb	0x1000(%rdi)
	out	%al, %dx
	jmp	next
done:	mov	$'0', %al
	add	(%rdi), %al
	out	%al, %dx
	mov	$10, %al
	out	%al, %dx
	mov	$0x3d0, %edx		# the boot marker
	out	%al, %dx
	/* What comes after the mark is nobody's. */
	mov	$COM1, %edx
	mov	$'!', %al
	out	%al, %dx
hang:	jmp	hang
off:	mov	$0x600, %edx		# the sleep control register: enable, type 5
	mov	$0x34, %al
	out	%al, %dx
	jmp	flood
triple:	push	$0
	push	$0
	lidt	(%rsp)
	ud2
reset:	mov	$0x64, %edx
	mov	$0xfe, %al
	out	%al, %dx
	jmp	flood
flood:	mov	$COM1, %edx
2:	mov	$'F', %al
	out	%al, %dx
	jmp	2b
panic:	mov	$0x505, %edx		# pvpanic: panicked
	mov	$1, %al
	out	%al, %dx
	jmp	hang
debug:	mov	$0xf4, %edx
	mov	$5, %al
	out	%al, %dx
	jmp	flood
timer:	mov	$0x34, %al		# counter 0, both bytes, mode 2
	out	%al, $0x43
	xor	%al, %al
	out	%al, $0x40
	out	%al, $0x40
	jmp	next
mark:	lea	text(%rip), %rsi
	mov	$12, %ecx
3:	lodsb
	out	%al, %dx
	dec	%ecx
	jnz	3b
	jmp	flood
text:	.ascii	"\nvmm-mark=x\n"
