/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual CPU. vcpu_step() runs the guest until the next event and returns it. Threads and signals are in
 * vcpu_thread.h; a thousand small guests can do without them.
 */
#ifndef VMM_KVM_VCPU_H
#define VMM_KVM_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/gmem.h"
#include "vmm/kvm/kvm.h"

/**
 * enum vcpu_event - why vcpu_step() returned
 * @VCPU_PIO, @VCPU_MMIO: a device access; the data of a read must be filled in before the next step
 * @VCPU_HLT: HLT, without an in-kernel interrupt controller only
 * @VCPU_KICKED: another thread requested an exit (vcpu_request_exit())
 * @VCPU_TRIPLE_FAULT: shutdown state
 * @VCPU_INTERNAL_ERROR: KVM reported an internal error; see struct kvm_run
 * @VCPU_ENTRY_FAILED: the processor refused the guest's state
 * @VCPU_SYSTEM_EVENT: KVM reports a reset or shutdown by a paravirtual interface
 * @VCPU_DEBUG: a breakpoint, a watchpoint or the end of a step, after vcpu_set_debug(); see struct kvm_run
 * @VCPU_UNKNOWN: an unexpected exit reason
 */
enum vcpu_event {
	VCPU_PIO,
	VCPU_MMIO,
	VCPU_HLT,
	VCPU_KICKED,
	VCPU_TRIPLE_FAULT,
	VCPU_INTERNAL_ERROR,
	VCPU_ENTRY_FAILED,
	VCPU_SYSTEM_EVENT,
	VCPU_DEBUG,
	VCPU_UNKNOWN,
	VCPU_EVENTS,
};

/**
 * struct vcpu_exit - the details of an event
 * @pio: @count accesses of @len bytes each, consecutive in @data (string I/O)
 * @mmio: one access
 * @error: suberror (INTERNAL_ERROR), hardware reason (ENTRY_FAILED), type (SYSTEM_EVENT), exit reason (UNKNOWN)
 * @hardware: for UNKNOWN with KVM_EXIT_UNKNOWN: the processor's exit reason
 * @data: in struct kvm_run, valid until the next step
 */
struct vcpu_exit {
	enum vcpu_event what;
	union {
		struct {
			uint16_t port;
			uint8_t len;
			bool write;
			uint32_t count;
			uint8_t *data;
		} pio;
		struct {
			uint64_t gpa;
			uint8_t len;
			bool write;
			uint8_t *data;
		} mmio;
		struct {
			uint64_t error;
			uint64_t hardware;
		};
	};
};

/**
 * struct vcpu - owns its fd and the mapping of struct kvm_run
 * @exits: by event, written by the thread that steps
 */
struct vcpu {
	struct kvm *kvm;
	int fd;
	unsigned id;
	struct kvm_run *run;
	uint64_t exits[VCPU_EVENTS];
};

/** vcpu_create() - KVM_CREATE_VCPU with APIC id @id; @ret is owned by the caller */
int vcpu_create(struct kvm *kvm, int vm_fd, unsigned id, struct vcpu *ret, struct err *e);

/** vcpu_destroy() - takes NULL and a zeroed or half-built struct */
void vcpu_destroy(struct vcpu *v);

/**
 * vcpu_step() - run the guest until the next event
 *
 * Return: 0, or a negative errno of KVM_RUN (-EFAULT: guest memory was lost; -ENOMEM; -EAGAIN: KVM could not start its
 * thread). EAGAIN is retried when an application processor wakes from wait-for-SIPI, and ENOMEM of a first KVM_RUN a
 * few times: see vcpu.c.
 * Context: one thread at a time. Trust: guest (every number in @ret).
 */
int vcpu_step(struct vcpu *v, struct vcpu_exit *ret);

/** vcpu_step_hint() - a possible cause of an errno of vcpu_step(), and what to do: in brackets, or empty */
const char *vcpu_step_hint(int r);

#define VCPU_EXIT_TEXT_MAX 200

/**
 * vcpu_exit_text() - a description of the exit, for VCPU_ENTRY_FAILED and VCPU_UNKNOWN
 * @buf: VCPU_EXIT_TEXT_MAX bytes
 *
 * Return: @buf. Spec: SDM 3, 26.8 and appendix C; APM 2, appendix C.
 */
const char *vcpu_exit_text(const struct vcpu_exit *x, char *buf);

/**
 * vcpu_request_exit() - make the current or next step return VCPU_KICKED; the caller must also send a signal without
 * SA_RESTART to the thread that steps, in case it is in the guest
 *
 * Context: any thread.
 */
void vcpu_request_exit(struct vcpu *v);

/**
 * vcpu_clear_request() - called by the thread that steps, after VCPU_KICKED
 *
 * Context: under a lock that those who request an exit take as well.
 */
void vcpu_clear_request(struct vcpu *v);

#endif
