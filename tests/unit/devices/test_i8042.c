// SPDX-License-Identifier: Apache-2.0
/* The keyboard controller: what drivers ask of it, how fast they conclude that there is nothing, and the reset line. */
#include "devices/i8042.h"
#include "tests/support/chip.h"
#include "tests/support/unit.h"

#define OBF     0x01
#define IBF     0x02
#define SYS     0x04
#define CMD     0x08
#define UNLOCK  0x10
#define AUX     0x20
#define TIMEOUT 0x40

#define LINUX_FLUSH_MAX 16

struct bench {
	struct fake_events events;
	struct i8042 k;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	b->events = (struct fake_events)FAKE_EVENTS;
	*state = b;
	return i8042_init(&b->k, &b->events.events);
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	i8042_destroy(&b->k);
	free(b);
	return 0;
}

static uint8_t status(struct bench *b)
{
	return in8(&b->k.cmd, 0);
}

static void command(struct bench *b, uint8_t cmd)
{
	assert_false(status(b) & IBF);
	out8(&b->k.cmd, 0, cmd);
	assert_true(status(b) & CMD);
}

static void data(struct bench *b, uint8_t value)
{
	assert_false(status(b) & IBF);
	out8(&b->k.data, 0, value);
	assert_false(status(b) & CMD);
}

/* A driver waits for the output buffer; here it never has to. */
static uint8_t answer(struct bench *b)
{
	assert_true(status(b) & OBF);
	return in8(&b->k.data, 0);
}

/* Linux empties the buffer first, and gives up on a controller that has more than 16 bytes; after each kexec too. */
static void linux_finds_no_controller(void **state)
{
	struct bench *b = *state;

	for (int boots = 0; boots < 10; boots++) {
		int n = 0;

		while ((status(b) & OBF) && n <= LINUX_FLUSH_MAX) {
			in8(&b->k.data, 0);
			n++;
		}
		assert_int_equal(n, LINUX_FLUSH_MAX + 1);
	}
	assert_false(status(b) & IBF); /* which its reboot path waits for */
	out8(&b->k.cmd, 0, 0xfe);
	assert_event(&b->events, GUEST_RESET, GUEST_RESET_I8042);
}

/* A guest that empties it without counting comes to an end. */
static void junk_ends(void **state)
{
	struct bench *b = *state;
	int n = 0;

	for (; status(b) & OBF; n++)
		assert_int_equal(in8(&b->k.data, 0), 0xff);
	assert_int_equal(n, I8042_JUNK_BYTES);
}

static void first_command_drops_the_junk(void **state)
{
	struct bench *b = *state;

	command(b, 0xae);
	assert_int_equal(status(b), SYS | CMD | UNLOCK);
}

static void self_test_and_interface_tests(void **state)
{
	struct bench *b = *state;

	command(b, 0xaa);
	assert_int_equal(answer(b), 0x55);
	assert_false(status(b) & OBF);
	assert_true(status(b) & SYS);
	command(b, 0xab);
	assert_int_equal(answer(b), 0x00);
	command(b, 0xa9);
	assert_int_equal(answer(b), 0x01); /* no such port */
	command(b, 0xc0);
	assert_int_equal(answer(b), 0x80);
	assert_int_equal(b->events.nr, 0);
}

static void command_byte(void **state)
{
	struct bench *b = *state;
	uint8_t ctl;

	command(b, 0x20);
	ctl = answer(b);
	assert_int_equal(ctl, 0x65);
	/* Linux reads it until two reads agree. */
	command(b, 0x20);
	assert_int_equal(answer(b), ctl);
	command(b, 0x60);
	data(b, 0x47);
	command(b, 0x20);
	assert_int_equal(answer(b), 0x47);
	/* The commands that switch the ports show in it. */
	static const struct {
		uint8_t cmd, ctl;
	} cases[] = {{0xad, 0x57}, {0xa7, 0x77}, {0xae, 0x67}, {0xa8, 0x47}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		command(b, cases[i].cmd);
		assert_false(status(b) & OBF);
		command(b, 0x20);
		assert_int_equal(answer(b), cases[i].ctl);
	}
	/* Talking to the keyboard switches it on. */
	command(b, 0xad);
	data(b, 0xf4);
	command(b, 0x20);
	assert_int_equal(answer(b), 0x47);
	/* The system flag is what status shows. */
	command(b, 0x60);
	data(b, 0x43);
	assert_false(status(b) & SYS);
	/* A command takes one byte: the next one is the keyboard's. */
	data(b, 0x47);
	assert_int_equal(answer(b), 0xfe);
	assert_false(status(b) & SYS);
	command(b, 0xaa);
	assert_true(status(b) & SYS);
}

static void internal_ram(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < I8042_RAM_SIZE; i++) {
		command(b, (uint8_t)(0x60 + i));
		data(b, (uint8_t)(0x80 + i));
	}
	for (unsigned i = 0; i < I8042_RAM_SIZE; i++) {
		command(b, (uint8_t)(0x20 + i));
		assert_int_equal(answer(b), 0x80 + i);
	}
}

static void keyboard_resets_and_is_not_there(void **state)
{
	struct bench *b = *state;

	data(b, 0xff);
	assert_int_equal(answer(b), 0xfa);
	assert_int_equal(answer(b), 0xaa);
	assert_false(status(b) & OBF);
	/* Identify, set LEDs, enable: refused at once. */
	static const uint8_t cmds[] = {0xf2, 0xed, 0xf4};
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		data(b, cmds[i]);
		assert_true(status(b) & TIMEOUT);
		assert_int_equal(answer(b), 0xfe);
		assert_false(status(b) & TIMEOUT);
	}
	/* A read of nothing repeats the last byte. */
	assert_int_equal(in8(&b->k.data, 0), 0xfe);
}

static void auxiliary_port_is_not_there(void **state)
{
	struct bench *b = *state;

	/* The byte loops back, but not as the auxiliary port's: Linux stops there. */
	command(b, 0xd3);
	data(b, 0x5a);
	assert_false(status(b) & AUX);
	assert_int_equal(answer(b), 0x5a);
	command(b, 0xd4);
	data(b, 0xf2);
	assert_true(status(b) & TIMEOUT);
	assert_int_equal(answer(b), 0xfe);
	command(b, 0xd2);
	data(b, 0x1c);
	assert_int_equal(answer(b), 0x1c);
}

static void a_new_answer_replaces_the_old_one(void **state)
{
	struct bench *b = *state;

	data(b, 0xff);
	command(b, 0xaa);
	assert_int_equal(answer(b), 0x55);
	assert_false(status(b) & OBF);
	/* A command that waits for its byte is forgotten by the next command. */
	command(b, 0xd1);
	command(b, 0xaa);
	data(b, 0xf2);
	assert_int_equal(answer(b), 0xfe);
	assert_int_equal(b->events.nr, 0);
}

static void reset_line(void **state)
{
	struct bench *b = *state;

	/* A pulse of bit 0, alone or with others. */
	for (unsigned cmd = 0xf0; cmd <= 0xff; cmd++) {
		command(b, (uint8_t)cmd);
		if (cmd & 1)
			assert_int_equal(b->events.nr, 0);
		else
			assert_event(&b->events, GUEST_RESET, GUEST_RESET_I8042);
		assert_false(status(b) & OBF);
	}
	/* The output port: A20 goes with it and is nothing to us, bit 0 is the line. */
	command(b, 0xd1);
	data(b, 0xdd);
	command(b, 0xd1);
	data(b, 0xdf);
	assert_int_equal(b->events.nr, 0);
	command(b, 0xd0);
	assert_int_equal(answer(b), 0xdf);
	command(b, 0xd1);
	data(b, 0xde);
	assert_event(&b->events, GUEST_RESET, GUEST_RESET_I8042);
}

static void every_width_and_misalignment(void **state)
{
	static const unsigned widths[] = {1, 2, 4, 8};
	struct bench *b = *state;

	command(b, 0x60);
	data(b, 0x47);
	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		command(b, 0xaa);
		assert_int_equal(in_wide(&b->k.cmd, 0, widths[w]) | 0xff, ones(widths[w]));
		assert_int_equal(in_wide(&b->k.data, 1, widths[w]), ones(widths[w]));
		assert_int_equal(in_wide(&b->k.cmd, 1, widths[w]), ones(widths[w]));
		assert_int_equal(in_wide(&b->k.data, 0, widths[w]), (ones(widths[w]) & ~UINT64_C(0xff)) | 0x55);
		out_wide(&b->k.cmd, 1, UINT64_C(0xfefefefefefefefe), widths[w]);
		out_wide(&b->k.data, 1, UINT64_C(0xffffffffffffffff), widths[w]);
		assert_false(status(b) & OBF);
		/* A wide write is its first byte. */
		out_wide(&b->k.cmd, 0, UINT64_C(0xfefefefefefefe20), widths[w]);
		assert_int_equal(answer(b), 0x47);
		out_wide(&b->k.data, 0, UINT64_C(0xfefefefefefefeff), widths[w]);
		assert_int_equal(answer(b), 0xfa);
	}
	assert_int_equal(b->events.nr, 0);
	i8042_destroy(NULL);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(linux_finds_no_controller),
		BENCH_TEST(junk_ends),
		BENCH_TEST(first_command_drops_the_junk),
		BENCH_TEST(self_test_and_interface_tests),
		BENCH_TEST(command_byte),
		BENCH_TEST(internal_ram),
		BENCH_TEST(keyboard_resets_and_is_not_there),
		BENCH_TEST(auxiliary_port_is_not_there),
		BENCH_TEST(a_new_answer_replaces_the_old_one),
		BENCH_TEST(reset_line),
		BENCH_TEST(every_width_and_misalignment),
	};

	return run_group(tests);
}
