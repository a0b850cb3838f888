# SPDX-License-Identifier: Apache-2.0
# Times CPUID, which KVM answers, and OUT to the console port, which the VMM answers: N of each between two fenced RDTSC.
# Prints N dots, and of each the smallest, the median and the 90th percentile, in cycles. Under QEMU the console port is
# its debugcon, so that both VMMs are timed by one program.
	.include "flat.inc"
	.set	N, 300

	.macro now to
	lfence
	rdtsc
	lfence
	mov	%eax, %\to
	.endm

start:
	mov	$samples, %edi
	mov	$N, %ebp
1:	now	esi
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	now	eax
	call	sample
	jnz	1b
	puts	cpuid_name
	call	report

	mov	$samples, %edi
	mov	$N, %ebp
1:	now	esi
	putc	'.'
	now	eax
	call	sample
	jnz	1b
	puts	out_name
	call	report
	finish

# EAX less ESI to where EDI points; ZF when that was the last.
sample:
	sub	%esi, %eax
	mov	%eax, (%edi)
	add	$4, %edi
	dec	%ebp
	ret

# Sorts the samples by insertion, and prints three of them.
report:
	mov	$samples + 4, %esi
1:	mov	(%esi), %eax
	mov	%esi, %edi
2:	cmp	$samples, %edi
	je	3f
	mov	-4(%edi), %ebx
	cmp	%eax, %ebx
	jbe	3f
	mov	%ebx, (%edi)
	sub	$4, %edi
	jmp	2b
3:	mov	%eax, (%edi)
	add	$4, %esi
	cmp	$samples + N * 4, %esi
	jne	1b
	mov	$12, %ecx
	mov	$samples, %esi
	mov	(%esi), %eax
	call	put_number
	mov	N / 2 * 4(%esi), %eax
	call	put_number
	mov	N * 9 / 10 * 4(%esi), %eax
	call	put_number
	putc	'\n'
	ret

cpuid_name:	.asciz	"cpuid"
out_name:	.asciz	"\nout  "
	.include "print.inc"
	.balign	4
samples:	.fill	N, 4, 0
