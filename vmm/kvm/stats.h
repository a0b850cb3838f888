/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's own counters of a VM or a vCPU, through its binary statistics file (KVM API, 4.133).
 */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include "vmm/kvm/kvm.h"

/* More than any KVM has; a larger number is refused. */
#define KVM_STATS_MAX 512

/**
 * struct kvm_stats - owns its file and the data read from it; zeroed is empty
 * @desc: @nr descriptors of @desc_size bytes each
 * @base: the values when it was opened
 */
struct kvm_stats {
	int fd;
	uint32_t nr;
	size_t desc_size;
	uint32_t data_offset;
	uint8_t *desc;
	uint64_t *base;
};

/**
 * kvm_stats_open() - open the counters of @fd, a VM or a vCPU, and record their values
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0; -ENOTSUP (Linux before 5.14), -EPROTO (not the documented format), or a negative errno of ioctl or read.
 */
int kvm_stats_open(struct kvm *kvm, int fd, struct kvm_stats *ret);

/**
 * kvm_stats_each() - call @fn for every single-valued counter
 * @fn: gets the name, and the increase since kvm_stats_open(); for a level or peak, its current value
 *
 * Return: 0 or a negative errno of read.
 */
int kvm_stats_each(const struct kvm_stats *s, void (*fn)(const char *name, uint64_t value, void *arg), void *arg);

/** kvm_stats_close() - takes NULL and a zeroed struct */
void kvm_stats_close(struct kvm_stats *s);

#endif
