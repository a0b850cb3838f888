// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/dirty.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/base/x86.h"

static uint64_t pages(const struct dirty_slot *s)
{
	return s->size / PAGE_4K;
}

size_t dirty_words(const struct dirty_slot *s)
{
	return (size_t)align_up(pages(s), 64) / 64;
}

int dirty_track(struct kvm *kvm, int vm_fd, const struct dirty_slot *s, bool on, struct err *e)
{
	struct kvm_userspace_memory_region slot = {
		.slot = s->slot,
		.flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.guest_phys_addr = s->gpa,
		.memory_size = s->size,
		.userspace_addr = (uintptr_t)s->host,
	};
	int r = kvm_ioctl(kvm, vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);

	return r < 0 ? err_sys(e, r, "KVM_SET_USER_MEMORY_REGION with KVM_MEM_LOG_DIRTY_PAGES") : 0;
}

int dirty_log_collect(struct kvm *kvm, int vm_fd, const struct dirty_slot *s, uint64_t *bitmap, struct err *e)
{
	struct kvm_dirty_log log = {.slot = s->slot, .dirty_bitmap = bitmap};
	int r = kvm_ioctl(kvm, vm_fd, KVM_GET_DIRTY_LOG, &log);

	return r < 0 ? err_sys(e, r, "KVM_GET_DIRTY_LOG") : 0;
}

uint32_t dirty_ring_capability(struct kvm *kvm)
{
	static const uint32_t caps[] = {KVM_CAP_DIRTY_LOG_RING_ACQ_REL, KVM_CAP_DIRTY_LOG_RING};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (kvm_check(kvm, (int)caps[i]) >= (int)DIRTY_RING_BYTES)
			return caps[i];
	return 0;
}

int dirty_ring_enable(struct kvm *kvm, int vm_fd, uint32_t capability, struct err *e)
{
	struct kvm_enable_cap cap = {.cap = capability, .args = {DIRTY_RING_BYTES}};
	int r = kvm_ioctl(kvm, vm_fd, KVM_ENABLE_CAP, &cap);

	return r < 0 ? err_sys(e, r, "KVM_ENABLE_CAP of KVM_CAP_DIRTY_LOG_RING") : 0;
}

int dirty_ring_open(int vcpu_fd, struct dirty_ring *ret, struct err *e)
{
	void *p = mmap(NULL, DIRTY_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd,
		KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_4K);

	if (p == MAP_FAILED)
		return err_sys(e, -errno, "cannot map the dirty ring");
	*ret = (struct dirty_ring){.entry = p};
	return 0;
}

void dirty_ring_close(struct dirty_ring *ring)
{
	if (ring->entry)
		munmap(ring->entry, DIRTY_RING_BYTES);
	*ring = (struct dirty_ring){0};
}

/* KVM writes an entry until it sets DIRTY; then it is ours until we set RESET. */
unsigned dirty_ring_collect(struct dirty_ring *ring, const struct dirty_slot *s, uint64_t *bitmap)
{
	unsigned first = ring->next;

	for (;; ring->next++) {
		struct kvm_dirty_gfn *gfn = &ring->entry[ring->next % DIRTY_RING_ENTRIES];

		if (!(__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
			break;
		if (gfn->slot == s->slot && gfn->offset < pages(s))
			bitmap[gfn->offset / 64] |= BIT(gfn->offset % 64);
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
	return ring->next - first;
}

int dirty_ring_reset(int vm_fd, struct err *e)
{
	return ioctl(vm_fd, KVM_RESET_DIRTY_RINGS) < 0 ? err_sys(e, -errno, "KVM_RESET_DIRTY_RINGS") : 0;
}
