/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks which pages a guest has written, by KVM's dirty log, a bitmap for each memory slot, or its dirty ring, a queue
 * for each vCPU. Both result in a bitmap of a slot: bit n is page n of it, 4 KiB each.
 *
 * KVM tracks the guest's stores, and its own on the guest's behalf, but not those of this process: a device's used
 * ring, preadv() into guest RAM, a balloon. Code that resets memory by these bitmaps has to track these itself.
 *
 * A VM has the log or the rings, which are enabled before its first vCPU; with rings there is no log.
 * Context: the vCPUs do not run, unless a function says otherwise; any thread.
 */
#ifndef VMM_KVM_DIRTY_H
#define VMM_KVM_DIRTY_H

#include <stdbool.h>

#include "vmm/kvm/kvm.h"

/** struct dirty_slot - a memory slot of KVM: number, guest-physical address, size in bytes, mapping */
struct dirty_slot {
	uint32_t slot;
	uint64_t gpa;
	uint64_t size;
	void *host;
};

/** dirty_words() - the length of a slot's bitmap, in 64-bit words */
size_t dirty_words(const struct dirty_slot *s);

/**
 * dirty_track() - start or stop tracking the guest's writes to the slot, in its log or in the rings
 *
 * Starting clears the log, and causes a fault at the next store to each page.
 *
 * Return: 0 or a negative errno.
 * Spec: KVM API, 4.35 KVM_SET_USER_MEMORY_REGION, KVM_MEM_LOG_DIRTY_PAGES.
 */
int dirty_track(struct kvm *kvm, int vm_fd, const struct dirty_slot *s, bool on, struct err *e);

/**
 * dirty_log_collect() - the pages written since the last call, or since dirty_track(); the log is empty afterwards
 * @bitmap: dirty_words() of them, overwritten
 *
 * Return: 0, or a negative errno: -ENOENT when the slot is not tracked.
 * Context: vCPUs may run; their writes meanwhile are in this bitmap or in the next one.
 * Spec: KVM API, 4.8 KVM_GET_DIRTY_LOG.
 */
int dirty_log_collect(struct kvm *kvm, int vm_fd, const struct dirty_slot *s, uint64_t *bitmap, struct err *e);

/* KVM keeps up to 576 entries for itself; a guest that fills the rest leaves KVM_RUN until they are collected. */
#define DIRTY_RING_ENTRIES 1024
#define DIRTY_RING_BYTES   (DIRTY_RING_ENTRIES * sizeof(struct kvm_dirty_gfn))

/**
 * struct dirty_ring - the ring of a vCPU; zero-initialised
 * @entry: owned; shared with KVM
 * @next: the entry that KVM writes next
 */
struct dirty_ring {
	struct kvm_dirty_gfn *entry;
	unsigned next;
};

/**
 * dirty_ring_capability() - the capability with which this KVM has rings of DIRTY_RING_ENTRIES, for
 * dirty_ring_enable(); 0: none
 */
uint32_t dirty_ring_capability(struct kvm *kvm);

/** dirty_ring_enable() - give each vCPU that is made after this a ring. Return: 0 or a negative errno */
int dirty_ring_enable(struct kvm *kvm, int vm_fd, uint32_t capability, struct err *e);

/** dirty_ring_open() - map the ring of a vCPU. Return: 0 or a negative errno */
int dirty_ring_open(int vcpu_fd, struct dirty_ring *ret, struct err *e);

/** dirty_ring_close() - takes a zeroed struct */
void dirty_ring_close(struct dirty_ring *ring);

/**
 * dirty_ring_collect() - the pages of a slot that this vCPU has written since the last call
 * @bitmap: as for dirty_log_collect(), but added to: a VM has a ring for each vCPU
 *
 * Entries of other slots are removed as well. dirty_ring_reset() then returns the removed entries to KVM, which tracks
 * the next store to those pages.
 *
 * Return: the number of entries removed.
 * Spec: KVM API, 8.29 KVM_CAP_DIRTY_LOG_RING. Trust: guest (it determines the number of entries; the rest is bounded by
 * the bitmap).
 */
unsigned dirty_ring_collect(struct dirty_ring *ring, const struct dirty_slot *s, uint64_t *bitmap);

/** dirty_ring_reset() - after dirty_ring_collect(), once for all rings of a VM. Return: 0 or a negative errno */
int dirty_ring_reset(int vm_fd, struct err *e);

#endif
