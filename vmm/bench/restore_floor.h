/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that restores a guest: the sandbox, mappings, threads and requests of KVM that a restored machine needs, in
 * the same order, bare. What a program has to find out before (to read the file and check it) is done before the clock
 * starts, and there are no devices behind the lines that interrupts and kicks go through.
 */
#ifndef VMM_BENCH_RESTORE_FLOOR_H
#define VMM_BENCH_RESTORE_FLOOR_H

#include "security/sandbox.h"
#include "vmm/snapshot/snapshot.h"

/**
 * restore_floor() - do it once; the process is confined afterwards: it can write and end
 * @s: of a machine without devices besides those that every machine has; read, its file is open
 * @ret_ns: up to the first KVM_RUN, which is not made
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: the process has one thread. Trust: the state is not checked but by KVM.
 */
int restore_floor(const struct snapshot *s, enum sandbox_mode mode, uint64_t *ret_ns, struct err *e);

#endif
