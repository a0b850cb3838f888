/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records every exit of a vCPU and its reason, for the trace file. Only the vCPU's thread writes it, to memory that was
 * allocated before: it costs two clock readings per exit, and never waits.
 */
#ifndef VMM_KVM_EXIT_TRACE_H
#define VMM_KVM_EXIT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/kvm/vcpu.h"

/* 32 bytes each; a boot with much serial output has some 100,000. Pages are allocated when they are written. */
#define EXIT_TRACE_MAX 262144

/**
 * struct exit_trace_entry - the time in the guest before one exit
 * @enter_ns, @leave_ns: CLOCK_MONOTONIC, before and after KVM_RUN
 * @addr: port or address (PIO, MMIO), else the error code of the exit
 * @what: enum vcpu_event
 */
struct exit_trace_entry {
	uint64_t enter_ns;
	uint64_t leave_ns;
	uint64_t addr;
	uint8_t what;
	uint8_t len;
	bool write;
	uint32_t count;
};

/**
 * struct exit_trace
 * @tid: of the thread that writes it, 0 until the first entry
 * @lost: further exits, which did not fit
 */
struct exit_trace {
	int tid;
	unsigned cpu;
	size_t nr;
	uint64_t lost;
	struct exit_trace_entry *entry;
};

/** exit_trace_new() - Return: 0 or -ENOMEM. @ret: owned by the caller. */
int exit_trace_new(unsigned cpu, struct exit_trace **ret);

/** exit_trace_add() - add an entry; called by the vCPU's thread */
void exit_trace_add(struct exit_trace *l, uint64_t enter_ns, uint64_t leave_ns, const struct vcpu_exit *x);

/** exit_trace_free() - takes NULL */
void exit_trace_free(struct exit_trace *l);

#endif
