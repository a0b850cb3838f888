// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's CPUs as a debugger has them: why one has stopped, what is read and written while all are held, and what
 * KVM is asked to watch when they go on. stub.c has the theory of operation.
 */
#include <string.h>

#include "vmm/base/wake.h"
#include "vmm/base/x86.h"
#include "vmm/debug/gdb/memory.h"
#include "vmm/debug/gdb/stub_internal.h"

#define MSR_KERNEL_GS_BASE 0xc0000102 /* SDM 4, table 2-2 */

/* SDM 3, 17.2.3 */
#define DR6_HIT(n) BIT(n)

/* --- A vCPU's thread ------------------------------------------------------------------------------------------- */

static struct cpu *cpu_of(struct gdb_stub *g, const struct vcpu_thread *t)
{
	struct cpu *c = g->cpu;

	while (c->thread != t)
		c++;
	return c;
}

/* The INT3 that was executed: is it one of ours? Programs share pages, so it is looked for by where it lies. */
static bool is_software(struct gdb_stub *g, struct cpu *c, uint64_t pc)
{
	unsigned n = (unsigned)(c - g->cpu);
	const struct gmem *mem = g->env.ops->memory(g->env.owner, n);
	struct vcpu_regs regs;
	uint64_t gpa;

	return vcpu_peek_regs(c->thread->vcpu, &regs) == 0 && gdb_translate(mem, &regs, pc, &gpa) == 0 &&
		gdb_software_hit(&g->target.breakpoints, mem, gpa);
}

static struct gdb_stop why(struct gdb_stub *g, struct cpu *c, const struct kvm_debug_exit_arch *x)
{
	struct gdb_stop stop = {.cpu = (unsigned)(c - g->cpu)};
	struct gdb_hardware h;

	if (x->exception == VECTOR_BP) {
		if (is_software(g, c, x->pc))
			stop.why = GDB_WHY_SOFTWARE;
		return stop;
	}
	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++) {
		if (!(x->dr6 & DR6_HIT(i)) || !gdb_hardware_hit(&g->target.breakpoints, i, &h))
			continue;
		stop.address = h.address;
		stop.why = h.type == GDB_HARDWARE   ? GDB_WHY_HARDWARE
			: h.type == GDB_WATCH_WRITE ? GDB_WHY_WATCH
						    : GDB_WHY_ACCESS;
		return stop;
	}
	if (c->debug.control & KVM_GUESTDBG_SINGLESTEP)
		stop.why = GDB_WHY_STEP;
	return stop;
}

void gdb_stub_exit(struct gdb_stub *g, struct vcpu_thread *t)
{
	const struct kvm_debug_exit_arch x = t->vcpu->run->debug.arch;
	struct cpu *c = cpu_of(g, t);
	struct gdb_stop stop = why(g, c, &x);

	if (stop.why == GDB_WHY_NONE) {
		struct kvm_guest_debug debug = c->debug;

		debug.control |= x.exception == VECTOR_BP ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB;
		vcpu_set_debug(t->vcpu, &debug);
		return;
	}
	vcpu_thread_hold(t);
	pthread_mutex_lock(&g->lock);
	c->stop = stop;
	g->parked++;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
	vcpu_thread_kicked(t);
}

/* --- The client's thread ---------------------------------------------------------------------------- */

void gdb_stub_ask(struct gdb_stub *g, bool *what)
{
	pthread_mutex_lock(&g->lock);
	*what = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

static struct vcpu *vcpu_of(struct gdb_target *t, unsigned cpu)
{
	return container_of(t, struct gdb_stub, target)->cpu[cpu].thread->vcpu;
}

static int read_regs(struct gdb_target *t, unsigned cpu, struct gdb_regs *ret)
{
	struct vcpu *v = vcpu_of(t, cpu);
	int r = vcpu_peek_regs(v, &ret->v);

	if (r == 0)
		r = vcpu_peek_fpu(v, &ret->fpu);
	ret->kernel_gs_base = 0;
	if (r == 0)
		vcpu_peek_msr(v, MSR_KERNEL_GS_BASE, &ret->kernel_gs_base);
	return r;
}

static int write_regs(struct gdb_target *t, unsigned cpu, const struct gdb_regs *regs)
{
	struct vcpu *v = vcpu_of(t, cpu);
	int r = vcpu_poke_regs(v, &regs->v);

	if (r == 0)
		r = vcpu_poke_fpu(v, &regs->fpu);
	if (r == 0)
		vcpu_poke_msr(v, MSR_KERNEL_GS_BASE, regs->kernel_gs_base);
	return r;
}

static const struct gmem *memory_of(struct gdb_target *t, unsigned cpu)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	return g->env.ops->memory(g->env.owner, cpu);
}

static const char *state_of(struct gdb_target *t, unsigned cpu)
{
	return vcpu_state_name(vcpu_of(t, cpu));
}

/* What KVM is to watch on a CPU from its next instruction on. */
static void arm(struct gdb_stub *g, struct cpu *c, enum gdb_how how)
{
	struct kvm_guest_debug debug = {0};
	uint64_t registers[8];

	if (gdb_has_software(&g->target.breakpoints))
		debug.control |= KVM_GUESTDBG_USE_SW_BP;
	if (gdb_debug_registers(&g->target.breakpoints, registers)) {
		debug.control |= KVM_GUESTDBG_USE_HW_BP;
		memcpy(debug.arch.debugreg, registers, sizeof(registers));
	}
	if (how == GDB_STEP)
		debug.control |= KVM_GUESTDBG_SINGLESTEP | (g->env.block_irq ? KVM_GUESTDBG_BLOCKIRQ : 0);
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	if (debug.control || c->debug.control)
		vcpu_set_debug(c->thread->vcpu, &debug);
	c->debug = debug;
	vcpu_thread_freeze(c->thread, how == GDB_STAY);
}

void gdb_stub_let_go(struct gdb_stub *g, const uint8_t *how)
{
	for (unsigned i = 0; i < g->target.nr_cpus; i++)
		arm(g, &g->cpu[i], how ? (enum gdb_how)how[i] : GDB_GO);
	g->stopped = false;
	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < g->target.nr_cpus; i++)
		g->cpu[i].stop.why = GDB_WHY_NONE;
	g->held = false;
	g->want_release = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

static bool is_watched(struct gdb_stub *g, const struct gdb_stop *stop)
{
	struct gdb_hardware h;
	bool is = false;

	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++)
		is |= gdb_hardware_hit(&g->target.breakpoints, i, &h) && h.address == stop->address &&
			h.type != GDB_HARDWARE;
	return is && (stop->why == GDB_WHY_WATCH || stop->why == GDB_WHY_ACCESS);
}

static bool resume(struct gdb_target *t, const uint8_t *how, struct gdb_stop *ret)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	for (unsigned i = 0; i < t->nr_cpus; i++) {
		struct gdb_stop *stop = &g->cpu[i].stop;

		if (how[i] == GDB_STAY || stop->why == GDB_WHY_NONE || !is_watched(g, stop))
			continue;
		*ret = *stop;
		stop->why = GDB_WHY_NONE;
		return true;
	}
	gdb_stub_let_go(g, how);
	return false;
}

static void interrupt(struct gdb_target *t)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	gdb_stub_ask(g, &g->want_hold);
}

static void write_core(struct gdb_target *t)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	gdb_stub_ask(g, &g->want_core);
}

static void end_run(struct gdb_target *t, enum gdb_end end)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	pthread_mutex_lock(&g->lock);
	g->want_end = end;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

const struct gdb_target_ops gdb_stub_target_ops = {
	.read = read_regs,
	.write = write_regs,
	.memory = memory_of,
	.state = state_of,
	.resume = resume,
	.interrupt = interrupt,
	.end = end_run,
	.core = write_core,
};
