/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by exec.c and rounds.c.
 */
#ifndef VMM_EXEC_INTERNAL_H
#define VMM_EXEC_INTERNAL_H

#include <limits.h>

#include "vmm/base/units.h"
#include "vmm/exec/cpu.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/libraries.h"
#include "vmm/exec/rounds.h"
#include "vmm/exec/task.h"
#include "vmm/kvm/vcpu_thread.h"
#include "vmm/kvm/vm.h"

#define EXEC_KICK_AGAIN (5 * NSEC_PER_MSEC)
#define EXEC_PATH_ROOM  (PATH_MAX + 2)

/**
 * struct exec
 * @rounds: NULL: it does not run in rounds
 * @asks: the program is in vmm_next()
 * @path: in the guest
 * @halt: no call may wait any longer: the run, or a round, is to end
 * @ended: the thread has left its loop
 * @end, @end_value: why it was stopped, before crew_quit()
 */
struct exec {
	struct exec_config config;
	struct kvm kvm;
	struct trace *trace;
	struct loop *loop;
	struct sandbox *sandbox;
	struct crew crew;
	struct vcpu_thread thread;
	struct vm vm;
	struct exec_task task;
	struct exec_cpu cpu;
	struct exec_rounds *rounds;
	bool asks;
	struct loop_timer limit;
	struct loop_timer tick;
	struct libraries libraries;
	char path[EXEC_PATH_ROOM];

	_Atomic bool halt;
	_Atomic bool ended;
	enum exec_how end;
	unsigned end_value;
	enum exec_how how;
	unsigned value;
	char words[EXEC_WORDS_MAX];
	uint64_t guest_ns;
	uint64_t vmm_ns;
};

/** exec_failed() - vmm or its host has failed. Context: the program's thread */
void exec_failed(struct exec *x, const char *what, const char *why, const char *hint);

/** exec_step() - run the program up to an exit, and answer that. Return: 0 or a negative errno of KVM_RUN */
int exec_step(struct exec *x);

/** exec_next() - the program calls vmm_next(). Context: as exec_failed() */
void exec_next(struct exec *x, uint64_t buf, uint64_t size);

/**
 * exec_rounds_step() - after an exit was answered: has a round ended?
 *
 * Context: as exec_failed(); blocks until there is another round, or the run is to end.
 */
void exec_rounds_step(struct exec *x, const struct exec_exit *at);

/** exec_returned() - is this exception the return of a function that a round has called? Context: as exec_failed() */
bool exec_returned(struct exec *x, const struct exec_exit *at);

/** exec_rounds_destroy() - takes a program without rounds */
void exec_rounds_destroy(struct exec *x);

#endif
