// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/task.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define HEAP_RIGHTS (SPACE_R | SPACE_W)
#define END_32BIT   UINT64_C(0x80000000)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PROT_SEM_    0x8 /* Linux include/uapi/asm-generic/mman-common.h */
#define MADV_LAST    25  /* of the plain numbers: MADV_COLLAPSE */
#define MAP_HUGETLB_ 0x40000

/* Linux include/uapi/linux/mman.h */
#define MAP_SHARED_VALIDATE_ 3

_Static_assert(MAP_FIXED_NOREPLACE == 0x100000, "as Linux has it");

static unsigned rights_of(uint64_t prot)
{
	return (prot & PROT_READ ? SPACE_R : 0) | (prot & PROT_WRITE ? SPACE_W : 0) | (prot & PROT_EXEC ? SPACE_X : 0);
}

/* Rounds up to whole pages; 0: larger than the address space. */
static uint64_t pages_of(uint64_t len)
{
	return len > SPACE_HIGH ? 0 : align_up(len, PAGE_4K);
}

static bool is_free(const struct space *s, uint64_t at, uint64_t len)
{
	const struct area *a;

	if (at < SPACE_LOW || at >= SPACE_HIGH || len > SPACE_HIGH - at)
		return false;
	a = space_area(s, at);
	return !a || a->start >= at + len;
}

int64_t exec_sys_brk(struct exec_task *t, const uint64_t *a)
{
	uint64_t old = align_up(t->heap_end, PAGE_4K), new;

	if (a[0] < t->heap || a[0] >= SPACE_HIGH)
		return (int64_t)t->heap_end;
	new = align_up(a[0], PAGE_4K);
	if (new < old && space_unmap(&t->space, new, old - new) < 0)
		return (int64_t)t->heap_end;
	if (new > old &&
		(!is_free(&t->space, old, new - old) ||
			space_map(&t->space, old, new - old, HEAP_RIGHTS, AREA_HEAP) < 0))
		return (int64_t)t->heap_end;
	t->heap_end = a[0];
	return (int64_t)a[0];
}

/* Changes of a mapping do not reach the file, so that a shared one cannot be written to. */
static int check_file(const struct exec_task *t, uint64_t type, uint64_t prot, uint64_t fd)
{
	const struct exec_open *o = exec_files_get(t->files, fd);
	struct stat st;

	if (!o || o->flags & O_PATH)
		return -EBADF;
	if (o->kind == EXEC_STREAM || o->kind > EXEC_NODE || exec_open_status(t, o, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENODEV;
	if ((o->flags & O_ACCMODE) == O_WRONLY)
		return -EACCES;
	if (type == MAP_PRIVATE || !(prot & PROT_WRITE))
		return 0;
	return (o->flags & O_ACCMODE) == O_RDWR ? -ENODEV : -EACCES;
}

static int check_mmap(const struct exec_task *t, uint64_t prot, uint64_t flags, uint64_t fd, uint64_t offset)
{
	uint64_t type = flags & 0xf;

	if (offset % PAGE_4K)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		int r = check_file(t, type, prot, fd);

		if (r < 0)
			return r;
		return type == MAP_PRIVATE || type == MAP_SHARED || type == MAP_SHARED_VALIDATE_ ? 0 : -EINVAL;
	}
	if (flags & MAP_HUGETLB_)
		return -ENOMEM;
	return type == MAP_SHARED || type == MAP_PRIVATE ? 0 : -EINVAL;
}

int64_t exec_sys_mmap(struct exec_task *t, const uint64_t *a)
{
	uint64_t at = a[0], len = pages_of(a[1]), flags = a[3];
	int r = check_mmap(t, a[2], flags, (uint32_t)a[4], a[5]);

	if (r < 0)
		return r;
	if (!len)
		return a[1] ? -ENOMEM : -EINVAL;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (at % PAGE_4K)
			return -EINVAL;
		if (at < SPACE_LOW)
			return -EPERM;
		if (at >= SPACE_HIGH || len > SPACE_HIGH - at)
			return -ENOMEM;
		if (flags & MAP_FIXED_NOREPLACE && !is_free(&t->space, at, len))
			return -EEXIST;
	} else {
		at = align_down(at, PAGE_4K);
		if (!at || !is_free(&t->space, at, len) || (flags & MAP_32BIT && at + len > END_32BIT))
			at = space_find(&t->space, len, flags & MAP_32BIT ? END_32BIT : t->top);
		/* Everything below the mmap base is in use: search above it. */
		if (!at)
			at = space_find(&t->space, len, flags & MAP_32BIT ? END_32BIT : SPACE_HIGH);
		if (!at)
			return -ENOMEM;
	}
	r = flags & MAP_ANONYMOUS ? space_map(&t->space, at, len, rights_of(a[2]), AREA_MAPPED)
				  : exec_map_file(t, a[4], at, len, a[5], rights_of(a[2]));
	return r < 0 ? r : (int64_t)at;
}

int64_t exec_sys_munmap(struct exec_task *t, const uint64_t *a)
{
	uint64_t len = pages_of(a[1]), at = a[0];

	if (at % PAGE_4K || !len || at >= SPACE_HIGH || len > SPACE_HIGH - at)
		return -EINVAL;
	/* Nothing is ever mapped below. */
	if (at < SPACE_LOW) {
		if (len <= SPACE_LOW - at)
			return 0;
		len -= SPACE_LOW - at;
		at = SPACE_LOW;
	}
	return space_unmap(&t->space, at, len);
}

int64_t exec_sys_mprotect(struct exec_task *t, const uint64_t *a)
{
	uint64_t len = pages_of(a[1]);
	int r;

	if (a[0] % PAGE_4K || a[2] & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM_))
		return -EINVAL;
	if (!a[1])
		return 0;
	r = len ? space_protect(&t->space, a[0], len, rights_of(a[2])) : -ENOMEM;
	return r == -EINVAL ? -ENOMEM : r;
}

static bool has_file(const struct space *s, uint64_t at, uint64_t len)
{
	for (uint64_t end = at + len; at < end;) {
		const struct area *a = space_area(s, at);

		if (!a || a->start >= end)
			return false;
		if (a->kind == AREA_FILE)
			return true;
		at = a->end;
	}
	return false;
}

int64_t exec_sys_madvise(struct exec_task *t, const uint64_t *a)
{
	uint64_t len = pages_of(a[1]);
	int r;

	if (a[0] % PAGE_4K || a[2] > MADV_LAST || (a[2] > MADV_DONTNEED && a[2] < MADV_FREE) || a[2] == MADV_REMOVE ||
		(!len && a[1]))
		return -EINVAL;
	if (!len)
		return 0;
	/* What came from a file would have to come from it again. */
	if ((a[2] != MADV_DONTNEED && a[2] != MADV_FREE) || has_file(&t->space, a[0], len))
		return space_mapped(&t->space, a[0], len) ? 0 : -ENOMEM;
	r = space_discard(&t->space, a[0], len);
	return r == -EINVAL ? -ENOMEM : r;
}

/* msync, mlock, munlock: there is nothing to write back or page out. */
int64_t exec_sys_mapped(struct exec_task *t, const uint64_t *a)
{
	uint64_t at = align_down(a[0], PAGE_4K), len = pages_of(a[1] + a[0] % PAGE_4K);

	if (!len)
		return a[1] ? -ENOMEM : 0;
	if (at >= SPACE_HIGH || len > SPACE_HIGH - at)
		return -ENOMEM;
	return space_mapped(&t->space, at, len) ? 0 : -ENOMEM;
}

/* Grows the range in place, if the space after it is free. */
static int64_t grow(struct exec_task *t, const struct area *area, uint64_t at, uint64_t old, uint64_t new)
{
	unsigned rights = area->rights, kind = area->kind;

	if (area->end != at + old || !is_free(&t->space, at + old, new - old))
		return -ENOMEM;
	return space_map(&t->space, at + old, new - old, rights, kind);
}

static int64_t move(struct exec_task *t, uint64_t at, uint64_t old, uint64_t new, uint64_t flags, uint64_t to)
{
	int r;

	if (flags & MREMAP_FIXED) {
		if (to % PAGE_4K || to >= SPACE_HIGH || new > SPACE_HIGH - to || ranges_overlap(at, old, to, new))
			return -EINVAL;
		if (to < SPACE_LOW)
			return -EPERM;
	} else {
		to = space_find(&t->space, new, t->top);
		if (!to)
			return -ENOMEM;
	}
	r = space_move(&t->space, at, MIN(old, new), to, new);
	if (r == 0 && old > new)
		r = space_unmap(&t->space, at + new, old - new);
	return r < 0 ? r : (int64_t)to;
}

int64_t exec_sys_mremap(struct exec_task *t, const uint64_t *a)
{
	uint64_t at = a[0], old = pages_of(a[1]), new = pages_of(a[2]), flags = a[3];
	const struct area *area;

	if (at % PAGE_4K || !new || flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
		(flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)) || !old)
		return -EINVAL;
	area = space_area(&t->space, at);
	if (at >= SPACE_HIGH || !area || area->start > at || area->end - at < old)
		return -EFAULT;
	if (flags & MREMAP_FIXED)
		return move(t, at, old, new, flags, a[4]);
	if (new < old) {
		int r = space_unmap(&t->space, at + new, old - new);

		return r < 0 ? r : (int64_t)at;
	}
	if (new == old || grow(t, area, at, old, new) == 0)
		return (int64_t)at;
	return flags & MREMAP_MAYMOVE ? move(t, at, old, new, flags, 0) : -ENOMEM;
}
