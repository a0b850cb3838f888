/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways in: _start, the 64-bit boot protocol (vmm), and by the note, PVH in 32-bit mode (QEMU). Both end in
 * hostile_main(command line), with the first 4 GiB mapped at themselves.
 */
	.section .note.pvh, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	pvh_start

	.text
	.code64
	.globl	_start
_start:
	mov	$stack_top, %esp
	mov	0x228(%rsi), %ebx	/* boot_params: hdr.cmd_line_ptr */
	call	tables
	mov	$pml4, %eax
	mov	%rax, %cr3
	jmp	enter

	.code32
pvh_start:
	cld
	mov	$stack_top, %esp
	mov	24(%ebx), %ebx		/* hvm_start_info: cmdline_paddr */
	call	tables
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx	/* EFER: LME */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax	/* PG, PE */
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $enter

/* Fills the page tables. The same bytes do it in 32-bit and in 64-bit mode: no addresses in instructions. */
tables:
	mov	$pml4, %edi
	movl	$pdpt + 3, (%edi)
	mov	$pdpt, %edi
	mov	$pd + 3, %eax
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	sub	$1, %ecx
	jnz	1b
	mov	$pd, %edi
	mov	$0x83, %eax		/* a page of 2 MiB that can be written */
	mov	$2048, %ecx
2:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	sub	$1, %ecx
	jnz	2b
	ret

	.code64
enter:
	mov	%ebx, %edi
	and	$-16, %rsp
	call	hostile_main
1:	pause
	jmp	1b

	.align	8
gdt:	.quad	0, 0x00af9b000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.align	4096
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4 * 4096
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
