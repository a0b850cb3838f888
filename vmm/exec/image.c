// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "boot/format_program.h"
#include "vmm/base/le.h"
#include "vmm/base/units.h"
#include "vmm/exec/vdso.h"

/* Linux arch/x86/include/asm/elf.h and mm/util.c: addresses, and how many bits of each are random. */
#define PIE_BASE      UINT64_C(0x555555554000)
#define PIE_PAGES     (UINT64_C(1) << 28)
#define STACK_PAGES   (UINT64_C(1) << 22)
#define MMAP_PAGES    (UINT64_C(1) << 28)
#define HEAP_PAGES    (UINT64_C(1) << 13)
#define STACK_GAP     (1 * MIB)
#define PLATFORM      "x86_64"
#define CLOCK_TICKS   100
#define RANDOM_BYTES  16
#define AUXV_MAX      21
#define MINSIGSTKSZ_X 3632 /* with the state of AVX-512: AT_MINSIGSTKSZ */

static uint64_t pages(const struct image_start *start, unsigned i, uint64_t count)
{
	return le64_get(start->seed + RANDOM_BYTES + (size_t)i * 8) % count * PAGE_4K;
}

static int no_memory(const struct exec_task *t, struct err *e)
{
	char text[UNITS_TEXT_MAX];

	return err_set(e, -EFBIG, "the program does not fit into its memory of %s (--mem)",
		format_size(t->space.pages * PAGE_4K, text));
}

/* --- The program ------------------------------------------------------------------------------------------- */

/* Copies the bytes of the file; the rest of the last page is zero already. */
static int fill_segment(
	struct exec_task *t, struct program_image *img, const struct program_segment *s, uint64_t bias, struct err *e)
{
	uint64_t at = s->start, offset = s->offset;

	while (at < s->file_end) {
		uint8_t *window;
		size_t n;
		int r = space_window(&t->space, at + bias, s->file_end - at, 0, &window, &n);

		if (r == 0)
			r = source_read(&img->source, offset, window, n, e);
		else
			r = no_memory(t, e);
		if (r < 0)
			return r;
		at += n;
		offset += n;
	}
	return 0;
}

static int load_segments(struct exec_task *t, struct program_image *img, uint64_t bias, struct err *e)
{
	for (unsigned i = 0; i < img->nr; i++) {
		const struct program_segment *s = &img->segment[i];
		int r = space_map(&t->space, s->start + bias, s->end - s->start, s->rights, AREA_IMAGE);

		if (r < 0)
			return err_sys(e, r, "ELF segment %u", i);
		r = fill_segment(t, img, s, bias, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- Its stack --------------------------------------------------------------------------------------------- */

/**
 * struct stack - written from high to low addresses
 * @at: the lowest byte so far
 */
struct stack {
	struct space *space;
	uint64_t at;
};

static int push(struct stack *s, const void *data, size_t len)
{
	s->at -= len;
	return space_write(s->space, s->at, data, len);
}

static size_t count(const char *const *words, uint64_t *bytes)
{
	size_t n = 0;

	for (; words[n]; n++)
		*bytes += strlen(words[n]) + 1 + sizeof(uint64_t);
	return n;
}

/* Pushes the strings, the last one first, so that they are in order in memory. @at: address of the first. */
static int push_words(struct stack *s, const char *const *words, size_t nr, uint64_t *at)
{
	int r = 0;

	for (size_t i = nr; r == 0 && i--;)
		r = push(s, words[i], strlen(words[i]) + 1);
	*at = s->at;
	return r;
}

/* Writes pointers to consecutive strings, and a null pointer. */
static int put_pointers(struct space *space, uint64_t *to, const char *const *words, uint64_t at)
{
	int r = 0;

	for (; r == 0 && *words; words++) {
		r = space_write(space, *to, &at, sizeof(at));
		at += strlen(*words) + 1;
		*to += sizeof(at);
	}
	if (r == 0)
		r = space_write(space, *to, &(uint64_t){0}, sizeof(uint64_t));
	*to += sizeof(uint64_t);
	return r;
}

/**
 * struct texts - addresses of the parts of the stack that the vectors point to
 */
struct texts {
	uint64_t random, platform, path, argv, envp;
};

static int push_texts(struct exec_task *t, struct stack *s, const struct image_start *start, size_t argc, size_t envc,
	struct texts *at)
{
	int r = push(s, &(uint64_t){0}, sizeof(uint64_t));

	if (r == 0)
		r = push(s, t->path, strlen(t->path) + 1);
	at->path = s->at;
	if (r == 0)
		r = push_words(s, start->envp, envc, &at->envp);
	if (r == 0)
		r = push_words(s, start->argv, argc, &at->argv);
	if (r == 0)
		r = push(s, PLATFORM, sizeof(PLATFORM));
	at->platform = s->at;
	if (r == 0)
		r = push(s, start->seed, RANDOM_BYTES);
	at->random = s->at;
	return r;
}

static size_t fill_auxv(const struct exec_task *t, const struct program_image *img, uint64_t bias, uint64_t base,
	const struct image_start *start, const struct texts *at, uint64_t (*aux)[2])
{
	const uint64_t values[AUXV_MAX][2] = {
		{AT_HWCAP, start->hwcap},
		{AT_PAGESZ, PAGE_4K},
		{AT_CLKTCK, CLOCK_TICKS},
		{AT_PHDR, img->headers ? img->headers + bias : 0},
		{AT_PHENT, img->header_size},
		{AT_PHNUM, img->nr_headers},
		{AT_BASE, base},
		{AT_FLAGS, 0},
		{AT_ENTRY, img->entry + bias},
		{AT_UID, EXEC_ID},
		{AT_EUID, EXEC_ID},
		{AT_GID, EXEC_ID},
		{AT_EGID, EXEC_ID},
		{AT_SECURE, 0},
		{AT_RANDOM, at->random},
		{AT_HWCAP2, start->hwcap2},
		{AT_EXECFN, at->path},
		{AT_PLATFORM, at->platform},
		{AT_MINSIGSTKSZ, MINSIGSTKSZ_X},
		{t->vdso.at ? AT_SYSINFO_EHDR : AT_NULL, t->vdso.at + VVAR_SIZE},
		{AT_NULL, 0},
	};

	memcpy(aux, values, sizeof(values));
	return ARRAY_SIZE(values);
}

static int write_stack(struct exec_task *t, const struct program_image *img, uint64_t bias, uint64_t base,
	const struct image_start *start, uint64_t top, uint64_t *ret_rsp)
{
	uint64_t bytes = 0, aux[AUXV_MAX][2], to;
	size_t argc = count(start->argv, &bytes), envc = count(start->envp, &bytes), auxc;
	struct stack s = {&t->space, top};
	struct texts at = {0};
	int r;

	if (bytes > IMAGE_ARGS_MAX)
		return -E2BIG;
	r = push_texts(t, &s, start, argc, envc, &at);
	if (r < 0)
		return r;
	auxc = fill_auxv(t, img, bias, base, start, &at, aux);
	/* argc, argv and NULL, envp and NULL, the auxiliary vector; RSP is a multiple of 16. */
	s.at = align_down(s.at - (1 + argc + 1 + envc + 1 + 2 * auxc) * sizeof(uint64_t), 16);
	*ret_rsp = to = s.at;
	r = space_write(&t->space, to, &(uint64_t){argc}, sizeof(uint64_t));
	to += sizeof(uint64_t);
	if (r == 0)
		r = put_pointers(&t->space, &to, start->argv, at.argv);
	if (r == 0)
		r = put_pointers(&t->space, &to, start->envp, at.envp);
	if (r == 0)
		r = space_write(&t->space, to, aux, sizeof(aux));
	return r;
}

/* The loader starts first, and finds the program by the auxiliary vector. */
static int load_loader(struct exec_task *t, int fd, uint64_t *ret_base, uint64_t *ret_rip, struct err *e)
{
	struct program_image img;
	uint64_t size, base;
	int r = program_image_read(fd, SPACE_LOW, SPACE_HIGH, &img, e);

	if (r == 0 && (!img.movable || *img.interpreter || !img.entry))
		r = err_set(e, -ENOEXEC, "not a loader");
	if (r < 0)
		return err_wrap(e, r, "the program's loader");
	size = img.segment[img.nr - 1].end;
	base = space_find(&t->space, size + img.align, t->top);
	if (!base)
		return no_memory(t, e);
	base = align_up(base, img.align);
	r = load_segments(t, &img, base, e);
	*ret_base = base;
	*ret_rip = img.entry + base;
	return r;
}

int image_load(struct exec_task *t, int fd, int loader, const struct image_start *start, uint64_t *ret_rip,
	uint64_t *ret_rsp, struct err *e)
{
	uint64_t bias = 0, base = 0, top = SPACE_HIGH - pages(start, 0, STACK_PAGES), last;
	struct program_image img;
	int r = program_image_read(fd, SPACE_LOW, PIE_BASE, &img, e);

	if (r < 0)
		return r;
	if (*img.interpreter && loader < 0)
		return err_set(
			e, -ENOEXEC, "a dynamically linked program, whose loader %s is not there", img.interpreter);
	if (img.movable)
		bias = align_up(PIE_BASE + pages(start, 1, PIE_PAGES), img.align);
	t->bias = bias;
	r = load_segments(t, &img, bias, e);
	if (r < 0)
		return r;
	last = img.segment[img.nr - 1].end + bias;
	t->heap = t->heap_end = last + pages(start, 2, HEAP_PAGES);
	t->top = top - IMAGE_STACK_SIZE - STACK_GAP - pages(start, 3, MMAP_PAGES);
	r = space_map(&t->space, top - IMAGE_STACK_SIZE, IMAGE_STACK_SIZE,
		SPACE_R | SPACE_W | (img.exec_stack ? SPACE_X : 0), AREA_STACK);
	*ret_rip = img.entry + bias;
	if (r == 0 && *img.interpreter) {
		r = load_loader(t, loader, &base, ret_rip, e);
		if (r < 0)
			return r;
	}
	if (r == 0 && start->vdso && !exec_vdso_map(t))
		r = -ENOMEM;
	if (r == 0)
		r = write_stack(t, &img, bias, base, start, top, ret_rsp);
	if (r == -E2BIG)
		return err_set(e, r, "the arguments and the environment take more than %llu MiB",
			(unsigned long long)(IMAGE_ARGS_MAX / MIB));
	if (r < 0)
		return no_memory(t, e);
	return 0;
}
