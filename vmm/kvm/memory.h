/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: its mapping, and KVM's memory slots for it.
 */
#ifndef VMM_KVM_MEMORY_H
#define VMM_KVM_MEMORY_H

#include "vmm/base/err.h"
#include "vmm/base/gmem.h"
#include "vmm/config.h"
#include "vmm/kvm/kvm.h"

/**
 * struct memory - owns the mapping that @gmem's regions point into
 * @host, @size: the one mapping; NULL when there is none
 */
struct memory {
	struct gmem gmem;
	void *host;
	uint64_t size;
};

/**
 * memory_check() - refuse a size of RAM that is impossible, in general or on this host
 *
 * Return: 0 or -EINVAL, with a message in @e that names the option.
 * Trust: operator.
 */
int memory_check(uint64_t size, enum backing backing, struct err *e);

/**
 * memory_create() - map @size bytes of guest RAM, split around the 32-bit hole
 * @size: bytes, a multiple of 4 KiB (of the huge page's size for BACKING_HUGE_*)
 * @prefault: touch every page now
 * @ret: owned by the caller; untouched on failure
 *
 * The mapping is excluded from core dumps. If the host chooses the page size (BACKING_ANON, not @prefault), small pages
 * are used below 2 MiB, so guest RAM is two mappings in /proc/PID/smaps.
 *
 * Return: 0 or a negative errno, with a message in @e, which names the sysctl when huge pages are missing.
 * Trust: operator.
 */
int memory_create(uint64_t size, enum backing backing, bool prefault, struct memory *ret, struct err *e);

/**
 * memory_map() - map RAM that a file has, privately: the guest's writes are its own, and what it does not touch takes
 * nothing
 * @size: bytes, a multiple of 4 KiB
 * @fd: of a regular file
 * @file_at: where RAM begins in it, at a page
 * @extent: @nr, sorted, of whole pages, apart and in RAM: what the file has; the rest is anonymous and reads as zeroes
 * @ret: as of memory_create()
 *
 * The file may be cut short by others: all of @ret is within the file window of its gmem.
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int memory_map(uint64_t size, int fd, uint64_t file_at, const struct gmem_extent *extent, size_t nr, struct memory *ret,
	struct err *e);

/** memory_prefault() - make every page the guest's own now. Return: 0 or a negative errno, with a message in @e. */
int memory_prefault(const struct memory *m, struct err *e);

/**
 * memory_populate() - the same of parts of it
 * @part: @nr, of whole pages, in RAM; borrowed
 *
 * Return: as of memory_prefault().
 */
int memory_populate(const struct memory *m, const struct gmem_extent *part, size_t nr, struct err *e);

/** memory_destroy() - takes NULL and a zeroed struct; no VM may use the memory any more */
void memory_destroy(struct memory *m);

/**
 * memory_attach() - make a KVM memory slot for every region, from slot 0
 *
 * Context: before KVM_CREATE_IRQCHIP: a slot added after it costs milliseconds (SRCU).
 */
int memory_attach(const struct memory *m, struct kvm *kvm, int vm_fd, struct err *e);

#endif
