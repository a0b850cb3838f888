# SPDX-License-Identifier: Apache-2.0
# The guest of `vmm bench exits`: for each path a loop that times one instruction, fenced, and stores the cycles.
#
#	%r12	where the next sample goes, 32 bits each
#	%r13	iterations left
#	%r14	address of the MMIO store
#	%r15	address of the local APIC's end-of-interrupt register
#	%rbp	0
#	%eax	where a row begins in ring 3: the selector of the task state segment
#
# A loop ends in HLT. In ring 3 that is a general protection fault at this very place, by which the VMM knows the end.
# Where interrupts are, KVM keeps HLT to itself, and an OUT to PORT_END ends it.
	.section .rodata
	.globl	exit_costs_guest_start, exit_costs_guest_end
	.code64
	.set	PORT, 0xe9
	.set	PORT_END, 0xf4
	# IA32_APIC_BASE: KVM answers, on Intel and AMD. The time stamp counter (0x10) is read without an exit on Intel.
	.set	MSR, 0x1b

	.macro now_rdtscp to
	lfence
	rdtscp
	lfence
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \to
	.endm

	.macro now_rdtsc to
	lfence
	rdtsc
	lfence
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, \to
	.endm

	.macro do_nothing
	.endm
	.macro do_cpuid
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	.endm
	.macro do_rdmsr
	mov	$MSR, %ecx
	rdmsr
	.endm
	# KVM_HC_VAPIC_POLL_IRQ: does nothing
	.macro do_vmcall
	mov	$1, %eax
	vmcall
	.endm
	.macro do_vmmcall
	mov	$1, %eax
	vmmcall
	.endm
	.macro do_out
	out	%al, $PORT
	.endm
	.macro do_store
	mov	%eax, (%r14)
	.endm
	.macro do_syscall
	syscall
	.endm

	.macro timed how, clock
	.globl	exit_costs_\how\()_\clock
	.balign	64
exit_costs_\how\()_\clock:
1:	now_\clock %r8
	do_\how
	now_\clock %r9
	sub	%r8, %r9
	mov	%r9d, (%r12)
	add	$4, %r12
	dec	%r13
	jnz	1b
	hlt
	.endm

	# What a system call does in the guest's kernel
	.macro handler how
	.globl	exit_costs_handler_\how
	.balign	64
exit_costs_handler_\how:
	mov	%rcx, %r10
	do_\how
	mov	%r10, %rcx
	sysretq
	.endm

	# From a store that is an ioeventfd to the first instruction of the handler, which leaves its time in R9.
	.macro kicked clock
	.globl	exit_costs_kick_\clock, exit_costs_irq_\clock
	.balign	64
exit_costs_kick_\clock:
1:	xor	%ebx, %ebx
	now_\clock %r8
	mov	%ebp, (%r14)
2:	test	%ebx, %ebx
	jz	2b
	sub	%r8, %r9
	mov	%r9d, (%r12)
	add	$4, %r12
	dec	%r13
	jnz	1b
	out	%al, $PORT_END
3:	jmp	3b
	.balign	64
exit_costs_irq_\clock:
	now_\clock %r9
	mov	$1, %ebx
	mov	%ebp, (%r15)
	iretq
	.endm

	.balign	64
exit_costs_guest_start:
	.irp how, nothing, cpuid, rdmsr, vmcall, vmmcall, out, store, syscall
	timed \how, rdtscp
	timed \how, rdtsc
	.endr
	.irp how, nothing, cpuid, rdmsr, vmcall, vmmcall, out, store
	handler \how
	.endr
	kicked	rdtscp
	kicked	rdtsc

	# Where a row begins in ring 3: on a stack with an interrupt's frame. A processor sets the task register as LTR does
	# and no other way for sure: QEMU's, with SVM nested in it, finds no I/O bitmap by one that KVM_SET_SREGS gave it.
	.globl	exit_costs_to_ring3
	.balign	64
exit_costs_to_ring3:
	ltr	%ax
	iretq
exit_costs_guest_end:
	.section .note.GNU-stack, "", @progbits
