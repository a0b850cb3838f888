/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe guest's code: one routine per probe, entered in ring 0 and 64-bit mode with a stack, an IDT whose vector 3
 * leads to probe_int3, SSE on, and XCR0 as after reset. Each ends in HLT with RAX = 0x600d when the result was right.
 * probe.c copies the bytes between probe_guest_start and probe_guest_end to PROBE_CODE.
 */
	.section .rodata.probe_guest, "a"
	.globl	probe_guest_start, probe_guest_end
	.globl	probe_baseline, probe_int3, probe_int3_handler, probe_cmpxchg16b, probe_popcnt, probe_rdtscp, probe_sse
	.globl	probe_xsave, probe_smap, probe_lar, probe_fwait
	.code64
	.p2align 4
probe_guest_start:

probe_baseline:
	mov	$0x600d, %eax
	hlt

probe_int3:
	xor	%eax, %eax
	int3
	hlt
probe_int3_handler:
	mov	$0x600d, %eax
	iretq

/* Compares RDX:RAX = 0:0 with 16 zero bytes on the stack and stores RCX:RBX. */
probe_cmpxchg16b:
	and	$-16, %rsp
	push	$0
	push	$0
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$0x600d, %ebx
	xor	%ecx, %ecx
	lock cmpxchg16b (%rsp)
	jnz	1f
	mov	(%rsp), %rax
1:	hlt

probe_popcnt:
	mov	$0xff00, %ecx
	popcnt	%rcx, %rcx
	xor	%eax, %eax
	cmp	$8, %ecx
	jne	1f
	mov	$0x600d, %eax
1:	hlt

probe_rdtscp:
	rdtscp
	mov	$0x600d, %eax
	hlt

probe_sse:
	mov	$3, %ecx
	cvtsi2sd %ecx, %xmm0
	mulsd	%xmm0, %xmm0
	cvttsd2si %xmm0, %ecx
	xor	%eax, %eax
	cmp	$9, %ecx
	jne	1f
	mov	$0x600d, %eax
1:	hlt

/* Saves and restores x87 and SSE state in a 64-byte aligned area that the stack has room for. */
probe_xsave:
	mov	%cr4, %rax
	or	$(1 << 18), %rax
	mov	%rax, %cr4
	sub	$2048, %rsp
	and	$-64, %rsp
	mov	%rsp, %rdi
	xor	%eax, %eax
	mov	$(2048 / 8), %ecx
	cld
	rep stosq
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$3, %eax
	xsetbv
	mov	$3, %eax
	xor	%edx, %edx
	xsave	(%rsp)
	xrstor	(%rsp)
	mov	$0x600d, %eax
	hlt

probe_smap:
	mov	%cr4, %rax
	or	$(1 << 21), %rax
	mov	%rax, %cr4
	stac
	clac
	mov	$0x600d, %eax
	hlt

probe_lar:
	mov	$0x18, %ecx
	xor	%eax, %eax
	lar	%cx, %edx
	jnz	1f
	mov	$0x600d, %eax
1:	hlt

probe_fwait:
	fninit
	fwait
	mov	$0x600d, %eax
	hlt

probe_guest_end:
	.section .note.GNU-stack, "", @progbits
