# SPDX-License-Identifier: Apache-2.0
# The guest of test_reset.c, in protected mode without paging: each round changes pages of RAM by pseudo-random numbers,
# registers of every class, the local APIC and its timer, the interval timer and devices, and ends with OUT to PORT_END.
#
#	%ebx	the number
#	%esi	rounds
	.section .rodata
	.globl	reset_guest_start, reset_guest_end
	.code32
	.set	PORT_END, 0x80
	.set	APIC, 0xfee00000
	.set	HAS_APIC, 0x7000
	.set	FXSAVE, 0x6000
	# SDM 1, 10.5.1
	.set	ST0, 32
	.set	XMM3, 160 + 3 * 16
	.set	CR4_OSFXSR_OSXMMEXCPT, 0x600
	.set	PAGES_PER_ROUND, 5

	.macro next
	imul	$1664525, %ebx, %ebx
	add	$1013904223, %ebx
	.endm

	.macro msr index
	mov	$\index, %ecx
	mov	%ebx, %eax
	xor	%edx, %edx
	wrmsr
	.endm

	# The local APIC's register becomes the value.
	.macro apic reg, value
	movl	\value, APIC + \reg
	.endm

	.macro port number
	mov	$\number, %dx
	mov	%bl, %al
	out	%al, %dx
	.endm

reset_guest_start:
	mov	%cr4, %eax
	or	$CR4_OSFXSR_OSXMMEXCPT, %eax
	mov	%eax, %cr4
	fninit
	fxsave	FXSAVE
	cmpl	$0, HAS_APIC
	je	round
	apic	0xf0, $0x1ff
	apic	0x320, $0x100ec
	apic	0x3e0, $0xb
round:
	inc	%esi
	# RAM, from 1 MiB to 4 MiB
	mov	$PAGES_PER_ROUND, %edi
1:	next
	mov	%ebx, %eax
	and	$0x3ffffc, %eax
	cmp	$0x100000, %eax
	jb	1b
	xor	%ebx, (%eax)
	dec	%edi
	jnz	1b
	# x87 and SSE by FXRSTOR, which a KVM that emulates knows; control and debug registers
	mov	%ebx, FXSAVE + ST0
	mov	%ebx, FXSAVE + XMM3
	fxrstor	FXSAVE
	mov	%ebx, %cr2
	mov	%ebx, %dr0
	mov	%esi, %dr3
	# SYSENTER's, and a variable range of memory types
	msr	0x175
	msr	0x176
	# The local APIC: task priority, timer, which counts down masked
	cmpl	$0, HAS_APIC
	je	2f
	mov	%ebx, %eax
	and	$0xf0, %eax
	apic	0x80, %eax
	mov	%ebx, %eax
	or	$0x40000000, %eax
	apic	0x380, %eax
2:
	# The first 8259's mask; counter 2 of the interval timer, mode 0; its low and high byte
	port	0x21
	mov	$0xb0, %al
	out	%al, $0x43
	port	0x42
	port	0x42
	# The serial port: scratch, line control without the divisor latch; the clock's memory
	port	0x3ff
	mov	%bl, %al
	and	$0x1f, %al
	mov	$0x3fb, %dx
	out	%al, %dx
	mov	%bl, %al
	and	$0x3f, %al
	or	$0x40, %al
	out	%al, $0x70
	port	0x71
	out	%al, $PORT_END
	jmp	round
reset_guest_end:
