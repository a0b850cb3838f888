// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"

/* A sink that records its events. */
struct keep {
	struct trace_sink sink;
	size_t nr;
	struct trace_record r[4096]; /* all that emit_many() makes in four threads may come at once */
	struct trace *emit_from;     /* when set: emits one event of its own at the first record */
};

static void keep_record(struct trace_sink *sink, const struct trace_record *r)
{
	struct keep *k = container_of(sink, struct keep, sink);
	struct trace *t = k->emit_from;

	k->emit_from = NULL;
	if (t)
		trace_running(t);
	assert_true(k->nr < ARRAY_SIZE(k->r));
	/* No stale contents of the memory. */
	for (size_t i = strlen(trace_defs[r->event].types); i < TRACE_ARGS_MAX; i++)
		assert_int_equal(r->arg[i], 0);
	k->r[k->nr++] = *r;
}

static struct keep *keep_new(enum trace_level level)
{
	struct keep *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->sink = (struct trace_sink){.level = level, .record = keep_record};
	return k;
}

static struct trace *new_trace(void)
{
	struct trace *t = NULL;

	assert_int_equal(trace_new(trace_now_ns(), &t), 0);
	return t;
}

static void table_is_sound(void **state)
{
	for (int i = 0; i < TRACE_EV_COUNT; i++) {
		const struct trace_def *d = &trace_defs[i];
		size_t holes = 0, types = strlen(d->types);

		assert_true(*d->name);
		for (const char *p = trace_def_format(d); *p; p++)
			holes += *p == '%';
		if (holes != types)
			fail_msg("%s: %zu holes in the format, %zu arguments", d->name, holes, types);
		assert_int_equal(strspn(d->types, "UXST"), types);
		for (size_t a = 0; a < types; a++)
			assert_true(*trace_def_arg(d, a));
		/* What a guest causes at will must not drown the errors of the host. */
		if (d->kind == TRACE_KIND_GUEST)
			assert_true(d->level >= TRACE_WARN);
	}
}

static void null_and_unheard_traces_are_silent(void **state)
{
	struct trace *t = new_trace();

	trace_running(NULL);
	trace_free(NULL);
	for (int i = 0; i < TRACE_EV_COUNT; i++)
		assert_false(t->on[i]);
	trace_running(t);
	assert_int_equal(poll(&(struct pollfd){.fd = trace_fd(t), .events = POLLIN}, 1, 0), 0);
	trace_free(t);
}

static void arguments_arrive(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	char buf[256];

	trace_add_sink(t, &k->sink);
	trace_kernel_loaded(t, "vmlinux", 0x1000000, 0x3e00000, 0x1000123);
	trace_slow_ioctl(t, "KVM_CREATE_VM", 1234567);
	trace_kvm_opened(t, 12, UINT64_MAX);
	trace_running(t);
	assert_int_equal(k->nr, 4);
	assert_int_equal(k->r[0].event, TRACE_EV_kernel_loaded);
	assert_string_equal(trace_format(&k->r[0], buf, sizeof(buf)),
		"kernel loaded (vmlinux, 0x1000000 to 0x3e00000, entry 0x1000123)");
	assert_string_equal(trace_format(&k->r[1], buf, sizeof(buf)), "KVM_CREATE_VM took 1.234 ms");
	assert_string_equal(
		trace_format(&k->r[2], buf, sizeof(buf)), "KVM opened (API 12, max vCPUs 18446744073709551615)");
	assert_string_equal(trace_format(&k->r[3], buf, sizeof(buf)), "running");
	for (size_t i = 0; i < k->nr; i++) {
		assert_true(k->r[i].tid > 0);
		assert_true(!i || (k->r[i].t_ns >= k->r[i - 1].t_ns && k->r[i].cpu_ns >= k->r[i - 1].cpu_ns));
	}
	trace_free(t);
	free(k);
}

static void strings_are_cut_and_never_overrun(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	char name[2 * TRACE_STRING_MAX], buf[512];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	trace_add_sink(t, &k->sink);
	trace_stopping(t, name, name);
	trace_stopping(t, NULL, "");
	assert_int_equal(strlen(k->r[0].strings + k->r[0].arg[0]), TRACE_STRING_MAX - 1);
	assert_int_equal(strlen(k->r[0].strings + k->r[0].arg[1]), TRACE_STRING_MAX - 1);
	assert_int_equal(
		strlen(trace_format(&k->r[0], buf, sizeof(buf))), strlen("stopping:  ()") + 2 * (TRACE_STRING_MAX - 1));
	assert_string_equal(trace_format(&k->r[1], buf, sizeof(buf)), "stopping:  ()");

	/* Every size of buffer gives a prefix. */
	char full[512];

	trace_format(&k->r[0], full, sizeof(full));
	for (size_t size = 1; size < strlen(full) + 2; size++) {
		char *exact = malloc(size);

		trace_format(&k->r[0], exact, size);
		assert_int_equal(strlen(exact), MIN(size - 1, strlen(full)));
		assert_memory_equal(exact, full, strlen(exact));
		free(exact);
	}
	trace_free(t);
	free(k);
}

static void text_of_the_guest_cannot_drive_the_terminal(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	char buf[256];

	trace_add_sink(t, &k->sink);
	trace_cmdline_text_panic(t, "a\nb\033[2J\177\xc3\xa4");
	assert_string_equal(
		trace_format(&k->r[0], buf, sizeof(buf)), "console text says panic: a\\x0ab\\x1b[2J\\x7f\xc3\xa4");
	/* An escape is whole or not there. */
	for (size_t size = 1; size < sizeof(buf); size++) {
		size_t n = strlen(trace_format(&k->r[0], buf, size));

		assert_true(n < size);
		assert_null(strchr(buf, '\n'));
		assert_true(n < 4 || (buf[n - 1] != '\\' && strcmp(buf + n - 2, "\\x")));
	}
	trace_free(t);
	free(k);
}

static void levels_choose_the_sink(void **state)
{
	struct trace *t = new_trace();
	struct keep *error = keep_new(TRACE_ERROR), *debug = keep_new(TRACE_DEBUG);

	trace_add_sink(t, &error->sink);
	assert_true(t->on[TRACE_EV_host_failed]);
	assert_false(t->on[TRACE_EV_console_lost]);
	trace_add_sink(t, &debug->sink);
	assert_true(t->on[TRACE_EV_console_lost]);
	assert_false(t->on[TRACE_EV_running]);
	trace_host_failed(t, "x");
	trace_console_lost(t, 3, "y");
	trace_running(t);
	assert_int_equal(error->nr, 1);
	assert_int_equal(debug->nr, 2);
	trace_free(t);
	free(error);
	free(debug);
}

static void guest_events_are_rate_limited(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_DEBUG);
	uint64_t start = trace_now_ns();
	size_t passed;

	trace_add_sink(t, &k->sink);
	for (int i = 0; i < 500; i++)
		trace_pio_unclaimed(t, 0x80, 1, "write");
	/* Ten a second; a slow machine may have entered the next second meanwhile. */
	passed = k->nr;
	assert_in_range(passed, 10, 10 * (1 + (trace_now_ns() - start) / NSEC_PER_SEC));
	/* Another event has a budget of its own, and our own events have no limit. */
	trace_mmio_unclaimed(t, 0xd0000000, 4, "read");
	for (int i = 0; i < 100; i++)
		trace_console_lost(t, 1, "x");
	assert_int_equal(k->nr, passed + 101);

	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 10000000}, NULL);
	trace_pio_unclaimed(t, 0x80, 1, "write");
	assert_int_equal(k->nr, passed + 102);
	assert_int_equal(k->r[k->nr - 1].suppressed + passed, 500);
	/* A query from outside returns the sum, and changes nothing. */
	assert_int_equal(trace_suppressed(t, TRACE_EV_pio_unclaimed), 500 - passed);
	assert_int_equal(trace_suppressed(t, TRACE_EV_mmio_unclaimed), 0);
	trace_pio_unclaimed(t, 0x80, 1, "write");
	assert_int_equal(k->r[k->nr - 1].suppressed, 0);
	trace_free(t);
	free(k);
}

static void *emit_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		trace_vcpu_creating(arg, (uint64_t)i);
	return NULL;
}

static void full_ring_keeps_the_oldest_and_counts_the_rest(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	pthread_t thread;
	size_t ring;

	trace_add_sink(t, &k->sink);
	assert_int_equal(pthread_create(&thread, NULL, emit_many, t), 0);
	pthread_join(thread, NULL);
	/* Another thread's events wait for the owner, who learns of them by the fd. */
	assert_int_equal(k->nr, 0);
	assert_int_equal(poll(&(struct pollfd){.fd = trace_fd(t), .events = POLLIN}, 1, 0), 1);
	trace_drain(t);
	assert_int_equal(poll(&(struct pollfd){.fd = trace_fd(t), .events = POLLIN}, 1, 0), 0);
	ring = k->nr;
	assert_in_range(ring, 64, 999);
	for (size_t i = 0; i < ring; i++)
		assert_int_equal(k->r[i].arg[0], i);
	trace_vcpu_creating(t, 7);
	assert_int_equal(k->nr, ring + 1);
	assert_int_equal(k->r[ring].suppressed, 1000 - ring);
	trace_free(t);
	free(k);
}

/* The owner drains while others emit: nothing is lost that is not counted, and each thread's order is kept. */
static void threads_at_once(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	pthread_t thread[4];
	uint64_t seen = 0, told = 0;

	trace_add_sink(t, &k->sink);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, emit_many, t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++) {
		while (pthread_tryjoin_np(thread[i], NULL) == EBUSY) {
			trace_drain(t);
			for (size_t j = 1; j < k->nr; j++)
				assert_true(k->r[j].tid != k->r[j - 1].tid || k->r[j].arg[0] > k->r[j - 1].arg[0]);
			for (size_t j = 0; j < k->nr; j++)
				told += 1 + k->r[j].suppressed;
			seen += k->nr;
			k->nr = 0;
		}
	}
	trace_drain(t);
	trace_vcpu_creating(t, 0);
	for (size_t j = 0; j < k->nr; j++)
		told += 1 + k->r[j].suppressed;
	assert_int_equal(told, 4 * 1000 + 1);
	assert_true(seen + k->nr > 0);
	trace_free(t);
	free(k);
}

static void event_of_a_sink_waits_its_turn(void **state)
{
	struct trace *t = new_trace();
	struct keep *a = keep_new(TRACE_TRACE), *b = keep_new(TRACE_TRACE);

	trace_add_sink(t, &a->sink);
	trace_add_sink(t, &b->sink);
	a->emit_from = t;
	b->emit_from = t;
	trace_starting(t);
	assert_int_equal(a->nr, 3);
	assert_int_equal(b->nr, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(a->r[i].event, i ? TRACE_EV_running : TRACE_EV_starting);
		assert_int_equal(b->r[i].event, a->r[i].event);
	}
	trace_free(t);
	free(a);
	free(b);
}

static void free_drains(void **state)
{
	struct trace *t = new_trace();
	struct keep *k = keep_new(TRACE_TRACE);
	pthread_t thread;

	trace_add_sink(t, &k->sink);
	assert_int_equal(pthread_create(&thread, NULL, emit_many, t), 0);
	pthread_join(thread, NULL);
	trace_free(t);
	assert_true(k->nr > 0);
	free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(null_and_unheard_traces_are_silent),
		cmocka_unit_test(arguments_arrive),
		cmocka_unit_test(strings_are_cut_and_never_overrun),
		cmocka_unit_test(text_of_the_guest_cannot_drive_the_terminal),
		cmocka_unit_test(levels_choose_the_sink),
		cmocka_unit_test(guest_events_are_rate_limited),
		cmocka_unit_test(full_ring_keeps_the_oldest_and_counts_the_rest),
		cmocka_unit_test(threads_at_once),
		cmocka_unit_test(event_of_a_sink_waits_its_turn),
		cmocka_unit_test(free_drains),
	};

	return run_group(tests);
}
