// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "vmm/base/board.h"
#include "vmm/base/units.h"

/* Not in the headers of older C libraries; Linux 5.14, include/uapi/asm-generic/mman-common.h */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static const struct backing_def {
	uint64_t page_size;
	int map_flags;
} backings[] = {
	[BACKING_ANON] = {4 * KIB, 0},
	[BACKING_THP] = {4 * KIB, 0},
	[BACKING_HUGE_2M] = {2 * MIB, MAP_HUGETLB | MAP_HUGE_2MB},
	[BACKING_HUGE_1G] = {GIB, MAP_HUGETLB | MAP_HUGE_1GB},
};

/* RAM and swap in bytes; 0 when unknown. */
static uint64_t host_memory(void)
{
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return 0;
	return ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
}

int memory_check(uint64_t size, enum backing backing, struct err *e)
{
	uint64_t host = host_memory(), page = backings[backing].page_size;
	char mem[UNITS_TEXT_MAX], other[UNITS_TEXT_MAX];

	format_size(size, mem);
	if (size < CONFIG_MEM_MIN)
		return err_set(
			e, -EINVAL, "--mem %s: a machine needs at least %s", mem, format_size(CONFIG_MEM_MIN, other));
	if (size > CONFIG_MEM_MAX)
		return err_set(e, -EINVAL, "--mem %s: at most %s is possible", mem, format_size(CONFIG_MEM_MAX, other));
	if (!is_aligned(size, page))
		return err_set(e, -EINVAL, "--mem %s: not a multiple of %s, the size of its pages", mem,
			format_size(page, other));
	if (host && size > host)
		return err_set(
			e, -EINVAL, "--mem %s: this host has %" PRIu64 "M of RAM and swap together", mem, host / MIB);
	return 0;
}

/* Free pages of the pool according to sysfs, or -1 when the host has no such pool. */
static long free_hugepages(uint64_t page_size)
{
	char path[128];
	CLEANUP_FCLOSE FILE *f = NULL;
	long n = -1;

	snprintf(
		path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/free_hugepages", page_size / KIB);
	f = fopen(path, "re");
	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	return n;
}

static int hugepages_missing(int code, uint64_t size, uint64_t page_size, struct err *e)
{
	uint64_t need = size / page_size;
	long have = free_hugepages(page_size);
	char text[UNITS_TEXT_MAX];

	format_size(page_size, text);
	if (have < 0)
		return err_set(e, code,
			"this host has no %s huge pages (no hugepages-%" PRIu64 "kB in /sys/kernel/mm/hugepages)", text,
			page_size / KIB);
	if (page_size == 2 * MIB)
		return err_set(e, code,
			"%" PRIu64
			" huge pages of %s are needed and %ld are free: raise sysctl vm.nr_hugepages by %" PRIu64,
			need, text, have, need > (uint64_t)have ? need - (uint64_t)have : need);
	return err_set(e, code,
		"%" PRIu64
		" huge pages of %s are needed and %ld are free: sysctl vm.nr_hugepages governs the default size only; "
		"write the number to /sys/kernel/mm/hugepages/hugepages-%" PRIu64
		"kB/nr_hugepages, or boot the host with "
		"hugepagesz=%s hugepages=%" PRIu64,
		need, text, have, page_size / KIB, text, need);
}

static int populate(void *host, uint64_t size)
{
	volatile uint8_t *p = host;

	if (madvise(host, size, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* What a file has is kept. */
	for (uint64_t at = 0; at < size; at += 4 * KIB) {
		uint8_t byte = p[at];

		p[at] = byte;
	}
	return 0;
}

/*
 * KVM maps a slot by huge pages only if guest and host address agree in their low 21 bits, and the host makes huge
 * pages only at aligned addresses. Linux aligns anonymous mappings by itself from 6.7 on. So map 2 MiB more, and unmap
 * what is around the aligned part.
 */
static void *map_aligned(uint64_t size, int map_flags)
{
	uint64_t align = 2 * MIB, head;
	uint8_t *p;

	if (map_flags & MAP_HUGETLB || size > UINT64_MAX - align)
		return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | map_flags, -1, 0);
	p = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | map_flags, -1, 0);
	if (p == MAP_FAILED)
		return p;
	head = -(uintptr_t)p & (align - 1);
	/* If these fail, only address space is lost: the memory was never touched. */
	if (head)
		munmap(p, head);
	munmap(p + head + size, align - head);
	return p + head;
}

/*
 * The guest uses little of the memory below 2 MiB: our tables, and Linux's real-mode trampoline. As one huge page, the
 * host would clear all of it at the first write. Best effort.
 */
static void keep_low_pages_small(void *host, uint64_t size)
{
	madvise(host, MIN(size, 2 * MIB), MADV_NOHUGEPAGE);
}

static int check_size(uint64_t size, const char *kind, uint64_t page_size, struct err *e)
{
	uint64_t host_ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char text[UNITS_TEXT_MAX], text2[UNITS_TEXT_MAX];

	if (!size || !is_aligned(size, page_size))
		return err_set(e, -EINVAL, "guest memory of %s is not a multiple of %s (%s)", format_size(size, text),
			format_size(page_size, text2), kind);
	if (size > host_ram)
		return err_set(e, -ENOMEM, "guest memory of %s is more than this host has (%" PRIu64 "M)",
			format_size(size, text), host_ram / MIB);
	return 0;
}

int memory_populate(const struct memory *m, const struct gmem_extent *part, size_t nr, struct err *e)
{
	char text[UNITS_TEXT_MAX];

	for (size_t i = 0; i < nr; i++) {
		int r = populate((uint8_t *)m->host + part[i].at, part[i].size);

		if (r < 0)
			return err_sys(e, r, "cannot prefault %s of guest memory", format_size(part[i].size, text));
	}
	return 0;
}

int memory_prefault(const struct memory *m, struct err *e)
{
	return memory_populate(m, &(struct gmem_extent){0, m->size}, 1, e);
}

/* What becomes of @m->host, whatever is mapped there: no core dump has it, the guest has it around the hole. */
static int finish(struct memory *m, bool prefault, struct err *e)
{
	uint64_t low = MIN(m->size, BOARD_HOLE_START);
	int r;

	if (madvise(m->host, m->size, MADV_DONTDUMP) < 0)
		return err_sys(e, -errno, "cannot keep guest memory out of core dumps (madvise)");
	r = prefault ? memory_prefault(m, e) : 0;
	if (r < 0)
		return r;
	r = gmem_add(&m->gmem, &(struct gmem_region){.gpa = 0, .size = low, .host = m->host, .fd = -1});
	if (r == 0 && m->size > low)
		r = gmem_add(&m->gmem,
			&(struct gmem_region){.gpa = BOARD_HOLE_END,
				.size = m->size - low,
				.host = (uint8_t *)m->host + low,
				.fd = -1});
	return r < 0 ? err_sys(e, r, "cannot lay out guest memory") : 0;
}

int memory_create(uint64_t size, enum backing backing, bool prefault, struct memory *ret, struct err *e)
{
	const struct backing_def *def = &backings[backing];
	struct memory m = {.size = size};
	char text[UNITS_TEXT_MAX];
	int r = check_size(size, backing_name(backing), def->page_size, e);

	if (r < 0)
		return r;
	m.host = map_aligned(size, def->map_flags);
	if (m.host == MAP_FAILED) {
		r = -errno;
		if (def->map_flags)
			return hugepages_missing(r, size, def->page_size, e);
		return err_sys(e, r, "cannot map %s of guest memory", format_size(size, text));
	}
	/*
	 * --thp was requested explicitly, and RAM in a core dump would be a leak: fail if the host does not support
	 * either.
	 */
	if (backing == BACKING_THP && madvise(m.host, size, MADV_HUGEPAGE) < 0)
		r = err_sys(e, -errno, "this host has no transparent huge pages (madvise)");
	if (r == 0 && backing == BACKING_ANON && !prefault)
		keep_low_pages_small(m.host, size);
	if (r == 0)
		r = finish(&m, prefault, e);
	if (r < 0)
		memory_destroy(&m);
	else
		*ret = m;
	return r;
}

int memory_map(uint64_t size, int fd, uint64_t file_at, const struct gmem_extent *extent, size_t nr, struct memory *ret,
	struct err *e)
{
	struct memory m = {.size = size};
	char text[UNITS_TEXT_MAX];
	int r = check_size(size, "mapped", backings[BACKING_ANON].page_size, e);

	if (r < 0)
		return r;
	m.host = map_aligned(size, 0);
	if (m.host == MAP_FAILED)
		return err_sys(e, -errno, "cannot map %s of guest memory", format_size(size, text));
	for (size_t i = 0; i < nr && r == 0; i++)
		if (mmap((uint8_t *)m.host + extent[i].at, extent[i].size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)(file_at + extent[i].at)) == MAP_FAILED)
			r = err_sys(e, -errno, "cannot map %s of guest memory", format_size(size, text));
	if (r == 0)
		r = finish(&m, false, e);
	if (r < 0) {
		memory_destroy(&m);
		return r;
	}
	for (size_t i = 0; i < m.gmem.nr; i++)
		gmem_set_file_window(&m.gmem, m.gmem.region[i].gpa, m.gmem.region[i].size);
	*ret = m;
	return 0;
}

void memory_destroy(struct memory *m)
{
	if (!m || !m->host)
		return;
	munmap(m->host, m->size);
	*m = (struct memory){0};
}

int memory_attach(const struct memory *m, struct kvm *kvm, int vm_fd, struct err *e)
{
	for (size_t i = 0; i < m->gmem.nr; i++) {
		const struct gmem_region *g = &m->gmem.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = (uint32_t)i,
			.guest_phys_addr = g->gpa,
			.memory_size = g->size,
			.userspace_addr = (uintptr_t)g->host,
		};
		int r = kvm_ioctl(kvm, vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);

		if (r < 0)
			return err_sys(e, r, "KVM_SET_USER_MEMORY_REGION of %" PRIu64 "M at 0x%" PRIx64, g->size / MIB,
				g->gpa);
	}
	return 0;
}
