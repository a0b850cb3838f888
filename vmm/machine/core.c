// SPDX-License-Identifier: Apache-2.0
/*
 * Cores of a machine that is held, or whose run has ended: vmm/debug/elfcore.h says what they are.
 *
 * Theory of operation. The control loop reads the registers, which only KVM has; the thread of newfile.h reads RAM and
 * writes the file.
 *
 * At the end of a run the loop goes on until the core is there, so that a signal or Ctrl-A X ends that too.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/x86.h"
#include "vmm/debug/elfcore.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/newfile.h"

#define STOP_NS NSEC_PER_SEC

static const struct newfile_kind core_kind = {
	.what = "core",
	.option = "--core",
	.letters = "sn",
	.words = "%s is the reason, %n a number, %% a percent sign",
	.longest = CORE_REASON_LONGEST,
};

/**
 * struct machine_core - opened in OPEN, the rest made in BUILD
 * @request: whom to answer: @own, while the machine is held for @dump; @last, at the end of the run; or another
 * @ended: the run has ended: who would stop it stops this
 * @written: the last core, @end: what became of the one of the end of the run, as text; both owned
 */
struct machine_core {
	struct machine *m;
	struct newfile file;
	struct core_writer *writer;
	struct core_cpu *cpu;
	struct core_request *request, *dump;
	struct core_request own, last;
	struct hold hold;
	bool ended;
	uint64_t asked_ns;
	struct core_result result;
	char *written;
	char *end;
};

int machine_core_check(const char *file, struct err *e)
{
	return newfile_check(&core_kind, file, e);
}

uint64_t machine_core_largest(const struct config *c)
{
	return c->mem_bytes + CORE_HEAD_MAX;
}

static int write_core(struct newfile *f, int fd)
{
	struct machine_core *c = container_of(f, struct machine_core, file);
	const struct machine *m = c->m;

	return core_write(c->writer, &m->vm.memory.gmem, c->cpu, m->vm.nr_vcpus, fd, &f->stop, &c->result);
}

/* --- Registers --------------------------------------------------------------------------------------------------- */

static struct core_segment segment(const struct kvm_segment *s)
{
	return (struct core_segment){
		.selector = s->selector,
		.limit = s->limit,
		/* SDM 3, 3.4.5: the upper half of a descriptor */
		.flags = (uint32_t)s->type << 8 | (uint32_t)s->s << 12 | (uint32_t)s->dpl << 13 |
			(uint32_t)s->present << 15 | (uint32_t)s->avl << 20 | (uint32_t)s->l << 21 |
			(uint32_t)s->db << 22 | (uint32_t)s->g << 23,
		.base = s->base,
	};
}

static struct core_segment table(const struct kvm_dtable *t)
{
	return (struct core_segment){.limit = t->limit, .base = t->base};
}

/* A CPU whose registers KVM does not give has zeroes. */
static void read_cpu(struct vcpu *v, struct core_cpu *ret)
{
	struct vcpu_msr gs = {.index = MSR_KERNEL_GS_BASE};
	struct vcpu_regs regs = {};
	const struct kvm_sregs *s = &regs.system;
	struct core_registers *c = &ret->regs;

	static_assert(
		offsetof(struct core_registers, cs) - offsetof(struct core_registers, rax) == sizeof(regs.general),
		"KVM and QEMU have them in the same order");
	*ret = (struct core_cpu){};
	if (vcpu_get_regs(v, &regs, NULL) < 0)
		return;
	memcpy((char *)c + offsetof(struct core_registers, rax), &regs.general, sizeof(regs.general));
	c->cs = segment(&s->cs);
	c->ds = segment(&s->ds);
	c->es = segment(&s->es);
	c->fs = segment(&s->fs);
	c->gs = segment(&s->gs);
	c->ss = segment(&s->ss);
	c->ldt = segment(&s->ldt);
	c->tr = segment(&s->tr);
	c->gdt = table(&s->gdt);
	c->idt = table(&s->idt);
	c->cr[0] = s->cr0;
	c->cr[2] = s->cr2;
	c->cr[3] = s->cr3;
	c->cr[4] = s->cr4;
	ret->efer = s->efer;
	if (vcpu_get_msrs(v, &gs, 1, NULL) == 0 && !gs.refused)
		c->kernel_gs_base = gs.value;
}

/* --- In the control loop ----------------------------------------------------------------------------------------- */

static void on_written(struct newfile *f)
{
	struct machine_core *c = container_of(f, struct machine_core, file);
	struct core_request *q = TAKE_PTR(c->request);
	char path[PATH_MAX], why[PATH_MAX + 128];

	if (c->ended)
		loop_stop(c->m->loop);
	if (f->error == 0) {
		newfile_path(f, path, sizeof(path));
		free(c->written);
		c->written = strdup(path);
		trace_core_written(c->m->trace, path, c->result.bytes, trace_now_ns() - c->asked_ns,
			c->result.vmcoreinfo ? "VMCOREINFO" : "no VMCOREINFO");
		q->done(q, path, NULL);
		return;
	}
	newfile_failure(f, why, sizeof(why));
	trace_core_failed(c->m->trace, why);
	q->done(q, NULL, why);
}

static const struct newfile_ops core_ops = {.write = write_core, .written = on_written};

int machine_core(struct machine *m, const char *reason, struct core_request *q)
{
	struct machine_core *c = m->core;

	if (!c)
		return -ENOTSUP;
	if (!newfile_is_idle(&c->file))
		return -EBUSY;
	c->request = q;
	c->asked_ns = trace_now_ns();
	newfile_name(&c->file, reason);
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		read_cpu(&m->vm.vcpu[i], &c->cpu[i]);
	newfile_ask(&c->file);
	return 0;
}

/* --- On request, while the guest runs ---------------------------------------------------------------------------- */

static void dump_ends(struct machine_core *c, const char *path, const char *why)
{
	struct core_request *q = TAKE_PTR(c->dump);

	machine_release(c->m, &c->hold);
	q->done(q, path, why);
}

static void on_dumped(struct core_request *q, const char *path, const char *why)
{
	dump_ends(container_of(q, struct machine_core, own), path, why);
}

static void on_held(struct hold *h)
{
	struct machine_core *c = container_of(h, struct machine_core, hold);

	if (machine_core(c->m, CORE_REASON_REQUEST, &c->own) < 0)
		dump_ends(c, NULL, "a core is being written already");
}

static void on_refused(struct hold *h, const char *late)
{
	dump_ends(container_of(h, struct machine_core, hold), NULL, "no core: the guest cannot be held still");
}

void machine_dump(struct machine *m, struct core_request *q)
{
	struct machine_core *c = m->core;

	if (!c || c->dump || c->ended) {
		q->done(q, NULL, c ? "a core is being written already" : "there is no --core FILE to write a core to");
		return;
	}
	c->dump = q;
	machine_hold(m, &c->hold);
}

static void on_last(struct core_request *q, const char *path, const char *why)
{
	struct machine_core *c = container_of(q, struct machine_core, last);

	if (asprintf(&c->end, "%s%s", path ? "core written: " : "", path ? path : why) < 0)
		c->end = NULL;
}

/* --- Its life ---------------------------------------------------------------------------------------------------- */

int machine_core_open(struct machine *m, struct err *e)
{
	struct machine_core *c;

	if (!m->config->core)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_sys(e, -ENOMEM, "--core");
	m->core = c;
	c->m = m;
	c->file = NEWFILE_CLOSED;
	c->hold = (struct hold){.held = on_held, .refused = on_refused};
	c->own.done = on_dumped;
	c->last.done = on_last;
	return newfile_open(&c->file, &core_kind, &core_ops, m->config->core, e);
}

const char *machine_core_dir(const struct machine *m)
{
	return m->core && m->core->file.dir >= 0 ? m->core->file.rule : NULL;
}

const char *machine_core_path(const struct machine *m)
{
	return m->core ? m->core->written : NULL;
}

const char *machine_core_end(const struct machine *m)
{
	return m->core ? m->core->end : NULL;
}

int machine_core_init(struct machine *m, struct err *e)
{
	struct machine_core *c = m->core;
	int r;

	if (!c)
		return 0;
	c->cpu = calloc(m->vm.nr_vcpus, sizeof(*c->cpu));
	r = c->cpu ? core_writer_new(&c->writer) : -ENOMEM;
	return r < 0 ? err_sys(e, r, "--core") : newfile_init(&c->file, m->loop, e);
}

int machine_core_start(struct machine *m, struct err *e)
{
	return m->core ? newfile_start(&m->core->file, m->sandbox, e) : 0;
}

static const char *reason_of(const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_PANIC: return "panic";
	case OUTCOME_CRASH: return v->by == DETECTOR_INTERNAL_ERROR ? "internal-error" : "crash";
	case OUTCOME_FAILURE: return v->by == DETECTOR_ENTRY_FAILED ? "internal-error" : NULL;
	case OUTCOME_HALT: return "halt";
	case OUTCOME_TIMEOUT: return "timeout";
	default: return NULL;
	}
}

bool machine_core_interrupt(struct machine *m)
{
	if (!m->core || !m->core->ended)
		return false;
	atomic_store_explicit(&m->core->file.stop, true, memory_order_relaxed);
	loop_stop(m->loop);
	return true;
}

/* Until it is there, or somebody stops it. */
static void wait_for_core(struct machine_core *c)
{
	while (c->request && !atomic_load_explicit(&c->file.stop, memory_order_relaxed))
		if (loop_run(c->m->loop) < 0)
			break;
}

void machine_core_finish(struct machine *m)
{
	const char *reason = reason_of(&m->end.verdict);
	struct machine_core *c = m->core;

	if (!c)
		return;
	c->ended = true;
	/* Who ended the run has no time for one that was asked for before. */
	if (m->end.verdict.outcome == OUTCOME_SIGNAL)
		atomic_store_explicit(&c->file.stop, true, memory_order_relaxed);
	wait_for_core(c);
	if (reason && !atomic_load_explicit(&c->file.stop, memory_order_relaxed) &&
		machine_core(m, reason, &c->last) == 0)
		wait_for_core(c);
	if (!newfile_stop(&c->file, trace_now_ns() + STOP_NS))
		trace_device_hangs(m->trace, c->file.worker.name);
}

bool machine_core_destroy(struct machine_core *c)
{
	if (!c)
		return true;
	if (!newfile_destroy(&c->file))
		return false;
	core_writer_free(c->writer);
	free(c->cpu);
	free(c->written);
	free(c->end);
	free(c);
	return true;
}
