/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hints after a run: devices that the guest did not use, and a console that stayed empty, with the likely cause.
 */
#ifndef VMM_MACHINE_HINTS_H
#define VMM_MACHINE_HINTS_H

#include <stdio.h>

#include "vmm/machine/machine.h"

/**
 * machine_hints() - print a line for a console without output, else one for each kind of device that no driver started
 * @v: how the run ended. There are no hints for ends that are clear by themselves (a crash, a failure of the host), nor
 *     about a guest that was configured to be quiet and ended regularly.
 *
 * The entropy device, which is always there, may stay unused.
 *
 * Context: after machine_run().
 */
void machine_hints(struct machine *m, const struct verdict *v, FILE *out);

/** machine_software_kvm() - print a line: this host has no SVM or VMX (kvm_hardware()), so KVM emulates */
void machine_software_kvm(FILE *out);

#endif
