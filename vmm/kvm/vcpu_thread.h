/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that run vCPUs: a crew of them starts together, is held and let go together, and ends together.
 *
 * The owner of a crew says how a thread gets its filter of system calls and how it runs its vCPU; the crew knows
 * neither a machine nor a program. Unless a verb says otherwise, any thread may call it that is not of the crew.
 *
 * A thread is held before the gate is opened and while the crew is paused. A thread that is held has left KVM_RUN with
 * EINTR after its last exit was completed: its vCPU is at an instruction boundary (a repeated string instruction:
 * between two repetitions), and all that it wrote, to guest memory too, is visible to the thread whose crew_pause() has
 * returned 0.
 */
#ifndef VMM_KVM_VCPU_THREAD_H
#define VMM_KVM_VCPU_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/kvm/vcpu.h"

struct crew;
struct vcpu_call;

/**
 * enum vcpu_thread_state - where a thread is
 * @VCPU_THREAD_NONE: not started
 * @VCPU_THREAD_STARTING: until it is behind its filter
 * @VCPU_THREAD_HELD: it waits, for the gate, the end of a pause or a call
 * @VCPU_THREAD_RUNNING: in struct crew_ops.run
 * @VCPU_THREAD_ENDED: it does not touch its vCPU any more
 */
enum vcpu_thread_state {
	VCPU_THREAD_NONE,
	VCPU_THREAD_STARTING,
	VCPU_THREAD_HELD,
	VCPU_THREAD_RUNNING,
	VCPU_THREAD_ENDED,
};

/**
 * struct vcpu_thread - a vCPU's thread; the owner embeds it, and finds itself by container_of()
 * @vcpu: borrowed; only this thread steps it, from crew_start() until it has ended
 * @name: of the thread, as ps shows it
 * @started: to be joined; of who called crew_start()
 * @tid: for the thread itself; for others under the crew's lock
 * @state, @call: under the crew's lock
 * @frozen: held also when its crew is not; under the crew's lock
 * @next: in the order in which they were added
 */
struct vcpu_thread {
	struct crew *crew;
	struct vcpu *vcpu;
	char name[16];
	pthread_t thread;
	bool started;
	pid_t tid;
	enum vcpu_thread_state state;
	struct vcpu_call *call;
	bool frozen;
	struct vcpu_thread *next;
};

/**
 * struct crew_ops - what the owner gives
 * @stack_size: of each thread, in bytes
 * @lock: the calling thread, of the crew, installs its filter of system calls. Return: 0 or a negative errno.
 * @run: steps the vCPU until crew_stopping(), or until its guest has ended; after VCPU_KICKED it calls
 *	 vcpu_thread_kicked(). It is called once, after the gate, and also when the crew was stopped before that.
 */
struct crew_ops {
	size_t stack_size;
	int (*lock)(struct crew *c);
	void (*run)(struct vcpu_thread *t);
};

/**
 * struct crew - threads that run vCPUs; the owner embeds it
 * @stop: see crew_quit()
 * @lock: guards the rest, and the threads' states; taken last, never held across a blocking call
 * @holds: reasons to be held: the closed gate, and pauses
 * @go: threads that are held wait here; @changed: whoever waits for a thread's state or for a call
 * @nr_busy: threads that are neither held nor ended
 * @nr_locked: threads that have tried to get behind their filter; @lock_error: why one could not, 0: all could
 */
struct crew {
	const struct crew_ops *ops;
	pid_t pid;
	struct vcpu_thread *first, **last;
	unsigned nr;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t go, changed;
	unsigned holds;
	unsigned nr_busy;
	unsigned nr_locked;
	int lock_error;
};

/** crew_init() - no thread yet, the gate closed; @ops is borrowed */
void crew_init(struct crew *c, const struct crew_ops *ops);

/** crew_destroy() - takes a zeroed struct; after crew_stop(), or when no thread was started */
void crew_destroy(struct crew *c);

/**
 * crew_add() - one more thread, not started
 * @t: zeroed; must not move until the crew has been destroyed
 * @name: at most 15 bytes, copied
 *
 * Context: before crew_start().
 */
void crew_add(struct crew *c, struct vcpu_thread *t, struct vcpu *vcpu, const char *name);

/**
 * crew_start() - start every thread, with all signals blocked but the kick and those that its instructions raise
 * @ret_at: on failure, how many were started before the one that could not be
 *
 * Return: 0 or a negative errno. Either way crew_stop() ends what was started.
 * Context: once; kick_install() before it.
 */
int crew_start(struct crew *c, unsigned *ret_at);

/**
 * crew_wait_locked() - wait until every thread is behind its filter
 *
 * Return: 0, or what struct crew_ops.lock returned to one of them; crew_stop() then.
 * Context: once, after crew_start() has returned 0; blocks for as long as filters take.
 */
int crew_wait_locked(struct crew *c);

/**
 * crew_open() - open the gate: threads go on to struct crew_ops.run, unless the crew is paused
 *
 * Context: once, when crew_wait_locked() has returned 0 and the owner's own filters are in place.
 */
void crew_open(struct crew *c);

/**
 * crew_stopping() - is each thread to leave struct crew_ops.run?
 *
 * Context: any thread; one load, so that a loop may ask before each step. It orders nothing: what belongs to the reason
 * for the end is under a lock of the owner.
 */
static inline bool crew_stopping(struct crew *c)
{
	return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

/**
 * crew_quit() - from now on crew_stopping() is true
 *
 * It wakes nobody: a thread that is in the guest or held may stay there until crew_stop(). From now on no pause and no
 * call begins, and one that has not come to it yet is given up.
 *
 * Context: any thread, of the crew too; wait-free.
 */
void crew_quit(struct crew *c);

/**
 * crew_stop() - crew_quit(), make every thread leave KVM_RUN, a pause or the closed gate, and join them all
 *
 * A thread that the owner makes wait, in an exit it serves, is the owner's to wake first: crew_quit(), wake it,
 * crew_stop().
 *
 * Context: the thread that called crew_start(); again: does nothing. Blocks until the exits under way are served.
 */
void crew_stop(struct crew *c);

/**
 * crew_hold() - begin to hold every thread, as crew_pause() does, and do not wait for it
 *
 * Context: after crew_start() has returned 0; does not block. crew_resume() takes it back, held already or not.
 */
void crew_hold(struct crew *c);

/**
 * crew_late() - after crew_hold(): a thread that still runs
 *
 * Return: NULL when every thread is held or has ended.
 * Context: does not block.
 */
struct vcpu_thread *crew_late(struct crew *c);

/**
 * crew_pause() - hold every thread
 * @timeout_ns: how long to wait for them at most
 * @ret_late: a thread that was still running when the time was over, with -ETIMEDOUT
 *
 * Exits on the way are served by the owner's run as ever: the instruction under way is completed. A thread that has
 * ended by itself is not waited for, and one at the closed gate is held already. Pauses nest: as many crew_resume() let
 * go.
 *
 * Return: 0; -ETIMEDOUT: one serves an exit that takes longer; -ECANCELED: crew_stopping(). After a failure this call
 * holds nothing.
 * Context: after crew_start() has returned 0. Blocks.
 */
int crew_pause(struct crew *c, uint64_t timeout_ns, struct vcpu_thread **ret_late);

/**
 * crew_resume() - take back one crew_hold(), or one crew_pause() that returned 0; the last one lets the threads go on
 *
 * Context: does not block.
 */
void crew_resume(struct crew *c);

/**
 * crew_call() - call @fn(@t, @arg) in thread @t, whose vCPU is at an instruction boundary meanwhile, and wait for it
 * @fn: short; within what the thread's filter allows; calls no verb of the crew
 * @timeout_ns: how long to wait until it begins; once begun it is waited for
 *
 * A thread that is held stays so; one that runs leaves the guest for the call and goes on by itself. Calls to a thread
 * are made one after the other. What @fn wrote is visible to the caller.
 *
 * Return: what @fn returned; -ETIMEDOUT: @fn was not called; -ESRCH: nor was it, and no thread steps
 * the vCPU, since this one has ended or was not started; -ECANCELED: nor was it, crew_stopping().
 * Context: blocks.
 */
int crew_call(struct vcpu_thread *t, int (*fn)(struct vcpu_thread *t, void *arg), void *arg, uint64_t timeout_ns);

/**
 * vcpu_thread_kick() - make a thread leave the guest: its current or next step returns VCPU_KICKED
 *
 * A thread that is held stays so, and its first step after that returns VCPU_KICKED. One that has ended is no error.
 * Whoever wants something of the thread writes it down where the owner's run looks after VCPU_KICKED, and then kicks.
 *
 * Context: does not block.
 */
void vcpu_thread_kick(struct vcpu_thread *t);

/**
 * vcpu_thread_kicked() - after VCPU_KICKED: serve calls, and wait while the crew is paused
 *
 * Context: the thread itself. It returns when the guest may go on, or when crew_stopping(). What was written before the
 * kick is visible then.
 */
void vcpu_thread_kicked(struct vcpu_thread *t);

/**
 * vcpu_thread_hold() - as crew_hold(), by a thread of the crew, which goes on to vcpu_thread_kicked() and is held there
 *
 * Nobody is kicked: the others stop when somebody who may send signals calls crew_hold() or crew_pause(). One
 * crew_resume() takes it back.
 * Context: the thread itself, in struct crew_ops.run; does not block.
 */
void vcpu_thread_hold(struct vcpu_thread *t);

/**
 * vcpu_thread_freeze() - whether this thread stays held when its crew goes on
 *
 * Context: any thread that is not of the crew, while the crew is held; does not block.
 */
void vcpu_thread_freeze(struct vcpu_thread *t, bool frozen);

/** vcpu_thread_self() - the thread of a crew that this is; NULL for any other */
struct vcpu_thread *vcpu_thread_self(void);

/**
 * vcpu_thread_cpu_ns() - CPU time of a thread that was started and has not been joined
 *
 * Return: true, or false where the host does not say, with @ret_ns untouched.
 */
bool vcpu_thread_cpu_ns(const struct vcpu_thread *t, uint64_t *ret_ns);

#endif
