// SPDX-License-Identifier: Apache-2.0
/*
 * A sequence of system calls of a program, on memory of the host: 50 bytes each, a number and six arguments of 8 bytes.
 * An argument whose top byte is 0xff is a place in memory that the program has, one with 0xfe a name. Whatever it asks
 * for, and whatever signal handlers it has, the address space keeps its order, no page has two places, and ring 3
 * reaches pages of the pool alone, never one that is a table; nothing changes outside of the directory of the host that
 * it may change, and nothing is read there.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/exec_kit.h"
#include "tests/support/fuzz.h"
#include "vmm/base/le.h"
#include "vmm/exec/signals.h"
#include "vmm/exec/walk.h"

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

/* --- Files ------------------------------------------------------------------------------------------------- */

#define NAMES_AT   (KIT_SCRATCH + 32 * PAGE_4K)
#define NAME_SIZE  64
#define OUTSIDE    "must not be seen"
#define FILE_BYTES (4 * MIB)

/* /w is a directory of the host. Beside it there is one that is not the program's. */
static const char *const names[] = {"/w/a", "/w/b", "/w/a/c", "/w/out", "/w/up", "/w/self/self/a", "/w/out/secret",
	"/w/..", "/w/../out/secret", "/w/abs", "/tmp/a", "/tmp/b", "/tmp/a/c", "/tmp/a/../b", "a", "b", "..", ".", "",
	"/", "/f", "/dev/zero", "/dev/null", "/dev/full", "/proc/self/fd/3", "/proc/self/fd", "/proc/self/maps",
	"/proc/self/cwd/a", "../out/secret", "/w/loop", "/w", "/tmp"};

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	/* The top directory itself stays. */
	return at->level ? remove(path) : 0;
}

static void in_dir(const char *name, char ret[static 128])
{
	snprintf(ret, 128, "%s/%s", dir, name);
}

static void remove_all(void)
{
	char path[128];

	in_dir("in", path);
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	rmdir(path);
	in_dir("out/secret", path);
	unlink(path);
	in_dir("out", path);
	rmdir(path);
	rmdir(dir);
}

static void make_trees(void)
{
	const struct rlimit limit = {FILE_BYTES, FILE_BYTES};
	char path[128];
	int fd;

	strcpy(dir, "/tmp/vmm-fuzz-XXXXXX");
	kit_must(mkdtemp(dir) && atexit(remove_all) == 0);
	in_dir("in", path);
	kit_must(mkdir(path, 0700) == 0);
	in_dir("out", path);
	kit_must(mkdir(path, 0700) == 0);
	in_dir("out/secret", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	kit_must(fd >= 0 && write(fd, OUTSIDE, sizeof(OUTSIDE)) == sizeof(OUTSIDE));
	close(fd);
	signal(SIGXFSZ, SIG_IGN);
	kit_must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void open_files(struct kit_task *k)
{
	static const char *const links[][2] = {
		{"../out", "out"}, {"..", "up"}, {".", "self"}, {"loop", "loop"}, {"/w/a", "abs"}};
	char text[160], path[128];
	uint32_t node;

	in_dir("in", path);
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		snprintf(text, sizeof(text), "%s/in/%s", dir, links[i][1]);
		kit_must(symlink(links[i][0], text) == 0);
	}
	snprintf(text, sizeof(text), "%s/in:/w", dir);
	kit_must(mounts_add(&k->t.files->mounts, text, true, NULL) == 0);
	kit_must(tree_path(&k->t.files->tree, "/tmp", &node) == 0);
	k->t.files->tree.node[node].writable = true;
	kit_must(mounts_add_node(&k->t.files->mounts, "/tmp", node, true) == 0);
	kit_must(exec_proc_add(k->t.files) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		kit_must(space_write(&k->t.space, NAMES_AT + i * NAME_SIZE, names[i], strlen(names[i]) + 1) == 0);
}

/* The other directory is as it was, and its file has not been read into the program's memory. */
static void check_outside(struct kit_task *k)
{
	char path[128];
	uint8_t buf[KIT_SCRATCH_SIZE];
	struct stat st;

	in_dir("out", path);
	kit_must(stat(path, &st) == 0 && st.st_nlink == 2 && (st.st_mode & 0777) == 0700);
	in_dir("out/secret", path);
	kit_must(stat(path, &st) == 0 && st.st_size == sizeof(OUTSIDE) && st.st_nlink == 1);
	if (space_read(&k->t.space, KIT_SCRATCH, buf, sizeof(buf)) == 0)
		kit_must(!memmem(buf, sizeof(buf), OUTSIDE, sizeof(OUTSIDE) - 1));
}

static uint64_t argument(const uint8_t *p)
{
	uint64_t a = le64_get(p);

	if (a >> 56 == 0xfe)
		return NAMES_AT + a % ARRAY_SIZE(names) * NAME_SIZE;
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
		make_trees();
	}
	kit_task_open(&k, RAM, (const int[]){null_fd, null_fd, null_fd}, NULL);
	kit_task_libraries(&k, one_library());
	open_files(&k);
	/* No call may block. */
	k.stop = true;
	k.regs.rsp = KIT_SCRATCH + 16 * PAGE_4K;
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
		/* Frames go where the program says, and come back as it has changed them. */
		if (!k.t.end.ended && exec_attention(&k.t)) {
			exec_deliver(&k.t);
			kit_must(k.t.end.ended || (!exec_attention(&k.t) && exec_is_canonical(k.regs.rip)));
		}
		kit_must(!(k.t.now->blocked & UNMASKABLE) && k.t.nr_queued <= EXEC_QUEUE_MAX);
		data += CALL_SIZE;
		size -= CALL_SIZE;
	}
	check_space(&k.t.space);
	check_outside(&k);
	kit_task_close(&k);
	return 0;
}
