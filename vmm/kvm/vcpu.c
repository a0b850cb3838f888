// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A kick between two steps must not be lost: vcpu_request_exit() first stores immediate_exit,
 * which KVM reads on entry, then the caller sends a signal, which interrupts a KVM_RUN that has already started. One of
 * the two always takes effect.
 *
 * KVM starts a thread at the first KVM_RUN of a VM (Linux 6.13 on, and kernels with a backport). A signal that is
 * pending at that moment interrupts the start, as it does a fork(); up to Linux 6.13 KVM then returns ENOMEM. The
 * signal has been handled when KVM_RUN returns, so a retry succeeds, unless memory is really exhausted.
 */
#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/kvm/vcpu_state.h"

/* Several signals may arrive in a row; each costs one attempt. */
#define FIRST_RUN_TRIES 10

COLD int vcpu_create(struct kvm *kvm, int vm_fd, unsigned id, struct vcpu *ret, struct err *e)
{
	CLEANUP_FD int fd = -1;
	void *run;
	int r;

	r = kvm_ioctl(kvm, vm_fd, KVM_CREATE_VCPU, KVM_ARG(id));
	if (r < 0)
		return err_sys(e, r, "KVM_CREATE_VCPU of CPU %u", id);
	fd = r;
	run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return err_sys(e, -errno, "cannot map the run area of CPU %u", id);
	*ret = (struct vcpu){.kvm = kvm, .fd = TAKE_FD(fd), .id = id, .run = run};
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v || !v->run)
		return;
	munmap(v->run, v->kvm->run_size);
	close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

static enum vcpu_event decode(struct kvm_run *run, struct vcpu_exit *x)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		x->pio.port = run->io.port;
		x->pio.len = run->io.size;
		x->pio.write = run->io.direction == KVM_EXIT_IO_OUT;
		x->pio.count = run->io.count;
		x->pio.data = (uint8_t *)run + run->io.data_offset;
		return VCPU_PIO;
	case KVM_EXIT_MMIO:
		x->mmio.gpa = run->mmio.phys_addr;
		x->mmio.len = (uint8_t)MIN(run->mmio.len, sizeof(run->mmio.data));
		x->mmio.write = run->mmio.is_write;
		x->mmio.data = run->mmio.data;
		return VCPU_MMIO;
	case KVM_EXIT_HLT: return VCPU_HLT;
	case KVM_EXIT_INTR: return VCPU_KICKED;
	case KVM_EXIT_SHUTDOWN: return VCPU_TRIPLE_FAULT;
	case KVM_EXIT_INTERNAL_ERROR: x->error = run->internal.suberror; return VCPU_INTERNAL_ERROR;
	case KVM_EXIT_FAIL_ENTRY: x->error = run->fail_entry.hardware_entry_failure_reason; return VCPU_ENTRY_FAILED;
	case KVM_EXIT_SYSTEM_EVENT: x->error = run->system_event.type; return VCPU_SYSTEM_EVENT;
	case KVM_EXIT_DEBUG: x->error = run->exit_reason; return VCPU_DEBUG;
	default:
		x->error = run->exit_reason;
		x->hardware = run->exit_reason == KVM_EXIT_UNKNOWN ? run->hw.hardware_exit_reason : 0;
		return VCPU_UNKNOWN;
	}
}

static bool is_runnable(struct vcpu *v)
{
	int state = vcpu_get_mp_state(v);

	return state < 0 || state == KVM_MP_STATE_RUNNABLE;
}

static bool has_run(const struct vcpu *v)
{
	for (size_t i = 0; i < VCPU_EVENTS; i++)
		if (v->exits[i])
			return true;
	return false;
}

/*
 * EAGAIN has two meanings. A CPU that waited for its first SIPI has got it, or was woken spuriously: retry. For a
 * runnable CPU it means that KVM could not start its thread at the first KVM_RUN, which a retry would not change.
 */
int vcpu_step(struct vcpu *v, struct vcpu_exit *ret)
{
	unsigned tries = FIRST_RUN_TRIES;
	bool runnable = false;

	for (;;) {
		if (likely(ioctl(v->fd, KVM_RUN, 0) == 0)) {
			ret->what = decode(v->run, ret);
			break;
		}
		if (errno == EINTR) {
			ret->what = VCPU_KICKED;
			break;
		}
		if (errno == ENOMEM && --tries && !has_run(v))
			continue;
		if (errno != EAGAIN || runnable)
			return -errno;
		runnable = is_runnable(v);
	}
	v->exits[ret->what]++;
	return 0;
}

const char *vcpu_step_hint(int r)
{
	return r == -EFAULT ? " (guest memory has gone; was the kernel file cut while the guest ran?)"
			    : err_no_thread(r);
}

static const char *entry_failure_text(uint64_t reason)
{
	switch (reason) {
	/* VMX: instruction errors, and exit reasons with bit 31, which means that the entry failed. */
	case 7: return "VMX: invalid control fields";
	case 8: return "VMX: invalid host state";
	case 0x80000021:
		return "VMX: invalid guest state; without unrestricted guest, an old processor or a parameter of "
		       "kvm_intel, not every state of real mode can be run";
	case 0x80000022: return "VMX: an MSR could not be loaded";
	case 0x80000029: return "VMX: a machine check";
	/* SVM: VMEXIT_INVALID, -1 of 32 or of 64 bits */
	case UINT32_MAX:
	case UINT64_MAX: return "SVM: invalid guest state, or what KVM asked for is not allowed";
	default: return "unknown";
	}
}

COLD const char *vcpu_exit_text(const struct vcpu_exit *x, char *buf)
{
	if (x->what == VCPU_ENTRY_FAILED)
		snprintf(buf, VCPU_EXIT_TEXT_MAX, "hardware reason 0x%" PRIx64 " (%s)", x->error,
			entry_failure_text(x->error));
	else if (x->what == VCPU_UNKNOWN && x->error == KVM_EXIT_UNKNOWN)
		snprintf(buf, VCPU_EXIT_TEXT_MAX,
			"an exit of the processor that KVM does not know, hardware reason 0x%" PRIx64, x->hardware);
	else
		snprintf(buf, VCPU_EXIT_TEXT_MAX, "exit reason %" PRIu64,
			x->what == VCPU_HLT ? (uint64_t)KVM_EXIT_HLT : x->error);
	return buf;
}

void vcpu_request_exit(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

/* The lock that orders it with requests is the caller's. */
void vcpu_clear_request(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELAXED);
}
