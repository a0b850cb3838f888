// SPDX-License-Identifier: Apache-2.0
/* The marker's registers, as a guest uses them, and what a restored guest learns. */
#include <errno.h>

#include "devices/marker.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"

/** struct bench - @marks: how many, and the last one's @name */
struct bench {
	struct marker marker;
	struct marker_host host;
	unsigned marks;
	char name[MARKER_ARGUMENT_MAX];
	bool busy;
};

static struct bench b;

static void on_mark(struct marker_host *h, const char *name)
{
	b.marks++;
	snprintf(b.name, sizeof(b.name), "%s", name);
}

static bool is_busy(struct marker_host *h)
{
	return b.busy;
}

/* From 4096 on, one MiB. */
static bool is_ram(struct marker_host *h, uint64_t gpa, uint64_t size)
{
	return gpa >= 4096 && size <= MIB && gpa <= 4096 + MIB - size;
}

static int set_up(void **state)
{
	b = (struct bench){.host = {.mark = on_mark, .busy = is_busy, .is_ram = is_ram}};
	return marker_init(&b.marker, &b.host);
}

static int tear_down(void **state)
{
	marker_destroy(&b.marker);
	marker_destroy(NULL);
	return 0;
}

static void write_text(const char *text)
{
	for (; *text; text++)
		out8(&b.marker.dev, MARKER_DATA, (uint8_t)*text);
}

static void command(uint32_t c)
{
	out_wide(&b.marker.dev, MARKER_CONTROL, c, 4);
}

static uint32_t status(void)
{
	return (uint32_t)in_wide(&b.marker.dev, MARKER_CONTROL, 4);
}

static uint32_t left(void)
{
	return (uint32_t)in_wide(&b.marker.dev, MARKER_LEFT, 4);
}

/* Reads the whole answer by bytes. */
static size_t answer(uint8_t *to)
{
	size_t n = left();

	for (size_t i = 0; i < n; i++)
		to[i] = in8(&b.marker.dev, MARKER_DATA);
	assert_int_equal(left(), 0);
	return n;
}

static void it_is_found_by_its_number(void **state)
{
	assert_int_equal(in_wide(&b.marker.dev, MARKER_ID, 4), MARKER_ID_VALUE);
	assert_int_equal(in8(&b.marker.dev, MARKER_ID + 3), 'K');
	out_wide(&b.marker.dev, MARKER_ID, 0, 4);
	out_wide(&b.marker.dev, MARKER_LEFT, 7, 4);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_ID, 4), MARKER_ID_VALUE);
	assert_int_equal(status(), 0);
	assert_int_equal(left(), 0);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 0);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_SIZE, 8), UINT64_MAX);
	/* The window has the same registers. */
	assert_int_equal(in_wide(&b.marker.window, MARKER_ID, 4), MARKER_ID_VALUE);
	out8(&b.marker.window, MARKER_DATA, 'w');
	out8(&b.marker.window, MARKER_CONTROL, MARKER_MARK);
	assert_string_equal(b.name, "w");
}

static void a_mark_has_its_argument_for_a_name(void **state)
{
	write_text("ready");
	assert_int_equal(b.marks, 0);
	command(MARKER_MARK);
	assert_int_equal(b.marks, 1);
	assert_string_equal(b.name, "ready");
	assert_int_equal(status(), 0);
	b.busy = true;
	assert_int_equal(status(), MARKER_IS_BUSY);
	b.busy = false;
	/* Of any width, and nothing is left of the last one. */
	out_wide(&b.marker.dev, MARKER_DATA, 0x64636261, 4);
	out_wide(&b.marker.dev, MARKER_DATA, 0x6665, 2);
	command(MARKER_MARK);
	assert_string_equal(b.name, "abcdef");
	/* The longest. */
	for (unsigned i = 0; i < MARKER_ARGUMENT_MAX - 1; i++)
		out8(&b.marker.dev, MARKER_DATA, 'x');
	command(MARKER_MARK);
	assert_int_equal(strlen(b.name), MARKER_ARGUMENT_MAX - 1);
	assert_int_equal(b.marks, 3);
}

static void a_name_that_is_none_is_refused(void **state)
{
	static const char *const names[] = {"", "a b", "a\n", "\x7f", "caf\xc3\xa9"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		write_text(names[i]);
		command(MARKER_MARK);
		assert_int_equal(status(), MARKER_IS_REFUSED);
	}
	for (unsigned i = 0; i < MARKER_ARGUMENT_MAX; i++)
		out8(&b.marker.dev, MARKER_DATA, 'x');
	command(MARKER_MARK);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	for (unsigned i = 0; i < 5000; i++)
		out8(&b.marker.dev, MARKER_DATA, 'x');
	command(MARKER_MARK);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	assert_int_equal(b.marks, 0);
	/* An unknown command is too, whatever its width; the next one is not. */
	command(0x77);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	out_wide(&b.marker.dev, MARKER_CONTROL, MARKER_MARK | UINT64_C(1) << 32, 8);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	command(MARKER_CLEAR);
	assert_int_equal(status(), 0);
	write_text("x");
	out_wide(&b.marker.dev, MARKER_CONTROL + 1, MARKER_MARK, 1);
	assert_int_equal(b.marks, 0);
}

static void a_guest_that_boots_learns_nothing(void **state)
{
	uint8_t got[16];

	command(MARKER_SEED);
	assert_int_equal(left(), 0);
	command(MARKER_WORD);
	assert_int_equal(left(), 0);
	command(MARKER_CLONE);
	assert_int_equal(answer(got), MARKER_CLONE_SIZE);
	assert_int_equal(le32_get(got), 0);
	assert_int_equal(le32_get(got + 4), 0);
	assert_int_equal(status(), 0);
}

static void begin(uint8_t seed)
{
	static const char word[] = "the word";
	struct marker_life life = {.restored = true, .clone = 3, .clones = 70000};

	memset(life.seed, seed, sizeof(life.seed));
	life.word = (const uint8_t *)word;
	life.word_size = strlen(word);
	marker_begin(&b.marker, &life);
}

static void a_restored_guest_gets_its_seed_once(void **state)
{
	uint8_t got[MARKER_SEED_SIZE], want[MARKER_SEED_SIZE];

	for (uint8_t seed = 1; seed < 4; seed++) {
		begin(seed);
		assert_int_equal(status(), MARKER_IS_RESTORED | MARKER_IS_FRESH);
		command(MARKER_SEED);
		assert_int_equal(status(), MARKER_IS_RESTORED);
		assert_int_equal(answer(got), sizeof(got));
		memset(want, seed, sizeof(want));
		assert_memory_equal(got, want, sizeof(want));
		/* Nobody else finds it. */
		memset(want, 0, sizeof(want));
		assert_memory_equal(b.marker.life.seed, want, sizeof(want));
		command(MARKER_SEED);
		assert_int_equal(left(), 0);
	}
}

static void a_restored_guest_learns_its_number_and_its_word(void **state)
{
	uint8_t got[64];

	begin(1);
	command(MARKER_CLONE);
	assert_int_equal(left(), 8);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 3);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 70000);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 0);
	command(MARKER_WORD);
	assert_int_equal(answer(got), 8);
	assert_memory_equal(got, "the word", 8);
	/* A command in the middle of an answer is the end of that one. */
	command(MARKER_WORD);
	in8(&b.marker.dev, MARKER_DATA);
	command(MARKER_CLEAR);
	assert_int_equal(left(), 0);
}

/* What a guest was in the middle of goes on in its next life, with what that one is told. */
static void its_registers_are_saved_and_its_life_is_not(void **state)
{
	uint8_t bytes[512], got[64];
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};
	struct state_reader r = {.data = bytes};
	struct err e = {0};

	begin(1);
	command(MARKER_WORD);
	in_wide(&b.marker.dev, MARKER_DATA, 4);
	write_text("half a ");
	marker_save(&b.marker, &w);
	r.size = w.used;
	tear_down(NULL);
	set_up(NULL);
	if (marker_restore(&b.marker, &r, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(status(), 0);
	begin(2);
	assert_int_equal(status(), MARKER_IS_RESTORED | MARKER_IS_FRESH);
	assert_int_equal(answer(got), 4);
	assert_memory_equal(got, "word", 4);
	assert_int_equal(b.marker.regs.argument_nr, 7);
	write_text("name");
	command(MARKER_MARK);
	assert_int_equal(status() & MARKER_IS_REFUSED, MARKER_IS_REFUSED);
	/* A place behind the end of this life's word. */
	b.marker.regs = (struct marker_regs){.answer = MARKER_WORD, .at = MARKER_WORD_MAX};
	assert_int_equal(left(), 0);
	assert_int_equal(in8(&b.marker.dev, MARKER_DATA), 0);
}

static void name_buffer(uint64_t at, uint32_t size)
{
	out_wide(&b.marker.dev, MARKER_DATA, (uint32_t)at, 4);
	out_wide(&b.marker.dev, MARKER_DATA, at >> 32, 4);
	out_wide(&b.marker.dev, MARKER_DATA, size, 4);
	command(MARKER_BUFFER);
}

static void a_buffer_is_ram(void **state)
{
	static const struct {
		uint64_t at;
		uint32_t size;
	} wrong[] = {{4096, 0}, {0, 4096}, {4095, 1}, {4096 + MIB, 1}, {4096, MIB + 1}, {UINT64_MAX, 2},
		{UINT64_MAX, 1}, {UINT64_C(1) << 32 | 4096, 1}, {4096, UINT32_MAX}};
	uint64_t at = 77;

	assert_int_equal(marker_buffer(&b.marker, &at), 0);
	name_buffer(8192, 100);
	assert_int_equal(status(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		name_buffer(wrong[i].at, wrong[i].size);
		assert_int_equal(status(), MARKER_IS_REFUSED);
		assert_int_equal(marker_buffer(&b.marker, &at), 100);
		assert_int_equal(at, 8192);
	}
	/* An argument that is too short or too long */
	write_text("12345678901");
	command(MARKER_BUFFER);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	write_text("1234567890123");
	command(MARKER_BUFFER);
	assert_int_equal(status(), MARKER_IS_REFUSED);
	assert_int_equal(marker_buffer(&b.marker, &at), 100);
	/* All of it, and a state that has another one which is none. */
	name_buffer(4096, MIB);
	assert_int_equal(marker_buffer(&b.marker, &at), MIB);
	b.marker.regs.buffer_size++;
	assert_int_equal(marker_buffer(&b.marker, &at), 0);
}

static void a_frame_has_a_length(void **state)
{
	command(MARKER_FRAME);
	assert_int_equal(left(), 0);
	begin(1);
	command(MARKER_FRAME);
	assert_int_equal(left(), 0);
	marker_give_frame(&b.marker, 0x12345);
	command(MARKER_FRAME);
	assert_int_equal(left(), 4);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 0x12345);
	assert_int_equal(left(), 0);
	marker_give_frame(&b.marker, 0);
	command(MARKER_FRAME);
	assert_int_equal(left(), 4);
	assert_int_equal(in_wide(&b.marker.dev, MARKER_DATA, 4), 0);
	/* The next life has its own. */
	begin(2);
	command(MARKER_FRAME);
	assert_int_equal(left(), 0);
}

static void a_state_that_cannot_be_is_refused(void **state)
{
	static const struct marker_regs wrong[] = {
		{.argument_nr = MARKER_ARGUMENT_MAX + 1}, {.answer = MARKER_FRAME + 1}, {.at = MARKER_WORD_MAX + 1}};
	uint8_t bytes[512];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct state_writer w = {.data = bytes, .size = sizeof(bytes)};

		b.marker.regs = wrong[i];
		marker_save(&b.marker, &w);
		b.marker.regs = (struct marker_regs){.argument_nr = 1};
		assert_int_equal(marker_restore(&b.marker, &(struct state_reader){.data = bytes, .size = w.used}, NULL),
			-EINVAL);
		assert_int_equal(b.marker.regs.argument_nr, 1);
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(it_is_found_by_its_number),
		ROW(a_mark_has_its_argument_for_a_name),
		ROW(a_name_that_is_none_is_refused),
		ROW(a_guest_that_boots_learns_nothing),
		ROW(a_restored_guest_gets_its_seed_once),
		ROW(a_restored_guest_learns_its_number_and_its_word),
		ROW(its_registers_are_saved_and_its_life_is_not),
		ROW(a_buffer_is_ram),
		ROW(a_frame_has_a_length),
		ROW(a_state_that_cannot_be_is_refused),
	};

	return run_group(tests);
}
