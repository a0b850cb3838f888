// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A guest has two runs of memory: a page of code at 0, one mapping for all guests, and its memory
 * at GUEST_DATA. It starts in protected mode without paging, so that it needs no tables. Its last instruction jumps
 * back to its first: a halted guest runs again without a register being touched.
 */
#include "vmm/lifecycle.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "vmm/base/le.h"
#include "vmm/vm.h"

#define PAGE         (4 * KIB)
#define GUEST_CODE   UINT64_C(0)
#define GUEST_DATA   (4 * MIB)
#define GUEST_SHARED (64 * KIB) /* of memory, when it is shared */
#define SLOT_DATA    1
#define PORT         0xe9
#define HELLO        "hello"
#define HELLO_LENGTH 5

/* KVM API, 8.29: KVM keeps up to 576 entries for itself. */
#define RING_ENTRIES 1024
#define RING_BYTES   (RING_ENTRIES * sizeof(struct kvm_dirty_gfn))

/* INC dword [GUEST_DATA]; for each letter MOV AL, OUT; HLT; JMP to the start */
static const uint8_t guest_code[] = {0xff, 0x05, 0x00, 0x00, 0x40, 0x00, 0xb0, 'h', 0xe6, PORT, 0xb0, 'e', 0xe6, PORT,
	0xb0, 'l', 0xe6, PORT, 0xb0, 'l', 0xe6, PORT, 0xb0, 'o', 0xe6, PORT, 0xf4, 0xeb, 0xe3};

static const struct entry guest_entry = {.mode = ENTRY_PROTECTED, .rip = GUEST_CODE, .cs = 0x08, .ds = 0x10};

/**
 * struct shared - what all guests have in common
 * @code, @data: mappings; @data serves those without memory of their own
 * @ring: the capability by which guests get a dirty ring, 0: they get none
 */
struct shared {
	struct kvm *kvm;
	uint32_t ring;
	uint8_t *code;
	uint8_t *data;
};

/** struct ours - a guest as the program makes them */
struct ours {
	struct vm vm;
	struct device port;
	char heard[HELLO_LENGTH];
	unsigned nr_heard;
};

/** struct bare - a guest of ioctls only */
struct bare {
	int vm;
	int vcpu;
	struct kvm_run *run;
	uint8_t *data;
	uint64_t size;
};

static void shared_close(struct shared *s)
{
	if (s->code)
		munmap(s->code, PAGE);
	if (s->data)
		munmap(s->data, GUEST_SHARED);
}

static uint8_t *map(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int shared_open(struct kvm *kvm, struct shared *s, struct err *e)
{
	*s = (struct shared){.kvm = kvm, .code = map(PAGE), .data = map(GUEST_SHARED)};
	if (!s->code || !s->data)
		return err_sys(e, -ENOMEM, "cannot map the guests' memory");
	memcpy(s->code, guest_code, sizeof(guest_code));
	return 0;
}

/* Before the first CPU. */
static int add_ring(const struct shared *s, int vm, struct err *e)
{
	struct kvm_enable_cap cap = {.cap = s->ring, .args = {RING_BYTES}};
	int r = s->ring ? kvm_ioctl(s->kvm, vm, KVM_ENABLE_CAP, &cap) : 0;

	return r < 0 ? err_sys(e, r, "KVM_ENABLE_CAP of KVM_CAP_DIRTY_LOG_RING") : 0;
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

static void ours_close(struct ours *g)
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
	r = gmem_add(&m.gmem, &(struct gmem_region){.gpa = GUEST_CODE, .size = PAGE, .host = s->code, .fd = -1});
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

static int ours_create(const struct shared *s, uint64_t own, struct ours *g, struct err *e)
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
		ours_close(g);
	return r;
}

static int ours_run(struct ours *g, struct err *e)
{
	struct vcpu_exit x;
	int r;

	g->nr_heard = 0;
	for (;;) {
		r = vcpu_step(&g->vm.vcpu[0], &x);
		if (r < 0)
			return err_sys(e, r, "KVM_RUN");
		if (x.what == VCPU_HLT)
			break;
		if (x.what != VCPU_PIO)
			return err_set(e, -EIO, "the guest left for event %d", x.what);
		vm_access(&g->vm, &x);
	}
	if (g->nr_heard == HELLO_LENGTH && !memcmp(g->heard, HELLO, HELLO_LENGTH))
		return 0;
	return err_set(e, -EIO, "the guest did not print \"" HELLO "\"");
}

/* --- Floor --------------------------------------------------------------------------------------------------- */

static void bare_close(const struct shared *s, struct bare *b)
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

/* The ioctls of ours_create(), in its order. */
static int bare_create(const struct shared *s, uint64_t own, struct bare *b, struct err *e)
{
	struct kvm_segment seg = {
		.limit = UINT32_MAX, .selector = 0x10, .type = 3, .present = 1, .s = 1, .g = 1, .db = 1};
	struct kvm_regs regs = {.rip = GUEST_CODE, .rflags = 2};
	uint64_t identity = UINT64_C(0xfffbc000);
	struct kvm_sregs sregs;
	void *run;
	int r;

	*b = (struct bare){.vm = ioctl(s->kvm->fd, KVM_CREATE_VM, 0), .vcpu = -1, .data = s->data};
	if (b->vm < 0)
		return err_sys(e, -errno, "KVM_CREATE_VM");
	r = add_ring(s, b->vm, e);
	if (r < 0)
		goto fail;
	ioctl(b->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	ioctl(b->vm, KVM_SET_TSS_ADDR, identity + PAGE);
	if (own) {
		b->data = map(own);
		b->size = b->data ? own : 0;
	}
	if (!b->data || bare_slot(b->vm, 0, GUEST_CODE, PAGE, s->code) < 0 ||
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
	if (!b->run || ioctl(b->vcpu, KVM_GET_SREGS, &sregs) < 0) {
		r = err_sys(e, -errno, "cannot map the run area of CPU 0");
		goto fail;
	}
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = seg;
	seg.selector = 0x08;
	seg.type = 11;
	sregs.cs = seg;
	sregs.cr0 = 0x11;
	if (ioctl(b->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(b->vcpu, KVM_SET_REGS, &regs) < 0) {
		r = err_sys(e, -errno, "KVM_SET_SREGS");
		goto fail;
	}
	return 0;
fail:
	bare_close(s, b);
	return r;
}

static int bare_run(struct bare *b, struct err *e)
{
	for (;;) {
		if (ioctl(b->vcpu, KVM_RUN, 0) < 0)
			return err_sys(e, -errno, "KVM_RUN");
		if (b->run->exit_reason == KVM_EXIT_HLT)
			return 0;
		if (b->run->exit_reason != KVM_EXIT_IO)
			return err_set(e, -EIO, "the guest left for reason %u", b->run->exit_reason);
	}
}

/* --- One after the other ------------------------------------------------------------------------------------- */

static int cycle(const struct shared *s, enum lifecycle_who who, uint64_t own, double *ret_us, struct err *e)
{
	uint64_t start = trace_now_ns();
	struct ours g = {.vm.fd = -1};
	struct bare b;
	int r;

	if (who == LIFECYCLE_OURS) {
		r = ours_create(s, own, &g, e);
		if (r == 0)
			r = ours_run(&g, e);
		ours_close(&g);
	} else {
		r = bare_create(s, own, &b, e);
		if (r == 0) {
			r = bare_run(&b, e);
			bare_close(s, &b);
		}
	}
	*ret_us = (double)(trace_now_ns() - start) / 1e3;
	return r;
}

int lifecycle_cycles(struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e)
{
	CLEANUP_FREE double *us = calloc(LIFECYCLE_WHOS * (size_t)count, sizeof(*us));
	CLEANUP(shared_close) struct shared s = {0};
	int r = us ? shared_open(kvm, &s, e) : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned i = 0; r == 0 && i < LIFECYCLE_WHOS * count; i++) {
		/* Who is first changes, too. */
		unsigned n = i / 2, who = (i ^ n) % 2;

		r = cycle(&s, (enum lifecycle_who)who, own_memory, &us[who * count + n], e);
	}
	if (r < 0)
		return r;
	for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
		ret->who[who] = stats_of(us + who * (size_t)count, count);
	return 0;
}

/* --- Many alive ---------------------------------------------------------------------------------------------- */

static unsigned threads_now(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 2 ? n - 2 : 0;
}

/* A limit of the host, and not a bug: in words. */
static bool is_limit(int code, const struct err *words, unsigned alive, struct err *why)
{
	struct rlimit files = {0};

	switch (code) {
	case -EMFILE:
		getrlimit(RLIMIT_NOFILE, &files);
		err_set(why, code, "no more than %llu open files, and a guest takes two (%s): raise ulimit -Hn",
			(unsigned long long)files.rlim_cur, words->text);
		return true;
	case -ENFILE:
		err_set(why, code, "the host has no more open files than that (%s): see fs.file-max", words->text);
		return true;
	case -ENOMEM:
		err_set(why, code,
			"no more memory or mappings than that (%s): see vm.max_map_count and the host's memory",
			words->text);
		return true;
	case -EAGAIN:
		err_set(why, code, "no more threads than that (%s): KVM starts one for each guest; see ulimit -u",
			words->text);
		return true;
	case -ENOSPC: err_set(why, code, "no more of what KVM has for %u guests (%s)", alive, words->text); return true;
	default: return false;
	}
}

static int revive(const struct shared *s, struct ours *g, struct bare *b, double *ret_us, struct err *e)
{
	uint64_t start = trace_now_ns();
	int r = g ? ours_create(s, 0, g, e) : bare_create(s, 0, b, e);

	if (r == 0)
		r = g ? ours_run(g, e) : bare_run(b, e);
	*ret_us = (double)(trace_now_ns() - start) / 1e3;
	return r;
}

int lifecycle_alive(struct kvm *kvm, unsigned count, unsigned step,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e)
{
	unsigned pairs = (count + 1) / 2, threads = threads_now(), alive = 0, fresh[LIFECYCLE_WHOS] = {0};
	CLEANUP_FREE double *us = calloc(LIFECYCLE_WHOS * (size_t)count, sizeof(*us));
	CLEANUP_FREE struct ours *ours = calloc(pairs, sizeof(*ours));
	CLEANUP_FREE struct bare *bare = calloc(pairs, sizeof(*bare));
	CLEANUP(shared_close) struct shared s = {0};
	struct err words = {};
	uint64_t start;
	int r = us && ours && bare ? shared_open(kvm, &s, e) : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned i = 0; i < pairs && ours && bare; i++) {
		ours[i].vm.fd = -1;
		bare[i] = (struct bare){.vm = -1, .vcpu = -1};
	}
	why->text[0] = '\0';
	start = trace_now_ns();
	while (r == 0 && alive < count) {
		unsigned n = alive / 2, who = (alive ^ n) % 2;
		bool is_ours = who == LIFECYCLE_OURS;

		r = revive(&s, is_ours ? &ours[n] : NULL, &bare[n], &us[who * count + fresh[who]], &words);
		if (r < 0)
			break;
		fresh[who]++;
		alive++;
		if (alive % step && alive != count)
			continue;
		struct lifecycle_row out = {
			.alive = alive, .elapsed_ns = trace_now_ns() - start, .threads = threads_now() - threads};

		for (who = 0; who < LIFECYCLE_WHOS; who++)
			out.pair.who[who] = stats_of(us + who * (size_t)count, fresh[who]);
		memset(fresh, 0, sizeof(fresh));
		row(&out, arg);
	}
	if (r < 0 && words.text[0])
		r = is_limit(r, &words, alive, why) ? 0 : err_set(e, r, "guest %u: %s", alive + 1, words.text);
	start = trace_now_ns();
	for (unsigned i = 0; i < pairs && ours && bare; i++) {
		ours_close(&ours[i]);
		bare_close(&s, &bare[i]);
	}
	*close_ns = trace_now_ns() - start;
	*ret_alive = alive;
	return r;
}

/* --- Again and again ----------------------------------------------------------------------------------------- */

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
		ours_close(&l->ours[i]);
		bare_close(&l->s, &l->bare[i]);
	}
	shared_close(&l->s);
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
	r = shared_open(kvm, &l->s, e);
	if (r == 0 && reset == RESET_RING) {
		l->s.ring = ring_capability(kvm);
		if (!l->s.ring)
			r = err_set(e, -EOPNOTSUPP, "this KVM has no dirty ring");
	}
	for (unsigned i = 0; r == 0 && i < nr; i++) {
		struct ours *g = &l->ours[i];
		struct bare *b = &l->bare[i];

		r = ours_create(&l->s, own, g, e);
		if (r == 0)
			r = bare_create(&l->s, own, b, e);
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
		r = who == LIFECYCLE_OURS ? ours_run(g, e) : bare_run(b, e);
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
