// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A request that only prepares for a guest that boots (masked 8259s, the APIC's pins) is not here,
 * since a restored state overwrites it; nor is one that asks again for what is known. KVM_CREATE_VM is made by a thread
 * of its own while RAM is mapped, as the machine does it, since it waits on some hosts.
 */
#include "vmm/bench/restore_floor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/base/wake.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/memory.h"
#include "vmm/kvm/vm_saved.h"

#define IDENTITY_MAP UINT64_C(0xfffbc000)
#define REGISTERS    UINT64_C(0xd0000000)
#define IRQS         3 /* of the UART, of power, of the entropy device */
#define FIRST_GSI    4
#define STACK_BYTES  (256 * KIB)

/**
 * struct cpu - of the floor
 * @early, @late: MSRs before and after the local APIC; owned
 * @result: of its filter; @at_ns: when it would have entered the guest
 */
struct cpu {
	struct floor *f;
	struct kvm_msrs *early, *late;
	struct kvm_cpuid2 *cpuid;
	pthread_t thread;
	int fd;
	int result;
	uint64_t at_ns;
};

/**
 * struct floor - all of it
 * @creator: makes the VM; @supported: of KVM, not looked at
 * @locked, @go: of the CPUs' threads and the main one
 */
struct floor {
	const struct snapshot *s;
	struct sandbox sandbox;
	struct sandbox_plan plan;
	struct kvm kvm;
	struct vm_saved saved;
	struct cpu *cpu;
	struct memory ram;
	pthread_t creator;
	int vm;
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
	} supported;
	pthread_barrier_t locked, go;
};

/* --- Before the clock starts -------------------------------------------------------------------------------------- */

static struct kvm_msrs *msrs_of(const struct vcpu_saved *s, unsigned from, unsigned end)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + s->nr_msrs * sizeof(m->entries[0]));

	for (unsigned i = from; m && i < end; i++)
		if (!s->msr[i].refused)
			m->entries[m->nmsrs++] = (struct kvm_msr_entry){
				.index = s->msr[i].index, .data = s->msr[i].value};
	return m;
}

static int prepare_cpu(struct floor *f, unsigned i, struct err *e)
{
	struct vcpu_saved *s = &f->saved.vcpu[i];
	struct cpu *c = &f->cpu[i];
	struct cpuid_set set = *f->s->cpuid;
	unsigned late = s->nr_msrs && s->msr[s->nr_msrs - 1].index == MSR_TSC_DEADLINE ? s->nr_msrs - 1 : s->nr_msrs;

	cpuid_for_cpu(&set, i, f->s->facts.cpus);
	c->f = f;
	c->early = msrs_of(s, 0, late);
	c->late = msrs_of(s, late, s->nr_msrs);
	c->cpuid = calloc(1, sizeof(*c->cpuid) + sizeof(set.entry));
	if (!c->early || !c->late || !c->cpuid)
		return err_sys(e, -ENOMEM, "cannot set up");
	c->cpuid->nent = set.nr;
	memcpy(c->cpuid->entries, set.entry, set.nr * sizeof(set.entry[0]));
	return 0;
}

static int prepare(struct floor *f, struct err *e)
{
	struct state_reader reader = {.data = f->s->state, .size = f->s->facts.state_bytes};
	unsigned nr = f->s->facts.cpus;
	int r = kvm_open(NULL, &f->kvm, e);

	f->saved.has_irqchip = true;
	f->saved.vcpu = calloc(nr, sizeof(*f->saved.vcpu));
	f->cpu = calloc(nr, sizeof(*f->cpu));
	if (r == 0 && (!f->saved.vcpu || !f->cpu))
		r = err_sys(e, -ENOMEM, "cannot set up");
	for (; r == 0 && f->saved.nr_vcpus < nr; f->saved.nr_vcpus++)
		r = vcpu_saved_init(&f->kvm, true, &f->saved.vcpu[f->saved.nr_vcpus], e);
	if (r == 0)
		r = vm_saved_get(&f->saved, &reader, e);
	for (unsigned i = 0; r == 0 && i < nr; i++)
		r = prepare_cpu(f, i, e);
	/* Opened again on the clock. */
	kvm_close(&f->kvm);
	pthread_barrier_init(&f->locked, NULL, nr + 1);
	pthread_barrier_init(&f->go, NULL, nr + 1);
	return r;
}

/* --- On the clock ------------------------------------------------------------------------------------------------- */

static int request(int fd, unsigned long what, const void *arg, const char *name, struct err *e)
{
	int r = ioctl(fd, what, arg);

	return r < 0 ? err_sys(e, -errno, "%s", name) : r;
}

#define REQUEST(fd, what, arg) request(fd, what, arg, #what, e)

static void *create(void *arg)
{
	struct floor *f = arg;

	f->vm = ioctl(f->kvm.fd, KVM_CREATE_VM, 0);
	if (f->vm < 0)
		f->vm = -errno;
	return NULL;
}

static int confine(struct floor *f, struct err *e)
{
	int r = sandbox_early(&f->sandbox, &f->plan, e);

	if (r < 0)
		return r;
	sandbox_open(&f->sandbox, NULL);
	f->kvm.fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (f->kvm.fd < 0)
		return err_sys(e, -errno, "cannot open " KVM_DEVICE);
	r = REQUEST(f->kvm.fd, KVM_GET_API_VERSION, NULL);
	if (r >= 0)
		r = sandbox_confine(&f->sandbox, e);
	if (r == 0)
		sandbox_build(&f->sandbox);
	return r;
}

static int add_slots(struct floor *f, struct err *e)
{
	struct kvm_userspace_memory_region slot = {
		.flags = KVM_MEM_READONLY, .guest_phys_addr = REGISTERS, .memory_size = PAGE_4K};
	void *shown = mmap(NULL, PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = memory_attach(&f->ram, &f->kvm, f->vm, e);

	slot.slot = (uint32_t)f->ram.gmem.nr;
	slot.userspace_addr = (uintptr_t)shown;
	return r < 0 ? r : REQUEST(f->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static int add_lines(struct floor *f, struct err *e)
{
	struct kvm_ioeventfd kick = {.addr = REGISTERS + 0x50, .len = 4, .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};
	int r = REQUEST(f->vm, KVM_CREATE_IRQCHIP, NULL);

	for (uint32_t i = 0; r >= 0 && i < IRQS; i++) {
		struct kvm_irqfd line = {.fd = (uint32_t)wake_open(), .gsi = FIRST_GSI + i};

		r = REQUEST(f->vm, KVM_IRQFD, &line);
	}
	kick.fd = wake_open();
	return r < 0 ? r : REQUEST(f->vm, KVM_IOEVENTFD, &kick);
}

static int make_vm(struct floor *f, struct err *e)
{
	const struct snapshot *s = f->s;
	uint64_t identity = IDENTITY_MAP;
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = -pthread_create(&f->creator, &attr, create, f);
	pthread_attr_destroy(&attr);
	if (r < 0)
		return err_sys(e, r, "cannot start a thread");
	/* Whether this host has the features that the guest has seen. */
	f->supported.head.nent = CPUID_ENTRIES_MAX;
	REQUEST(f->kvm.fd, KVM_GET_SUPPORTED_CPUID, &f->supported);
	flock(s->fd, LOCK_SH | LOCK_NB);
	r = memory_map(s->facts.mem_bytes, s->fd, s->ram_at, s->extent, s->facts.nr_extents, &f->ram, e);
	pthread_join(f->creator, NULL);
	if (r == 0 && f->vm < 0)
		r = err_sys(e, f->vm, "KVM_CREATE_VM");
	if (r == 0)
		r = REQUEST(f->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (r >= 0)
		r = REQUEST(f->vm, KVM_SET_TSS_ADDR, (const void *)(IDENTITY_MAP + PAGE_4K));
	if (r >= 0)
		r = add_slots(f, e);
	return r < 0 ? r : add_lines(f, e);
}

static int restore_cpu(struct floor *f, unsigned i, uint64_t host_tsc, struct err *e)
{
	struct vcpu_saved *s = &f->saved.vcpu[i];
	uint64_t offset = s->tsc - host_tsc;
	struct kvm_device_attr tsc = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
	struct cpu *c = &f->cpu[i];
	const struct {
		unsigned long what;
		const void *arg;
	} order[] = {
		{KVM_SET_SREGS2, &s->system},
		{KVM_SET_XCRS, &s->xcrs},
		{KVM_SET_XSAVE, s->xsave},
		{KVM_SET_DEBUGREGS, &s->debug},
		{KVM_SET_REGS, &s->general},
		{KVM_SET_DEVICE_ATTR, &tsc},
		{KVM_SET_MSRS, c->early},
		{KVM_SET_LAPIC, &s->lapic},
		{KVM_SET_MSRS, c->late},
		{KVM_SET_VCPU_EVENTS, &s->events},
		{KVM_SET_MP_STATE, &s->mp_state},
	};

	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		if (ioctl(c->fd, order[k].what, order[k].arg) < 0)
			return err_sys(e, -errno, "request %zu of CPU %u", k, i);
	return 0;
}

static int make_cpu(struct floor *f, unsigned i, struct err *e)
{
	struct cpu *c = &f->cpu[i];
	void *run;

	c->fd = REQUEST(f->vm, KVM_CREATE_VCPU, (const void *)(uintptr_t)i);
	if (c->fd < 0)
		return c->fd;
	run = mmap(NULL, f->kvm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	return run == MAP_FAILED ? err_sys(e, -errno, "cannot map a CPU") : REQUEST(c->fd, KVM_SET_CPUID2, c->cpuid);
}

static int restore_vm(struct floor *f, struct err *e)
{
	struct kvm_enable_cap triple_fault = {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}};
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	struct kvm_clock_data clock = {.clock = f->saved.clock_ns};
	uint64_t host_tsc = __rdtsc();
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < f->saved.nr_vcpus; i++)
		r = make_cpu(f, i, e);
	/* The saved events may have one; older KVM has no such capability, nor such events. */
	ioctl(f->vm, KVM_ENABLE_CAP, &triple_fault);
	for (unsigned i = 0; r >= 0 && i < f->saved.nr_vcpus; i++)
		r = restore_cpu(f, i, host_tsc, e);
	for (unsigned i = 0; r >= 0 && i < VM_IRQCHIPS; i++)
		r = REQUEST(f->vm, KVM_SET_IRQCHIP, &f->saved.irqchip[i]);
	if (r >= 0 && f->saved.has_pit)
		r = REQUEST(f->vm, KVM_CREATE_PIT2, &pit);
	if (r >= 0 && f->saved.has_pit)
		r = REQUEST(f->vm, KVM_SET_PIT2, &f->saved.pit);
	return r < 0 ? r : REQUEST(f->vm, KVM_SET_CLOCK, &clock);
}

static void *run_cpu(void *arg)
{
	struct cpu *c = arg;
	struct floor *f = c->f;

	c->result = sandbox_lock(&f->sandbox, SANDBOX_VCPU, NULL);
	pthread_barrier_wait(&f->locked);
	pthread_barrier_wait(&f->go);
	c->at_ns = trace_now_ns();
	return NULL;
}

/* Threads with filters, the control loop's last, as the stage LOCK wants them. */
static int let_go(struct floor *f, struct err *e)
{
	pthread_attr_t attr;
	int r = -pthread_attr_init(&attr);

	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (unsigned i = 0; r == 0 && i < f->saved.nr_vcpus; i++)
		r = -pthread_create(&f->cpu[i].thread, &attr, run_cpu, &f->cpu[i]);
	pthread_attr_destroy(&attr);
	if (r < 0)
		return err_sys(e, r, "cannot start a thread");
	pthread_barrier_wait(&f->locked);
	close(f->kvm.fd);
	r = sandbox_lock(&f->sandbox, SANDBOX_LOOP, NULL);
	pthread_barrier_wait(&f->go);
	for (unsigned i = 0; i < f->saved.nr_vcpus; i++) {
		pthread_join(f->cpu[i].thread, NULL);
		r = r < 0 ? r : f->cpu[i].result;
	}
	return r < 0 ? err_sys(e, r, "cannot install a filter") : 0;
}

int restore_floor(const struct snapshot *s, enum sandbox_mode mode, uint64_t *ret_ns, struct err *e)
{
	static struct floor f;
	uint64_t since;
	int r;

	f = (struct floor){
		.s = s, .vm = -1, .plan = {.mode = mode, .keep = {s->fd}, .nr_keep = 1, .report_fd = STDERR_FILENO}};
	r = prepare(&f, e);
	if (r < 0)
		return r;
	since = trace_now_ns();
	r = confine(&f, e);
	if (r == 0)
		r = make_vm(&f, e);
	if (r >= 0)
		r = restore_vm(&f, e);
	if (r >= 0)
		r = let_go(&f, e);
	if (r < 0)
		return r;
	*ret_ns = f.cpu[0].at_ns - since;
	for (unsigned i = 1; i < f.saved.nr_vcpus; i++)
		*ret_ns = MIN(*ret_ns, f.cpu[i].at_ns - since);
	return 0;
}
