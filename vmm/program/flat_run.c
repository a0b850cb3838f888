// SPDX-License-Identifier: Apache-2.0
/*
 * Running flat programs: a thread each, started together, and the loop's thread that waits for the last one.
 *
 * Theory of operation. A program's thread alone writes its verdict, so that none needs a lock until it has been joined.
 * flat_end() says in `end` why those that still run are stopped; they are then made to leave the guest or to stop
 * waiting, and take that verdict. The last one to end stops the loop.
 *
 * A thread locks itself into its filter of system calls and waits at the gate of its crew, which the loop's thread
 * opens when all have, itself the last.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "security/sandbox.h"
#include "vmm/base/kick.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/program/flat_internal.h"

#define STACK_SIZE (128 * KIB)

static void PRINTF(4, 5) ended(struct flat_program *p, enum outcome outcome, enum detector by, const char *fmt, ...)
{
	va_list ap;

	p->verdict = (struct verdict){outcome, by, 0};
	va_start(ap, fmt);
	vsnprintf(p->words, sizeof(p->words), fmt, ap);
	va_end(ap);
}

static bool get_state(const struct flat_program *p, struct flat_state *ret)
{
	struct vcpu_regs regs;

	if (vcpu_get_regs(p->thread.vcpu, &regs, NULL) < 0)
		return false;
	*ret = (struct flat_state){
		.cs = regs.system.cs.selector,
		.cs_base = regs.system.cs.base,
		.ss_base = regs.system.ss.base,
		.rip = regs.general.rip,
		.rsp = regs.general.rsp,
		.cr2 = regs.system.cr2,
	};
	return true;
}

/* Ended by us: where it was. */
static void stopped(struct flat_program *p)
{
	struct flat_state s;

	pthread_mutex_lock(&p->flat->lock);
	p->verdict = p->flat->end;
	pthread_mutex_unlock(&p->flat->lock);
	if (get_state(p, &s))
		snprintf(p->words, sizeof(p->words), "CS 0x%x, RIP 0x%" PRIx64, s.cs, s.rip);
}

static void halted(struct flat_program *p)
{
	struct flat *f = p->flat;
	char text[FLAT_FAULT_TEXT_MAX];
	struct flat_fault fault;
	struct flat_state s;

	if (!get_state(p, &s))
		ended(p, OUTCOME_FAILURE, DETECTOR_VMM, "cannot read its registers");
	else if (flat_find_fault(&f->vm[p->vm].memory.gmem, p->slot, f->mem_bytes, p->mode, &s, &fault))
		ended(p, OUTCOME_CRASH, DETECTOR_FAULT, "%s", flat_fault_text(&fault, text));
	else
		ended(p, OUTCOME_POWEROFF, DETECTOR_PROGRAM, "%s", "");
}

static void internal_error(struct flat_program *p, uint64_t suberror)
{
	struct flat_state s = {0};

	get_state(p, &s);
	ended(p, OUTCOME_CRASH, DETECTOR_INTERNAL_ERROR, "suberror %" PRIu64 "%s, CS 0x%x, RIP 0x%" PRIx64, suberror,
		suberror == KVM_INTERNAL_ERROR_EMULATION ? ", an instruction that KVM cannot emulate, or none at all"
							 : "",
		s.cs, s.rip);
}

/* Apart from on_step(), where its buffer would cost each exit a check of the stack. */
static __attribute__((noinline)) void odd_exit(struct flat_program *p, const struct vcpu_exit *x)
{
	char text[VCPU_EXIT_TEXT_MAX];

	vcpu_exit_text(x, text);
	if (x->what == VCPU_ENTRY_FAILED)
		ended(p, OUTCOME_FAILURE, DETECTOR_ENTRY_FAILED, "%s", text);
	else
		ended(p, OUTCOME_FAILURE, DETECTOR_VMM, "KVM left the guest: %s", text);
}

static void on_step(struct flat_program *p, const struct vcpu_exit *x)
{
	switch (x->what) {
	case VCPU_PIO: flat_access(p, x); break;
	case VCPU_MMIO:
		/* Nothing is there: a read finds ones. */
		if (!x->mmio.write)
			memset(x->mmio.data, 0xff, x->mmio.len);
		trace_mmio_unclaimed(p->flat->trace, x->mmio.gpa, x->mmio.len, x->mmio.write ? "write" : "read");
		break;
	case VCPU_HLT: halted(p); break;
	case VCPU_DEBUG: gdb_stub_exit(p->flat->gdb, &p->thread); break;
	case VCPU_KICKED: vcpu_thread_kicked(&p->thread); break;
	case VCPU_TRIPLE_FAULT:
		ended(p, OUTCOME_CRASH, DETECTOR_TRIPLE_FAULT,
			"a fault that could not be delivered: its stack or its tables were not usable");
		break;
	case VCPU_INTERNAL_ERROR: internal_error(p, x->error); break;
	default: odd_exit(p, x); break;
	}
}

/* Until it has a verdict. */
static void run_program(struct flat_program *p)
{
	struct crew *crew = &p->flat->crew;
	bool timed = p->flat->timed;
	uint64_t t = timed ? trace_now_ns() : 0;

	while (p->verdict.outcome == OUTCOME_NONE) {
		struct vcpu_exit x;
		uint64_t now;
		int r;

		if (unlikely(crew_stopping(crew))) {
			stopped(p);
			break;
		}
		r = vcpu_step(p->thread.vcpu, &x);
		if (unlikely(r < 0)) {
			ended(p, OUTCOME_FAILURE, DETECTOR_VMM, "KVM_RUN: %s%s", strerror(-r), vcpu_step_hint(r));
			break;
		}
		if (timed) {
			now = trace_now_ns();
			p->guest_ns += now - t;
			t = now;
		}
		on_step(p, &x);
		if (timed) {
			now = trace_now_ns();
			p->vmm_ns += now - t;
			t = now;
		}
	}
}

static void program_main(struct vcpu_thread *t)
{
	struct flat_program *p = container_of(t, struct flat_program, thread);

	run_program(p);
	flat_print_rest(p);
	if (atomic_fetch_sub(&p->flat->running, 1) == 1)
		loop_stop(p->flat->loop);
}

static int lock_program(struct crew *c)
{
	struct sandbox_fds fds = SANDBOX_NO_FDS;

	fds.of[SANDBOX_FD_VCPU][0] = vcpu_thread_self()->vcpu->fd;
	return sandbox_lock(container_of(c, struct flat, crew)->sandbox, SANDBOX_VCPU, &fds);
}

const struct crew_ops flat_crew = {.stack_size = STACK_SIZE, .lock = lock_program, .run = program_main};

static int start_threads(struct flat *f, struct err *e)
{
	unsigned at = 0;
	int r = kick_install();

	if (r < 0)
		return err_sys(e, r, "sigaction");
	f->running = f->nr;
	r = crew_start(&f->crew, &at);
	return r < 0
		? err_sys(e, r, "cannot start thread %u of %u, one for each program%s", at + 1, f->nr, err_no_thread(r))
		: 0;
}

/* Every thread has its filter before any of them lets a program run; this one comes last. */
static int lock_threads(struct flat *f, struct err *e)
{
	int r = crew_wait_locked(&f->crew);

	/* Nothing is asked of KVM itself any more. */
	kvm_close(&f->kvm);
	if (r == 0)
		r = sandbox_lock(f->sandbox, SANDBOX_LOOP, NULL);
	return r < 0 ? err_sys(e, r, "cannot install a filter of system calls") : 0;
}

/* Those that wait for a key or for room are woken, and then those in the guest. */
static void stop_all(struct flat *f)
{
	crew_quit(&f->crew);
	flat_wake(f);
	crew_stop(&f->crew);
}

void flat_end(struct flat *f, enum outcome outcome, enum detector by, uint64_t value)
{
	pthread_mutex_lock(&f->lock);
	if (f->end.outcome == OUTCOME_NONE)
		f->end = (struct verdict){outcome, by, value};
	pthread_mutex_unlock(&f->lock);
	loop_stop(f->loop);
}

static void on_limit(struct loop_timer *t)
{
	flat_end(container_of(t, struct flat, limit), OUTCOME_TIMEOUT, DETECTOR_TIMER, 0);
}

static int arm_limit(struct flat *f)
{
	uint64_t now = trace_now_ns();
	int r = loop_timer_init(f->loop, &f->limit, on_limit);

	if (r == 0 && f->deadline_ns)
		r = loop_timer_set(&f->limit, f->deadline_ns > now ? f->deadline_ns - now : 1, 0);
	return r;
}

int flat_run(struct flat *f, struct err *e)
{
	int r = console_attach(f->console, f->loop, &f->keyboard);

	if (r == 0)
		r = arm_limit(f);
	if (r < 0) {
		err_sys(e, r, "cannot set up");
	} else {
		r = start_threads(f, e);
		if (r == 0 && f->gdb)
			r = gdb_stub_start(f->gdb, f->sandbox, e);
		if (r == 0)
			r = lock_threads(f, e);
		if (r < 0)
			flat_end(f, OUTCOME_FAILURE, DETECTOR_VMM, 0);
	}
	if (r == 0) {
		if (f->gdb)
			gdb_stub_begin(f->gdb);
		crew_open(&f->crew);
		r = loop_run(f->loop);
		if (r < 0)
			err_sys(e, r, "epoll_wait");
	}
	stop_all(f);
	gdb_stub_stop(f->gdb, flat_exit_status(f));
	loop_timer_destroy(&f->limit);
	if (f->console)
		console_finish(f->console, CONSOLE_FINISH_NS);
	return r;
}
