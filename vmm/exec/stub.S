/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of vmm's code in the guest. It runs in ring 0, and does nothing but exit to the VMM. See docs/design/exec.md.
 *
 * SYSCALL enters at its start (LSTAR): RCX has the return address, R11 the flags; RSP is the program's and is not used.
 * When OUT completes, the VMM has answered the call. On a KVM that stays in ring 3 at SYSCALL, fetching the first
 * instruction faults, and the page-fault handler exits to the VMM instead.
 *
 * From EXEC_STUB_VECTORS on there is a handler for each exception, EXEC_STUB_SPACING bytes apart, so that RIP
 * identifies the vector. The stack has the frame that the processor pushed, and for a page fault also CR2. The VMM
 * reads the frame and may change it; IRET returns to the program.
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
