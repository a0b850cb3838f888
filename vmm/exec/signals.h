/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a program: who has which, and the frames on its stack for its handlers.
 */
#ifndef VMM_EXEC_SIGNALS_H
#define VMM_EXEC_SIGNALS_H

#include <signal.h>

#include "vmm/exec/task.h"

#define MASK_OF(signal) BIT((signal)-1)
/* They cannot be caught, blocked or ignored. */
#define UNMASKABLE (MASK_OF(SIGKILL) | MASK_OF(SIGSTOP))

#define HANDLER_DEFAULT 0 /* SIG_DFL, SIG_IGN */
#define HANDLER_IGNORE  1
#define SET_SIZE        8

#define EXEC_SA_RESTORER 0x04000000 /* Linux arch/x86/include/uapi/asm/signal.h */

#define EXEC_ERESTART 512 /* ERESTARTSYS of Linux include/linux/errno.h: handlers return it, programs never see it */

#define EXEC_ERESTARTNOINTR 513 /* also if a handler without SA_RESTART runs */

/** exec_send() - send a signal to one thread, or with NULL to the process. Return: 0; -EAGAIN: too many are queued */
int exec_send(struct exec_task *t, struct exec_thread *to, const struct exec_info *info);

/** exec_force() - a signal that an instruction has caused: it cannot be blocked or ignored */
void exec_force(struct exec_task *t, const struct exec_info *info);

/** exec_take() - take the next pending signal of a set from the queues; Return: false: none */
bool exec_take(struct exec_task *t, uint64_t set, struct exec_info *ret);

/** exec_is_ignored() - by its action, or since that is the default */
bool exec_is_ignored(const struct exec_task *t, int signal);

/** exec_pending() - of the current thread and of the process */
static inline uint64_t exec_pending(const struct exec_task *t)
{
	return t->pending | t->now->pending;
}

/** exec_interrupted() - does a signal end a wait of the current thread? */
static inline bool exec_interrupted(const struct exec_task *t)
{
	return (exec_pending(t) & (~t->now->blocked | t->now->waits_for)) != 0;
}

/** exec_attention() - must exec_deliver() be called before the program continues? */
static inline bool exec_attention(const struct exec_task *t)
{
	const struct exec_thread *th = t->now;

	return th->fault.signal || th->restart || (exec_pending(t) & ~th->blocked);
}

/** exec_deliver() - act on the current thread's signals: handlers, default actions, calls that are made again */
void exec_deliver(struct exec_task *t);

/** exec_push_frame() - build the frame of a handler; Return: 0; -EFAULT, -ENOMEM: the stack cannot take it */
int exec_push_frame(struct exec_task *t, const struct exec_info *info, struct exec_regs *regs);

/** exec_set_stack() - sigaltstack(); @rsp: of the program. Return: 0; -EPERM: in use; -EINVAL; -ENOMEM: too small */
int exec_set_stack(struct exec_thread *th, const struct exec_stack *new, uint64_t rsp);

/** exec_on_stack() - is the alternative stack in use? */
bool exec_on_stack(const struct exec_thread *th, uint64_t rsp);

/** exec_use_mask() - block other signals until the call ends: @at of the program; 0: as they are */
int exec_use_mask(struct exec_task *t, uint64_t at, uint64_t size);

/** exec_is_canonical() - is it an address, for the processor? SDM 1, 3.3.7.1 */
static inline bool exec_is_canonical(uint64_t at)
{
	return at >> 47 == 0 || at >> 47 == 0x1ffff;
}

#endif
