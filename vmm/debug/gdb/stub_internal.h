/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stub.c (the socket, the client, life) and stub_cpus.c (the guest's CPUs) have in common.
 */
#ifndef VMM_DEBUG_GDB_STUB_INTERNAL_H
#define VMM_DEBUG_GDB_STUB_INTERNAL_H

#include <pthread.h>

#include "vmm/debug/gdb/stub.h"
#include "vmm/host/broker.h"
#include "vmm/host/worker.h"

/**
 * struct cpu - a CPU of the guest
 * @debug: what KVM was asked to watch; changed only while the guest is held
 * @stop: why it has stopped, and has not been reported; under the stub's lock
 */
struct cpu {
	struct vcpu_thread *thread;
	struct kvm_guest_debug debug;
	struct gdb_stop stop;
};

/**
 * struct gdb_stub
 * @waiting: nobody has been there yet, and the guest waits for that
 *
 * Of the client's thread: @client to @nr
 * @stopped: the guest is held, and the client may look at it
 * @begun: the client has been served since it came
 * @leaving: breakpoints of one who has gone are still set
 * @buf: bytes of the client, of which those from @at to @nr have not been taken; @sent: of the session's output
 *
 * Under @lock: the rest
 * @held, @late, @cored: what the owner says
 * @parked: CPUs that hold their crew
 * @want_: what the control loop is asked for
 * @accepts: a client may be accepted again
 *
 * Of the control loop: @retry, when descriptors or memory were lacking for that
 */
struct gdb_stub {
	struct gdb_target target;
	struct gdb_env env;
	bool waiting;
	bool attached;
	struct broker broker;
	int listen_fd;
	struct worker worker;
	struct cpu *cpu;
	int control_fd, told_fd;
	struct loop_source control, told, listen;

	struct loop_source client;
	struct gdb_session *session;
	bool stopped;
	bool begun;
	bool leaving;
	size_t sent, at, nr;
	uint8_t buf[4096];

	pthread_mutex_t lock;
	bool held;
	char late[32];
	char cored[256];
	unsigned parked;
	bool want_hold, want_release, want_core, want_retry;
	enum gdb_end want_end;
	bool accepts;
	struct loop_timer retry;
};

/* What a session reads and writes of the guest, and asks for. */
extern const struct gdb_target_ops gdb_stub_target_ops;

/** gdb_stub_ask() - sets @what, one of the want_ members, and wakes the control loop */
void gdb_stub_ask(struct gdb_stub *g, bool *what);

/**
 * gdb_stub_let_go() - the guest goes on; @how: of each CPU, NULL: all run. Context: the client's thread, while it is
 * held
 */
void gdb_stub_let_go(struct gdb_stub *g, const uint8_t *how);

#endif
