/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guests of vmm/bench/lifecycle*.c, which alone include this. All errors have words.
 */
#ifndef VMM_BENCH_LIFECYCLE_INTERNAL_H
#define VMM_BENCH_LIFECYCLE_INTERNAL_H

#include "vmm/base/x86.h"
#include "vmm/bench/lifecycle.h"
#include "vmm/kvm/dirty.h"
#include "vmm/kvm/vm.h"

#define GUEST_DATA   (4 * MIB)
#define SLOT_DATA    1
#define HELLO_LENGTH 5

/**
 * struct shared - what all guests have in common
 * @code, @data: mappings; @data serves those without memory of their own
 * @ring: the capability by which guests get a dirty ring, 0: they get none
 */
struct shared {
	struct kvm *kvm;
	uint32_t ring;
	uint8_t *code;
	uint8_t *data;
};

/** struct ours - a guest as the program makes them */
struct ours {
	struct vm vm;
	struct device port;
	char heard[HELLO_LENGTH];
	unsigned nr_heard;
};

/** struct bare - a guest of ioctls only */
struct bare {
	int vm;
	int vcpu;
	struct kvm_run *run;
	uint8_t *data;
	uint64_t size;
};

/** lifecycle_shared_open() - may fail half way: closed by lifecycle_shared_close() all the same, as zeroes are */
int lifecycle_shared_open(struct kvm *kvm, struct shared *s, struct err *e);
void lifecycle_shared_close(struct shared *s);

/**
 * lifecycle_ours_create() - a guest with its code and memory, ready to run
 * @own: bytes of memory of its own, 0: that of @s
 * @g: with vm.fd -1; closed by lifecycle_ours_close() also after a failure
 */
int lifecycle_ours_create(const struct shared *s, uint64_t own, struct ours *g, struct err *e);
/** lifecycle_ours_run() - until it halts; -EIO when it said something else than it has to */
int lifecycle_ours_run(struct ours *g, struct err *e);
void lifecycle_ours_close(struct ours *g);

/** lifecycle_bare_create() - the same by ioctls; nothing is left after a failure */
int lifecycle_bare_create(const struct shared *s, uint64_t own, struct bare *b, struct err *e);
int lifecycle_bare_run(struct bare *b, struct err *e);
void lifecycle_bare_close(const struct shared *s, struct bare *b);

#endif
