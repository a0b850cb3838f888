/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for the unit tests and the fuzzer of vmm/exec: an address space on host memory, without KVM, and a
 * page-table walk like the processor's.
 */
#ifndef TESTS_SUPPORT_EXEC_KIT_H
#define TESTS_SUPPORT_EXEC_KIT_H

#include <string.h>
#include <sys/mman.h>

#include "tests/support/image_kit.h"
#include "vmm/exec/task.h"

#define KIT_SCRATCH      UINT64_C(0x10000000) /* address of a task's memory for arguments */
#define KIT_SCRATCH_SIZE (64 * PAGE_4K)

struct kit_task {
	struct kit_ram ram;
	struct exec_task t;
	_Atomic bool stop;
	uint64_t base[2];
	uint64_t alarm;
	struct exec_regs regs;
	uint8_t fpu[EXEC_FPU_SIZE];
};

static inline int kit_set_base(struct exec_task *t, bool gs, uint64_t base)
{
	container_of(t, struct kit_task, t)->base[gs] = base;
	return 0;
}

static inline int kit_get_base(struct exec_task *t, bool gs, uint64_t *ret)
{
	*ret = container_of(t, struct kit_task, t)->base[gs];
	return 0;
}

static inline int kit_get_regs(struct exec_task *t, struct exec_regs *ret)
{
	*ret = container_of(t, struct kit_task, t)->regs;
	return 0;
}

static inline int kit_set_regs(struct exec_task *t, const struct exec_regs *regs)
{
	container_of(t, struct kit_task, t)->regs = *regs;
	return 0;
}

static inline int kit_get_fpu(struct exec_task *t, void *ret)
{
	memcpy(ret, container_of(t, struct kit_task, t)->fpu, EXEC_FPU_SIZE);
	return 0;
}

static inline int kit_set_fpu(struct exec_task *t, const void *area)
{
	memcpy(container_of(t, struct kit_task, t)->fpu, area, EXEC_FPU_SIZE);
	return 0;
}

static inline int kit_arm(struct exec_task *t, uint64_t first_ns, uint64_t every_ns)
{
	container_of(t, struct kit_task, t)->alarm = first_ns;
	return 0;
}

static const struct exec_ops kit_ops = {
	kit_get_regs, kit_set_regs, kit_get_fpu, kit_set_fpu, kit_get_base, kit_set_base, kit_arm};

/* The files that the program was started with, each under its own name. */
static inline void kit_task_libraries(struct kit_task *k, const struct libraries *l)
{
	k->t.files->libraries = l;
	for (unsigned i = 0; i < l->nr; i++) {
		const char *name = strrchr(l->of[i].path, '/') + 1;
		char dir[64];
		uint32_t node;

		snprintf(dir, sizeof(dir), "%.*s", (int)(name - l->of[i].path), l->of[i].path);
		kit_must(tree_path(&k->t.files->tree, dir, &node) == 0);
		kit_must(tree_add(&k->t.files->tree, node, name, strlen(name), TREE_OPENED, 0, &node) == 0);
		k->t.files->tree.node[node].what = (int32_t)i;
	}
}

/* @trace: NULL: a trace that is discarded */
static inline void kit_task_open(struct kit_task *k, uint64_t size, const int *host, struct trace *trace)
{
	static struct trace none;

	memset(k, 0, sizeof(*k));
	kit_ram_open(&k->ram, size);
	kit_must(space_init(&k->t.space, &k->ram.mem) == 0);
	k->t.trace = trace ? trace : &none;
	k->t.path = "/program";
	k->t.stop = &k->stop;
	exec_task_init(&k->t);
	k->t.ops = &kit_ops;
	k->t.xfeatures = 7;
	k->t.xsize = 832;
	k->t.heap = k->t.heap_end = 0x600000;
	k->t.top = UINT64_C(0x7f0000000000);
	k->t.files = exec_files_new(host, 1024, 256);
	kit_must(k->t.files);
	kit_must(space_map(&k->t.space, KIT_SCRATCH, KIT_SCRATCH_SIZE, SPACE_R | SPACE_W, AREA_MAPPED) == 0);
}

static inline void kit_task_close(struct kit_task *k)
{
	exec_files_free(k->t.files);
	space_destroy(&k->t.space);
	kit_ram_close(&k->ram);
}

/* The entry that a processor would find in the lowest table; 0: none. */
static inline uint64_t kit_walk(const struct space *s, uint64_t at)
{
	uint64_t table = s->root, entry = 0;

	for (int level = 3; level >= 0; level--) {
		kit_must(gmem_read(s->mem, table + (at >> (12 + 9 * level)) % 512 * 8, &entry, 8) == 0);
		if (!(entry & PTE_P))
			return 0;
		table = entry & UINT64_C(0x000ffffffffff000);
	}
	return entry;
}

#endif
