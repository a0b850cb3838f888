/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the unit tests of kernel images: RAM, small images to corrupt, the result of a load. Images are loaded by
 * boot_load(), as for a user.
 */
#ifndef TESTS_SUPPORT_KERNEL_FIXTURE_H
#define TESTS_SUPPORT_KERNEL_FIXTURE_H

#include "tests/support/unit.h"

#include <string.h>

#include "boot/boot.h"
#include "tests/support/image_kit.h"

struct fixture {
	struct kit_ram ram;
	struct kit_bzimage bz;
	struct kit_elf elf;
	struct loaded k;
	struct err e;
};

static inline int fixture_open(void **state, uint64_t ram_size)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_must(f);
	kit_ram_open(&f->ram, ram_size);
	kit_bzimage(&f->bz);
	kit_elf(&f->elf);
	*state = f;
	return 0;
}

static inline int fixture_close(void **state)
{
	struct fixture *f = *state;

	kit_ram_close(&f->ram);
	free(f);
	return 0;
}

/* A file of @len bytes into RAM that is zero; @k is full of 0xee where that fails. */
static inline int fixture_load(struct fixture *f, const void *data, size_t len, enum load_how how)
{
	CLEANUP_FD int fd = kit_file(data, len);

	kit_ram_clear(&f->ram);
	memset(&f->k, 0xee, sizeof(f->k));
	f->e.text[0] = '\0';
	return boot_load(&f->ram.mem, fd, how, &f->k, &f->e);
}

static inline void assert_words(const struct fixture *f, const char *words)
{
	if (!strstr(f->e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, f->e.text);
}

/* Both ways of loading fail with the same message, this one, and leave the result unchanged. */
static inline void assert_refused_bytes(struct fixture *f, const void *data, size_t len, int code, const char *words)
{
	struct loaded untouched;

	memset(&untouched, 0xee, sizeof(untouched));
	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		assert_int_equal(fixture_load(f, data, len, how), code);
		assert_words(f, words);
		assert_memory_equal(&f->k, &untouched, sizeof(untouched));
	}
}

#endif
