// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <unistd.h>

#include "cmd/logsink.h"
#include "tests/support/unit.h"

static struct trace_record event(enum trace_event ev, uint64_t t_ns, uint64_t arg)
{
	return (struct trace_record){.event = ev, .t_ns = t_ns, .arg = {arg}};
}

static struct trace_record text(enum trace_event ev, const char *s)
{
	struct trace_record r = event(ev, 0, 0);

	snprintf(r.strings, sizeof(r.strings), "%s", s);
	return r;
}

static void put(struct logsink *l, struct trace_record r)
{
	logsink_sink(l)->record(logsink_sink(l), &r);
}

static struct logsink *open_sink(int p[2], enum trace_level level)
{
	struct logsink *l = NULL;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(logsink_new(p[1], level, &l), 0);
	assert_int_equal(logsink_sink(l)->level, level);
	return l;
}

static void expect(int fd, const char *want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[4096] = "";

	if (*want || poll(&p, 1, 0))
		assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
	assert_string_equal(buf, want);
}

static void close_sink(struct logsink *l, int p[2])
{
	logsink_free(l);
	close(p[0]);
	close(p[1]);
}

static void plain_lines_say_how_bad_it_is(void **state)
{
	struct trace_record r = event(TRACE_EV_console_cap, 5, 4096);
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);

	put(l, text(TRACE_EV_host_failed, "disk full"));
	put(l, r);
	put(l, text(TRACE_EV_cmdline_text_panic, "Kernel panic"));
	expect(p[0],
		"vmm: error: disk full\n"
		"vmm: warning: console file reached its size cap of 4096 bytes; what follows is dropped\n"
		"vmm: console text says panic: Kernel panic\n");
	close_sink(l, p);
}

static void traced_lines_have_an_aligned_time(void **state)
{
	int p[2];
	struct logsink *l = open_sink(p, TRACE_TRACE);

	put(l, event(TRACE_EV_start, 0, 1234567));
	put(l, event(TRACE_EV_vm_created, 12345999, 0));
	put(l, event(TRACE_EV_running, UINT64_C(99999999999), 0));
	put(l, event(TRACE_EV_torn_down, UINT64_C(1234567000000), 0));
	put(l, event(TRACE_EV_console_cap, 1000, 1));
	expect(p[0],
		"vmm: [    0.000] start (1.234 ms of CPU before main)\n"
		"vmm: [   12.345] VM created in 0.000 ms, 0.000 of them waited for\n"
		"vmm: [99999.999] running\n"
		"vmm: [1234567.000] torn down\n"
		"vmm: [    0.001] warning: console file reached its size cap of 1 bytes; what follows is dropped\n");
	close_sink(l, p);
}

static void suppressed_events_are_told(void **state)
{
	struct trace_record r = text(TRACE_EV_cmdline_text_panic, "x");
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);

	r.suppressed = 41;
	put(l, r);
	expect(p[0], "vmm: console text says panic: x (41 more suppressed)\n");
	close_sink(l, p);
}

static void what_a_guest_wrote_is_escaped(void **state)
{
	char longest[TRACE_STRING_MAX];
	struct trace_record r;
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);

	put(l, text(TRACE_EV_cmdline_text_panic, "\033[2J\r\nvmm: error: no\x7f"));
	expect(p[0], "vmm: console text says panic: \\x1b[2J\\x0d\\x0avmm: error: no\\x7f\n");
	/* Nothing but control characters, and suppressed ones on top: still one whole line. */
	memset(longest, 1, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	r = text(TRACE_EV_cmdline_text_panic, longest);
	r.suppressed = UINT64_MAX;
	put(l, r);
	{
		char buf[1024] = "";
		ssize_t n = read(p[0], buf, sizeof(buf) - 1);

		assert_true(n > 4 * 95);
		assert_non_null(strstr(buf, "\\x01 (18446744073709551615 more suppressed)\n"));
	}
	close_sink(l, p);
}

static void levels_filter_through_a_trace(void **state)
{
	struct trace *t = NULL;
	int p[2];
	struct logsink *l = open_sink(p, TRACE_WARN);

	assert_int_equal(trace_new(trace_now_ns(), &t), 0);
	trace_add_sink(t, logsink_sink(l));
	trace_running(t);
	trace_console_lost(t, 7, "no reader");
	expect(p[0], "vmm: warning: 7 bytes of guest console output were lost: no reader\n");
	trace_free(t);
	close_sink(l, p);
}

/* Nobody reads: nothing blocks, lines stay whole, and the number of those dropped is right and told. */
static void a_stuck_stderr_drops_whole_lines(void **state)
{
	char line[128], want[128], big[65536];
	unsigned seen = 0, told = 0;
	uint64_t start = trace_now_ns();
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);
	FILE *in;

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "line %u", i);
		put(l, text(TRACE_EV_cmdline_text_panic, line));
	}
	assert_true(trace_now_ns() - start < UINT64_C(5000000000));
	assert_true(logsink_dropped(l) > 1000);
	assert_false(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	assert_false(logsink_flush(l));
	/* The reader reads the available part first, then the rest. */
	in = fdopen(dup(p[0]), "r");
	setvbuf(in, big, _IOFBF, sizeof(big));
	while (seen < 5000 - logsink_dropped(l)) {
		logsink_flush(l);
		assert_non_null(fgets(line, sizeof(line), in));
		snprintf(want, sizeof(want), "vmm: console text says panic: line %u\n", seen++);
		assert_string_equal(line, want);
	}
	told = (unsigned)logsink_dropped(l);
	put(l, text(TRACE_EV_cmdline_text_panic, "after"));
	assert_non_null(fgets(line, sizeof(line), in));
	snprintf(want, sizeof(want), "vmm: warning: %u log lines were dropped: nobody read them in time\n", told);
	assert_string_equal(line, want);
	assert_non_null(fgets(line, sizeof(line), in));
	assert_string_equal(line, "vmm: console text says panic: after\n");
	assert_int_equal(logsink_dropped(l), told);
	fclose(in);
	close_sink(l, p);
}

static void the_end_does_not_wait_for_long(void **state)
{
	uint64_t start;
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);

	for (unsigned i = 0; i < 5000; i++)
		put(l, text(TRACE_EV_cmdline_text_panic, "line"));
	start = trace_now_ns();
	close_sink(l, p);
	assert_in_range(trace_now_ns() - start, UINT64_C(200000000), UINT64_C(2000000000));
}

/* The reader comes back before the end: it gets what waited, and hears of what did not. */
static void the_end_tells_what_was_dropped(void **state)
{
	static char all[1 << 20];
	char want[128];
	size_t n = 0, tail;
	ssize_t r;
	uint64_t dropped;
	int p[2];
	struct logsink *l = open_sink(p, TRACE_INFO);

	for (unsigned i = 0; i < 5000; i++)
		put(l, text(TRACE_EV_cmdline_text_panic, "line"));
	dropped = logsink_dropped(l);
	assert_true(dropped > 0);
	n = (size_t)read(p[0], all, 65536);
	assert_in_range(n, 1, 65536);
	logsink_free(l);
	close(p[1]);
	while ((r = read(p[0], all + n, sizeof(all) - n)) > 0)
		n += (size_t)r;
	close(p[0]);
	tail = (size_t)snprintf(want, sizeof(want),
		"\nvmm: warning: %llu log lines were dropped: nobody read them in time\n", (unsigned long long)dropped);
	assert_in_range(n, tail, sizeof(all) - 1);
	all[n] = '\0';
	assert_string_equal(all + n - tail, want);
}

static void a_closed_stderr_drops_all(void **state)
{
	struct logsink *l = NULL;
	int p[2];

	/* The reader goes away. */
	l = open_sink(p, TRACE_INFO);
	close(p[0]);
	put(l, text(TRACE_EV_cmdline_text_panic, "line"));
	assert_int_equal(logsink_dropped(l), 1);
	logsink_free(l);
	close(p[1]);
	/* 2>&- */
	assert_int_equal(logsink_new(p[1], TRACE_INFO, &l), 0);
	put(l, text(TRACE_EV_cmdline_text_panic, "line"));
	put(l, text(TRACE_EV_cmdline_text_panic, "line"));
	assert_true(logsink_dropped(l) >= 2);
	logsink_free(l);
	logsink_free(NULL);
}

static void no_quit(void *arg)
{
}

static const struct terminal_ops key_ops = {.quit = no_quit};

static void a_raw_terminal_gets_carriage_returns(void **state)
{
	struct terminal *t = NULL;
	struct logsink *l = NULL;
	struct console_filter *f;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(terminal_open(slave, &key_ops, NULL, &t, NULL), 0);
	assert_int_equal(logsink_new(slave, TRACE_INFO, &l), 0);
	logsink_set_terminal(l, t);
	f = terminal_filter(t);
	f->prepare(f);
	put(l, text(TRACE_EV_cmdline_text_panic, "raw"));
	expect(master, "vmm: console text says panic: raw\r\n");
	logsink_set_terminal(l, NULL);
	put(l, text(TRACE_EV_cmdline_text_panic, "raw"));
	expect(master, "vmm: console text says panic: raw\n");
	terminal_close(t);
	put(l, text(TRACE_EV_cmdline_text_panic, "cooked"));
	/* The terminal itself makes CR LF of it now. */
	expect(master, "vmm: console text says panic: cooked\r\n");
	logsink_free(l);
	close(master);
	close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_say_how_bad_it_is),
		cmocka_unit_test(traced_lines_have_an_aligned_time),
		cmocka_unit_test(suppressed_events_are_told),
		cmocka_unit_test(what_a_guest_wrote_is_escaped),
		cmocka_unit_test(levels_filter_through_a_trace),
		cmocka_unit_test(a_stuck_stderr_drops_whole_lines),
		cmocka_unit_test(the_end_does_not_wait_for_long),
		cmocka_unit_test(the_end_tells_what_was_dropped),
		cmocka_unit_test(a_closed_stderr_drops_all),
		cmocka_unit_test(a_raw_terminal_gets_carriage_returns),
	};

	return run_group(tests);
}
