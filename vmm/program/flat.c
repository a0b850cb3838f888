// SPDX-License-Identifier: Apache-2.0
/*
 * Flat programs: the set-up before the first of them runs. Programs share a VM until it is full (by the number of vCPUs
 * that KVM allows, or RAM up to the 32-bit hole, since protected mode reaches no further), then the next VM is used.
 */
#include "vmm/program/flat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/board.h"
#include "vmm/base/path.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/program/flat_internal.h"

static bool shares_vm(const struct flat *f, const struct flat_program *p)
{
	return !f->isolate && p->mode != ENTRY_REAL;
}

/* Its name in output lines and messages. */
static int name_program(struct flat *f, unsigned i, const char *path, struct err *e)
{
	const char *base = path_name(path);
	size_t len = strlen(base);
	unsigned same = 1;
	int n;

	for (unsigned j = 0; j < i; j++)
		if (!strncmp(f->program[j].name, base, len) &&
			(f->program[j].name[len] == '\0' || f->program[j].name[len] == '#'))
			same++;
	n = same > 1 ? asprintf(&f->program[i].name, "%s#%u", base, same) : asprintf(&f->program[i].name, "%s", base);
	if (n >= 0)
		return 0;
	f->program[i].name = NULL;
	return err_sys(e, -ENOMEM, "cannot name %s", path);
}

static int open_program(struct flat *f, unsigned i, const struct flat_source *source, struct err *e)
{
	struct flat_program *p = &f->program[i];
	int r;

	p->flat = f;
	p->wish = source->wish;
	/* Non-blocking, so that a FIFO is an error instead of blocking. */
	p->fd = path_open(source->path, O_RDONLY | O_NONBLOCK, 0);
	if (p->fd < 0)
		return err_operator(e, err_sys(e, p->fd, "%s", source->path));
	r = name_program(f, i, source->path, e);
	return r < 0 ? r : flat_program_ports(p, i == 0, e);
}

int flat_open(const struct flat_config *config, const struct flat_stdio *stdio, struct trace *trace, struct loop *loop,
	struct flat **ret, struct err *e)
{
	const struct console_params console = {
		.kind = CONSOLE_STDIO,
		.in_fd = stdio->in_fd,
		.out_fd = stdio->out_fd,
		.filter = stdio->filter,
		.trace = trace,
	};
	struct flat *f = calloc(1, sizeof(*f));
	int r;

	assert(config->nr);
	if (!f)
		return err_sys(e, -ENOMEM, "cannot set up");
	f->kvm.fd = -1;
	f->trace = trace;
	f->loop = loop;
	f->mem_bytes = config->mem_bytes;
	f->isolate = config->isolate;
	f->timed = config->timed;
	f->raw = stdio->raw;
	f->deadline_ns = config->deadline_ns;
	pthread_mutex_init(&f->lock, NULL);
	crew_init(&f->crew, &flat_crew);
	flat_io_init(f);
	f->program = calloc(config->nr + 1, sizeof(*f->program));
	r = f->program ? 0 : err_sys(e, -ENOMEM, "cannot set up %u programs", config->nr);
	for (; r == 0 && f->nr < config->nr; f->nr++) {
		f->program[f->nr].fd = -1;
		r = open_program(f, f->nr, &config->source[f->nr], e);
	}
	if (r == 0 && config->gdb)
		r = gdb_stub_open(config->gdb, &config->as, &f->gdb, e);
	if (r == 0)
		r = kvm_open(trace, &f->kvm, e);
	if (r == 0)
		r = console_open(&console, &f->console, e);
	if (r < 0) {
		flat_destroy(f);
		return r;
	}
	*ret = f;
	return 0;
}

void flat_set_sandbox(struct flat *f, struct sandbox *sandbox)
{
	f->sandbox = sandbox;
}

/* Assigns a VM and a slot to each program. */
static int assign(struct flat *f, struct err *e)
{
	uint64_t slot_size = flat_slot_size(f->mem_bytes);
	uint64_t room = MIN((uint64_t)f->kvm.max_vcpus, BOARD_HOLE_START / slot_size);
	unsigned shared = 0, used = UINT32_MAX;
	struct vm *grown;

	for (unsigned i = 0; i < f->nr; i++) {
		struct flat_program *p = &f->program[i];

		if (!shares_vm(f, p)) {
			p->vm = f->nr_vms++;
			continue;
		}
		if (used >= room) {
			shared = f->nr_vms++;
			used = 0;
		}
		p->vm = shared;
		p->slot = used++ * slot_size;
	}
	grown = calloc(f->nr_vms, sizeof(*grown));
	if (!grown)
		return err_sys(e, -ENOMEM, "cannot set up %u VMs", f->nr_vms);
	f->vm = grown;
	for (unsigned i = 0; i < f->nr_vms; i++)
		f->vm[i].fd = -1;
	return 0;
}

/* Makes a VM with RAM and vCPUs for its programs. */
static int build_vm(struct flat *f, unsigned index, const struct cpuid_set *cpuid, struct err *e)
{
	CLEANUP(memory_destroy) struct memory memory = {0};
	struct vm *vm = &f->vm[index];
	unsigned nr = 0, cpu = 0;
	uint64_t start, each;
	int r;

	for (unsigned i = 0; i < f->nr; i++)
		nr += f->program[i].vm == index;
	assert(nr);
	r = vm_create(&f->kvm, vm, e);
	if (r == 0)
		r = memory_create(nr * flat_slot_size(f->mem_bytes), BACKING_ANON, false, &memory, e);
	if (r == 0)
		r = vm_set_memory(vm, &memory, e);
	start = trace_now_ns();
	if (r == 0)
		r = vm_add_vcpus(vm, nr, e);
	each = (trace_now_ns() - start) / nr;
	for (unsigned i = 0; r == 0 && i < f->nr; i++) {
		struct flat_program *p = &f->program[i];

		if (p->vm != index)
			continue;
		start = trace_now_ns();
		crew_add(&f->crew, &p->thread, &vm->vcpu[cpu++], "program");
		r = vcpu_set_cpuid(p->thread.vcpu, cpuid, e);
		p->create_ns = each + (trace_now_ns() - start);
	}
	return r < 0 ? err_wrap(e, r, "VM %u of %u", index + 1, f->nr_vms) : 0;
}

static int load_program(struct flat *f, struct flat_program *p, struct err *e)
{
	struct gmem *mem = &f->vm[p->vm].memory.gmem;
	struct entry entry;
	uint64_t start;
	int r;

	r = err_operator(e, flat_image_load(p->fd, &p->wish, mem, p->slot, f->mem_bytes, &p->image, e));
	if (r == 0) {
		r = flat_lay_out(mem, p->slot, f->mem_bytes, &p->image, &entry);
		if (r < 0)
			err_sys(e, r, "cannot write its tables");
	}
	start = trace_now_ns();
	if (r == 0)
		r = vcpu_set_entry(p->thread.vcpu, &entry, e);
	p->create_ns += trace_now_ns() - start;
	if (r < 0)
		return err_wrap(e, r, "%s", p->name);
	close(TAKE_FD(p->fd));
	return 0;
}

static int guest_cpuid(struct flat *f, struct cpuid_set *ret, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *host = malloc(sizeof(*host));
	int r = host ? cpuid_supported(&f->kvm, host, e) : err_sys(e, -ENOMEM, "cannot allocate a CPUID table");

	return r < 0 ? r : cpuid_policy(host, &opts, ret, e);
}

int flat_build(struct flat *f, struct err *e)
{
	CLEANUP_FREE struct cpuid_set *cpuid = malloc(sizeof(*cpuid));
	int r = cpuid ? 0 : err_sys(e, -ENOMEM, "cannot allocate a CPUID table");

	for (unsigned i = 0; r == 0 && i < f->nr; i++) {
		struct flat_program *p = &f->program[i];

		r = flat_image_mode(p->fd, &p->wish, &p->mode, e);
		if (r < 0)
			return err_operator(e, err_wrap(e, r, "%s", p->name));
	}
	if (r == 0)
		r = guest_cpuid(f, cpuid, e);
	if (r == 0)
		r = assign(f, e);
	for (unsigned i = 0; r == 0 && i < f->nr_vms; i++)
		r = build_vm(f, i, cpuid, e);
	for (unsigned i = 0; r == 0 && i < f->nr; i++)
		r = load_program(f, &f->program[i], e);
	if (r == 0) {
		r = flat_pause_init(f);
		if (r < 0)
			err_sys(e, r, "cannot set up");
	}
	if (r == 0)
		r = flat_gdb_init(f, e);
	return r;
}

unsigned flat_vms(const struct flat *f)
{
	return f->nr_vms;
}

void flat_result(const struct flat *f, unsigned i, struct flat_result *ret)
{
	const struct flat_program *p = &f->program[i];

	assert(i < f->nr);
	*ret = (struct flat_result){
		.name = p->name,
		.mode = p->mode,
		.verdict = p->verdict,
		.words = p->words,
		.create_ns = p->create_ns,
		.guest_ns = p->guest_ns,
		.vmm_ns = p->vmm_ns,
	};
	memcpy(ret->exits, p->thread.vcpu->exits, sizeof(ret->exits));
}

int flat_exit_status(const struct flat *f)
{
	struct console_stats output;
	int status = 0;

	for (unsigned i = 0; i < f->nr; i++)
		if (f->program[i].verdict.outcome == OUTCOME_FAILURE)
			return EXIT_FAILED;
	/* Output of programs that were ended is known to be incomplete. */
	if (f->end.outcome == OUTCOME_SIGNAL)
		return verdict_exit_status(&f->end);
	console_stats(f->console, &output);
	if (output.failed)
		return EXIT_FAILED;
	for (unsigned i = 0; status == 0 && i < f->nr; i++)
		status = verdict_exit_status(&f->program[i].verdict);
	return status;
}

void flat_destroy(struct flat *f)
{
	if (!f)
		return;
	gdb_stub_close(f->gdb);
	holding_destroy(&f->holding);
	console_destroy(f->console);
	for (unsigned i = 0; i < f->nr_vms && f->vm; i++)
		vm_destroy(&f->vm[i]);
	free(f->vm);
	/* One more may be partly open. */
	for (unsigned i = 0; f->program && i <= f->nr; i++) {
		struct flat_program *p = &f->program[i];

		if (!p->flat)
			break;
		flat_program_ports_destroy(p);
		if (p->fd >= 0)
			close(p->fd);
		free(p->name);
	}
	free(f->program);
	kvm_close(&f->kvm);
	flat_io_destroy(f);
	crew_destroy(&f->crew);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
