/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe guest: a few instructions, run in ring 0 one at a time, that every stock kernel uses and that a software
 * KVM cannot emulate. It shows whether a kernel would boot here, without booting one.
 */
#ifndef VMM_CHECK_PROBE_H
#define VMM_CHECK_PROBE_H

#include "vmm/base/err.h"
#include "vmm/kvm/kvm.h"

#define PROBES_MAX 16

/**
 * enum probe_outcome
 * @PROBE_WORKS: ran to its end with the right result
 * @PROBE_NOT_OFFERED: not in the guest's CPUID, so kernels do not use it
 * @PROBE_BROKEN: KVM could not run it
 * @PROBE_HANGS: it did not end within PROBE_LIMIT_NS
 * @PROBE_WRONG: it ran, and its result is wrong
 */
enum probe_outcome { PROBE_WORKS, PROBE_NOT_OFFERED, PROBE_BROKEN, PROBE_HANGS, PROBE_WRONG };

/** struct probe_result - @name: what ran, static */
struct probe_result {
	const char *name;
	enum probe_outcome outcome;
};

/**
 * probe_run() - run every probe on a VM of its own
 * @ret: at least PROBES_MAX
 * @ret_nr: number of results
 *
 * Return: 0 or a negative errno when the VM could not be made; a probe that fails is a result, not an error.
 * Context: blocks at most PROBE_LIMIT_NS per probe; uses SIGALRM meanwhile (struct kick_alarm).
 */
int probe_run(struct kvm *kvm, struct probe_result *ret, size_t *ret_nr, struct err *e);

/** probe_outcome_text() - static */
const char *probe_outcome_text(enum probe_outcome o);

#endif
