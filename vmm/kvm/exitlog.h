/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records every exit of a vCPU and its reason, for the trace file. Only the vCPU's thread writes it, to memory that was
 * allocated before: it costs two clock readings per exit, and never waits.
 */
#ifndef VMM_KVM_EXITLOG_H
#define VMM_KVM_EXITLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/kvm/vcpu.h"

/* 32 bytes each; a boot with much serial output has some 100,000. Pages are allocated when they are written. */
#define EXITLOG_MAX 262144

/**
 * struct exitlog_entry - the time in the guest before one exit
 * @enter_ns, @leave_ns: CLOCK_MONOTONIC, before and after KVM_RUN
 * @addr: port or address (PIO, MMIO), else the error code of the exit
 * @what: enum vcpu_event
 */
struct exitlog_entry {
	uint64_t enter_ns;
	uint64_t leave_ns;
	uint64_t addr;
	uint8_t what;
	uint8_t len;
	bool write;
	uint32_t count;
};

/**
 * struct exitlog
 * @tid: of the thread that writes it, 0 until the first entry
 * @lost: further exits, which did not fit
 */
struct exitlog {
	int tid;
	unsigned cpu;
	size_t nr;
	uint64_t lost;
	struct exitlog_entry *entry;
};

/** exitlog_new() - Return: 0 or -ENOMEM. @ret: owned by the caller. */
int exitlog_new(unsigned cpu, struct exitlog **ret);

/** exitlog_add() - add an entry; called by the vCPU's thread */
void exitlog_add(struct exitlog *l, uint64_t enter_ns, uint64_t leave_ns, const struct vcpu_exit *x);

/** exitlog_free() - takes NULL */
void exitlog_free(struct exitlog *l);

#endif
