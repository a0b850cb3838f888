/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator gave and the guest did not use, with the likely cause: the words for a screen that stayed empty.
 */
#ifndef VMM_MACHINE_HINTS_H
#define VMM_MACHINE_HINTS_H

#include <stdio.h>

#include "vmm/machine/machine.h"

/**
 * machine_hints() - a line for a console without one byte, else one for each kind of device that no driver started
 * @v: how the run ended. Nothing is said of one that says enough itself (a crash, a failure of the host), nor of the
 *     silence of a guest that was asked to be quiet and came to a good end.
 *
 * The entropy device, which nobody asked for, may stay unused.
 *
 * Context: after machine_run().
 */
void machine_hints(struct machine *m, const struct verdict *v, FILE *out);

#endif
