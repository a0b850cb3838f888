/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reset in memory (vmm/kvm/reset.h) of a flat guest costs, by the number of pages that the guest has written,
 * beside its floor: the same requests of KVM with the same structures, bare, and the same pages copied. The two take
 * turns. A reset protects the pages again, and KVM takes a fault for each that the guest writes after it: what the
 * guest itself takes to write them is a figure of its own.
 */
#ifndef VMM_BENCH_RESET_COSTS_H
#define VMM_BENCH_RESET_COSTS_H

#include "vmm/base/err.h"
#include "vmm/base/stats.h"
#include "vmm/kvm/kvm.h"

#define RESET_COSTS_PAGES_MAX 1000

/**
 * struct reset_cost - figures in us
 * @pages: that the guest has written
 * @ours, @floor: of a reset
 * @guest: what it takes the guest to write them, after ours
 */
struct reset_cost {
	unsigned pages;
	struct stats ours, floor, guest;
};

/**
 * reset_costs() - measure one row
 * @pages: 0 to RESET_COSTS_PAGES_MAX
 * @rounds: resets of each kind, at least 1
 *
 * Return: 0; -ENOTSUP: this KVM cannot save all of a CPU; -EIO: a page was not as it has to be after a reset; another
 * negative errno. With a message in @e.
 */
int reset_costs(struct kvm *kvm, unsigned pages, unsigned rounds, struct reset_cost *ret, struct err *e);

#endif
