// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_fixture.h"

#include <errno.h>

#include "boot/source.h"

#define RAM_SIZE (8 * MIB)

static int setup(void **state)
{
	return fixture_open(state, RAM_SIZE);
}

static int load_bytes(struct fixture *f, const void *data, size_t len)
{
	return fixture_load(f, data, len, LOAD_MAP);
}

/* Pack some bytes and load them. */
static int load_packed(struct fixture *f, const void *data, size_t len)
{
	size_t packed_len;
	uint8_t *packed = kit_gzip(data, len, 6, &packed_len);
	int r = load_bytes(f, packed, packed_len);

	free(packed);
	return r;
}

static void assert_loaded(struct fixture *f)
{
	const uint8_t *ram = f->ram.host;

	assert_memory_equal(ram + KIT_TEXT_GPA, f->elf.bytes + KIT_TEXT_OFFSET, KIT_TEXT_SIZE);
	assert_memory_equal(ram + KIT_DATA_GPA, f->elf.bytes + KIT_DATA_OFFSET, KIT_DATA_FILE_SIZE);
	for (uint64_t i = 0; i < 0x10000; i++)
		assert_int_equal(ram[KIT_DATA_GPA + KIT_DATA_FILE_SIZE + i], 0);
}

static void a_packed_vmlinux_is_loaded_as_the_plain_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_packed(f, f->elf.bytes, sizeof(f->elf.bytes)), 0);
	assert_loaded(f);
	assert_string_equal(f->k.format, "ELF, gzip");
	assert_false(f->k.file_addresses);
	assert_int_equal(f->k.start, KIT_TEXT_GPA);
	assert_int_equal(f->k.end, KIT_ELF_END);
	assert_int_equal(boot_offer(&f->k)->entry, KIT_ENTRY);
	assert_int_equal(f->k.mapped_bytes, 0);
	assert_int_equal(f->k.copied_bytes, KIT_TEXT_SIZE + KIT_DATA_FILE_SIZE);
	assert_int_equal(f->ram.mem.file_lo, f->ram.mem.file_hi);
}

static void the_order_of_segments_in_the_headers_does_not_matter(void **state)
{
	struct fixture *f = *state;
	Elf64_Phdr text = f->elf.ph[1];

	f->elf.ph[1] = f->elf.ph[2];
	f->elf.ph[2] = text;
	assert_int_equal(load_packed(f, f->elf.bytes, sizeof(f->elf.bytes)), 0);
	assert_loaded(f);
}

/* Large enough that segments lie behind the head that is kept. */
static uint8_t *big_elf(struct fixture *f, size_t *ret_len)
{
	size_t len = 4 * SOURCE_HEAD_SIZE;
	uint8_t *big = malloc(len);

	for (size_t i = 0; i < len; i++)
		big[i] = (uint8_t)(1 + i % 241);
	f->elf.ph[1].p_offset = SOURCE_HEAD_SIZE - 0x1000; /* begins in the head, ends behind it */
	f->elf.ph[2].p_offset = 3 * SOURCE_HEAD_SIZE;      /* wholly behind it, after a gap */
	memcpy(big, f->elf.bytes, sizeof(Elf64_Ehdr) + sizeof(f->elf.ph));
	*ret_len = len;
	return big;
}

static void segments_behind_the_head_are_streamed(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *big = big_elf(f, &len);

	assert_int_equal(load_packed(f, big, len), 0);
	assert_memory_equal(f->ram.host + KIT_TEXT_GPA, big + f->elf.ph[1].p_offset, KIT_TEXT_SIZE);
	assert_memory_equal(f->ram.host + KIT_DATA_GPA, big + f->elf.ph[2].p_offset, KIT_DATA_FILE_SIZE);
	free(big);
}

static void segments_that_would_need_going_back_are_refused(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *big = big_elf(f, &len);

	/* Both from the same bytes of the file: fine in the head, impossible behind it. */
	((struct kit_elf *)big)->ph[1].p_offset = 3 * SOURCE_HEAD_SIZE;
	assert_int_equal(load_packed(f, big, len), -ENOTSUP);
	assert_words(f, "unpack it with gunzip first");
	((struct kit_elf *)big)->ph[1].p_offset = 0x40;
	((struct kit_elf *)big)->ph[2].p_offset = 0x40;
	assert_int_equal(load_packed(f, big, len), 0);
	assert_memory_equal(f->ram.host + KIT_TEXT_GPA, big + 0x40, KIT_TEXT_SIZE);
	assert_memory_equal(f->ram.host + KIT_DATA_GPA, big + 0x40, KIT_DATA_FILE_SIZE);
	free(big);
}

static void what_is_inside_is_checked_like_a_plain_elf(void **state)
{
	struct fixture *f = *state;

	f->elf.h.e_machine = EM_AARCH64;
	assert_int_equal(load_packed(f, f->elf.bytes, sizeof(f->elf.bytes)), -ENOEXEC);
	assert_words(f, "an ELF for machine 183");
	kit_elf(&f->elf);
	f->elf.h.e_phoff = SOURCE_HEAD_SIZE;
	assert_int_equal(load_packed(f, f->elf.bytes, sizeof(f->elf.bytes)), -ENOEXEC);
	assert_words(f, "lie outside the first 16384 bytes, which are all there may be in a compressed one");
}

static void the_elf_inside_may_be_cut(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 1; len < KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE; len += len < 512 ? 1 : 997) {
		const char *words = "the inflated image ends at byte";

		if (len < SELFMAG)
			words = "what it holds is not an ELF kernel";
		else if (len < sizeof(Elf64_Ehdr))
			words = "truncated: an ELF header takes 64 bytes";
		else if (len < sizeof(Elf64_Ehdr) + sizeof(f->elf.ph))
			words = "3 program headers at byte 64 lie outside";
		assert_int_equal(load_packed(f, f->elf.bytes, len), -ENOEXEC);
		assert_words(f, words);
	}
	assert_int_equal(load_packed(f, f->elf.bytes, 0), -ENOEXEC);
	assert_int_equal(load_packed(f, f->elf.bytes, KIT_DATA_OFFSET + KIT_DATA_FILE_SIZE), 0);
	assert_loaded(f);
}

static void the_packed_file_may_be_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 9, &len);

	for (size_t cut = 2; cut < len; cut++) {
		assert_int_equal(load_bytes(f, packed, cut), -ENOEXEC);
		assert_words(f, "gzip data end before the stream does: the file was cut short");
	}
	assert_int_equal(load_bytes(f, packed, len), 0);
	free(packed);
}

static void broken_data_never_load_as_something_else(void **state)
{
	struct fixture *f = *state;
	size_t len, refused = 0;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 9, &len);

	for (size_t i = 2; i < len; i++) {
		packed[i] ^= 0x10;
		/* Six bytes of the header mean nothing to us, and some changes tell the same bytes in other words. */
		if (load_bytes(f, packed, len) == 0)
			assert_loaded(f);
		else
			refused++;
		packed[i] ^= 0x10;
	}
	assert_true(refused >= len - 20);
	packed[len - 6] ^= 1;
	assert_int_equal(load_bytes(f, packed, len), -ENOEXEC);
	assert_words(f, "broken gzip data before byte");
	assert_words(f, "incorrect data check");
	packed[2] = 7;
	assert_int_equal(load_bytes(f, packed, len), -ENOEXEC);
	assert_words(f, "unknown compression method");
	free(packed);
}

static void a_bomb_is_defused(void **state)
{
	struct fixture *f = *state;
	size_t len = 8 * RAM_SIZE;
	uint8_t *zeroes = calloc(1, len);

	/* Nothing of it is inflated beyond the head: it is no kernel. */
	assert_int_equal(load_packed(f, zeroes, len), -ENOEXEC);
	assert_words(f, "what it holds is not an ELF kernel");
	/* A kernel with an endless tail. */
	memcpy(zeroes, f->elf.bytes, sizeof(f->elf.bytes));
	assert_int_equal(load_packed(f, zeroes, len), -EFBIG);
	assert_words(f, "inflates to more than the 8M of guest RAM");
	/* A segment far behind. */
	((struct kit_elf *)zeroes)->ph[2].p_offset = len - KIT_DATA_SIZE;
	assert_int_equal(load_packed(f, zeroes, len), -EFBIG);
	/* Exactly the bound is fine. */
	memcpy(zeroes, f->elf.bytes, sizeof(f->elf.bytes));
	assert_int_equal(load_packed(f, zeroes, RAM_SIZE), 0);
	assert_int_equal(load_packed(f, zeroes, RAM_SIZE + 1), -EFBIG);
	free(zeroes);
}

static void bytes_behind_the_stream_are_ignored(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 6, &len);
	uint8_t *more = calloc(1, len + 1000);

	memcpy(more, packed, len);
	memset(more + len, 0xff, 1000);
	assert_int_equal(load_bytes(f, more, len + 1000), 0);
	assert_loaded(f);
	free(more);
	free(packed);
}

static void nesting_is_not_followed(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 6, &len);

	assert_int_equal(load_packed(f, packed, len), -ENOEXEC);
	assert_words(f, "what it holds is not an ELF kernel");
	free(packed);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_close)
	const struct CMUnitTest tests[] = {
		T(a_packed_vmlinux_is_loaded_as_the_plain_one),
		T(the_order_of_segments_in_the_headers_does_not_matter),
		T(segments_behind_the_head_are_streamed),
		T(segments_that_would_need_going_back_are_refused),
		T(what_is_inside_is_checked_like_a_plain_elf),
		T(the_elf_inside_may_be_cut),
		T(the_packed_file_may_be_cut_anywhere),
		T(broken_data_never_load_as_something_else),
		T(a_bomb_is_defused),
		T(bytes_behind_the_stream_are_ignored),
		T(nesting_is_not_followed),
	};

	return run_group(tests);
}
