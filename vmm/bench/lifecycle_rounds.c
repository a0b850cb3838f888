// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that run again and again, and the ways to reset their memory in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/base/le.h"
#include "vmm/bench/lifecycle_internal.h"

static int log_dirty(struct kvm *kvm, int vm, uint8_t *data, uint64_t size, struct err *e)
{
	struct kvm_userspace_memory_region slot = {
		.slot = SLOT_DATA,
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.guest_phys_addr = GUEST_DATA,
		.memory_size = size,
		.userspace_addr = (uintptr_t)data,
	};
	int r = kvm_ioctl(kvm, vm, KVM_SET_USER_MEMORY_REGION, &slot);

	return r < 0 ? err_sys(e, r, "KVM_SET_USER_MEMORY_REGION with KVM_MEM_LOG_DIRTY_PAGES") : 0;
}

/** struct ring - a CPU's dirty ring: a mapping, and which entry KVM writes next */
struct ring {
	struct kvm_dirty_gfn *entry;
	unsigned next;
};

/* KVM API, 4.8: a bit a page; reading it clears it. */
static int clear_dirty(struct kvm *kvm, int vm, uint8_t *data, uint64_t *bitmap, size_t longs, struct err *e)
{
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = bitmap};
	int r = kvm_ioctl(kvm, vm, KVM_GET_DIRTY_LOG, &log);

	if (r < 0)
		return err_sys(e, r, "KVM_GET_DIRTY_LOG");
	for (size_t i = 0; i < longs; i++) {
		for (uint64_t left = bitmap[i]; left; left &= left - 1)
			memset(data + (i * 64 + (unsigned)__builtin_ctzll(left)) * PAGE, 0, PAGE);
	}
	return 0;
}

/* KVM API, 8.29: DIRTY is KVM's to set, RESET ours, and KVM takes those back when it is told. */
static int clear_ring(int vm, uint8_t *data, uint64_t size, struct ring *ring, struct err *e)
{
	unsigned first = ring->next;

	for (;; ring->next++) {
		struct kvm_dirty_gfn *gfn = &ring->entry[ring->next % RING_ENTRIES];

		if (!(__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
			break;
		if (gfn->slot == SLOT_DATA && gfn->offset < size / PAGE)
			memset(data + gfn->offset * PAGE, 0, PAGE);
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
	if (ring->next == first)
		return 0;
	return ioctl(vm, KVM_RESET_DIRTY_RINGS) < 0 ? err_sys(e, -errno, "KVM_RESET_DIRTY_RINGS") : 0;
}

static int open_ring(int vcpu, struct ring *ring, struct err *e)
{
	void *p = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);

	if (p == MAP_FAILED)
		return err_sys(e, -errno, "cannot map the dirty ring");
	ring->entry = p;
	return 0;
}

/* The capability by which this KVM has a dirty ring of our size; 0: none. */
static uint32_t ring_capability(struct kvm *kvm)
{
	static const uint32_t caps[] = {KVM_CAP_DIRTY_LOG_RING_ACQ_REL, KVM_CAP_DIRTY_LOG_RING};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (kvm_check(kvm, caps[i]) >= (int)RING_BYTES)
			return caps[i];
	return 0;
}

/** struct live - guests that live through the rounds */
struct live {
	struct shared s;
	struct ours *ours;
	struct bare *bare;
	struct ring *ring[LIFECYCLE_WHOS];
	unsigned nr;
	uint64_t *bitmap;
	size_t longs;
};

static void live_close(struct live *l)
{
	for (unsigned i = 0; i < l->nr; i++) {
		for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
			if (l->ring[who][i].entry)
				munmap(l->ring[who][i].entry, RING_BYTES);
		lifecycle_ours_close(&l->ours[i]);
		lifecycle_bare_close(&l->s, &l->bare[i]);
	}
	lifecycle_shared_close(&l->s);
	for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
		free(l->ring[who]);
	free(l->ours);
	free(l->bare);
	free(l->bitmap);
}

static int live_open(
	struct kvm *kvm, enum lifecycle_reset reset, uint64_t own, unsigned nr, struct live *l, struct err *e)
{
	int r;

	l->longs = (size_t)align_up(own / PAGE, 64) / 64;
	l->bitmap = calloc(l->longs, sizeof(*l->bitmap));
	l->ours = calloc(nr, sizeof(*l->ours));
	l->bare = calloc(nr, sizeof(*l->bare));
	for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
		l->ring[who] = calloc(nr, sizeof(*l->ring[who]));
	if (!l->bitmap || !l->ours || !l->bare || !l->ring[LIFECYCLE_OURS] || !l->ring[LIFECYCLE_FLOOR])
		return err_sys(e, -ENOMEM, "cannot set up");
	for (; l->nr < nr; l->nr++) {
		l->ours[l->nr].vm.fd = -1;
		l->bare[l->nr] = (struct bare){.vm = -1, .vcpu = -1};
	}
	r = lifecycle_shared_open(kvm, &l->s, e);
	if (r == 0 && reset == RESET_RING) {
		l->s.ring = ring_capability(kvm);
		if (!l->s.ring)
			r = err_set(e, -EOPNOTSUPP, "this KVM has no dirty ring");
	}
	for (unsigned i = 0; r == 0 && i < nr; i++) {
		struct ours *g = &l->ours[i];
		struct bare *b = &l->bare[i];

		r = lifecycle_ours_create(&l->s, own, g, e);
		if (r == 0)
			r = lifecycle_bare_create(&l->s, own, b, e);
		if (r == 0 && (reset == RESET_DIRTY || reset == RESET_RING))
			r = log_dirty(kvm, g->vm.fd, g->vm.memory.host, own, e);
		if (r == 0 && (reset == RESET_DIRTY || reset == RESET_RING))
			r = log_dirty(kvm, b->vm, b->data, own, e);
		if (r == 0 && reset == RESET_RING)
			r = open_ring(g->vm.vcpu[0].fd, &l->ring[LIFECYCLE_OURS][i], e);
		if (r == 0 && reset == RESET_RING)
			r = open_ring(b->vcpu, &l->ring[LIFECYCLE_FLOOR][i], e);
	}
	return r;
}

static int reset_memory(struct live *l, enum lifecycle_reset reset, int vm, uint8_t *data, uint64_t own,
	struct ring *ring, struct err *e)
{
	switch (reset) {
	case RESET_CLEAR: memset(data, 0, own); return 0;
	case RESET_DISCARD: return madvise(data, own, MADV_DONTNEED) < 0 ? err_sys(e, -errno, "MADV_DONTNEED") : 0;
	case RESET_DIRTY: return clear_dirty(l->s.kvm, vm, data, l->bitmap, l->longs, e);
	case RESET_RING: return clear_ring(vm, data, own, ring, e);
	default: return 0;
	}
}

/* Resets and runs one guest; then looks, off the clock, at what it counted. */
static int one_round(struct live *l, enum lifecycle_reset reset, enum lifecycle_who who, unsigned i, uint64_t own,
	unsigned round, double *ret_us, struct err *e)
{
	struct ours *g = &l->ours[i];
	struct bare *b = &l->bare[i];
	uint8_t *data = who == LIFECYCLE_OURS ? g->vm.memory.host : b->data;
	uint32_t want = reset == RESET_NONE ? round + 1 : 1;
	uint64_t start = trace_now_ns();
	int r = reset_memory(l, reset, who == LIFECYCLE_OURS ? g->vm.fd : b->vm, data, own, &l->ring[who][i], e);

	if (r == 0)
		r = who == LIFECYCLE_OURS ? lifecycle_ours_run(g, e) : lifecycle_bare_run(b, e);
	*ret_us = (double)(trace_now_ns() - start) / 1e3;
	if (r == 0 && le32_get(data) != want)
		r = err_set(e, -EIO,
			"round %u: the guest counted to %u and not to %u: its memory was not reset as it should be",
			round, le32_get(data), want);
	return r;
}

int lifecycle_rounds(struct kvm *kvm, enum lifecycle_reset reset, uint64_t own_memory, unsigned count, unsigned rounds,
	struct lifecycle_pair *ret, struct err *e)
{
	unsigned pairs = (count + 1) / 2;
	size_t samples = (size_t)pairs * rounds;
	CLEANUP_FREE double *us = calloc(LIFECYCLE_WHOS * samples, sizeof(*us));
	CLEANUP(live_close) struct live l = {0};
	int r = us ? live_open(kvm, reset, own_memory, pairs, &l, e) : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned round = 0; r == 0 && round <= rounds; round++) {
		for (unsigned i = 0; r == 0 && i < LIFECYCLE_WHOS * pairs; i++) {
			unsigned n = i / 2, who = (i ^ n ^ round) % 2;
			double t;

			r = one_round(&l, reset, (enum lifecycle_who)who, n, own_memory, round, &t, e);
			if (round)
				us[who * samples + (round - 1) * (size_t)pairs + n] = t;
		}
	}
	for (unsigned who = 0; r == 0 && who < LIFECYCLE_WHOS; who++)
		ret->who[who] = stats_of(us + who * samples, samples);
	return r;
}
