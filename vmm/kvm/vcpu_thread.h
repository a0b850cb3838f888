/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that run vCPUs. The threads of a crew are started, held, resumed and ended together.
 *
 * The owner of a crew supplies the functions that install a thread's system call filter and run its vCPU; the crew is
 * independent of machines and programs. Unless documented otherwise, functions may be called by any thread that does
 * not belong to the crew.
 *
 * A thread is held before the gate is opened and while the crew is paused. A held thread has left KVM_RUN with EINTR
 * after its last exit was completed: its vCPU is at an instruction boundary (in a repeated string instruction: between
 * two repetitions), and everything that it has written, also to guest memory, is visible to the thread whose
 * crew_pause() has returned 0. A thread whose exit waits for somebody outside (vcpu_thread_blocks()) counts as held:
 * its instruction has begun and has had no effect yet.
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
 * enum vcpu_thread_state - the state of a thread
 * @VCPU_THREAD_NONE: not started
 * @VCPU_THREAD_STARTING: until its filter is installed
 * @VCPU_THREAD_HELD: waits for the gate, the end of a pause or a call
 * @VCPU_THREAD_RUNNING: in struct crew_ops.run
 * @VCPU_THREAD_BLOCKED: there too, in an exit that waits for somebody outside
 * @VCPU_THREAD_ENDED: no longer accesses its vCPU
 */
enum vcpu_thread_state {
	VCPU_THREAD_NONE,
	VCPU_THREAD_STARTING,
	VCPU_THREAD_HELD,
	VCPU_THREAD_RUNNING,
	VCPU_THREAD_BLOCKED,
	VCPU_THREAD_ENDED,
};

/**
 * struct vcpu_thread - a vCPU's thread; embedded in a struct of the owner, which uses container_of()
 * @vcpu: borrowed; only this thread steps it, from crew_start() until it has ended
 * @name: of the thread, as ps shows it
 * @started: must be joined; used by the caller of crew_start()
 * @tid: for the thread itself; for others under the crew's lock
 * @state, @call: under the crew's lock
 * @frozen: stays held when its crew is resumed; under the crew's lock
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
 * struct crew_ops - implemented by the owner
 * @stack_size: of each thread, in bytes
 * @lock: installs the system call filter of the calling thread, which is one of the crew. Return: 0 or a negative
 *        errno.
 * @run: steps the vCPU until crew_stopping(), or until its guest has ended; after VCPU_KICKED it calls
 *       vcpu_thread_kicked(). Called once, after the gate, also if the crew was stopped before that.
 */
struct crew_ops {
	size_t stack_size;
	int (*lock)(struct crew *c);
	void (*run)(struct vcpu_thread *t);
};

/**
 * struct crew - threads that run vCPUs; embedded in a struct of the owner
 * @stop: see crew_quit()
 * @lock: guards the other members, and the threads' states; taken last, never held across a blocking call
 * @holds: number of reasons to hold the threads: the closed gate, and pauses
 * @go: held threads wait for it; @changed: callers that wait for a thread's state or for a call
 * @nr_busy: threads that are neither held nor ended
 * @nr_locked: threads that have tried to install their filter; @lock_error: error of one that failed, 0: none
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

/** crew_init() - a crew without threads, its gate closed; @ops is borrowed */
void crew_init(struct crew *c, const struct crew_ops *ops);

/** crew_destroy() - takes a zeroed struct; after crew_stop(), or when no thread was started */
void crew_destroy(struct crew *c);

/**
 * crew_add() - add a thread, not started
 * @t: zeroed; must not move until the crew has been destroyed
 * @name: at most 15 bytes, copied
 *
 * Context: before crew_start().
 */
void crew_add(struct crew *c, struct vcpu_thread *t, struct vcpu *vcpu, const char *name);

/**
 * crew_start() - start every thread, with all signals blocked except the kick and those that its instructions raise
 * @ret_at: on failure, the number of threads started before it
 *
 * Return: 0 or a negative errno. In both cases crew_stop() ends the threads that were started.
 * Context: once; kick_install() before it.
 */
int crew_start(struct crew *c, unsigned *ret_at);

/**
 * crew_wait_locked() - wait until every thread has installed its filter
 *
 * Return: 0, or the error of struct crew_ops.lock in one of them; then call crew_stop().
 * Context: once, after crew_start() has returned 0; blocks until the filters are installed.
 */
int crew_wait_locked(struct crew *c);

/**
 * crew_open() - open the gate: threads call struct crew_ops.run, unless the crew is paused
 *
 * Context: once, when crew_wait_locked() has returned 0 and the owner's own filters are in place.
 */
void crew_open(struct crew *c);

/**
 * crew_stopping() - whether the threads should leave struct crew_ops.run
 *
 * Context: any thread; a single load, so it can be called before each step. It implies no memory ordering: the owner
 * has to protect the reason of the end by a lock.
 */
static inline bool crew_stopping(struct crew *c)
{
	return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

/**
 * crew_quit() - make crew_stopping() true
 *
 * It wakes no thread: one that is in the guest or held may stay there until crew_stop(). From now on no pause and no
 * call begins, and pending ones are cancelled.
 *
 * Context: any thread, of the crew too; wait-free.
 */
void crew_quit(struct crew *c);

/**
 * crew_stop() - crew_quit(), make every thread leave KVM_RUN, a pause or the closed gate, and join them all
 *
 * If a thread waits for the owner while it serves an exit, the owner must wake it first: crew_quit(), wake it,
 * crew_stop().
 *
 * Context: the thread that called crew_start(); a second call does nothing. Blocks until the current exits are served.
 */
void crew_stop(struct crew *c);

/**
 * crew_hold() - start to hold every thread, like crew_pause(), without waiting
 *
 * Context: after crew_start() has returned 0; does not block. crew_resume() undoes it, whether the threads are held
 * already or not.
 */
void crew_hold(struct crew *c);

/**
 * crew_late() - after crew_hold(): find a thread that still runs
 *
 * Return: NULL when every thread is held or has ended.
 * Context: does not block.
 */
struct vcpu_thread *crew_late(struct crew *c);

/**
 * crew_pause() - hold every thread
 * @timeout_ns: maximum time to wait for them
 * @ret_late: with -ETIMEDOUT, a thread that was still running
 *
 * Further exits of the current instruction are served by the owner's run as usual, until it is complete. A thread that
 * has ended by itself is not waited for, and one at the closed gate is held already. Pauses nest: each needs a
 * crew_resume().
 *
 * Return: 0; -ETIMEDOUT: a thread serves an exit that takes longer; -ECANCELED: crew_stopping(). After a failure the
 * call has no effect.
 * Context: after crew_start() has returned 0. Blocks.
 */
int crew_pause(struct crew *c, uint64_t timeout_ns, struct vcpu_thread **ret_late);

/**
 * crew_resume() - undo one crew_hold(), or one crew_pause() that returned 0; the last one resumes the threads
 *
 * Context: does not block.
 */
void crew_resume(struct crew *c);

/**
 * crew_call() - call @fn(@t, @arg) in thread @t, whose vCPU is at an instruction boundary, and wait for it
 * @fn: must be short, may make only calls that the thread's filter allows, and must not call functions of the crew
 * @timeout_ns: maximum time until it begins; its end is always waited for
 *
 * A held thread stays held; one that runs leaves the guest for the call and then continues. Calls to a thread are made
 * one at a time. Everything that @fn wrote is visible to the caller.
 *
 * Return: the result of @fn; or, if @fn was not called, -ETIMEDOUT; -ESRCH: the thread has ended or was not started;
 * -ECANCELED: crew_stopping().
 * Context: blocks.
 */
int crew_call(struct vcpu_thread *t, int (*fn)(struct vcpu_thread *t, void *arg), void *arg, uint64_t timeout_ns);

/**
 * vcpu_thread_kick() - make a thread leave the guest: its current or next step returns VCPU_KICKED
 *
 * A held thread stays held, and its next step returns VCPU_KICKED. It is not an error if the thread has ended. A caller
 * first stores its request where the owner's run checks for it after VCPU_KICKED, and then kicks.
 *
 * Context: does not block.
 */
void vcpu_thread_kick(struct vcpu_thread *t);

/**
 * vcpu_thread_blocks(), vcpu_thread_unblocks() - the exit that is served begins to wait for somebody outside, who may
 * never come; and has ceased to
 *
 * A crew that is held does not wait for such a thread; if it still is, vcpu_thread_unblocks() returns when it goes on.
 * Between the two the thread changes nothing that who holds the crew may look at.
 *
 * Context: thread @t, in struct crew_ops.run; the second one holds no lock that the control loop takes.
 */
void vcpu_thread_blocks(struct vcpu_thread *t);
void vcpu_thread_unblocks(struct vcpu_thread *t);

/**
 * vcpu_thread_kicked() - after VCPU_KICKED: serve calls, and wait while the crew is paused
 *
 * Context: the thread itself. Returns when the guest may continue, or when crew_stopping(). Everything written before
 * the kick is then visible.
 */
void vcpu_thread_kicked(struct vcpu_thread *t);

/**
 * vcpu_thread_hold() - like crew_hold(), but called by a thread of the crew, which then calls vcpu_thread_kicked() and
 * is held there
 *
 * No thread is kicked: the others stop when a thread that may send signals calls crew_hold() or crew_pause(). One
 * crew_resume() undoes it.
 * Context: the thread itself, in struct crew_ops.run; does not block.
 */
void vcpu_thread_hold(struct vcpu_thread *t);

/**
 * vcpu_thread_freeze() - set whether this thread stays held when its crew is resumed
 *
 * Context: any thread that is not of the crew, while the crew is held; does not block.
 */
void vcpu_thread_freeze(struct vcpu_thread *t, bool frozen);

/** vcpu_thread_self() - the calling thread, if it belongs to a crew; else NULL */
struct vcpu_thread *vcpu_thread_self(void);

/**
 * vcpu_thread_cpu_ns() - CPU time of a thread that was started and has not been joined
 *
 * Return: true, or false when the host does not report it, with @ret_ns unchanged.
 */
bool vcpu_thread_cpu_ns(const struct vcpu_thread *t, uint64_t *ret_ns);

#endif
