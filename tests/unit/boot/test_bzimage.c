// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel_fixture.h"

#include <errno.h>

#define RAM_SIZE (8 * MIB)

static int setup(void **state)
{
	return fixture_open(state, RAM_SIZE);
}

/* What an offer keeps for the entry. */
static struct setup_header header_of(const struct loaded *k)
{
	const struct offer *o = &k->offer[BOOT_LINUX64];
	struct setup_header h;

	assert_int_equal(o->header_size, sizeof(h));
	memcpy(&h, o->header, sizeof(h));
	return h;
}

static int load_cut(struct fixture *f, size_t len, enum load_how how)
{
	return fixture_load(f, f->bz.bytes, len, how);
}

static int load(struct fixture *f, enum load_how how)
{
	return load_cut(f, sizeof(f->bz.bytes), how);
}

static void assert_refused(struct fixture *f, int code, const char *words)
{
	assert_refused_bytes(f, f->bz.bytes, sizeof(f->bz.bytes), code, words);
}

static void assert_code_at(struct fixture *f, uint64_t gpa)
{
	assert_memory_equal(f->ram.host + gpa, f->bz.bytes + KIT_BZ_SETUP, KIT_BZ_CODE_SIZE);
	for (uint64_t i = 0; i < 0x10000; i++) {
		assert_int_equal(f->ram.host[gpa + KIT_BZ_CODE_SIZE + i], 0);
		assert_int_equal(f->ram.host[gpa - 1 - i], 0);
	}
}

static void the_images_own_entry_is_used(void **state)
{
	struct fixture *f = *state;

	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		assert_int_equal(load(f, how), 0);
		assert_code_at(f, KIT_BZ_GPA);
		assert_string_equal(f->k.format, "bzImage");
		assert_int_equal(f->k.start, KIT_BZ_GPA);
		assert_int_equal(f->k.end, KIT_BZ_GPA + KIT_BZ_INIT_SIZE);
		assert_int_equal(boot_offer(&f->k)->entry, KIT_BZ_GPA + 0x200);
		assert_int_equal(f->k.offer[BOOT_LINUX64].header_size, sizeof(f->bz.h));
		assert_memory_equal(f->k.offer[BOOT_LINUX64].header, &f->bz.h, sizeof(f->bz.h));
		assert_false(f->k.file_addresses);
		/* The code does not begin on a page of the file here, so it is read both ways. */
		assert_int_equal(f->k.mapped_bytes, 0);
		assert_int_equal(f->k.copied_bytes, KIT_BZ_CODE_SIZE);
	}
}

static void code_on_a_page_of_the_file_is_mapped(void **state)
{
	struct fixture *f = *state;

	/* Real images begin theirs at 0x4000 or 0x5000. */
	f->bz.h.setup_sects = 7;
	f->bz.h.syssize = (0x8000 + 0x10) / 16;
	assert_int_equal(load(f, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0x8000);
	assert_int_equal(f->k.copied_bytes, 0x10);
	assert_memory_equal(f->ram.host + KIT_BZ_GPA, f->bz.bytes + 0x1000, 0x8010);
	assert_int_equal(f->ram.host[KIT_BZ_GPA + 0x8010], 0);
}

/* syssize counts paragraphs of 16 bytes: up to 15 of the last may be missing, and read as zero. */
static void the_last_paragraph_may_be_short(void **state)
{
	struct fixture *f = *state;

	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		for (size_t missing = 0; missing < 16; missing++) {
			assert_int_equal(load_cut(f, KIT_BZ_SIZE - missing, how), 0);
			assert_memory_equal(
				f->ram.host + KIT_BZ_GPA, f->bz.bytes + KIT_BZ_SETUP, KIT_BZ_CODE_SIZE - missing);
			for (size_t i = 0; i < missing; i++)
				assert_int_equal(f->ram.host[KIT_BZ_GPA + KIT_BZ_CODE_SIZE - 1 - i], 0);
			assert_int_equal(f->k.end, KIT_BZ_GPA + KIT_BZ_INIT_SIZE);
			assert_int_equal(f->k.copied_bytes, KIT_BZ_CODE_SIZE - missing);
		}
	}
	/* What is mapped ends with a page of the file, before the short one. */
	f->bz.h.setup_sects = 7;
	f->bz.h.syssize = (KIT_BZ_SIZE - 0x1000) / 16;
	assert_int_equal(load_cut(f, KIT_BZ_SIZE - 15, LOAD_MAP), 0);
	assert_int_equal(f->k.mapped_bytes, 0x9000);
	assert_int_equal(f->k.copied_bytes, 0x400 - 15);
	assert_memory_equal(f->ram.host + KIT_BZ_GPA, f->bz.bytes + 0x1000, KIT_BZ_SIZE - 0x1000 - 15);
	assert_int_equal(f->ram.host[KIT_BZ_GPA + KIT_BZ_SIZE - 0x1000 - 1], 0);
	/* The zeroes are part of what is loaded. */
	f->bz.h.init_size = 0;
	assert_int_equal(load_cut(f, KIT_BZ_SIZE - 15, LOAD_READ), 0);
	assert_int_equal(f->k.end, KIT_BZ_GPA + KIT_BZ_SIZE - 0x1000);
}

/* A payload is never short: it would be inflated from bytes that are not there. */
static void a_payload_in_the_missing_bytes_is_refused(void **state)
{
	struct fixture *f = *state;

	f->bz.h.payload_length = KIT_BZ_CODE_SIZE - KIT_BZ_PAYLOAD - 15;
	assert_int_equal(load_cut(f, KIT_BZ_SIZE - 15, LOAD_READ), 0);
	f->bz.h.payload_length++;
	assert_refused_bytes(f, f->bz.bytes, KIT_BZ_SIZE - 15, -ENOEXEC, "does not fit its code of 0x9ff1 bytes");
}

static void no_setup_sectors_means_four(void **state)
{
	struct fixture *f = *state;

	f->bz.h.setup_sects = 0;
	f->bz.h.syssize = 0x1000 / 16;
	f->bz.h.payload_length = 0;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_memory_equal(f->ram.host + KIT_BZ_GPA, f->bz.bytes + 5 * 512, 0x1000);
}

static void the_place_is_the_one_the_header_asks_for(void **state)
{
	struct fixture *f = *state;

	/* Not aligned as its own header wants: up to the next. */
	f->bz.h.pref_address = KIT_BZ_GPA - 0x1000;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_code_at(f, KIT_BZ_GPA);
	f->bz.h.pref_address = 0;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_code_at(f, 2 * MIB);
	/* One that cannot move goes there and nowhere else. */
	f->bz.h.relocatable_kernel = 0;
	f->bz.h.kernel_alignment = 0;
	f->bz.h.pref_address = 0x180000;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_code_at(f, 0x180000);
	f->bz.h.pref_address = 0x10000;
	assert_refused(f, -EINVAL, "bzImage at 0x10000 lies below 1 MiB");
}

static void init_size_is_kept_free(void **state)
{
	struct fixture *f = *state;

	f->bz.h.init_size = RAM_SIZE - KIT_BZ_GPA;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_int_equal(f->k.end, RAM_SIZE);
	f->bz.h.init_size++;
	assert_refused(f, -E2BIG, "bzImage at 0x400000 (4194305 long) does not fit the 8M of guest RAM");
	/* If the header asks for less than the code needs, the code gets what it needs. */
	f->bz.h.init_size = 0;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_int_equal(f->k.end, KIT_BZ_GPA + KIT_BZ_CODE_SIZE);
}

static void a_gzip_payload_is_inflated_and_loaded_as_elf(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 9, &len);

	kit_bzimage_payload(&f->bz, packed, len);
	for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
		assert_int_equal(load(f, how), 0);
		assert_string_equal(f->k.format, "bzImage, payload inflated on the host");
		assert_memory_equal(f->ram.host + KIT_TEXT_GPA, f->elf.bytes + KIT_TEXT_OFFSET, KIT_TEXT_SIZE);
		assert_memory_equal(f->ram.host + KIT_DATA_GPA, f->elf.bytes + KIT_DATA_OFFSET, KIT_DATA_FILE_SIZE);
		assert_int_equal(f->ram.host[KIT_BZ_GPA], 0);
		assert_int_equal(boot_offer(&f->k)->entry, KIT_ENTRY);
		assert_int_equal(f->k.start, KIT_TEXT_GPA);
		assert_int_equal(f->k.end, KIT_ELF_END);
		/* The header's values take precedence over those assumed for an ELF. */
		assert_int_equal(header_of(&f->k).cmdline_size, 255);
		assert_false(f->k.file_addresses);
	}
	/* The preferred address does not matter then. */
	f->bz.h.pref_address = UINT64_MAX;
	assert_int_equal(load(f, LOAD_READ), 0);
	free(packed);
}

static void a_gzip_payload_of_something_else_is_left_to_the_guest(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip("hello", 5, 9, &len);

	kit_bzimage_payload(&f->bz, packed, len);
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_string_equal(f->k.format, "bzImage");
	assert_int_equal(boot_offer(&f->k)->entry, KIT_BZ_GPA + 0x200);
	assert_code_at(f, KIT_BZ_GPA);
	free(packed);
}

static void other_payloads_are_left_to_the_guest(void **state)
{
	struct fixture *f = *state;
	static const char *const magic[] = {
		"\x02\x21\x4c\x18",         /* LZ4 */
		"\xfd\x37\x7a\x58\x5a\x00", /* XZ */
		"\x28\xb5\x2f\xfd",         /* ZSTD */
		"\x5d\x00\x00\x00",         /* LZMA */
		"\x89\x4c\x5a\x4f",         /* LZO */
		"BZh9",                     /* BZIP2 */
		"\x1f",                     /* too short for anything */
	};

	for (size_t i = 0; i < ARRAY_SIZE(magic); i++) {
		kit_bzimage(&f->bz);
		kit_bzimage_payload(&f->bz, magic[i], i + 1 < ARRAY_SIZE(magic) ? 4 : 1);
		assert_int_equal(load(f, LOAD_READ), 0);
		assert_string_equal(f->k.format, "bzImage");
	}
}

static void a_broken_gzip_payload_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 9, &len);

	kit_bzimage_payload(&f->bz, packed, len - 1);
	assert_refused(f, -ENOEXEC, "bzImage payload: gzip data end before the stream does");
	packed[len - 5] ^= 1;
	kit_bzimage_payload(&f->bz, packed, len);
	assert_refused(f, -ENOEXEC, "bzImage payload: broken gzip data");
	f->bz.bytes[KIT_BZ_SETUP + KIT_BZ_PAYLOAD + 2] = 0;
	assert_refused(f, -ENOEXEC, "bzImage payload: broken gzip data");
	free(packed);
	f->elf.h.e_entry = 0;
	packed = kit_gzip(f->elf.bytes, sizeof(f->elf.bytes), 9, &len);
	kit_bzimage_payload(&f->bz, packed, len);
	assert_refused(f, -ENOEXEC, "bzImage payload: ELF entry 0x0 lies outside the file's bytes of every segment");
	free(packed);
}

static void a_bomb_in_the_payload_is_defused(void **state)
{
	struct fixture *f = *state;
	uint8_t *image = calloc(1, RAM_SIZE + 1);
	size_t len;
	uint8_t *packed;

	memcpy(image, f->elf.bytes, sizeof(f->elf.bytes));
	packed = kit_gzip(image, RAM_SIZE + 1, 9, &len);
	kit_bzimage_payload(&f->bz, packed, len);
	assert_refused(f, -EFBIG, "bzImage payload: inflates to more than the 8M of guest RAM");
	free(packed);
	free(image);
}

static void fields_behind_the_headers_length_are_not_believed(void **state)
{
	struct fixture *f = *state;

	f->bz.h.kernel_info_offset = 0x12345678;
	/* The length stops after handover_offset, the last field of 2.12. */
	f->bz.h.jump = 0xeb | (offsetof(struct setup_header, kernel_info_offset) - (0x202 - KIT_BZ_HEADER)) << 8;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_int_equal(header_of(&f->k).kernel_info_offset, 0);
	assert_int_equal(header_of(&f->k).init_size, KIT_BZ_INIT_SIZE);
	f->bz.h.jump -= 1 << 8;
	assert_refused(f, -ENOEXEC, "a setup header of 118 bytes is too short for protocol 2.15");
	f->bz.h.jump = 0xeb;
	assert_refused(f, -ENOEXEC, "a setup header of 17 bytes is too short");
	/* A header longer than ours, of a kernel to come. */
	f->bz.h.jump = 0xffeb;
	assert_int_equal(load(f, LOAD_READ), 0);
	assert_int_equal(header_of(&f->k).kernel_info_offset, 0x12345678);
}

#define SPOIL(name, what)                                                                                              \
	static void spoil_##name(struct kit_bzimage *k)                                                                \
	{                                                                                                              \
		what;                                                                                                  \
	}
SPOIL(magic, k->h.header ^= 1)
SPOIL(version, k->h.version = 0x020b)
SPOIL(old_version, k->h.version = 0x0200; k->h.jump = 0x20eb)
SPOIL(zimage, k->h.loadflags = 0)
SPOIL(bits, k->h.xloadflags = 0)
SPOIL(alignment, k->h.kernel_alignment = 0)
SPOIL(odd_alignment, k->h.kernel_alignment = 0x300000)
SPOIL(far, k->h.pref_address = UINT64_MAX)
SPOIL(wraps, k->h.pref_address = UINT64_MAX - 0xfff; k->h.relocatable_kernel = 0)
SPOIL(past_ram, k->h.pref_address = GIB)
SPOIL(no_code, k->h.syssize = 0)
SPOIL(little_code, k->h.syssize = 0x20)
SPOIL(sectors, k->h.setup_sects = 255)
SPOIL(syssize, k->h.syssize++) /* a whole paragraph is missing */
SPOIL(huge, k->h.syssize = UINT32_MAX)
SPOIL(payload_offset, k->h.payload_offset = KIT_BZ_CODE_SIZE - 0xfff)
SPOIL(payload_length, k->h.payload_length = UINT32_MAX)
SPOIL(payload_wraps, k->h.payload_offset = UINT32_MAX; k->h.payload_length = 2)

static void broken_images_are_refused_with_the_reason(void **state)
{
	struct fixture *f = *state;
	static const struct {
		void (*spoil)(struct kit_bzimage *k);
		int code;
		const char *words;
	} cases[] = {
		{spoil_magic, -ENOEXEC, "is not a kernel: neither ELF, nor ELF in gzip, nor a bzImage"},
		{spoil_version, -ENOTSUP, "bzImage with boot protocol 2.11: 2.12 or later is needed"},
		{spoil_old_version, -ENOTSUP, "bzImage with boot protocol 2.00: 2.12 or later is needed"},
		{spoil_zimage, -ENOTSUP, "a zImage that loads below 1 MiB"},
		{spoil_bits, -ENOTSUP, "a bzImage without a 64-bit entry (32-bit kernel)"},
		{spoil_alignment, -ENOEXEC, "kernel_alignment 0x0 is not a power of two"},
		{spoil_odd_alignment, -ENOEXEC, "kernel_alignment 0x300000 is not a power of two"},
		{spoil_far, -ENOEXEC, "broken bzImage: preferred address 0xffffffffffffffff"},
		{spoil_wraps, -EINVAL, "bzImage at 0xfffffffffffff000 wraps around the address space"},
		{spoil_past_ram, -E2BIG, "bzImage at 0x40000000 (192K long) does not fit the 8M of guest RAM"},
		{spoil_no_code, -ENOEXEC, "its syssize of 0 leaves no room for a 64-bit entry"},
		{spoil_little_code, -ENOEXEC, "its syssize of 32 leaves no room"},
		{spoil_sectors, -ENOEXEC, "truncated: the bzImage's code ends at byte 172032 and the file at 41984"},
		{spoil_syssize, -ENOEXEC, "truncated: the bzImage's code ends at byte 42000 and the file at 41984"},
		{spoil_huge, -ENOEXEC, "truncated: the bzImage's code ends at byte"},
		{spoil_payload_offset, -ENOEXEC,
			"its payload (0x1000 bytes at 0x9001) does not fit its code of 0xa000"},
		{spoil_payload_length, -ENOEXEC, "does not fit its code"},
		{spoil_payload_wraps, -ENOEXEC, "does not fit its code"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kit_bzimage(&f->bz);
		cases[i].spoil(&f->bz);
		assert_refused(f, cases[i].code, cases[i].words);
	}
}

static void a_cut_file_is_told_as_such_wherever_it_is_cut(void **state)
{
	struct fixture *f = *state;
	size_t header_end = KIT_BZ_HEADER + sizeof(struct setup_header);

	for (size_t len = 0; len <= KIT_BZ_SIZE - 16; len += len < 0x300 ? 1 : 61) {
		const char *words = "truncated: the bzImage's code ends at byte 41984 and the file at";

		if (!len)
			words = "is empty";
		else if (len < 0x206)
			words = "is not a kernel";
		else if (len < header_end)
			words = "truncated: the bzImage's setup header ends at byte 620 and the file at";
		for (enum load_how how = LOAD_READ; how <= LOAD_MAP; how++) {
			assert_true(load_cut(f, len, how) < 0);
			assert_words(f, words);
		}
	}
	assert_true(load_cut(f, KIT_BZ_SIZE - 16, LOAD_READ) < 0);
	assert_words(f, "truncated: the bzImage's code ends at byte 41984 and the file at 41968");
	assert_int_equal(load_cut(f, KIT_BZ_SIZE - 15, LOAD_READ), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_close)
	const struct CMUnitTest tests[] = {
		T(the_images_own_entry_is_used),
		T(code_on_a_page_of_the_file_is_mapped),
		T(the_last_paragraph_may_be_short),
		T(a_payload_in_the_missing_bytes_is_refused),
		T(no_setup_sectors_means_four),
		T(the_place_is_the_one_the_header_asks_for),
		T(init_size_is_kept_free),
		T(a_gzip_payload_is_inflated_and_loaded_as_elf),
		T(a_gzip_payload_of_something_else_is_left_to_the_guest),
		T(other_payloads_are_left_to_the_guest),
		T(a_broken_gzip_payload_is_refused),
		T(a_bomb_in_the_payload_is_defused),
		T(fields_behind_the_headers_length_are_not_believed),
		T(broken_images_are_refused_with_the_reason),
		T(a_cut_file_is_told_as_such_wherever_it_is_cut),
	};

	return run_group(tests);
}
