/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot file, from which machines are restored: its format, writer and reader.
 *
 *	magic, version	SNAPSHOT_MAGIC; version of the vmm that wrote it, as text: no other version reads it
 *	facts		struct snapshot_facts, a section of vmm/base/state.h
 *	CPUID		of the guest's CPUs: function, index, flags and EAX to EDX of each entry, 32 bits each
 *	extents		which parts of RAM are in the file: address and size of each, 64 bits each
 *	settings	of the machine, in the format of a configuration file
 *	state		of CPUs, chips and devices: sections of vmm/base/state.h
 *	disks		struct snapshot_disk of each, sections of vmm/base/state.h
 *	sums		a CRC-32C of each SNAPSHOT_GRANULE of RAM, 0 if it is all zeroes
 *	RAM		from a page boundary on, each byte at its own offset; pages of zeroes are holes in the file
 *	overlays	of each disk with one: a bit for each block that is here, then from a page boundary on the
 *			blocks, each at its own offset; blocks of zeroes are holes
 *
 * Numbers are little-endian. The facts, the parts from CPUID to disks, the sums, and the map of each overlay have a
 * CRC-32C each. RAM is covered by its sums and the blocks of an overlay by one, which restoring does not check, so that
 * a restored machine reads only what it needs; snapshot_check_ram() and snapshot_check_disks() read and check all.
 *
 * RAM inside an extent is mapped from the file; the rest is anonymous memory. Extents consist of whole granules, or of
 * larger pieces if there would be too many of them.
 */
#ifndef VMM_SNAPSHOT_SNAPSHOT_H
#define VMM_SNAPSHOT_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/gmem.h"
#include "vmm/base/util.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/snapshot/disks.h"

#define SNAPSHOT_MAGIC        "vmm snapshot\r\n\x1a\n"
#define SNAPSHOT_MAGIC_SIZE   16
#define SNAPSHOT_VERSION_SIZE 64 /* with its NUL */
#define SNAPSHOT_FACTS_AT     (SNAPSHOT_MAGIC_SIZE + SNAPSHOT_VERSION_SIZE)

#define SNAPSHOT_MEM_MAX      (65536 * GIB) /* as much as a machine can have */
#define SNAPSHOT_GRANULE      (2 * MIB)
#define SNAPSHOT_EXTENTS_MAX  127 /* with the anonymous memory before, between and after them: at most 255 mappings */
#define SNAPSHOT_SETTINGS_MAX MIB
#define SNAPSHOT_STATE_MAX    (64 * MIB)

#define SNAPSHOT_TEXT 240

/**
 * struct snapshot_facts - facts about the file and its machine
 * @file_bytes: size of the file
 * @nr_cpuid, @nr_extents, @nr_disks: numbers of entries; @settings_bytes, @state_bytes: sizes of these parts
 * @disk_bytes: size of the overlays, with holes
 * @head_crc: of the parts from CPUID to disks; @sums_crc: of the sums
 * @mem_bytes: size of RAM; @ram_bytes: size of its non-zero pages; @cpus: number of CPUs
 * @created_ns: when the machine was paused for it, CLOCK_REALTIME
 * @tsc_khz: rate of its TSC, 0: unknown
 * @kernel_bytes: size of the kernel's file
 * @kernel, @build_id, @banner: the kernel's path, build id and version, each NUL-terminated; empty: unknown
 */
struct snapshot_facts {
	uint64_t file_bytes;
	uint32_t nr_cpuid;
	uint32_t nr_extents;
	uint32_t nr_disks;
	uint32_t settings_bytes;
	uint32_t state_bytes;
	uint32_t head_crc;
	uint32_t sums_crc;
	uint64_t mem_bytes;
	uint64_t ram_bytes;
	uint64_t disk_bytes;
	uint64_t created_ns;
	uint32_t cpus;
	uint32_t tsc_khz;
	uint64_t kernel_bytes;
	char kernel[SNAPSHOT_TEXT];
	char build_id[65];
	char banner[SNAPSHOT_TEXT];
};

/**
 * struct snapshot_parts - the contents of a file besides RAM; borrowed
 * @version: of this vmm, shorter than SNAPSHOT_VERSION_SIZE
 * @disk: borrowed until the file is written; @nr_disks: at most SNAPSHOT_DISKS_MAX
 * @facts: without sizes, counts and checksums of the file, which the writer fills in
 */
struct snapshot_parts {
	const char *version;
	struct snapshot_facts facts;
	const struct cpuid_set *cpuid;
	const char *settings;
	const uint8_t *state;
	size_t state_bytes;
	const struct snapshot_source *disk;
	uint32_t nr_disks;
};

/* --- Writing --------------------------------------------------------------------------------------------------- */

struct snapshot_writer;

/**
 * snapshot_writer_new() - allocate everything that writing a snapshot needs
 * @mem_bytes: size of the machine's RAM
 * @ret: owned by the caller
 *
 * Return: 0 or -ENOMEM.
 */
int snapshot_writer_new(uint64_t mem_bytes, struct snapshot_writer **ret);

/** snapshot_writer_free() - takes NULL */
void snapshot_writer_free(struct snapshot_writer *w);

/** snapshot_largest() - upper limit of the file size for a machine with @mem_bytes of RAM and no overlay */
uint64_t snapshot_largest(uint64_t mem_bytes);

/**
 * snapshot_prepare() - lay out a file and copy its parts into the writer
 *
 * Return: 0, -E2BIG (a part is larger than its limit), -ENOMEM. Context: any thread, one at a time.
 */
int snapshot_prepare(struct snapshot_writer *w, const struct snapshot_parts *parts);

/**
 * snapshot_write() - write the file that was prepared
 * @mem: RAM, which must not change during the call
 * @fd: a new, empty file
 * @stop: set to true by another thread to cancel
 * @ret_bytes: bytes written, not counting holes; untouched on failure
 *
 * The disks must not change either. Does not allocate; its system calls are those of vmm/debug/ram.h and of
 * snapshot_fingerprint().
 *
 * Return: 0, -ECANCELED, or a negative errno of pwrite() or of reading a disk. Context: any thread. Trust: guest (RAM).
 */
int snapshot_write(
	struct snapshot_writer *w, const struct gmem *mem, int fd, const _Atomic bool *stop, uint64_t *ret_bytes);

/* --- Reading --------------------------------------------------------------------------------------------------- */

/**
 * struct snapshot - a file that has been read up to its sums; start from SNAPSHOT_NONE
 * @fd: of the file; borrowed
 * @version: of the vmm that wrote it
 * @cpuid, @extent, @settings, @state, @disk: owned; @settings is ended by a NUL
 * @sums_at, @ram_at: their offsets in the file
 */
struct snapshot {
	int fd;
	char version[SNAPSHOT_VERSION_SIZE];
	struct snapshot_facts facts;
	struct cpuid_set *cpuid;
	struct gmem_extent *extent;
	char *settings;
	uint8_t *state;
	struct snapshot_disk *disk;
	uint64_t sums_at;
	uint64_t ram_at;
};

#define SNAPSHOT_NONE ((struct snapshot){.fd = -1})

/**
 * snapshot_read() - read and check all but sums and RAM
 * @fd: a regular file; borrowed until snapshot_destroy()
 * @version: of this vmm, which must match; NULL: read a file of any version as far as this vmm understands it
 * @ret: untouched on failure
 *
 * Return: 0, -ENOMEM, a negative errno of pread(), -EINVAL with a message in @e: not a snapshot, of another version,
 * truncated, damaged, or with an invalid number in it.
 * Context: blocks on the file system. Trust: the file may be anything, and may change meanwhile.
 */
int snapshot_read(int fd, const char *version, struct snapshot *ret, struct err *e);

/** snapshot_destroy() - takes NULL and SNAPSHOT_NONE */
void snapshot_destroy(struct snapshot *s);

/**
 * snapshot_check_ram() - read all of RAM and check it against its sums
 *
 * Return: 0, a negative errno of pread(), -ENOMEM, -EINVAL with a message in @e that says which part is damaged.
 * Trust: as for snapshot_read().
 */
int snapshot_check_ram(const struct snapshot *s, struct err *e);

/** snapshot_vendor() - "GenuineIntel" and so on, from CPUID leaf 0; printable */
void snapshot_vendor(const struct snapshot *s, char ret[static 13]);

#endif
