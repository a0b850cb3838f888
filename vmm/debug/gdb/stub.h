/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gdb at a guest that runs: a socket, a thread that serves the client, and what the guest's CPUs do about it.
 *
 *	gdb_stub_open(text, as, &g, e);		OPEN: listens, and accepts nobody yet
 *	gdb_stub_attach(g, &env, e);		BUILD: the guest is there
 *	gdb_stub_start(g, sandbox);		its thread, behind its filter of system calls
 *	gdb_stub_exit(g, t);			a vCPU's thread, on VCPU_DEBUG
 *	gdb_stub_stop(g, status);		the CPUs' threads have gone
 *	gdb_stub_close(g);
 *
 * Theory of operation. Three kinds of threads. A vCPU that comes to a breakpoint reports it, makes sure that its crew
 * stays held from then on, and waits. The owner's control loop hears of it and holds all of the guest. The client's
 * thread is notified of that; it alone speaks with the client, and reads and writes registers and memory while
 * the guest is held. It asks the control loop to let the guest go on.
 *
 * A guest that nobody debugs runs as always: nothing is armed in KVM, and no exit has an instruction more.
 */
#ifndef VMM_DEBUG_GDB_STUB_H
#define VMM_DEBUG_GDB_STUB_H

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/debug/gdb/address.h"
#include "vmm/debug/gdb/session.h"
#include "vmm/kvm/vcpu_thread.h"

struct gdb_stub;

/**
 * struct gdb_owner - who has the guest; all are called in its control loop
 * @hold: hold it still, and call gdb_stub_held() when it is, perhaps at once; or gdb_stub_refused(). Again: no error
 * @release: take back @hold
 * @end: end the run
 * @core: write a core of the guest, which is held, and call gdb_stub_cored(), perhaps at once; @release may come before
 * @memory: of a CPU
 */
struct gdb_owner {
	void (*hold)(void *owner);
	void (*release)(void *owner);
	void (*end)(void *owner, enum gdb_end end);
	void (*core)(void *owner);
	const struct gmem *(*memory)(void *owner, unsigned cpu);
};

/**
 * struct gdb_env - the guest; all borrowed until gdb_stub_close()
 * @loop: the owner's control loop
 * @crew: has all its threads; gdb numbers them in the order in which they were added
 * @block_irq: KVM keeps interrupts back during a step
 */
struct gdb_env {
	const struct gdb_owner *ops;
	void *owner;
	struct loop *loop;
	struct trace *trace;
	struct crew *crew;
	bool block_irq;
};

/**
 * gdb_stub_open() - listen where @text says
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e. Context: OPEN; forks for a Unix socket (vmm/host/broker.h).
 * Trust: operator.
 */
int gdb_stub_open(const char *text, const struct sandbox_as *as, struct gdb_stub **ret, struct err *e);

/** gdb_blocks_irq() - struct gdb_env.block_irq of this host; Linux 5.16 and later. Context: BUILD */
bool gdb_blocks_irq(struct kvm *kvm);

/** gdb_stub_attach() - @env is copied. Return: 0 or a negative errno, with a message in @e. Context: BUILD */
int gdb_stub_attach(struct gdb_stub *g, const struct gdb_env *env, struct err *e);

/** gdb_stub_start() - Return: 0 or a negative errno, with a message in @e. Context: before the guest runs */
int gdb_stub_start(struct gdb_stub *g, struct sandbox *sandbox, struct err *e);

/**
 * gdb_stub_begin() - hold the guest if it is to wait for a client
 *
 * Context: the control loop's thread, before the gate of the crew is opened.
 */
void gdb_stub_begin(struct gdb_stub *g);

/**
 * gdb_stub_held(), gdb_stub_refused() - struct gdb_owner.hold has worked; or not, since @late has not finished.
 * Loop.
 */
void gdb_stub_held(struct gdb_stub *g);
void gdb_stub_refused(struct gdb_stub *g, const char *late);

/** gdb_stub_cored() - what struct gdb_owner.core came to, in a line. Loop. */
void gdb_stub_cored(struct gdb_stub *g, const char *text);

/**
 * gdb_stub_lift(), gdb_stub_place() - take NULL: breakpoints out of guest memory, and back: when it is held, by
 * whomever, and before it goes on
 */
void gdb_stub_lift(struct gdb_stub *g);
void gdb_stub_place(struct gdb_stub *g);

/**
 * gdb_stub_exit() - a vCPU has left the guest for its debugger, or for an exception that looks so
 *
 * Returns when it may go on. An INT3 or #DB of the guest's own goes back to it.
 * Context: the vCPU's thread, in struct crew_ops.run.
 */
void gdb_stub_exit(struct gdb_stub *g, struct vcpu_thread *t);

/**
 * gdb_stub_stop() - takes NULL, and one that was not started: end the thread, and tell a client how the run
 * ended. Context: the CPUs' threads have gone
 */
void gdb_stub_stop(struct gdb_stub *g, int status);

/** gdb_stub_close() - takes NULL, and one that was only opened */
void gdb_stub_close(struct gdb_stub *g);

#endif
