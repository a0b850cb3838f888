// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/reset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/base/assert.h"
#include "vmm/base/x86.h"

static int init_region(struct vm_reset *t, size_t i, const struct memory *base, struct err *e)
{
	struct gmem_region *ram = &t->vm->memory.gmem.region[i];
	struct reset_region *r = &t->region[i];
	void *at = base
		? base->gmem.region[i].host
		: mmap(NULL, ram->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return err_sys(e, -errno, "cannot map room for a copy of guest RAM");
	r->base = at;
	r->slot = (struct dirty_slot){.slot = (uint32_t)i, .gpa = ram->gpa, .size = ram->size, .host = ram->host};
	t->nr = i + 1;
	r->log = calloc(dirty_words(&r->slot), sizeof(*r->log));
	r->ours = calloc(dirty_words(&r->slot), sizeof(*r->ours));
	if (!r->log || !r->ours)
		return err_sys(e, -ENOMEM, "no memory to note written pages");
	ram->written = r->ours;
	return dirty_track(t->vm->kvm, t->vm->fd, &r->slot, true, e);
}

int vm_reset_init(struct vm *vm, struct vm_reset *t, const struct memory *base, struct err *e)
{
	struct gmem *g = &vm->memory.gmem;
	int r = vm_saved_init(vm, &t->saved, e);

	assert(!base || (base->gmem.nr == g->nr && base->size == vm->memory.size));
	t->vm = vm;
	t->borrows = base;
	for (size_t i = 0; r == 0 && i < g->nr; i++)
		r = init_region(t, i, base, e);
	g->tracked = r == 0;
	return r;
}

/* What is zero stays untouched: it costs no memory. */
static void copy_ram(const struct reset_region *r)
{
	for (uint64_t at = 0; at < r->slot.size; at += PAGE_4K) {
		const uint8_t *page = (const uint8_t *)r->slot.host + at;

		if (page[0] || memcmp(page, page + 1, PAGE_4K - 1) != 0)
			memcpy(r->base + at, page, PAGE_4K);
	}
}

int vm_reset_mark(struct vm_reset *t, struct err *e)
{
	int r = vm_save(t->vm, &t->saved, e);

	for (size_t i = 0; r == 0 && !t->borrows && i < t->nr; i++) {
		struct reset_region *region = &t->region[i];

		/* What was written until now is part of the moment. */
		r = dirty_log_collect(t->vm->kvm, t->vm->fd, &region->slot, region->log, e);
		memset(region->ours, 0, dirty_words(&region->slot) * sizeof(*region->ours));
		copy_ram(region);
	}
	return r;
}

static uint64_t return_word(const struct reset_region *r, size_t word, uint64_t bits)
{
	uint64_t pages = 0;

	for (; bits; bits &= bits - 1, pages++) {
		uint64_t at = (word * 64 + (uint64_t)__builtin_ctzll(bits)) * PAGE_4K;

		gmem_window_read((uint8_t *)r->slot.host + at, r->base + at, PAGE_4K);
	}
	return pages;
}

#define WORDS_AT_ONCE 8

static bool are_clean(const uint64_t *log, const uint64_t *ours)
{
	uint64_t any = 0;

	for (size_t i = 0; i < WORDS_AT_ONCE; i++)
		any |= log[i] | ours[i];
	return !any;
}

/* Most words are zero. */
static uint64_t return_pages(struct reset_region *r)
{
	size_t words = dirty_words(&r->slot);
	uint64_t pages = 0;

	for (size_t i = 0; i < words; i++) {
		uint64_t bits = r->log[i] | r->ours[i];

		if (bits) {
			pages += return_word(r, i, bits);
			r->ours[i] = 0;
		}
		while (words - i > WORDS_AT_ONCE && are_clean(&r->log[i + 1], &r->ours[i + 1]))
			i += WORDS_AT_ONCE;
	}
	return pages;
}

int vm_reset_return(struct vm_reset *t, uint64_t *ret_pages, struct err *e)
{
	uint64_t pages = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->nr; i++) {
		struct reset_region *region = &t->region[i];

		r = dirty_log_collect(t->vm->kvm, t->vm->fd, &region->slot, region->log, e);
		if (r == 0)
			pages += return_pages(region);
	}
	if (r == 0)
		r = vm_restore(t->vm, &t->saved, t->skip_ns, e);
	if (r == 0)
		*ret_pages = pages;
	return r;
}

void vm_reset_destroy(struct vm_reset *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nr; i++) {
		t->vm->memory.gmem.region[i].written = NULL;
		if (!t->borrows)
			munmap(t->region[i].base, t->region[i].slot.size);
		free(t->region[i].log);
		free(t->region[i].ours);
	}
	if (t->vm)
		t->vm->memory.gmem.tracked = false;
	vm_saved_destroy(&t->saved);
	*t = (struct vm_reset){0};
}
