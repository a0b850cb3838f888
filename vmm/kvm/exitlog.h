/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every stay of a vCPU in the guest and why it ended, for the trace file. Written by the vCPU's thread alone, into
 * memory set aside before: it costs two clock readings an exit, and never waits.
 */
#ifndef VMM_KVM_EXITLOG_H
#define VMM_KVM_EXITLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/kvm/vcpu.h"

/* 32 bytes each; a boot with a chatty serial port makes some 100,000. Pages are taken as they fill. */
#define EXITLOG_MAX 262144

/**
 * struct exitlog_entry - one stay in the guest
 * @enter_ns, @leave_ns: CLOCK_MONOTONIC, before and after KVM_RUN
 * @addr: port or address (PIO, MMIO), else the number that came with the exit
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
 * @tid: of the thread that writes, 0 until it does
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

/** exitlog_add() - one more; the vCPU's thread */
void exitlog_add(struct exitlog *l, uint64_t enter_ns, uint64_t leave_ns, const struct vcpu_exit *x);

/** exitlog_free() - takes NULL */
void exitlog_free(struct exitlog *l);

#endif
