/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All code of ours in the guest; it runs in ring 0, and only ever leaves the VM. See docs/design/exec.md.
 *
 * At its start SYSCALL arrives (LSTAR): RCX has the return address, R11 the flags, RSP is the program's and is not used.
 * The VMM has answered when OUT is done. On a KVM that stays in ring 3 at SYSCALL the fetch from here faults, and the
 * handler of page faults leaves the VM instead.
 *
 * From EXEC_STUB_VECTORS on there is a handler for each exception, EXEC_STUB_SPACING bytes each, so that RIP says which.
 * On the stack is what the processor has pushed, and for a page fault CR2 as well; the VMM reads it there, may change it,
 * and IRET goes back to the program.
 */
#include "vmm/exec/monitor.h"

	.section .rodata
	.globl exec_stub
	.globl exec_stub_end
	.code64
exec_stub:
	out %al, $EXEC_PORT_CALL
	sysretq

	.org exec_stub + EXEC_STUB_VECTORS
vector = 0
	.rept EXEC_VECTORS
	.org exec_stub + EXEC_STUB_VECTORS + vector * EXEC_STUB_SPACING
	.if vector == 14
	push %rax
	mov %cr2, %rax
	xchg %rax, (%rsp)
	out %al, $EXEC_PORT_FAULT
	lea 16(%rsp), %rsp
	iretq
	.elseif (EXEC_WITH_ERROR >> vector) & 1
	out %al, $EXEC_PORT_FAULT
	lea 8(%rsp), %rsp
	iretq
	.else
	out %al, $EXEC_PORT_FAULT
	iretq
	.endif
vector = vector + 1
	.endr
exec_stub_end:
	.section .note.GNU-stack, "", @progbits
