/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address space of a program: what it has mapped (areas), the pages that it has touched, and the page tables
 * that its processor walks. Works on checked guest memory and does not use KVM.
 *
 * An area costs one array entry and no memory; a page is allocated at the first access (space_fault()). Unless
 * documented otherwise, all addresses come from the program and are hostile: each function checks them.
 *
 * Context of all functions: one thread at a time. The processor may run meanwhile.
 */
#ifndef VMM_EXEC_SPACE_H
#define VMM_EXEC_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/gmem.h"
#include "vmm/base/x86.h"

/* As in Linux: the last page of the lower half is never mapped, so that no return address is outside of the half. */
#define SPACE_LOW  (64 * KIB) /* vm.mmap_min_addr */
#define SPACE_HIGH UINT64_C(0x7ffffffff000)

#define SPACE_AREAS_MAX 65530 /* vm.max_map_count */

enum { SPACE_X = 1, SPACE_W = 2, SPACE_R = 4 }; /* as PF_X, PF_W, PF_R of <elf.h> */

/** struct area - [@start, @end), whole pages; @rights: SPACE_ bits; @kind: AREA_, areas of one kind merge */
struct area {
	uint64_t start;
	uint64_t end;
	uint8_t rights;
	uint8_t kind;
};

/* AREA_CUT is what was mapped of a file behind its end: no access, and SIGBUS. */
enum { AREA_MAPPED, AREA_HEAP, AREA_STACK, AREA_IMAGE, AREA_FILE, AREA_CUT, AREA_VDSO };

/**
 * struct space_base - what space_return() goes back to; zero: nothing
 * @on: it is there
 * @copy: of each page that was in use, at its number
 * @kept: a bit for each page that was in use, and of those that later were at the same place: they stay in the pool's
 *	use, whatever the program does
 * @written: a bit for each page that vmm has written since; @touched: for each table whose entries it has changed
 * @table_at: first address of each of these tables
 * @area: as they were, @nr of them, if @areas_changed since; @pages: that were in use; @added: to @kept since
 */
struct space_base {
	bool on;
	uint8_t *copy;
	uint64_t *kept;
	uint64_t *written;
	uint64_t *touched;
	uint64_t *table_at;
	struct area *area;
	size_t nr;
	bool areas_changed;
	uint32_t pages;
	uint32_t added;
};

/**
 * struct space - zero-initialised, then space_init()
 * @mem: borrowed
 * @pages: size of the pool; @used: allocated pages, page tables included; @most: maximum of @used so far
 * @fresh: the first page that was never used; each page below is in use or in the free list (@free, @next)
 * @root: guest-physical address of the top page table
 * @area: @nr of them, sorted, without overlap, with a gap at index @gap: see space_nth()
 * @full_from, @full_below: no gap in this range has more than @hole bytes, so space_find() can skip it
 * @empty: an allocation found the pool empty: the program has used up its memory
 * @lost: negative errno: a page could not be withdrawn from KVM; the program must not run any more
 * @base: see space_base_init()
 */
struct space {
	const struct gmem *mem;
	uint32_t pages;
	uint32_t used;
	uint32_t most;
	uint32_t fresh;
	uint32_t free;
	uint32_t *next;
	uint64_t root;
	struct area *area;
	size_t nr;
	size_t gap;
	uint64_t full_from;
	uint64_t full_below;
	uint64_t hole;
	bool empty;
	int lost;
	struct space_base base;
};

/**
 * space_init() - set up an empty address space; all RAM of @mem is its pool
 * @mem: zeroed private anonymous memory of the host, whose pages space.c can return to the host; at least 16 pages
 *
 * Return: 0 or -ENOMEM.
 */
int space_init(struct space *s, const struct gmem *mem);

/** space_destroy() - takes NULL and a zeroed struct */
void space_destroy(struct space *s);

/**
 * space_monitor_page() - map a page that only ring 0 can access
 * @at: not in the lower half
 * @flags: PTE_W, PTE_NX or both
 * @ret_gpa: its guest-physical address
 *
 * Return: 0 or -ENOMEM. Trust: internal.
 */
int space_monitor_page(struct space *s, uint64_t at, uint64_t flags, uint64_t *ret_gpa);

/**
 * space_map() - map an area at a fixed address; what was mapped there is unmapped
 *
 * Return: 0; -EINVAL: not whole pages, or outside of [SPACE_LOW, SPACE_HIGH); -ENOMEM: too many areas.
 */
int space_map(struct space *s, uint64_t at, uint64_t len, unsigned rights, unsigned kind);

/** space_unmap() - remove the areas and pages of a range. Return: as space_map() */
int space_unmap(struct space *s, uint64_t at, uint64_t len);

/**
 * space_protect() - change the rights. Return: as space_map(); -ENOMEM also if not all is mapped: nothing changes then
 */
int space_protect(struct space *s, uint64_t at, uint64_t len, unsigned rights);

/** space_discard() - free the pages of a range, which then reads as zero. Return: 0, -EINVAL or -ENOMEM */
int space_discard(struct space *s, uint64_t at, uint64_t len);

/**
 * space_move() - move an area to another address, with its pages and their contents
 * @to: what is mapped there is unmapped; the ranges do not overlap
 *
 * Return: 0; -EFAULT: [@from, @from + @len) is not within one area; -EINVAL, -ENOMEM as of space_map().
 */
int space_move(struct space *s, uint64_t from, uint64_t len, uint64_t to, uint64_t to_len);

/**
 * space_find() - find the highest free range below @below
 *
 * Return: its address; 0: there is none.
 */
uint64_t space_find(struct space *s, uint64_t len, uint64_t below);

/** space_area() - the first area that ends above @at, or NULL */
const struct area *space_area(const struct space *s, uint64_t at);

/** space_nth() - the areas in order, NULL after the last */
const struct area *space_nth(const struct space *s, size_t i);

/** space_mapped() - is all of a range mapped? */
bool space_mapped(const struct space *s, uint64_t at, uint64_t len);

/**
 * space_fault() - handle a faulting access of the program, or get a page for an access of ours
 * @access: SPACE_ bits
 *
 * Return: 0: the access can be made; -EFAULT: nothing is mapped there; -EACCES: the rights do not allow it; -ENOMEM:
 * the pool is empty.
 */
int space_fault(struct space *s, uint64_t at, unsigned access);

/**
 * space_window() - get a host pointer to the program's memory
 * @access: SPACE_R or SPACE_W; 0: do not check rights, for the loader
 * @len: bytes wanted
 * @ret_len: bytes available: at most up to the end of the page
 *
 * Return: 0; -EFAULT, also when the rights do not allow it; -ENOMEM: the pool is empty.
 */
int space_window(struct space *s, uint64_t at, uint64_t len, unsigned access, uint8_t **ret, size_t *ret_len);

/** space_read(), space_write() - copy; Return: 0, -EFAULT or -ENOMEM, with a part copied */
int space_read(struct space *s, uint64_t at, void *buf, size_t len);
int space_write(struct space *s, uint64_t at, const void *buf, size_t len);

/**
 * space_string() - copy a string
 *
 * Return: its length; -EFAULT; -ENAMETOOLONG: it does not end within @size bytes.
 */
ptrdiff_t space_string(struct space *s, uint64_t at, char *buf, size_t size);

/**
 * space_base_init() - reserve memory for a copy, so that the functions below do not allocate
 *
 * Return: 0 or -ENOMEM. Context: once, after space_init().
 */
int space_base_init(struct space *s);

/** space_base_words() - length of a bitmap of the pool's pages, in the order of the regions of its memory */
size_t space_base_words(const struct space *s);

/** space_mark() - the moment that space_return() goes back to is now; @return: pages that were copied */
uint64_t space_mark(struct space *s);

/**
 * space_return() - areas, pages and their contents as they were at space_mark(), as often as wanted
 * @log: a bit for each page that the program has written since then or since the last return
 *
 * Page tables that were added since stay, since KVM may have translations of them: a program that maps at ever new
 * addresses uses up its memory in time. Afterwards @s->lost counts.
 *
 * Return: pages whose contents were copied. Context: the processor does not run.
 */
uint64_t space_return(struct space *s, const uint64_t *log);

#endif
