/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot/: loads a kernel from its file into guest RAM and computes the state in which its first CPU starts. The output
 * is plain data: nothing here depends on KVM, threads or devices. It runs before the guest does; it may block on the
 * operator's files, and only on those. Images are hostile, and other processes may rewrite or truncate them while they
 * are read.
 *
 *   boot.c          which format an image is, and by which protocol it is entered: two tables
 *   source, gzip    the bytes of an image: a plain file, or a gzip stream inside one
 *   format_*.c      one file per format: what of the image goes where, and which entries it offers
 *   entry_*.c       one file per boot protocol: a function from guest RAM and `struct boot_env` to `struct entry`
 *   initrd, memmap  what every protocol passes to the kernel: an initrd in RAM, the map of RAM
 *   layout, x86     the addresses below 1 MiB, and where a kernel may be loaded; descriptor and page tables
 *   tables/         the tables of firmware: ACPI, MP table; resetvec: the reset entry of a BIOS
 *   format_flat     programs without a kernel, which have no protocol: vmm/program lays out what they start with
 *
 * A boot protocol is a value of enum boot_protocol, a file entry_NAME.c with a row in boot.c, and, in the formats that
 * know it, a few lines that fill its `struct offer`. What the next two protocols need, according to their
 * specifications:
 *
 * - PVH (Xen, docs/misc/pvh.pandoc; xen/include/public/arch-x86/hvm/start_info.h). Offer: the ELF note
 *   XEN_ELFNOTE_PHYS32_ENTRY (18, name "Xen") has the address; no header. The note is in a loaded segment, so it is
 *   read from guest RAM after loading. That also works for an inflated image, which can only be read forwards. If the
 *   kernel is relocated, so is its entry. Entry: ENTRY_PROTECTED, RBX at a struct hvm_start_info (magic 0x336ec578)
 *   with the command line, the RSDP, one module (the initrd) and, from version 1 on, memmap's rows, whose types are
 *   those of e820; TR a busy 32-bit TSS at 0 with limit 0x67: `struct entry` has one, for ENTRY_LONG only as yet.
 * - Multiboot 0.6.96. Offer: in the first 8192 bytes, at a multiple of 4, a header with magic 0x1badb002 and a checksum
 *   to 0, 48 bytes at most: `struct offer` keeps it. Flags the entry does not know in bits 0 to 15 refuse the image.
 *   With bit 16 set the header says where the file's bytes go, a format of its own; else the image is an ELF, of 32
 *   bits as a rule, which format_elf.c would have to read. Entry: ENTRY_PROTECTED, EAX 0x2badb002, RBX at the
 *   information structure: mem_lower and mem_upper, command line, modules in whole pages, memmap's rows as mmap.
 *   `struct entry` has no RAX yet. There is no field for the RSDP: such a kernel searches for it, and finds it where
 *   layout.h has it.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/board.h"
#include "vmm/base/entry.h"
#include "vmm/base/err.h"
#include "vmm/base/gmem.h"

/**
 * enum load_how - how the bytes of an image get into RAM
 * @LOAD_READ: copied by the host kernel into guest RAM
 * @LOAD_MAP: whole pages of the file are mapped privately over guest RAM; the rest, and what has to be inflated or
 *            cannot be mapped (another page offset, RAM of huge pages), is read
 */
enum load_how { LOAD_READ, LOAD_MAP };

/**
 * enum boot_protocol - how a kernel expects to be entered, the best one first
 * @BOOT_LINUX64: Linux's 64-bit boot protocol
 */
enum boot_protocol { BOOT_LINUX64, BOOT_PROTOCOLS };

#define OFFER_HEADER_MAX 128 /* Linux's setup_header has 123 */

/**
 * struct offer - one way in which an image can be entered
 * @offered: the image has it
 * @entry: guest-physical address of its first instruction
 * @header: what the image says to a loader that uses this protocol, as it lies in the file; its layout is known to the
 *          entry
 * @header_size: in bytes; 0: the image has none
 */
struct offer {
	bool offered;
	uint64_t entry;
	uint16_t header_size;
	uint8_t header[OFFER_HEADER_MAX];
};

/**
 * struct loaded - an image in guest RAM; plain data
 * @format: its name, static
 * @file_addresses: addresses in the file, of symbols for one, are those in the guest
 * @start, @end: guest-physical range that it needs for itself, with bss and room to unpack
 * @mapped_bytes, @copied_bytes: how many bytes were mapped and copied; inflated bytes count as copied
 * @offer: by protocol; at least one is offered
 */
struct loaded {
	const char *format;
	bool file_addresses;
	uint64_t start;
	uint64_t end;
	uint64_t mapped_bytes;
	uint64_t copied_bytes;
	struct offer offer[BOOT_PROTOCOLS];
};

#define BOOT_RNG_SEED_BYTES 32

/**
 * struct boot_env - what a kernel is started with, whatever the protocol; all pointers are borrowed for the call
 * @board: only its ram_size is used; guest RAM has that size
 * @image: as boot_load() left it
 * @cmdline: the whole command line, NUL-terminated
 * @initrd_fd: a regular file, or -1 for none; borrowed
 * @initrd_name: its name in messages (its path), or NULL
 * @initrd, @initrd_size: bytes in place of a file, borrowed; NULL: a file, or none
 * @acpi_rsdp: guest-physical address of the RSDP, 0 for none
 * @rng_seed: fresh random bytes, for protocols that pass them on
 */
struct boot_env {
	const struct board *board;
	const struct loaded *image;
	const char *cmdline;
	int initrd_fd;
	const char *initrd_name;
	const void *initrd;
	size_t initrd_size;
	uint64_t acpi_rsdp;
	uint8_t rng_seed[BOOT_RNG_SEED_BYTES];
};

/**
 * struct boot_placed - where the initrd went
 * @initrd_gpa, @initrd_size: guest-physical address and bytes; both 0 when there is none
 */
struct boot_placed {
	uint64_t initrd_gpa;
	uint64_t initrd_size;
};

/**
 * boot_load() - recognise a kernel image by its content, never by its name, and load it
 * @mem: guest RAM that reads as zero (bss is not written); with LOAD_MAP its file window grows
 * @fd: the image, readable and seekable from any position; borrowed, and not needed afterwards
 * @how: see enum load_how
 * @ret: what was loaded
 * @e: what is wrong with the image; the caller prepends the path
 *
 * Other processes may rewrite or truncate the file at any time. During loading this causes an error. After it, with
 * LOAD_MAP, bytes that have not been accessed yet change with the file, and a copy from a page that was truncated away
 * returns -EFAULT, provided gmem_install_sigbus() was called.
 *
 * Return: 0 or a negative errno; after a failure the content of guest RAM is undefined.
 * Errors: -EINVAL, -ENOEXEC (not a kernel, or broken), -ENOTSUP (a kernel that cannot be started this way), -E2BIG
 * (does not fit guest RAM), -ENOMEM (no host memory), -EFBIG (inflates to more than fits), and those of fstat, pread
 * and mmap.
 * Context: before the guest runs; blocks on the file.
 * Trust: operator; the image is hostile.
 * Spec: Linux Documentation/arch/x86/boot.rst; System V ABI, "Object Files"; RFC 1952 (gzip).
 */
int boot_load(struct gmem *mem, int fd, enum load_how how, struct loaded *ret, struct err *e);

/** boot_offer() - the offer of an image that boot_enter() takes */
const struct offer *boot_offer(const struct loaded *image);

/**
 * boot_enter() - write what the kernel expects in RAM, by the first protocol that its image offers
 * @mem: guest RAM that reads as zero below 1 MiB, except for the tables
 * @ret_entry: state of the boot processor
 * @ret_placed: where the initrd went
 * @e: which of the operator's values is wrong, and its limit
 *
 * Return: 0 or a negative errno.
 * Errors: -E2BIG (command line), -EFBIG (initrd), -EINVAL, those of fstat and pread.
 * Context: before the guest runs, after boot_load(); blocks on the initrd's file.
 * Trust: operator.
 */
int boot_enter(struct gmem *mem, const struct boot_env *env, struct entry *ret_entry, struct boot_placed *ret_placed,
	struct err *e);

#endif
