// SPDX-License-Identifier: Apache-2.0
/*
 * Where the libraries of a program are looked for: in the order and with the names that ld.so(8) describes.
 */
#include "vmm/exec/libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

static char top[] = "/tmp/vmm-libraries-XXXXXX";

/** struct object - what a program or library is made of; NULL: it has none of that */
struct object {
	const char *loader, *rpath, *runpath;
	const char *needed[4];
};

/* A position-independent file of one segment that is all of it. */
static void write_object(const char *path, const struct object *o)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr ph[3];
		Elf64_Dyn dyn[12];
		char loader[PATH_MAX];
		char strings[2048];
	} file = {.head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			  .e_type = ET_DYN,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_entry = 16,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr)}};
	size_t used = 1, n = 0;
	FILE *f = fopen(path, "we");

#define STRING(tag, text)                                                                                              \
	do {                                                                                                           \
		file.dyn[n++] = (Elf64_Dyn){tag, {.d_val = used}};                                                     \
		strcpy(file.strings + used, text);                                                                     \
		used += strlen(text) + 1;                                                                              \
	} while (0)
	for (size_t i = 0; i < ARRAY_SIZE(o->needed) && o->needed[i]; i++)
		STRING(DT_NEEDED, o->needed[i]);
	if (o->rpath)
		STRING(DT_RPATH, o->rpath);
	if (o->runpath)
		STRING(DT_RUNPATH, o->runpath);
	file.dyn[n++] = (Elf64_Dyn){DT_STRTAB, {.d_val = (size_t)(file.strings - (char *)&file)}};
	file.dyn[n++] = (Elf64_Dyn){DT_STRSZ, {.d_val = used}};
	n++; /* DT_NULL */
	file.ph[file.head.e_phnum++] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_filesz = sizeof(file),
		.p_memsz = sizeof(file),
		.p_align = 0x1000};
	file.ph[file.head.e_phnum++] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
		.p_flags = PF_R,
		.p_offset = (size_t)((char *)file.dyn - (char *)&file),
		.p_vaddr = (size_t)((char *)file.dyn - (char *)&file),
		.p_filesz = n * sizeof(Elf64_Dyn),
		.p_memsz = n * sizeof(Elf64_Dyn),
		.p_align = 8};
	if (o->loader) {
		strcpy(file.loader, o->loader);
		file.ph[file.head.e_phnum++] = (Elf64_Phdr){.p_type = PT_INTERP,
			.p_flags = PF_R,
			.p_offset = (size_t)(file.loader - (char *)&file),
			.p_vaddr = (size_t)(file.loader - (char *)&file),
			.p_filesz = strlen(o->loader) + 1,
			.p_memsz = strlen(o->loader) + 1,
			.p_align = 1};
	}
	assert_non_null(f);
	assert_int_equal(fwrite(&file, sizeof(file), 1, f), 1);
	fclose(f);
}

static const char *in_top(const char *name)
{
	static char text[4][PATH_MAX];
	static unsigned at;
	char *t = text[at++ % 4];

	snprintf(t, PATH_MAX, "%s/%s", top, name);
	return t;
}

static void library(const char *name)
{
	write_object(in_top(name), &(struct object){0});
}

static int set_up(void **state)
{
	static const char *const dirs[] = {
		"bin", "bin/lib", "one", "two", "one/glibc-hwcaps", "one/glibc-hwcaps/x86-64-v3"};

	if (!mkdtemp(top))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(in_top(dirs[i]), 0755) < 0)
			return -1;
	library("bin/ld.so");
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static struct libraries l;

static int open_program(const struct object *o, const char *dirs, struct err *e)
{
	const char *path = in_top("bin/program");
	struct object with_loader = *o;

	if (!with_loader.loader)
		with_loader.loader = in_top("bin/ld.so");
	write_object(path, &with_loader);
	l = (struct libraries){.nr = 0};
	return libraries_open(&l, open(path, O_RDONLY | O_CLOEXEC), path, dirs, e);
}

/* Opens it, and asserts that these files are open, in this order, behind the program and its loader. */
static void expect(const struct object *o, const char *dirs, ...)
{
	struct err e = {0};
	unsigned nr = 2;
	va_list ap;

	if (open_program(o, dirs, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(l.loader);
	assert_string_equal(l.of[0].path, in_top("bin/program"));
	assert_string_equal(l.of[1].name, "ld.so");
	va_start(ap, dirs);
	for (const char *name; (name = va_arg(ap, const char *)); nr++) {
		if (nr >= l.nr || strcmp(l.of[nr].path, in_top(name)) != 0)
			fail_msg("library %u is %s, not %s", nr, nr < l.nr ? l.of[nr].path : "none", name);
		assert_true(S_ISREG(l.of[nr].st.st_mode) && l.of[nr].st.st_ino);
	}
	va_end(ap);
	assert_int_equal(l.nr, nr);
	libraries_close(&l);
	assert_int_equal(l.nr, 0);
}

static void refused(const struct object *o, const char *dirs, int code, const char *words)
{
	struct err e = {0};

	assert_int_equal(open_program(o, dirs, &e), code);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" has no \"%s\"", e.text, words);
	libraries_close(&l);
}

/* DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, and with the latter no DT_RPATH. */
static void the_order_of_directories(void **state)
{
	char one[PATH_MAX], two[PATH_MAX], list[2 * PATH_MAX + 8];

	snprintf(one, sizeof(one), "%s/one", top);
	snprintf(two, sizeof(two), "%s/two", top);
	library("one/liba.so");
	library("two/liba.so");
	library("bin/lib/liba.so");
	expect(&(struct object){.needed = {"liba.so"}}, one, "one/liba.so", NULL);
	expect(&(struct object){.needed = {"liba.so"}, .rpath = two}, one, "two/liba.so", NULL);
	expect(&(struct object){.needed = {"liba.so"}, .runpath = two}, one, "one/liba.so", NULL);
	expect(&(struct object){.needed = {"liba.so"}, .runpath = two}, NULL, "two/liba.so", NULL);
	expect(&(struct object){.needed = {"liba.so"}, .rpath = one, .runpath = two}, NULL, "two/liba.so", NULL);
	/* The first directory that has it, after those that do not or cannot. */
	snprintf(list, sizeof(list), "%s/none:relative::$LIB:%s/bin;%s/two:%s/one", top, top, top, top);
	expect(&(struct object){.needed = {"liba.so"}}, list, "two/liba.so", NULL);
	/* Where the file that needs it is. */
	expect(&(struct object){.needed = {"liba.so"}, .runpath = "$ORIGIN/lib"}, NULL, "bin/lib/liba.so", NULL);
	expect(&(struct object){.needed = {"liba.so"}, .runpath = "${ORIGIN}/../one"}, NULL, "bin/../one/liba.so",
		NULL);
	refused(&(struct object){.needed = {"liba.so"}, .runpath = "$ORIGIN/$LIB:lib:$ORIGIN/none"}, NULL, -ENOENT,
		"needs the library liba.so");
}

/* The system's directories are the last: what this program itself needs is there. */
static void the_systems_directories(void **state)
{
	char one[PATH_MAX];
	struct err e = {0};

	snprintf(one, sizeof(one), "%s/one", top);
	if (open_program(&(struct object){.needed = {"libc.so.6"}}, one, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(l.nr >= 3);
	assert_string_equal(l.of[2].name, "libc.so.6");
	assert_memory_not_equal(l.of[2].path, top, strlen(top));
	libraries_close(&l);
	library("one/libc.so.6");
	expect(&(struct object){.needed = {"libc.so.6"}}, one, "one/libc.so.6", NULL);
}

/* What a library needs in turn: by its own DT_RUNPATH or, without that, by the program's DT_RPATH too. */
static void libraries_of_libraries(void **state)
{
	char one[PATH_MAX];

	snprintf(one, sizeof(one), "%s/one", top);
	write_object(in_top("bin/lib/libb.so"), &(struct object){.needed = {"libc-of-b.so", "libb.so"}});
	library("bin/lib/libc-of-b.so");
	/* Each once, although both need it. */
	expect(&(struct object){.needed = {"libb.so", "libc-of-b.so"}, .rpath = "$ORIGIN/lib"}, NULL, "bin/lib/libb.so",
		"bin/lib/libc-of-b.so", NULL);
	refused(&(struct object){.needed = {"libb.so"}, .runpath = "$ORIGIN/lib"}, NULL, -ENOENT,
		"bin/lib/libb.so needs the library libc-of-b.so");
	write_object(
		in_top("bin/lib/libb.so"), &(struct object){.needed = {"libd.so"}, .runpath = "$ORIGIN/../../two"});
	library("two/libd.so");
	expect(&(struct object){.needed = {"libb.so"}, .rpath = "$ORIGIN/lib"}, NULL, "bin/lib/libb.so",
		"bin/lib/../../two/libd.so", NULL);
}

/* All variants of it in one directory, since the processor chooses; only files. */
static void variants_and_what_is_no_file(void **state)
{
	char list[2 * PATH_MAX + 8];

	snprintf(list, sizeof(list), "%s/bin/lib:%s/one", top, top);
	library("one/libv.so");
	library("one/glibc-hwcaps/x86-64-v3/libv.so");
	assert_int_equal(mkdir(in_top("bin/lib/libv.so"), 0755), 0);
	expect(&(struct object){.needed = {"libv.so"}}, list, "one/glibc-hwcaps/x86-64-v3/libv.so", "one/libv.so",
		NULL);
	assert_int_equal(mkfifo(in_top("bin/lib/libf.so"), 0644), 0);
	library("one/libf.so");
	expect(&(struct object){.needed = {"libf.so"}}, list, "one/libf.so", NULL);
}

static void what_is_refused(void **state)
{
	struct libraries none = {.nr = 0};
	struct err e = {0};
	FILE *f;

	refused(&(struct object){.needed = {"/lib/libx.so"}}, NULL, -ENOTSUP,
		"needs the library /lib/libx.so by its path");
	refused(&(struct object){.needed = {"libnowhere.so"}}, top, -ENOENT, "--env LD_LIBRARY_PATH=DIRECTORY");
	refused(&(struct object){.loader = "/nowhere/ld.so"}, NULL, -ENOENT, "needs the loader /nowhere/ld.so");
	/* Not a regular file, and a linker's script. */
	assert_int_equal(symlink("/dev/null", in_top("one/libnull.so")), 0);
	f = fopen(in_top("two/libnull.so"), "we");
	assert_non_null(f);
	for (int i = 0; i < 100; i++)
		fputs("GROUP ( libc.so.6 )\n", f);
	fclose(f);
	refused(&(struct object){.needed = {"libnull.so"}, .runpath = "$ORIGIN/../one:$ORIGIN/../two"}, NULL, -ENOEXEC,
		"two/libnull.so");
	/* What the program itself is, is said when it is loaded. */
	assert_int_equal(libraries_open(&none, open("/dev/null", O_RDONLY | O_CLOEXEC), "/null", NULL, &e), 0);
	assert_int_equal(none.nr, 1);
	libraries_close(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_directories),
		cmocka_unit_test(the_systems_directories),
		cmocka_unit_test(libraries_of_libraries),
		cmocka_unit_test(variants_and_what_is_no_file),
		cmocka_unit_test(what_is_refused),
	};

	return run_group_with(tests, set_up, tear_down);
}
