# SPDX-License-Identifier: Apache-2.0
#
# The guest of tests/integration/each-frame.test, without an operating system: names a buffer to the marker and sets the
# mark "ready", at which the snapshot is taken. A restored one asks how long its frame is, and does what the first byte
# says: P powers off, R resets, T crashes, K panics and halts, H hangs, I starts the interval timer and then echoes, W
# overwrites its buffer and what is before it and echoes what was there, any other echoes. An echo is the last 256
# bytes; after it come the number of frames so far, which it counts in RAM, and a mark.
	.code64
	.globl	_start
	.set	COM1, 0x3f8
	.set	LSR, 0x3fd
	.set	COUNT, 0x30000
	.set	COPY, 0x3000000
	.set	BUFFER, 0x2000800
	.set	SIZE, 0x40000
	.set	CONTROL, 0x624
	.set	DATA, 0x628
	.set	LEFT, 0x62c

_start:	mov	$0x28000, %esp
	mov	$DATA, %edx
	mov	$BUFFER, %eax
	out	%eax, %dx
	xor	%eax, %eax
	out	%eax, %dx
	mov	$SIZE, %eax
	out	%eax, %dx
	mov	$CONTROL, %edx
	mov	$5, %eax		# MARKER_BUFFER
	out	%eax, %dx
	in	%dx, %eax
	test	$8, %al			# MARKER_IS_REFUSED
	jnz	bad
	mov	$DATA, %edx
	mov	$0x64616572, %eax	# "read"
	out	%eax, %dx
	mov	$'y', %al
	out	%al, %dx
	call	mark
	/* The restored guest begins here. */
	mov	$CONTROL, %edx
	mov	$6, %eax		# MARKER_FRAME
	out	%eax, %dx
	mov	$LEFT, %edx
	in	%dx, %eax
	cmp	$4, %eax
	jne	bad
	mov	$DATA, %edx
	in	%dx, %eax
	mov	%eax, %ecx
	mov	$BUFFER, %esi
	incb	COUNT
	jecxz	echo
	mov	(%rsi), %al
	cmp	$'P', %al
	je	off
	cmp	$'R', %al
	je	reset
	cmp	$'T', %al
	je	triple
	cmp	$'K', %al
	je	panic
	cmp	$'H', %al
	je	hang
	cmp	$'W', %al
	je	write
	cmp	$'I', %al
	jne	echo
	mov	$0x34, %al		# counter 0, both bytes, mode 2
	out	%al, $0x43
	xor	%al, %al
	out	%al, $0x40
	out	%al, $0x40
echo:	cmp	$256, %ecx
	jbe	next
	lea	-256(%rsi,%rcx), %rsi
	mov	$256, %ecx
next:	mov	$LSR, %edx
	jecxz	2f
1:	in	%dx, %al
	test	$0x20, %al
	jz	1b
	mov	$COM1, %edx
	outsb
	dec	%ecx
	jmp	next
2:	mov	$COM1, %edx
	mov	COUNT, %al
	out	%al, %dx
	mov	$DATA, %edx
	mov	$'x', %al
	out	%al, %dx
	call	mark
	/* What comes after the mark is nobody's. */
	mov	$COM1, %edx
	mov	$'!', %al
	out	%al, %dx
hang:	jmp	hang
write:	mov	%ecx, %ebx
	mov	$COPY, %edi
	rep movsb
	mov	$(BUFFER - 4096), %edi
	mov	$(0x6000 / 8), %ecx
	rep stosq
	mov	$COPY, %esi
	mov	%ebx, %ecx
	jmp	echo
off:	mov	$0x600, %edx		# the sleep control register: enable, type 5
	mov	$0x34, %al
	out	%al, %dx
	jmp	hang
triple:	push	$0
	push	$0
	lidt	(%rsp)
	ud2
reset:	mov	$0x64, %edx
	mov	$0xfe, %al
	out	%al, %dx
	jmp	hang
panic:	mov	$0x505, %edx		# pvpanic: panicked
	mov	$1, %al
	out	%al, %dx
	jmp	hang
bad:	mov	$0xf4, %edx		# the debug-exit port
	mov	$9, %al
	out	%al, %dx
	jmp	hang

/* mark: set a mark of the name that was written, and wait until it is over */
mark:	mov	$CONTROL, %edx
	mov	$1, %eax		# MARKER_MARK
	out	%eax, %dx
1:	in	%dx, %eax
	test	$1, %al			# MARKER_IS_BUSY
	jnz	1b
	ret
