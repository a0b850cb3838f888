// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "devices/pit.h"
#include "vmm/base/board.h"

/*
 * KVM on Intel needs four pages in the guest's address space for real mode: three for a TSS, one for an identity map.
 * They are at the end of the 32-bit hole, below the 256 KiB of a PC's BIOS. KVM API, 4.45, 4.98.
 */
#define KVM_IDENTITY_MAP_ADDR UINT64_C(0xfffbc000)
#define KVM_TSS_ADDR          UINT64_C(0xfffbd000)

/*
 * Of the thread that creates a VM. In the usual 8 MiB the host may put a huge page, which the C library keeps when the
 * thread has ended: 2 MiB of each process.
 */
#define MAKER_STACK_SIZE (256 * KIB)

/* Sets up every VM; @fd is the result of KVM_CREATE_VM. */
static int adopt(struct vm *vm, int fd, uint64_t took_ns, uint64_t waited_ns, struct err *e)
{
	uint64_t identity = KVM_IDENTITY_MAP_ADDR;
	struct kvm *kvm = vm->kvm;
	int r;

	if (fd < 0)
		return err_sys(e, fd, "KVM_CREATE_VM");
	vm->fd = fd;
	if (kvm_check(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR)) {
		r = kvm_ioctl(kvm, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
		if (r < 0)
			return err_sys(e, r, "KVM_SET_IDENTITY_MAP_ADDR");
	}
	if (kvm_check(kvm, KVM_CAP_SET_TSS_ADDR)) {
		r = kvm_ioctl(kvm, vm->fd, KVM_SET_TSS_ADDR, KVM_ARG(KVM_TSS_ADDR));
		if (r < 0)
			return err_sys(e, r, "KVM_SET_TSS_ADDR");
	}
	trace_vm_created(kvm->trace, took_ns, waited_ns);
	return 0;
}

int vm_create(struct kvm *kvm, struct vm *vm, struct err *e)
{
	uint64_t since = trace_now_ns(), took;
	int fd;

	*vm = (struct vm){.kvm = kvm, .fd = -1};
	trace_vm_creating(kvm->trace);
	fd = kvm_ioctl(kvm, kvm->fd, KVM_CREATE_VM, KVM_ARG(0));
	took = trace_now_ns() - since;
	return adopt(vm, fd, took, took, e);
}

static void *make(void *arg)
{
	struct vm *vm = arg;
	uint64_t since = trace_now_ns();
	int fd;

	do
		fd = ioctl(vm->kvm->fd, KVM_CREATE_VM, KVM_ARG(0));
	while (fd < 0 && errno == EINTR);
	vm->maker.result = fd < 0 ? -errno : fd;
	vm->maker.took_ns = trace_now_ns() - since;
	return NULL;
}

void vm_create_begin(struct kvm *kvm, struct vm *vm)
{
	pthread_attr_t attr;

	*vm = (struct vm){.kvm = kvm, .fd = -1};
	trace_vm_creating(kvm->trace);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, MAKER_STACK_SIZE);
	vm->maker.running = pthread_create(&vm->maker.thread, &attr, make, vm) == 0;
	pthread_attr_destroy(&attr);
	/* Without a thread, create the VM here: if the vCPUs get none either, their start reports it. */
	if (!vm->maker.running)
		make(vm);
}

static void join(struct vm *vm)
{
	if (vm->maker.running)
		pthread_join(vm->maker.thread, NULL);
	vm->maker.running = false;
}

int vm_create_end(struct vm *vm, struct err *e)
{
	bool beside = vm->maker.running;
	uint64_t since = trace_now_ns(), waited;

	join(vm);
	waited = beside ? trace_now_ns() - since : vm->maker.took_ns;
	/* Only the time that we waited counts as KVM's share of the start. */
	kvm_ioctl_took(vm->kvm, "KVM_CREATE_VM", waited);
	return adopt(vm, vm->maker.result, vm->maker.took_ns, waited, e);
}

int vm_attach_memory(struct vm *vm, struct err *e)
{
	return memory_attach(&vm->memory, vm->kvm, vm->fd, e);
}

int vm_set_memory(struct vm *vm, struct memory *memory, struct err *e)
{
	int r = memory_attach(memory, vm->kvm, vm->fd, e);

	if (r < 0)
		return r;
	vm->memory = *memory;
	*memory = (struct memory){0};
	return 0;
}

int vm_show(struct vm *vm, uint64_t gpa, uint64_t size, struct err *e)
{
	struct kvm_userspace_memory_region slot = {
		.slot = (uint32_t)vm->memory.gmem.nr,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = gpa,
		.memory_size = size,
	};
	void *p;
	int r;

	if (!kvm_check(vm->kvm, KVM_CAP_READONLY_MEM))
		return 0;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(e, -errno, "cannot map %" PRIu64 " bytes for a guest to read", size);
	slot.userspace_addr = (uintptr_t)p;
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);
	if (r < 0) {
		munmap(p, size);
		return err_sys(e, r, "KVM_SET_USER_MEMORY_REGION, read-only, at 0x%" PRIx64, gpa);
	}
	vm->shown = p;
	vm->shown_gpa = gpa;
	vm->shown_size = size;
	return 0;
}

void *vm_shown(const struct vm *vm, uint64_t gpa)
{
	return vm->shown ? vm->shown + (gpa - vm->shown_gpa) : NULL;
}

/*
 * Both 8259s masked, as firmware leaves them. KVM's are unmasked after a reset, with vectors from 0 on: an edge before
 * the guest has programmed them would arrive as an exception.
 */
static int mask_pics(struct vm *vm, struct err *e)
{
	static const uint32_t pics[] = {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE};

	for (size_t i = 0; i < ARRAY_SIZE(pics); i++) {
		struct kvm_irqchip chip = {.chip_id = pics[i]};
		int r = kvm_ioctl(vm->kvm, vm->fd, KVM_GET_IRQCHIP, &chip);

		if (r < 0)
			return err_sys(e, r, "KVM_GET_IRQCHIP");
		chip.chip.pic.imr = 0xff;
		r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_IRQCHIP, &chip);
		if (r < 0)
			return err_sys(e, r, "KVM_SET_IRQCHIP");
	}
	return 0;
}

int vm_add_blank_irqchip(struct vm *vm, struct err *e)
{
	int r = kvm_ioctl(vm->kvm, vm->fd, KVM_CREATE_IRQCHIP, NULL);

	if (r < 0)
		return err_sys(e, r, "KVM_CREATE_IRQCHIP");
	vm->has_irqchip = true;
	trace_irqchip_ready(vm->kvm->trace);
	return 0;
}

int vm_add_irqchip(struct vm *vm, struct err *e)
{
	int r = vm_add_blank_irqchip(vm, e);

	return r < 0 ? r : mask_pics(vm, e);
}

/* The mode of a counter 0 that was not programmed. KVM's default would tick 18 times a second without use. */
#define STOPPED 0xff

/* 8254 data sheet, figure 7: a counter is programmed with its mode and its byte access. */
static void program_counter(struct kvm_pit_channel_state *c, uint8_t control)
{
	c->mode = PIT_CONTROL_MODE(control);
	if (c->mode > 5)
		c->mode -= 4; /* 6 and 7 are 2 and 3 */
	c->bcd = control & PIT_CONTROL_BCD;
	c->rw_mode = c->read_state = c->write_state = PIT_CONTROL_ACCESS(control);
}

int vm_add_pit(struct vm *vm, uint8_t control, uint8_t speaker, struct err *e)
{
	/* Counter 0 the clock tick, 1 memory refresh, 2 the speaker's tone. */
	static const uint8_t firmware[] = {0x36, 0x74, 0xb6};
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	/* Ticks that a guest misses are lost, as on a PC. To reinject them KVM would disable AVIC. */
	struct kvm_reinject_control reinject = {.pit_reinject = 0};
	struct kvm_pit_state2 state = {
		.flags = speaker & PIT_SPEAKER_DATA ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0,
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(firmware); i++) {
		bool told = PIT_CONTROL_COUNTER(control) == i && PIT_CONTROL_ACCESS(control);

		program_counter(&state.channels[i], told ? control : firmware[i]);
		if (i == 0 && !told)
			state.channels[i].mode = STOPPED;
		state.channels[i].gate = i < 2 || (speaker & PIT_SPEAKER_GATE);
	}
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_CREATE_PIT2, &pit);
	if (r < 0)
		return err_sys(e, r, "KVM_CREATE_PIT2");
	vm->has_pit = true;
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_REINJECT_CONTROL, &reinject);
	if (r < 0)
		return err_sys(e, r, "KVM_REINJECT_CONTROL");
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_SET_PIT2, &state);
	return r < 0 ? err_sys(e, r, "KVM_SET_PIT2") : 0;
}

uint32_t vm_tsc_khz(struct vm *vm)
{
	/* Not by a capability: KVM_CAP_VM_TSC_CONTROL says whether the rate can be set, which few processors can. */
	int khz = kvm_ioctl(vm->kvm, vm->fd, KVM_GET_TSC_KHZ, NULL);

	return khz > 0 ? (uint32_t)khz : 0;
}

int vm_hide_pmu(struct vm *vm, struct err *e)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_PMU_CAPABILITY, .args = {KVM_PMU_CAP_DISABLE}};
	int r;

	if (!(kvm_check(vm->kvm, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE))
		return 0; /* Linux before 5.18; the CPUID policy hides it in any case */
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_ENABLE_CAP, &cap);
	return r < 0 ? err_sys(e, r, "KVM_ENABLE_CAP of KVM_CAP_PMU_CAPABILITY") : 0;
}

/* Two requests: an edge is a change of the level. */
static COLD void pulse(struct irq_direct *d, uint32_t gsi)
{
	struct vm *vm = container_of(d, struct vm, direct);
	struct kvm_irq_level level = {.irq = gsi, .level = 1};

	if (atomic_load_explicit(&vm->muted, memory_order_relaxed))
		return;
	ioctl(vm->fd, KVM_IRQ_LINE, &level);
	level.level = 0;
	ioctl(vm->fd, KVM_IRQ_LINE, &level);
}

COLD void vm_deliver_directly(struct vm *vm)
{
	vm->direct.pulse = pulse;
}

COLD void vm_mute_irqs(struct vm *vm, bool muted)
{
	atomic_store_explicit(&vm->muted, muted, memory_order_relaxed);
}

int vm_attach_irq(struct vm *vm, struct irq_line *line, uint32_t gsi, struct err *e)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)line->fd, .gsi = gsi};
	int r;

	if (vm->direct.pulse) {
		line->gsi = gsi;
		line->direct = &vm->direct;
		return 0;
	}
	r = kvm_ioctl(vm->kvm, vm->fd, KVM_IRQFD, &irqfd);
	return r < 0 ? err_sys(e, r, "KVM_IRQFD of interrupt %u", gsi) : 0;
}

int vm_attach_kick(struct vm *vm, uint64_t gpa, uint32_t value, int fd, struct err *e)
{
	struct kvm_ioeventfd kick = {
		.datamatch = value,
		.addr = gpa,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	int r = kvm_ioctl(vm->kvm, vm->fd, KVM_IOEVENTFD, &kick);

	return r < 0 ? err_sys(e, r, "KVM_IOEVENTFD at 0x%" PRIx64, gpa) : 0;
}

int vm_add_vcpus(struct vm *vm, unsigned n, struct err *e)
{
	vm->vcpu = calloc(n, sizeof(*vm->vcpu));
	if (!vm->vcpu)
		return err_sys(e, -ENOMEM, "cannot allocate %u CPUs", n);
	for (; vm->nr_vcpus < n; vm->nr_vcpus++) {
		int r;

		trace_vcpu_creating(vm->kvm->trace, vm->nr_vcpus);
		r = vcpu_create(vm->kvm, vm->fd, vm->nr_vcpus, &vm->vcpu[vm->nr_vcpus], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static void access_pio(struct vm *vm, const struct vcpu_exit *x)
{
	for (uint32_t i = 0; i < x->pio.count; i++) {
		uint8_t *data = x->pio.data + (size_t)i * x->pio.len;
		bool hit = x->pio.write ? bus_write(&vm->pio, x->pio.port, data, x->pio.len)
					: bus_read(&vm->pio, x->pio.port, data, x->pio.len);

		if (unlikely(!hit))
			trace_pio_unclaimed(vm->kvm->trace, x->pio.port, x->pio.len, x->pio.write ? "write" : "read");
	}
}

void vm_access(struct vm *vm, const struct vcpu_exit *x)
{
	bool hit;

	if (x->what == VCPU_PIO) {
		access_pio(vm, x);
		return;
	}
	hit = x->mmio.write ? bus_write(&vm->mmio, x->mmio.gpa, x->mmio.data, x->mmio.len)
			    : bus_read(&vm->mmio, x->mmio.gpa, x->mmio.data, x->mmio.len);
	if (unlikely(!hit))
		trace_mmio_unclaimed(vm->kvm->trace, x->mmio.gpa, x->mmio.len, x->mmio.write ? "write" : "read");
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	if (vm->maker.running) {
		join(vm);
		vm->fd = vm->maker.result;
	}
	for (unsigned i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(&vm->vcpu[i]);
	free(vm->vcpu);
	vm->vcpu = NULL;
	vm->nr_vcpus = 0;
	/* The VM is closed before its memory is unmapped: KVM must not have slots on unmapped addresses. */
	if (vm->fd >= 0)
		close(vm->fd);
	vm->fd = -1;
	if (vm->shown)
		munmap(vm->shown, vm->shown_size);
	vm->shown = NULL;
	memory_destroy(&vm->memory);
}
