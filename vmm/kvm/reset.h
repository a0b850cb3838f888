/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM that goes back, again and again, to a moment of its own, in memory: what KVM holds of it (vm_saved.h) and the
 * pages of RAM that were written since.
 *
 *	vm_reset_init(&vm, &t, base, e);	when the CPUs have been made; from now on writes are noted
 *	vm_reset_mark(&t, e);		the moment
 *	... the guest runs, devices write ...
 *	vm_reset_return(&t, &pages, e);	back, as often as wanted
 *
 * Written is what KVM's log has, and what this process has written, which KVM does not see and gmem_mark() notes: used
 * rings, buffers that devices fill, a balloon. Devices are the owner's, and are restored after the return, which
 * restores the RAM that they look at. Interrupts that devices have raised must have been delivered before it
 * (vm_deliver_directly()).
 *
 * Context of all: the CPUs are held with their last exits completed, and devices do not write to RAM.
 */
#ifndef VMM_KVM_RESET_H
#define VMM_KVM_RESET_H

#include "vmm/kvm/dirty.h"
#include "vmm/kvm/vm_saved.h"

/**
 * struct reset_region - a region of RAM: as of the moment, and what was written since
 * @base: as large as the region; owned unless struct vm_reset.borrows
 * @log: of KVM, @ours: of this process; owned, dirty_words() each
 */
struct reset_region {
	struct dirty_slot slot;
	uint8_t *base;
	uint64_t *log, *ours;
};

/**
 * struct vm_reset - owns what it points to but @vm; zero-initialised, then vm_reset_init()
 * @borrows: the regions' @base is the caller's
 * @skip_ns: how much later than at the moment the guest's clocks are when it goes back, as of vm_restore()
 * @region: as in the VM's RAM
 */
struct vm_reset {
	struct vm *vm;
	bool borrows;
	uint64_t skip_ns;
	struct vm_saved saved;
	struct reset_region region[GMEM_REGIONS_MAX];
	size_t nr;
};

/**
 * vm_reset_init() - note writes from now on
 * @base: what is in the VM's RAM now, laid out alike, such as another mapping of the file that it is mapped from;
 *        borrowed until vm_reset_destroy(). NULL: vm_reset_mark() makes a copy, for which there is room of as much as
 *        the VM has RAM; only what is not zero is touched.
 *
 * With @base the VM goes back to RAM as of this call, and to the rest as of vm_reset_mark().
 *
 * Return: 0 or a negative errno as of vm_saved_init(), with a message in @e; vm_reset_destroy() in any case.
 */
int vm_reset_init(struct vm *vm, struct vm_reset *t, const struct memory *base, struct err *e);

/**
 * vm_reset_mark() - the moment to return to is now; once
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int vm_reset_mark(struct vm_reset *t, struct err *e);

/**
 * vm_reset_return() - go back to it
 * @ret_pages: pages of 4 KiB that were copied
 *
 * Pages that KVM writes while it takes the registers (a guest's wall clock) count as written for the next time. A page
 * of a file that was cut short reads as zeroes (gmem_window_read()).
 *
 * Return: 0; or as of vm_restore(), with a message in @e: KVM refuses a part of it, and the VM has to be replaced by a
 * new one with @saved and the copy of RAM.
 */
int vm_reset_return(struct vm_reset *t, uint64_t *ret_pages, struct err *e);

/** vm_reset_destroy() - takes NULL and a zeroed struct; before vm_destroy(). Writes are no longer noted. */
void vm_reset_destroy(struct vm_reset *t);

#endif
