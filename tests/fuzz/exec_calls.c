// SPDX-License-Identifier: Apache-2.0
/*
 * A sequence of system calls of a program, on memory of the host: 50 bytes each, a number and six arguments of 8 bytes.
 * An argument whose top byte is 0xff is a place in memory that the program has. Whatever it asks for, the address space
 * keeps its order, no page has two places, and ring 3 reaches pages of the pool alone, never one that is a table.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"
#include "tests/support/fuzz.h"
#include "vmm/base/le.h"

#define CALL_SIZE 50
#define CALLS_MAX 40
#define RAM       (256 * PAGE_4K)
#define ENTRY     UINT64_C(0x000ffffffffff000)

static int null_fd = -1;
static uint8_t seen[RAM / PAGE_4K];

static void must_be_once(uint64_t gpa)
{
	kit_must(gpa < RAM && !seen[gpa / PAGE_4K]);
	seen[gpa / PAGE_4K] = 1;
}

static void check_table(const struct space *s, uint64_t table, unsigned level, uint64_t at)
{
	must_be_once(table);
	for (unsigned i = 0; i < 512; i++) {
		uint64_t entry, here = at | (uint64_t)i << (12 + 9 * level);
		const struct area *a;

		kit_must(gmem_read(s->mem, table + i * 8, &entry, 8) == 0);
		if (!entry)
			continue;
		if (level) {
			check_table(s, entry & ENTRY, level - 1, here);
			continue;
		}
		must_be_once(entry & ENTRY);
		a = space_area(s, here);
		kit_must(here < SPACE_HIGH && a && a->start <= here);
		kit_must(!(entry & PTE_P) == !a->rights && (!(entry & PTE_W) || a->rights & SPACE_W));
	}
}

static void check_space(const struct space *s)
{
	unsigned used = 0;

	memset(seen, 0, sizeof(seen));
	check_table(s, s->root, 3, 0);
	for (size_t i = 0; i < sizeof(seen); i++)
		used += seen[i];
	kit_must(used == s->used && !s->lost);
	for (size_t i = 1; i < s->nr; i++)
		kit_must(space_nth(s, i - 1)->end <= space_nth(s, i)->start);
}

static uint64_t argument(const uint8_t *p)
{
	uint64_t a = le64_get(p);

	return a >> 56 == 0xff && a >> 32 != UINT32_MAX ? KIT_SCRATCH + a % (KIT_SCRATCH_SIZE + PAGE_4K) : a;
}

/* A file of two pages and a bit, open as descriptor 3 too. */
static const struct libraries *one_library(void)
{
	static struct libraries l;
	static uint8_t bytes[2 * PAGE_4K + 100];

	if (!l.nr) {
		memset(bytes, 0x55, sizeof(bytes));
		kit_must(libraries_open(&l, kit_file(bytes, sizeof(bytes)), "/f", NULL, NULL) == 0);
	}
	return &l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kit_task k;

	if (null_fd < 0) {
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		kit_must(null_fd >= 0);
	}
	kit_task_open(&k, RAM, (const int[]){null_fd, null_fd, null_fd}, NULL);
	k.t.libraries = one_library();
	k.t.file[3].host = EXEC_STREAMS;
	/* No call may block. */
	k.stop = true;
	for (unsigned i = 0; i < CALLS_MAX && size >= CALL_SIZE && !k.t.end.ended; i++) {
		uint64_t a[6], nr = le16_get(data);
		char line[512];
		int64_t r;

		for (int j = 0; j < 6; j++)
			a[j] = argument(data + 2 + j * 8);
		r = exec_call(&k.t, nr, a);
		kit_must(exec_call_text(&k.t, nr, a, r, line, sizeof(line)) < sizeof(line));
		if (r > 0 && r < (int64_t)SPACE_HIGH && a[0] & 1)
			exec_fault(&k.t, VECTOR_PF, PF_ERROR_U | PF_ERROR_W, (uint64_t)r, 0);
		data += CALL_SIZE;
		size -= CALL_SIZE;
	}
	check_space(&k.t.space);
	kit_task_close(&k);
	return 0;
}
