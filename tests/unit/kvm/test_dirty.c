// SPDX-License-Identifier: Apache-2.0
/*
 * Which pages a guest has written, by KVM's log and by its rings, on a real KVM. The guest writes where it is told, so
 * that every bitmap is known beforehand.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/with_kvm.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/dirty.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"

#define DATA_GPA   (4 * MIB)
#define DATA_PAGES 130 /* the last word of the bitmap is not whole */
#define DATA_SIZE  (DATA_PAGES * PAGE_4K)
#define WORDS      3
#define SLOT_CODE  0
#define SLOT_DATA  1

static struct kvm kvm = {.fd = -1};

/* How large a ring KVM says it can have, of the kind with acquire and release; UINT_MAX: as it says. */
static unsigned largest = UINT_MAX;

int __real_kvm_check(struct kvm *k, int capability);
int __wrap_kvm_check(struct kvm *k, int capability);

int __wrap_kvm_check(struct kvm *k, int capability)
{
	if (largest == UINT_MAX)
		return __real_kvm_check(k, capability);
	return capability == KVM_CAP_DIRTY_LOG_RING_ACQ_REL ? (int)largest : 0;
}

/* Next: POP EDI; TEST EDI, EDI; JZ end; INC BYTE [EDI]; JMP next; end: HLT; JMP next */
static const uint8_t code[] = {0x5f, 0x85, 0xff, 0x74, 0x04, 0xfe, 0x07, 0xeb, 0xf7, 0xf4, 0xeb, 0xf4};

/** struct guest - a page of code with the addresses behind it that it pops, and its data in a slot of its own */
struct guest {
	struct vm vm;
	uint8_t *code;
	struct dirty_slot data;
};

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

static void open_guest(struct guest *g, uint32_t ring)
{
	const struct entry entry = {.mode = ENTRY_PROTECTED, .cs = 0x08, .ds = 0x10};
	struct memory m = {0};
	struct err e = {};

	*g = (struct guest){.vm.fd = -1, .code = map(PAGE_4K)};
	g->data = (struct dirty_slot){.slot = SLOT_DATA, .gpa = DATA_GPA, .size = DATA_SIZE, .host = map(DATA_SIZE)};
	memcpy(g->code, code, sizeof(code));
	assert_int_equal(vm_create(&kvm, &g->vm, &e), 0);
	if (ring && dirty_ring_enable(&kvm, g->vm.fd, ring, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(gmem_add(&m.gmem, &(struct gmem_region){.size = PAGE_4K, .host = g->code, .fd = -1}), 0);
	assert_int_equal(
		gmem_add(&m.gmem,
			&(struct gmem_region){.gpa = DATA_GPA, .size = DATA_SIZE, .host = g->data.host, .fd = -1}),
		0);
	assert_int_equal(vm_set_memory(&g->vm, &m, &e), 0);
	assert_int_equal(vm_add_vcpus(&g->vm, 1, &e), 0);
	assert_int_equal(vcpu_set_entry(&g->vm.vcpu[0], &entry, &e), 0);
}

static void close_guest(struct guest *g)
{
	vm_destroy(&g->vm);
	munmap(g->code, PAGE_4K);
	munmap(g->data.host, DATA_SIZE);
}

/* The guest writes to the last byte of each page, to the end of the list. */
static void writes(struct guest *g, const unsigned *page, size_t nr)
{
	uint32_t at[16] = {0};
	struct vcpu_regs regs;
	struct vcpu_exit x;

	assert_in_range(nr, 0, ARRAY_SIZE(at) - 1);
	for (size_t i = 0; i < nr; i++)
		at[i] = (uint32_t)(DATA_GPA + (page[i] + 1) * PAGE_4K - 1);
	memcpy(g->code + 0x800, at, sizeof(at));
	assert_int_equal(vcpu_get_regs(&g->vm.vcpu[0], &regs, NULL), 0);
	regs.general.rsp = 0x800;
	regs.general.rip = 0;
	assert_int_equal(vcpu_set_regs(&g->vm.vcpu[0], &regs, NULL), 0);
	assert_int_equal(vcpu_step(&g->vm.vcpu[0], &x), 0);
	assert_int_equal(x.what, VCPU_HLT);
}

#define WRITES(g, ...)                                                                                                 \
	writes(g, (const unsigned[]){__VA_ARGS__}, sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static void assert_pages(const uint64_t *bitmap, const unsigned *page, size_t nr)
{
	uint64_t want[WORDS] = {0};

	for (size_t i = 0; i < nr; i++)
		want[page[i] / 64] |= BIT(page[i] % 64);
	assert_memory_equal(bitmap, want, sizeof(want));
}

#define PAGES(bitmap, ...)                                                                                             \
	assert_pages(                                                                                                  \
		bitmap, (const unsigned[]){__VA_ARGS__}, sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static void the_log_names_what_the_guest_wrote(void **state)
{
	uint64_t bitmap[WORDS];
	struct guest g;
	struct err e = {};

	open_guest(&g, 0);
	assert_int_equal(dirty_words(&g.data), WORDS);
	memset(bitmap, 0xff, sizeof(bitmap));
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), -ENOENT);
	assert_non_null(strstr(e.text, "KVM_GET_DIRTY_LOG"));
	WRITES(&g, 1, 64);
	assert_int_equal(dirty_track(&kvm, g.vm.fd, &g.data, true, &e), 0);
	/* What came before is in no log. */
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), 0);
	assert_pages(bitmap, NULL, 0);

	WRITES(&g, 0, 3, 3, 63, 64, 129);
	/* A store of ours is not seen. */
	memset((uint8_t *)g.data.host + 7 * PAGE_4K, 1, PAGE_4K);
	memset(bitmap, 0xff, sizeof(bitmap));
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), 0);
	PAGES(bitmap, 0, 3, 63, 64, 129);
	assert_int_equal(((uint8_t *)g.data.host)[4 * PAGE_4K - 1], 2);
	/* Collecting cleared it, and the same pages are seen again. */
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), 0);
	assert_pages(bitmap, NULL, 0);
	WRITES(&g, 3);
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), 0);
	PAGES(bitmap, 3);

	assert_int_equal(dirty_track(&kvm, g.vm.fd, &g.data, false, &e), 0);
	WRITES(&g, 5);
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), -ENOENT);
	assert_int_equal(dirty_track(&kvm, g.vm.fd, &g.data, true, &e), 0);
	assert_int_equal(dirty_log_collect(&kvm, g.vm.fd, &g.data, bitmap, &e), 0);
	assert_pages(bitmap, NULL, 0);
	close_guest(&g);
}

static void the_ring_names_what_the_guest_wrote(void **state)
{
	uint32_t ring_capability = dirty_ring_capability(&kvm);
	struct dirty_slot other = {.slot = SLOT_CODE, .size = PAGE_4K};
	uint64_t bitmap[WORDS] = {0};
	struct dirty_ring ring = {0};
	struct guest g;
	struct err e = {};

	dirty_ring_close(&ring);
	if (!ring_capability) {
		open_guest(&g, 0);
		assert_int_equal(dirty_ring_open(g.vm.vcpu[0].fd, &ring, &e), -EINVAL);
		assert_non_null(strstr(e.text, "cannot map the dirty ring"));
		close_guest(&g);
		print_message("this KVM has no dirty ring: tests/lab/unit-kvm.test has one that does\n");
		return;
	}
	open_guest(&g, ring_capability);
	assert_int_equal(dirty_track(&kvm, g.vm.fd, &g.data, true, &e), 0);
	assert_int_equal(dirty_ring_open(g.vm.vcpu[0].fd, &ring, &e), 0);
	assert_int_equal(dirty_ring_collect(&ring, &g.data, bitmap), 0);
	WRITES(&g, 0, 3, 3, 63, 64, 129);
	/* A KVM that emulates notes each store, and not the first one alone. */
	assert_in_range(dirty_ring_collect(&ring, &g.data, bitmap), 5, 6);
	PAGES(bitmap, 0, 3, 63, 64, 129);
	assert_int_equal(dirty_ring_reset(g.vm.fd, &e), 0);
	/* Added to, not overwritten; and once more round the ring than it has entries. */
	for (unsigned i = 0; i < DIRTY_RING_ENTRIES / 5; i++) {
		WRITES(&g, 1, 2, 3, 4, 5, 6);
		assert_int_equal(dirty_ring_collect(&ring, &g.data, bitmap), 6);
		assert_int_equal(dirty_ring_reset(g.vm.fd, &e), 0);
	}
	PAGES(bitmap, 0, 1, 2, 3, 4, 5, 6, 63, 64, 129);
	/* Another slot's, or what would lie behind it, marks nothing. */
	memset(bitmap, 0, sizeof(bitmap));
	WRITES(&g, 9);
	assert_int_equal(dirty_ring_collect(&ring, &other, bitmap), 1);
	assert_int_equal(dirty_ring_reset(g.vm.fd, &e), 0);
	WRITES(&g, 10, 129);
	g.data.size = 100 * PAGE_4K;
	assert_int_equal(dirty_ring_collect(&ring, &g.data, bitmap), 2);
	PAGES(bitmap, 10);
	dirty_ring_close(&ring);
	dirty_ring_close(&ring);
	close_guest(&g);
}

/* Documentation/virt/kvm/api.rst, 8.29: what the check returns is the largest size in bytes, itself allowed. */
static void a_ring_may_be_as_large_as_kvm_says(void **state)
{
	largest = DIRTY_RING_BYTES;
	assert_int_equal(dirty_ring_capability(&kvm), KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
	largest = DIRTY_RING_BYTES - 1;
	assert_int_equal(dirty_ring_capability(&kvm), 0);
	largest = UINT_MAX;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_names_what_the_guest_wrote),
		cmocka_unit_test(the_ring_names_what_the_guest_wrote),
		cmocka_unit_test(a_ring_may_be_as_large_as_kvm_says),
	};

	return run_with_kvm(&kvm, tests);
}
