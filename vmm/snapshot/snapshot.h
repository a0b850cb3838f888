/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine in a file, from which machines are restored: what the file is, its writer and its reader.
 *
 *	magic, version	SNAPSHOT_MAGIC; the vmm that wrote it, as text: no other one reads it
 *	facts		struct snapshot_facts, a section of vmm/base/state.h
 *	CPUID		what the guest's CPUs say: function, index, flags and EAX to EDX of each entry, 32 bits each
 *	extents		which parts of RAM are in the file: address and size of each, 64 bits each
 *	settings	of the machine, as a configuration file
 *	state		of CPUs, chips and devices: sections of vmm/base/state.h
 *	sums		a CRC-32 of each SNAPSHOT_GRANULE of RAM, 0 where there are only zeroes
 *	RAM		from a page boundary on, each byte at its place: what has only zeroes is a hole of the file
 *
 * Numbers are little-endian. What is in front of the sums has a CRC-32, and so have the sums; RAM has its sums only, so
 * that a restored machine reads what it needs and no more: snapshot_check_ram() reads all.
 *
 * A part of RAM that has an extent is mapped from the file; the rest is anonymous memory. Extents are made of granules,
 * or of larger pieces when there would be too many.
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

#define SNAPSHOT_MAGIC        "vmm snapshot\r\n\x1a\n"
#define SNAPSHOT_MAGIC_SIZE   16
#define SNAPSHOT_VERSION_SIZE 64 /* with its end */
#define SNAPSHOT_FACTS_AT     (SNAPSHOT_MAGIC_SIZE + SNAPSHOT_VERSION_SIZE)

#define SNAPSHOT_GRANULE      (2 * MIB)
#define SNAPSHOT_EXTENTS_MAX  127 /* and the anonymous parts between, before and behind: at most 255 mappings */
#define SNAPSHOT_SETTINGS_MAX MIB
#define SNAPSHOT_STATE_MAX    (64 * MIB)

#define SNAPSHOT_TEXT 240

/**
 * struct snapshot_facts - what a file says about itself and its machine
 * @file_bytes: its size
 * @nr_cpuid, @nr_extents: entries; @settings_bytes, @state_bytes: sizes of these parts
 * @head_crc: of the parts from CPUID to state; @sums_crc: of the sums
 * @mem_bytes: RAM; @ram_bytes: of the pages that are not zero; @cpus: number of CPUs
 * @created_ns: when the machine was held, CLOCK_REALTIME
 * @tsc_khz: rate of its TSC, 0: unknown
 * @kernel_bytes: size of the file of its kernel
 * @kernel, @build_id, @banner: its path, build id and version, ended by a NUL each; empty: unknown
 */
struct snapshot_facts {
	uint64_t file_bytes;
	uint32_t nr_cpuid;
	uint32_t nr_extents;
	uint32_t settings_bytes;
	uint32_t state_bytes;
	uint32_t head_crc;
	uint32_t sums_crc;
	uint64_t mem_bytes;
	uint64_t ram_bytes;
	uint64_t created_ns;
	uint32_t cpus;
	uint32_t tsc_khz;
	uint64_t kernel_bytes;
	char kernel[SNAPSHOT_TEXT];
	char build_id[65];
	char banner[SNAPSHOT_TEXT];
};

/**
 * struct snapshot_parts - what a file is made of, besides RAM; borrowed
 * @version: of this vmm, shorter than SNAPSHOT_VERSION_SIZE
 * @facts: all but sizes, numbers and checksums of the file, which the writer fills in
 */
struct snapshot_parts {
	const char *version;
	struct snapshot_facts facts;
	const struct cpuid_set *cpuid;
	const char *settings;
	const uint8_t *state;
	size_t state_bytes;
};

/* --- Writing --------------------------------------------------------------------------------------------------- */

struct snapshot_writer;

/**
 * snapshot_writer_new() - what writing one takes
 * @mem_bytes: RAM of the machine
 * @ret: owned by the caller
 *
 * Return: 0 or -ENOMEM.
 */
int snapshot_writer_new(uint64_t mem_bytes, struct snapshot_writer **ret);

/** snapshot_writer_free() - takes NULL */
void snapshot_writer_free(struct snapshot_writer *w);

/** snapshot_largest() - no file of a machine with so much RAM is larger */
uint64_t snapshot_largest(uint64_t mem_bytes);

/**
 * snapshot_prepare() - lay out a file, and copy its parts into the writer
 *
 * Return: 0, -E2BIG (a part is larger than a file can have), -ENOMEM. Context: any thread, one at a time.
 */
int snapshot_prepare(struct snapshot_writer *w, const struct snapshot_parts *parts);

/**
 * snapshot_write() - write the file that was prepared
 * @mem: RAM, which nobody changes meanwhile
 * @fd: a new, empty file
 * @stop: becomes true when nobody wants it any more
 * @ret_bytes: written, holes left out; untouched on failure
 *
 * Nothing is allocated, and the calls are those of vmm/debug/ram.h.
 *
 * Return: 0, -ECANCELED, or a negative errno of pwrite(). Context: any thread. Trust: guest (RAM).
 */
int snapshot_write(
	struct snapshot_writer *w, const struct gmem *mem, int fd, const _Atomic bool *stop, uint64_t *ret_bytes);

/* --- Reading --------------------------------------------------------------------------------------------------- */

/**
 * struct snapshot - a file that has been read up to its sums; start from SNAPSHOT_NONE
 * @fd: of the file; borrowed
 * @version: of the vmm that wrote it
 * @cpuid, @extent, @settings, @state: owned; @settings is ended by a NUL
 * @sums_at, @ram_at: where they are in the file
 */
struct snapshot {
	int fd;
	char version[SNAPSHOT_VERSION_SIZE];
	struct snapshot_facts facts;
	struct cpuid_set *cpuid;
	struct gmem_extent *extent;
	char *settings;
	uint8_t *state;
	uint64_t sums_at;
	uint64_t ram_at;
};

#define SNAPSHOT_NONE ((struct snapshot){.fd = -1})

/**
 * snapshot_read() - read and check all but sums and RAM
 * @fd: a regular file; borrowed until snapshot_destroy()
 * @version: of this vmm; NULL: one of any version is read as far as this one understands it
 * @ret: untouched on failure
 *
 * Return: 0, -ENOMEM, a negative errno of pread(), -EINVAL with a message in @e: no snapshot, another version's, cut
 * short, damaged, or a number in it is impossible.
 * Context: blocks on the file system. Trust: the file may be anything, and may change meanwhile.
 */
int snapshot_read(int fd, const char *version, struct snapshot *ret, struct err *e);

/** snapshot_destroy() - takes NULL and SNAPSHOT_NONE */
void snapshot_destroy(struct snapshot *s);

/**
 * snapshot_check_ram() - read all of RAM, and compare it with its sums
 *
 * Return: 0, a negative errno of pread(), -ENOMEM, -EINVAL with a message in @e that says which part is damaged.
 * Trust: as of snapshot_read().
 */
int snapshot_check_ram(const struct snapshot *s, struct err *e);

/** snapshot_vendor() - "GenuineIntel" and so on, from CPUID leaf 0; printable */
void snapshot_vendor(const struct snapshot *s, char ret[static 13]);

#endif
