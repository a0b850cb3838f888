// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that run again and again, and the ways to reset their memory in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/le.h"
#include "vmm/bench/lifecycle_internal.h"

/* Clears the pages that @bitmap names, and the bitmap with them. */
static void clear_pages(uint8_t *data, uint64_t *bitmap, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		for (uint64_t left = bitmap[i]; left; left &= left - 1)
			memset(data + (i * 64 + (unsigned)__builtin_ctzll(left)) * PAGE_4K, 0, PAGE_4K);
		bitmap[i] = 0;
	}
}

/** struct live - guests that live through the rounds; @bitmap: of the pages that one of them has written */
struct live {
	struct shared s;
	struct ours *ours;
	struct bare *bare;
	struct dirty_ring *ring[LIFECYCLE_WHOS];
	unsigned nr;
	uint64_t *bitmap;
};

static void live_close(struct live *l)
{
	for (unsigned i = 0; i < l->nr; i++) {
		for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
			dirty_ring_close(&l->ring[who][i]);
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

/* The memory that a guest counts in. */
static struct dirty_slot data_slot(uint8_t *data, uint64_t own)
{
	return (struct dirty_slot){.slot = SLOT_DATA, .gpa = GUEST_DATA, .size = own, .host = data};
}

static int track(struct live *l, unsigned i, uint64_t own, struct err *e)
{
	const struct dirty_slot ours = data_slot(l->ours[i].vm.memory.host, own),
				bare = data_slot(l->bare[i].data, own);
	int r = dirty_track(l->s.kvm, l->ours[i].vm.fd, &ours, true, e);

	return r < 0 ? r : dirty_track(l->s.kvm, l->bare[i].vm, &bare, true, e);
}

static int live_open(
	struct kvm *kvm, enum lifecycle_reset reset, uint64_t own, unsigned nr, struct live *l, struct err *e)
{
	int r;

	l->bitmap = calloc(dirty_words(&(struct dirty_slot){.size = own}), sizeof(*l->bitmap));
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
		l->s.ring = dirty_ring_capability(kvm);
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
			r = track(l, i, own, e);
		if (r == 0 && reset == RESET_RING)
			r = dirty_ring_open(g->vm.vcpu[0].fd, &l->ring[LIFECYCLE_OURS][i], e);
		if (r == 0 && reset == RESET_RING)
			r = dirty_ring_open(b->vcpu, &l->ring[LIFECYCLE_FLOOR][i], e);
	}
	return r;
}

static int reset_memory(struct live *l, enum lifecycle_reset reset, int vm, uint8_t *data, uint64_t own,
	struct dirty_ring *ring, struct err *e)
{
	const struct dirty_slot slot = data_slot(data, own);
	int r = 0;

	switch (reset) {
	case RESET_CLEAR: memset(data, 0, own); return 0;
	case RESET_DISCARD: return madvise(data, own, MADV_DONTNEED) < 0 ? err_sys(e, -errno, "MADV_DONTNEED") : 0;
	case RESET_DIRTY: r = dirty_log_collect(l->s.kvm, vm, &slot, l->bitmap, e); break;
	case RESET_RING:
		if (dirty_ring_collect(ring, &slot, l->bitmap))
			r = dirty_ring_reset(vm, e);
		break;
	default: return 0;
	}
	clear_pages(data, l->bitmap, dirty_words(&slot));
	return r;
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
