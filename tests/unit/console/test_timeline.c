// SPDX-License-Identifier: Apache-2.0
/*
 * What the console says of a boot, through a trace and a recorder, as in a run.
 */
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/console/timeline.h"
#include "vmm/report/recorder.h"

struct fixture {
	struct trace *trace;
	struct recorder recorder;
	struct timeline log;
	uint64_t now;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(trace_new(trace_now_ns(), &f->trace), 0);
	recorder_init(&f->recorder);
	trace_add_sink(f->trace, &f->recorder.sink);
	f->log.trace = f->trace;
	f->now = trace_zero_ns(f->trace);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	trace_free(f->trace);
	recorder_destroy(&f->recorder);
	free(f);
	return 0;
}

/* One byte per microsecond, from @ms on, as from a serial port. */
static void say(struct fixture *f, uint64_t ms, const char *text)
{
	uint64_t at = f->now + ms * NSEC_PER_MSEC;

	for (; *text; text++, at += 1000)
		timeline_feed(&f->log, (const uint8_t *)text, 1, at);
}

static const struct trace_record *only(struct fixture *f, enum trace_event ev)
{
	assert_int_equal(f->recorder.nr, 1);
	assert_int_equal(f->recorder.record[0].event, ev);
	return &f->recorder.record[0];
}

static const char *text_of(const struct trace_record *r, unsigned arg)
{
	return r->strings + r->arg[arg];
}

static void milestones_are_dated_to_their_first_byte(void **state)
{
	struct fixture *f = *state;

	say(f, 5, "Booting the kernel.\r\n");
	say(f, 10, "[    0.100000] Freeing unused kernel image (initmem) memory: 2K\r\n");
	say(f, 11, "[    0.101000] Freeing unused kernel image (text/rodata gap) memory: 2K\r\n");
	say(f, 20, "<6>[    0.110000][    T1] Run /sbin/init as init process\n");
	assert_int_equal(f->recorder.nr, 3);
	assert_int_equal(f->recorder.record[0].event, TRACE_EV_kernel_unpacked);
	assert_int_equal(f->recorder.record[0].t_ns, 5 * NSEC_PER_MSEC);
	assert_int_equal(f->recorder.record[1].event, TRACE_EV_kernel_done);
	assert_int_equal(f->recorder.record[1].t_ns, 10 * NSEC_PER_MSEC);
	assert_int_equal(f->recorder.record[2].event, TRACE_EV_init_started);
	assert_int_equal(f->recorder.record[2].t_ns, 20 * NSEC_PER_MSEC);
	assert_string_equal(text_of(&f->recorder.record[2], 0), "/sbin/init");
}

static void what_only_looks_like_it_is_none(void **state)
{
	static const char *const lines[] = {
		"Run /init\n",
		"Run  as init process\n",
		"I Run /init as init process\n",
		" vmm-mark=indented\n",
		"vmm-mark=\n",
		"vmm-mark= name\n",
		"vmm-mark=\001\n",
		"echo vmm-mark=x\n",
		"[    0.1] vmm-mark=x\n",
		"[    0.123456 vmm-mark=x\n",
		"initcall f+0x0/0x10 returned 0 after  usecs\n",
		"initcall f+0x0/0x10 returned 0 after 99999999999999999999 usecs\n",
		"initcall +0x0/0x10 returned 0 after 1 usecs\n",
		"initcall f+0x0/0x10 failed after 1 usecs\n",
		"calling\n",
		"calling  f+0x0/0x10 @ x\n",
		"vmm-mark=cut off",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		say(f, i, lines[i]);
	assert_int_equal(f->recorder.nr, 0);
}

static void marks_keep_their_names(void **state)
{
	struct fixture *f = *state;
	char longest[2 * TIMELINE_LINE_MAX];

	say(f, 1, "vmm-mark=ready to go\r\n");
	assert_string_equal(text_of(only(f, TRACE_EV_mark), 0), "ready");
	assert_string_equal(text_of(only(f, TRACE_EV_mark), 1), "console");
	assert_int_equal(f->recorder.record[0].t_ns, 1 * NSEC_PER_MSEC);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "vmm-mark=", 9);
	longest[sizeof(longest) - 2] = '\n';
	longest[sizeof(longest) - 1] = '\0';
	say(f, 2, longest);
	assert_int_equal(f->recorder.nr, 2);
	assert_int_equal(strlen(text_of(&f->recorder.record[1], 0)), TIMELINE_NAME_MAX - 1);
}

static void too_many_marks_are_counted(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < TIMELINE_MARKS_MAX + 3; i++)
		say(f, i, "vmm-mark=again\n");
	assert_int_equal(f->recorder.nr, TIMELINE_MARKS_MAX);
	assert_int_equal(f->log.marks_lost, 3);
}

static void an_initcall_is_told_when_it_ends(void **state)
{
	struct fixture *f = *state;
	const struct trace_record *r;

	say(f, 10, "[    0.500000] calling  init_this+0x0/0x10 @ 1\n");
	say(f, 12, "[    0.502100] initcall init_this+0x0/0x10 returned 0 after 2000 usecs\n");
	r = only(f, TRACE_EV_initcall);
	assert_string_equal(text_of(r, 0), "init_this");
	assert_int_equal(r->arg[1], 500 * NSEC_PER_MSEC);
	assert_int_equal(r->arg[2], 2 * NSEC_PER_MSEC);
	assert_int_equal(r->arg[3], 1);
	assert_int_equal(r->t_ns, 12 * NSEC_PER_MSEC);
}

static void initcalls_of_several_tasks_are_told_apart(void **state)
{
	struct fixture *f = *state;

	say(f, 1, "[    1.000000] calling  a_init+0x0/0x10 [mod_a] @ 71\n");
	say(f, 2, "[    1.001000] calling  b_init+0x0/0x10 [mod_b] @ 72\n");
	say(f, 3, "[    1.002000] initcall a_init+0x0/0x10 [mod_a] returned 0 after 1900 usecs\n");
	say(f, 4, "[    1.003000] initcall b_init+0x0/0x10 [mod_b] returned -19 after 1800 usecs\n");
	assert_int_equal(f->recorder.nr, 2);
	assert_string_equal(text_of(&f->recorder.record[0], 0), "a_init");
	assert_int_equal(f->recorder.record[0].arg[3], 71);
	assert_string_equal(text_of(&f->recorder.record[1], 0), "b_init");
	assert_int_equal(f->recorder.record[1].arg[3], 72);
	assert_int_equal(f->recorder.record[1].arg[1], 1001 * NSEC_PER_MSEC);
}

/* As the kernel says it before it has a clock: a tick fell into a call of 300 us. */
static void a_call_is_no_longer_than_its_lines_are_apart(void **state)
{
	struct fixture *f = *state;

	say(f, 10, "[    0.100000] calling  early+0x0/0x10 @ 1\n");
	say(f, 11, "[    0.100300] initcall early+0x0/0x10 returned 0 after 4000 usecs\n");
	assert_int_equal(only(f, TRACE_EV_initcall)->arg[1], 100 * NSEC_PER_MSEC);
	assert_int_equal(f->recorder.record[0].arg[2], 300000);
}

/* Lost ends must not occupy slots permanently. */
static void calls_without_an_end_give_way(void **state)
{
	struct fixture *f = *state;
	char line[80];

	for (unsigned i = 0; i < 3 * TIMELINE_CALLS_MAX; i++) {
		snprintf(line, sizeof(line), "[    1.%06u] calling  lost%u+0x0/0x10 @ 1\n", i, i);
		say(f, i, line);
	}
	say(f, 200, "[    2.000000] calling  kept+0x0/0x10 @ 5\n");
	say(f, 201, "[    2.001000] initcall kept+0x0/0x10 returned 0 after 900 usecs\n");
	assert_int_equal(only(f, TRACE_EV_initcall)->arg[3], 5);
}

static void without_times_the_end_alone_is_known(void **state)
{
	struct fixture *f = *state;
	struct guest_clock clock;

	say(f, 10, "initcall f+0x0/0x10 returned 0 after 300 usecs\n");
	assert_int_equal(only(f, TRACE_EV_initcall)->arg[1], 0);
	assert_int_equal(f->recorder.record[0].arg[2], 300000);
	assert_false(timeline_clock(&f->log, &clock));
}

static void the_nearest_line_sets_the_clock(void **state)
{
	struct fixture *f = *state;
	struct guest_clock clock;

	/* The zero is 100 ms on our axis; lines come 1 to 20 ms late, one 30 us. Those of time 0 say nothing. */
	say(f, 90, "[    0.000000] Linux version\n");
	for (unsigned i = 1; i <= 20; i++) {
		char line[64];

		snprintf(line, sizeof(line), "[    0.%03u000] text\n", 10 * i);
		say(f, 100 + 10 * i + i, line);
	}
	timeline_feed(&f->log, (const uint8_t *)"[    0.300000] text\n", 20, f->now + 400 * NSEC_PER_MSEC + 30000);
	assert_true(timeline_clock(&f->log, &clock));
	assert_int_equal(clock.lines, 21);
	assert_int_equal(clock.zero_ns - (int64_t)f->now, 100 * NSEC_PER_MSEC + 30000);
	assert_int_equal(clock.spread_ns, 7 * NSEC_PER_MSEC - 30000);
}

static void a_guest_that_lies_about_time_is_harmless(void **state)
{
	struct fixture *f = *state;
	struct guest_clock clock;

	say(f, 1, "[4294967295.999999] late\n[99999999999.000000] later\n[18446744073709551616.000000] latest\n");
	say(f, 2, "initcall f+0x0/0x10 returned 0 after 4294967295 usecs\n");
	assert_true(timeline_clock(&f->log, &clock));
	assert_int_equal(clock.lines, 1);
	assert_true(clock.zero_ns < 0 || (uint64_t)clock.zero_ns < f->now);
	assert_int_equal(only(f, TRACE_EV_initcall)->arg[2], 4294967295000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(milestones_are_dated_to_their_first_byte),
		T(what_only_looks_like_it_is_none),
		T(marks_keep_their_names),
		T(too_many_marks_are_counted),
		T(an_initcall_is_told_when_it_ends),
		T(initcalls_of_several_tasks_are_told_apart),
		T(a_call_is_no_longer_than_its_lines_are_apart),
		T(calls_without_an_end_give_way),
		T(without_times_the_end_alone_is_known),
		T(the_nearest_line_sets_the_clock),
		T(a_guest_that_lies_about_time_is_harmless),
	};

	return run_group(tests);
}
