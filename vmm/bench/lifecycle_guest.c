// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A guest has two runs of memory: a page of code at 0, one mapping for all guests, and its memory
 * at GUEST_DATA. It starts in protected mode without paging, so that it needs no tables. Its last instruction jumps
 * back to its first: a halted guest runs again without a register being touched.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/bench/lifecycle_internal.h"
#include "vmm/kvm/vcpu_state.h"

#define GUEST_CODE   UINT64_C(0)
#define GUEST_SHARED (64 * KIB) /* of memory, when it is shared */
#define PORT         0xe9
#define HELLO        "hello"

/* INC dword [GUEST_DATA]; for each letter MOV AL, OUT; HLT; JMP to the start */
static const uint8_t guest_code[] = {0xff, 0x05, 0x00, 0x00, 0x40, 0x00, 0xb0, 'h', 0xe6, PORT, 0xb0, 'e', 0xe6, PORT,
	0xb0, 'l', 0xe6, PORT, 0xb0, 'l', 0xe6, PORT, 0xb0, 'o', 0xe6, PORT, 0xf4, 0xeb, 0xe3};

static const struct entry guest_entry = {.mode = ENTRY_PROTECTED, .rip = GUEST_CODE, .cs = 0x08, .ds = 0x10};

void lifecycle_shared_close(struct shared *s)
{
	if (s->code)
		munmap(s->code, PAGE_4K);
	if (s->data)
		munmap(s->data, GUEST_SHARED);
}

static uint8_t *map(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int lifecycle_shared_open(struct kvm *kvm, struct shared *s, struct err *e)
{
	*s = (struct shared){.kvm = kvm, .code = map(PAGE_4K), .data = map(GUEST_SHARED)};
	if (!s->code || !s->data)
		return err_sys(e, -ENOMEM, "cannot map the guests' memory");
	memcpy(s->code, guest_code, sizeof(guest_code));
	return 0;
}

/* Before the first CPU. */
static int add_ring(const struct shared *s, int vm, struct err *e)
{
	return s->ring ? dirty_ring_enable(s->kvm, vm, s->ring, e) : 0;
}

/* --- Ours ---------------------------------------------------------------------------------------------------- */

static void port_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0xff, len);
}

static void port_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct ours *g = container_of(dev, struct ours, port);

	if (g->nr_heard < HELLO_LENGTH)
		g->heard[g->nr_heard] = *(const char *)data;
	g->nr_heard++;
}

void lifecycle_ours_close(struct ours *g)
{
	vm_destroy(&g->vm);
}

static int ours_memory(const struct shared *s, uint64_t own, struct memory *ret, struct err *e)
{
	struct memory m = {0};
	uint8_t *data = s->data;
	int r;

	if (own) {
		data = map(own);
		if (!data)
			return err_sys(e, -ENOMEM, "cannot map the memory of a guest");
		m.host = data;
		m.size = own;
	}
	r = gmem_add(&m.gmem, &(struct gmem_region){.gpa = GUEST_CODE, .size = PAGE_4K, .host = s->code, .fd = -1});
	if (r == 0)
		r = gmem_add(&m.gmem,
			&(struct gmem_region){
				.gpa = GUEST_DATA, .size = own ? own : GUEST_SHARED, .host = data, .fd = -1});
	if (r < 0) {
		memory_destroy(&m);
		return err_sys(e, r, "cannot lay out the memory of a guest");
	}
	*ret = m;
	return 0;
}

int lifecycle_ours_create(const struct shared *s, uint64_t own, struct ours *g, struct err *e)
{
	static const struct device_ops ops = {.read = port_read, .write = port_write};
	struct memory memory = {0};
	int r;

	g->port = (struct device){&ops, "port"};
	g->nr_heard = 0;
	r = vm_create(s->kvm, &g->vm, e);
	if (r == 0)
		r = add_ring(s, g->vm.fd, e);
	if (r == 0)
		r = ours_memory(s, own, &memory, e);
	if (r == 0)
		r = vm_set_memory(&g->vm, &memory, e);
	memory_destroy(&memory);
	if (r == 0)
		r = vm_add_vcpus(&g->vm, 1, e);
	if (r == 0)
		r = vcpu_set_entry(&g->vm.vcpu[0], &guest_entry, e);
	if (r == 0) {
		r = bus_add(&g->vm.pio, PORT, 1, &g->port);
		bus_seal(&g->vm.pio);
	}
	if (r < 0)
		lifecycle_ours_close(g);
	return r;
}

int lifecycle_ours_run(struct ours *g, struct err *e)
{
	struct vcpu_exit x;
	int r;

	g->nr_heard = 0;
	for (;;) {
		r = vcpu_step(&g->vm.vcpu[0], &x);
		if (r < 0)
			return err_sys(e, r, "KVM_RUN%s", vcpu_step_hint(r));
		if (x.what == VCPU_HLT)
			break;
		/* Whoever stops and continues us interrupts it. */
		if (x.what == VCPU_KICKED)
			continue;
		if (x.what != VCPU_PIO)
			return err_set(e, -EIO, "the guest left for event %d", x.what);
		vm_access(&g->vm, &x);
	}
	if (g->nr_heard == HELLO_LENGTH && !memcmp(g->heard, HELLO, HELLO_LENGTH))
		return 0;
	return err_set(e, -EIO, "the guest did not print \"" HELLO "\"");
}

/* --- Floor --------------------------------------------------------------------------------------------------- */

void lifecycle_bare_close(const struct shared *s, struct bare *b)
{
	if (b->run)
		munmap(b->run, s->kvm->run_size);
	if (b->vcpu >= 0)
		close(b->vcpu);
	if (b->vm >= 0)
		close(b->vm);
	if (b->size)
		munmap(b->data, b->size);
	*b = (struct bare){.vm = -1, .vcpu = -1};
}

static int bare_slot(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size, .userspace_addr = (uintptr_t)host};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

/*
 * The ioctls of lifecycle_ours_create(), in its order, and nothing around them: not even vmm/kvm/vcpu_state, whose
 * calls are timed.
 */
int lifecycle_bare_create(const struct shared *s, uint64_t own, struct bare *b, struct err *e)
{
	uint64_t identity = UINT64_C(0xfffbc000);
	struct vcpu_regs regs;
	void *run;
	int r;

	*b = (struct bare){.vm = ioctl(s->kvm->fd, KVM_CREATE_VM, 0), .vcpu = -1, .data = s->data};
	if (b->vm < 0)
		return err_sys(e, -errno, "KVM_CREATE_VM");
	r = add_ring(s, b->vm, e);
	if (r < 0)
		goto fail;
	if (ioctl(b->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
		ioctl(b->vm, KVM_SET_TSS_ADDR, identity + PAGE_4K) < 0) {
		r = err_sys(e, -errno, "KVM_SET_TSS_ADDR");
		goto fail;
	}
	if (own) {
		b->data = map(own);
		b->size = b->data ? own : 0;
	}
	if (!b->data || bare_slot(b->vm, 0, GUEST_CODE, PAGE_4K, s->code) < 0 ||
		bare_slot(b->vm, SLOT_DATA, GUEST_DATA, own ? own : GUEST_SHARED, b->data) < 0) {
		r = err_sys(e, -errno, "KVM_SET_USER_MEMORY_REGION");
		goto fail;
	}
	b->vcpu = ioctl(b->vm, KVM_CREATE_VCPU, 0);
	if (b->vcpu < 0) {
		r = err_sys(e, -errno, "KVM_CREATE_VCPU of CPU 0");
		goto fail;
	}
	run = mmap(NULL, s->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, b->vcpu, 0);
	b->run = run == MAP_FAILED ? NULL : run;
	if (!b->run || ioctl(b->vcpu, KVM_GET_SREGS, &regs.system) < 0) {
		r = err_sys(e, -errno, "cannot map the run area of CPU 0");
		goto fail;
	}
	vcpu_entry_regs(&guest_entry, &regs);
	if (ioctl(b->vcpu, KVM_SET_SREGS, &regs.system) < 0 || ioctl(b->vcpu, KVM_SET_REGS, &regs.general) < 0) {
		r = err_sys(e, -errno, "KVM_SET_SREGS");
		goto fail;
	}
	return 0;
fail:
	lifecycle_bare_close(s, b);
	return r;
}

int lifecycle_bare_run(struct bare *b, struct err *e)
{
	for (;;) {
		if (ioctl(b->vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, -errno, "KVM_RUN%s", vcpu_step_hint(-errno));
		}
		if (b->run->exit_reason == KVM_EXIT_HLT)
			return 0;
		if (b->run->exit_reason != KVM_EXIT_IO)
			return err_set(e, -EIO, "the guest left for reason %u", b->run->exit_reason);
	}
}
