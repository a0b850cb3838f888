/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/kvm: opens it, with helpful messages on failure, and measures the time of its ioctls.
 */
#ifndef VMM_KVM_KVM_H
#define VMM_KVM_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/clock.h"
#include "vmm/base/err.h"
#include "vmm/base/trace.h"

#define KVM_DEVICE     "/dev/kvm"
#define KVM_API_WANTED 12

/*
 * An ioctl that takes longer than this is named in the log at level trace: KVM can stall for tens of ms on some hosts.
 * Shorter ones are only in the report and the trace file.
 */
#define KVM_SLOW_NS NSEC_PER_MSEC

/**
 * struct kvm - the system handle; shared by every VM of the process
 * @fd: owned
 * @trace: borrowed, may be NULL
 * @api, @max_vcpus, @run_size: as reported by the host
 * @hwcr: it supports HWCR.TscFreqSel; Linux before 6.8 does not, and would log a warning on the host
 * @ioctl_ns: time that the set-up thread spent in kvm_ioctl() or waiting for KVM: KVM's share of the start-up time
 */
struct kvm {
	int fd;
	struct trace *trace;
	int api;
	unsigned max_vcpus;
	size_t run_size;
	bool hwcr;
	uint64_t ioctl_ns;
};

/**
 * kvm_open() - open KVM_DEVICE and check what every VM needs
 * @ret: untouched on failure
 *
 * Return: 0; -ENOENT, -EACCES and other errors of open, with a message in @e that suggests what to do; -ENOTSUP (API
 * version).
 * Context: OPEN stage: the only place that names the device.
 */
int kvm_open(struct trace *trace, struct kvm *ret, struct err *e);

/** kvm_close() - takes NULL, and a zeroed struct whose fd is -1 */
void kvm_close(struct kvm *kvm);

/**
 * kvm_ioctl() - an ioctl of the set-up and teardown path, on the system, a VM or a vCPU
 * @arg: as the ioctl takes it; cast integers through KVM_ARG()
 *
 * Return: the ioctl's result, or a negative errno. EINTR is retried.
 * Context: the set-up thread; vCPU threads call ioctl(KVM_RUN) themselves.
 */
#define kvm_ioctl(kvm, fd, request, arg) kvm_ioctl_named(kvm, fd, request, #request, arg)
#define KVM_ARG(n)                       ((void *)(uintptr_t)(n))
int kvm_ioctl_named(struct kvm *kvm, int fd, unsigned long request, const char *name, void *arg);

/** kvm_ioctl_took() - count and trace a request of another thread like one of kvm_ioctl() */
void kvm_ioctl_took(struct kvm *kvm, const char *name, uint64_t took_ns);

/** kvm_check() - KVM_CHECK_EXTENSION on the system: 0 when absent or on error */
int kvm_check(struct kvm *kvm, int capability);

/**
 * kvm_hardware() - "Intel VMX" or "AMD SVM" by this processor's CPUID; NULL: neither, so /dev/kvm is a software
 * implementation that cannot run a stock kernel
 */
const char *kvm_hardware(void);

#endif
