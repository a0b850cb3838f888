/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of exit_costs.c, which alone includes this: the paths, and the guest's memory and registers for each.
 */
#ifndef VMM_BENCH_EXIT_COSTS_INTERNAL_H
#define VMM_BENCH_EXIT_COSTS_INTERNAL_H

#include <stdbool.h>

#include "vmm/bench/exit_costs.h"
#include "vmm/kvm/vm.h"

/* Guest-physical addresses, which are linear ones too */
#define GUEST_RAM  (16 * MIB)
#define AT_HLTS    0x1800 /* handler of exception n: the n-th HLT */
#define AT_SAMPLES (4 * MIB)

/* Addresses without RAM: a store exits to us, or is an ioeventfd. */
#define MMIO_PLAIN        UINT64_C(0xd0000000)
#define MMIO_KICKS_KVM    (MMIO_PLAIN + 0x100)
#define MMIO_KICKS_THREAD (MMIO_PLAIN + 0x108)

#define PORT_END   0xf4
#define VECTOR_IRQ 0x30
#define CODE_ALIGN 64 /* a loop or handler, up to its instruction at least */

/* What takes the time; the second where a guest cannot execute the first. */
enum { WITH_RDTSCP, WITH_RDTSC, CLOCKS };

/**
 * struct instruction - what is timed
 * @loop: that times it, for each clock
 * @handler: of a system call that executes it; NULL: none does
 */
struct instruction {
	const char *name;
	const uint8_t *loop[CLOCKS];
	const uint8_t *handler;
};

/**
 * struct path - a row
 * @what: the instruction; @from: where it is executed; @answer: who lets the guest go on
 * @gpa: where its store goes, if there is one
 */
struct path {
	const struct instruction *what;
	enum exit_costs_from from;
	enum exit_costs_answer answer;
	uint64_t gpa;
};

/** exit_costs_path() - a row, below exit_costs_rows() */
const struct path *exit_costs_path(unsigned row);

/** exit_costs_loop() - the code that times a path */
const uint8_t *exit_costs_loop(const struct path *p, unsigned clock);

/** exit_costs_handler() - of the system call that the loop makes; NULL: it makes none */
const uint8_t *exit_costs_handler(const struct path *p);

/** exit_costs_has_interrupts() - the path needs a VM with interrupt controllers */
bool exit_costs_has_interrupts(const struct path *p);

/** exit_costs_replaced_by() - the hypercall instruction that KVM puts in the place of this path's own */
const char *exit_costs_replaced_by(const struct path *p);

/** exit_costs_address() - where a label of exit_costs_guest.S is in the guest */
uint64_t exit_costs_address(const uint8_t *label);

/** exit_costs_write_guest() - tables and code, into GUEST_RAM bytes from 0 on */
void exit_costs_write_guest(const struct gmem *g);

/** exit_costs_enter() - the state in which a path starts */
int exit_costs_enter(struct vm *vm, const struct path *p, unsigned clock, unsigned iterations, struct err *e);

#endif
