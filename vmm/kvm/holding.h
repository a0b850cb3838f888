/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a guest still, for any caller: its CPUs first, then what else its owner says. All of it in the control loop
 * of the owner.
 *
 * Theory of operation. CPUs are asked and not waited for, since the loop has to go on: one may be writing to a console
 * that this loop empties. late() asks again, at first soon and then less often, until nobody is late; a notification
 * would need a system call more in the filter of each CPU. Who is late for 5 s makes it a refusal.
 */
#ifndef VMM_KVM_HOLDING_H
#define VMM_KVM_HOLDING_H

#include "vmm/base/clock.h"
#include "vmm/base/hold.h"
#include "vmm/base/loop.h"
#include "vmm/kvm/vcpu_thread.h"

#define HOLD_GIVE_UP_NS (5 * NSEC_PER_SEC)

struct holding;

/**
 * struct holding_ops - what the owner gives
 * @late: all threads of the crew are held: is there anything else that has not finished? NULL: nothing
 * @name: of a thread that is late
 * @stopped: nobody is late any more; before any @held
 * @refused: after all holds are off, before any struct hold.refused
 * @goes_on: before the crew goes on; @stopped_ns: how long it was held, 0: @stopped was not called
 */
struct holding_ops {
	const char *(*late)(struct holding *g);
	const char *(*name)(struct vcpu_thread *t);
	void (*stopped)(struct holding *g);
	void (*refused)(struct holding *g, const char *late);
	void (*goes_on)(struct holding *g, uint64_t stopped_ns);
};

/** enum holding_state - is the guest held still? ASKED: somebody has yet to finish */
enum holding_state { HOLDING_NONE, HOLDING_ASKED, HOLDING_HELD };

/**
 * struct holding - of one guest; the owner embeds it
 * @first: who wants it
 * @asked_ns, @held_ns: when it last was; 0: never
 * @timer, @look_ns: the next look whether all are held, and how long after the last one
 */
struct holding {
	const struct holding_ops *ops;
	struct crew *crew;
	enum holding_state state;
	struct hold *first;
	uint64_t asked_ns, held_ns;
	struct loop_timer timer;
	uint64_t look_ns;
};

/** holding_init() - @ops and @crew are borrowed. Return: 0 or a negative errno; nothing to destroy then. */
int holding_init(struct holding *g, const struct holding_ops *ops, struct crew *crew, struct loop *loop);

/** holding_stop() - the run is over: nobody hears any more. Takes a zeroed struct */
void holding_stop(struct holding *g);

/** holding_destroy() - takes a zeroed struct */
void holding_destroy(struct holding *g);

/** holding_ask() - ask for the guest to be held still; one that is on already is no error. Context: does not block. */
void holding_ask(struct holding *g, struct hold *h);

/** holding_release() - take a hold back, held yet or not; the last one lets the guest go on */
void holding_release(struct holding *g, struct hold *h);

#endif
