# SPDX-License-Identifier: Apache-2.0
#
# A kernel that uses the interval timer although ACPI does not tell of one, as those do that were built without ACPI. It
# calibrates as Linux does (gate on, counter 2 in mode 0, wait for its output) and then lets counter 0 run. The number
# that it writes to the debug-exit port is the first step that went wrong, or 50.
.code64
.globl _start

COUNT = 11932			# 10 ms at 1,193,182 Hz

# latched N: the value of counter N in %ecx
.macro latched n
	mov	$(\n << 6), %al
	out	%al, $0x43
	in	$(0x40 + \n), %al
	movzbl	%al, %ecx
	in	$(0x40 + \n), %al
	movzbl	%al, %edx
	shl	$8, %edx
	or	%edx, %ecx
.endm
.macro step n
	mov	$\n, %ebx
.endm

_start:
	step	1		# port 0x61 keeps what is written
	in	$0x61, %al
	and	$0xfc, %al
	or	$1, %al
	out	%al, $0x61
	in	$0x61, %al
	and	$3, %al
	cmp	$1, %al
	jne	end

	mov	$0xb0, %al	# counter 2, both bytes, mode 0: the very first write to the timer
	out	%al, $0x43
	mov	$(COUNT & 0xff), %al
	out	%al, $0x42
	mov	$(COUNT >> 8), %al
	out	%al, $0x42

	step	2		# the gate that was opened before is open, and the control word was heard: it counts down from there
	latched	2
	cmp	$COUNT, %ecx
	ja	end
	mov	%ecx, %esi
	mov	$100, %edi
1:	dec	%edi
	jz	end
	latched	2
	cmp	%esi, %ecx
	je	1b

	step	3		# the output becomes high, but not at once, and stays so
	xor	%edi, %edi
2:	inc	%edi
	jz	end
	in	$0x61, %al
	test	$0x20, %al
	jz	2b
	cmp	$3, %edi
	jb	end
	in	$0x61, %al
	test	$0x20, %al
	jz	end

	step	4		# counter 0, mode 2
	mov	$0x34, %al
	out	%al, $0x43
	mov	$0xff, %al
	out	%al, $0x40
	out	%al, $0x40
	latched	0
	mov	%ecx, %esi
	mov	$100, %edi
3:	dec	%edi
	jz	end
	latched	0
	cmp	%esi, %ecx
	je	3b
	step	50
end:
	mov	%ebx, %eax
	mov	$0xf4, %dx
	out	%al, %dx
4:	pause
	jmp	4b
