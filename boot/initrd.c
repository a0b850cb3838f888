// SPDX-License-Identifier: Apache-2.0
#include "boot/initrd.h"

#include <errno.h>

#include "boot/layout.h"
#include "boot/memmap.h"
#include "boot/source.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"

/* The initrd takes whole pages; the kernel rounds its end up to one. */
struct gap {
	uint64_t start;
	uint64_t end;
};

static uint64_t gap_size(const struct gap *g)
{
	return g->end > g->start ? g->end - g->start : 0;
}

static int place(struct gmem *mem, const struct boot_env *env, uint64_t max, struct boot_placed *placed, struct err *e)
{
	const struct loaded *k = env->image;
	uint64_t end = memmap_low_end(env->board);
	char text[UNITS_TEXT_MAX], room[UNITS_TEXT_MAX];
	struct gap above, below, *gap;
	struct source src = {0};
	int r;

	r = env->initrd ? 0 : source_open(env->initrd_fd, LOAD_READ, &src, e);
	if (r < 0)
		return r;
	if (env->initrd)
		src.size = env->initrd_size;
	if (max < end)
		end = max + 1;
	end = align_down(end, PAGE_4K);
	above = (struct gap){.start = align_up(MAX(k->end, BOOT_HIGH_START), PAGE_4K), .end = end};
	below = (struct gap){.start = BOOT_HIGH_START, .end = MIN(align_down(k->start, PAGE_4K), end)};
	gap = src.size <= gap_size(&above) || gap_size(&above) >= gap_size(&below) ? &above : &below;
	if (src.size > gap_size(gap))
		return err_set(e, -EFBIG,
			"%s long, does not fit: beside the kernel and below 0x%llx there is room for %s",
			format_size(src.size, text), (unsigned long long)end, format_size(gap_size(gap), room));
	placed->initrd_gpa = align_down(gap->end - src.size, PAGE_4K);
	placed->initrd_size = src.size;
	if (env->initrd)
		return gmem_write(mem, placed->initrd_gpa, env->initrd, env->initrd_size);
	return source_place(&src, 0, src.size, mem, placed->initrd_gpa, e);
}

int initrd_place(struct gmem *mem, const struct boot_env *env, uint64_t max, struct boot_placed *ret, struct err *e)
{
	int r;

	*ret = (struct boot_placed){0};
	if (env->initrd_fd < 0 && !env->initrd)
		return 0;
	r = place(mem, env, max, ret, e);
	return r < 0 ? err_wrap(e, r, "initrd %s", env->initrd_name ? env->initrd_name : "file") : 0;
}
