/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU that runs a program in ring 3 and reports why it left the guest: a system call or an exception.
 * docs/design/exec.md describes how.
 */
#ifndef VMM_EXEC_CPU_H
#define VMM_EXEC_CPU_H

#include "vmm/cpuid/cpuid.h"
#include "vmm/exec/monitor.h"
#include "vmm/exec/space.h"
#include "vmm/exec/thread.h"
#include "vmm/kvm/vcpu.h"

/**
 * struct exec_cpu - borrows all that it points to
 * @frame: guest-physical address of the frame that IRET will read; 0: the stub returns by SYSRET
 * @user: the vCPU was interrupted in ring 3, so that its registers are the program's
 * @by_frame: on this KVM, system calls arrive as page faults
 */
struct exec_cpu {
	struct vcpu *vcpu;
	const struct space *space;
	struct monitor monitor;
	uint64_t frame;
	bool user;
	bool by_frame;
};

/**
 * enum exec_event
 * @EXEC_CALL: a system call; call exec_cpu_return() before the next step
 * @EXEC_FAULT: an exception of the program; the next step runs the instruction again
 * @EXEC_KICKED: see vcpu.h; @between: on its way to the stub, so that the registers are not to be used
 * @EXEC_BROKEN: the vCPU cannot continue, as far as known through no fault of the program
 */
enum exec_event { EXEC_CALL, EXEC_FAULT, EXEC_KICKED, EXEC_BROKEN };

#define EXEC_WORDS_MAX 256

/**
 * struct exec_exit - why the program stopped running; Trust: guest
 * @nr, @arg: of a call, as in the registers
 * @vector, @error, @address: of an exception; @address: of a page fault, otherwise 0
 * @rip, @rsp: of the program
 * @between: see EXEC_KICKED
 * @words: for EXEC_BROKEN: a description of what happened
 */
struct exec_exit {
	enum exec_event what;
	uint64_t nr;
	uint64_t arg[6];
	unsigned vector;
	uint64_t error;
	uint64_t address;
	uint64_t rip;
	uint64_t rsp;
	bool between;
	char words[EXEC_WORDS_MAX];
};

/**
 * exec_cpu_init() - set a new vCPU to the first instruction of a program
 * @space: the program is loaded in it; gets its monitor pages here
 * @cpuid: of the guest, for this CPU
 *
 * Return: 0; -ENOTSUP: this KVM lacks something; a negative errno. Context: BUILD stage.
 */
int exec_cpu_init(struct exec_cpu *c, struct vcpu *vcpu, struct space *space, const struct cpuid_set *cpuid,
	uint64_t rip, uint64_t rsp, struct err *e);

/**
 * exec_cpu_step() - run the program until something happens
 *
 * Return: 0 or a negative errno of vcpu_step(). Context: the vCPU's thread.
 */
int exec_cpu_step(struct exec_cpu *c, struct exec_exit *ret);

/** exec_cpu_return() - set the result of a system call */
void exec_cpu_return(struct exec_cpu *c, uint64_t result);

/** exec_cpu_set_base(), exec_cpu_get_base() - the base of FS or GS. Return: 0 or a negative errno */
int exec_cpu_set_base(struct exec_cpu *c, bool gs, uint64_t base);
int exec_cpu_get_base(struct exec_cpu *c, bool gs, uint64_t *ret);

/** exec_cpu_states() - what XSAVE manages on such a processor, 0 without it; @ret_size: bytes of its area */
uint64_t exec_cpu_states(const struct cpuid_set *cpuid, uint32_t *ret_size);

/** exec_cpu_get_regs() - of the program, after a step. Return: 0 or a negative errno */
int exec_cpu_get_regs(const struct exec_cpu *c, struct exec_regs *ret);

/**
 * exec_cpu_set_regs() - the program continues with these, in 64-bit code of ring 3; flags of others are dropped
 *
 * Return: 0 or a negative errno.
 */
int exec_cpu_set_regs(struct exec_cpu *c, const struct exec_regs *regs);

/** exec_cpu_get_fpu(), exec_cpu_set_fpu() - EXEC_FPU_SIZE bytes. Return: 0; -EINVAL: not valid; a negative errno */
int exec_cpu_get_fpu(struct exec_cpu *c, void *ret);
int exec_cpu_set_fpu(struct exec_cpu *c, const void *area);

#endif
