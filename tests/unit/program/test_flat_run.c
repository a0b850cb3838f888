// SPDX-License-Identifier: Apache-2.0
/*
 * The run of flat programs of a few instructions: what each printed, which verdict it has, that none starts without its
 * filter, and that one that waits for a key costs nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "security/sandbox.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/clock.h"
#include "vmm/program/flat_internal.h"
#include "vmm/program/flat_ports.h"

#define PROGRAMS_MAX 3

/* Real mode. Programs that end by themselves print a message first. */
static const uint8_t hlt[] = {0xb0, 'h', 0xe6, FLAT_PORT_CONSOLE, 0xf4};
static const uint8_t exit_5[] = {0xb0, 'e', 0xe6, FLAT_PORT_CONSOLE, 0xb0, 5, 0xe6, FLAT_PORT_EXIT};
static const uint8_t spin[] = {0xb0, 's', 0xe6, FLAT_PORT_CONSOLE, 0xeb, 0xfe};
/* Waits for a key, prints it, waits for the next one, prints that, and halts. */
static const uint8_t keys[] = {
	0xe4, FLAT_PORT_KEY, 0xe6, FLAT_PORT_CONSOLE, 0xe4, FLAT_PORT_KEY, 0xe6, FLAT_PORT_CONSOLE, 0xf4};

struct rig {
	char path[PROGRAMS_MAX][40];
	struct flat_source source[PROGRAMS_MAX];
	struct flat_config config;
	struct flat_stdio stdio;
	struct trace *trace;
	struct loop *loop;
	struct flat *flat;
	int keyboard;
};

/* The role whose filter cannot be installed, or -1. */
static int refused_role = -1;

int __wrap_sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds);

int __wrap_sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds)
{
	return (int)role == refused_role ? -EACCES : 0;
}

static bool no_tables;

int __real_flat_lay_out(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, const struct flat_image *img, struct entry *ret);
int __wrap_flat_lay_out(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, const struct flat_image *img, struct entry *ret);

int __wrap_flat_lay_out(
	const struct gmem *mem, uint64_t slot, uint64_t mem_bytes, const struct flat_image *img, struct entry *ret)
{
	int r = __real_flat_lay_out(mem, slot, mem_bytes, img, ret);

	return no_tables ? -EFAULT : r;
}

static void add(struct rig *r, const uint8_t *code, size_t size)
{
	unsigned i = r->config.nr++;
	int fd = memfd_create("program", MFD_CLOEXEC);

	assert_true(i < PROGRAMS_MAX);
	assert_int_equal(write(fd, code, size), size);
	snprintf(r->path[i], sizeof(r->path[i]), "/proc/self/fd/%d", fd);
	r->source[i] = (struct flat_source){.path = r->path[i],
		.wish = {.mode = ENTRY_REAL, .mode_given = true, .load = FLAT_UNSET, .entry = FLAT_UNSET}};
}

#define ADD(r, code) add(r, code, sizeof(code))

static void begin(struct rig *r)
{
	int pipe_fds[2];

	*r = (struct rig){.config = {.source = r->source, .mem_bytes = FLAT_MEM_MIN}};
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	r->keyboard = pipe_fds[1];
	r->stdio = (struct flat_stdio){.in_fd = pipe_fds[0], .out_fd = memfd_create("out", MFD_CLOEXEC)};
	assert_int_equal(trace_new(trace_now_ns(), &r->trace), 0);
	assert_int_equal(loop_new(&r->loop), 0);
}

static void build(struct rig *r)
{
	struct err e = {};

	if (flat_open(&r->config, &r->stdio, r->trace, r->loop, &r->flat, &e) < 0 || flat_build(r->flat, &e) < 0)
		fail_msg("%s", e.text);
}

static void end(struct rig *r)
{
	flat_destroy(r->flat);
	loop_free(r->loop);
	trace_free(r->trace);
	for (unsigned i = 0; i < r->config.nr; i++)
		close(atoi(r->path[i] + strlen("/proc/self/fd/")));
	close(r->stdio.in_fd);
	close(r->stdio.out_fd);
	if (r->keyboard >= 0)
		close(r->keyboard);
}

/* All of it, in any order. */
static void printed(const struct rig *r, const char *want)
{
	char text[256] = "";

	assert_true(pread(r->stdio.out_fd, text, sizeof(text) - 1, 0) >= 0);
	assert_int_equal(strlen(text), strlen(want));
	for (const char *c = want; *c; c++)
		if (!strchr(text, *c))
			fail_msg("no '%c' in \"%s\"", *c, text);
}

static void ended(const struct rig *r, unsigned i, enum outcome outcome, enum detector by, uint64_t value)
{
	struct flat_result result;

	flat_result(r->flat, i, &result);
	assert_int_equal(result.verdict.outcome, outcome);
	assert_int_equal(result.verdict.by, by);
	assert_int_equal(result.verdict.value, value);
}

static void each_has_its_verdict(void **state)
{
	struct rig r;
	struct err e = {};

	begin(&r);
	ADD(&r, hlt);
	ADD(&r, exit_5);
	ADD(&r, spin);
	r.config.deadline_ns = trace_now_ns() + 300 * NSEC_PER_MSEC;
	build(&r);
	assert_int_equal(flat_run(r.flat, &e), 0);
	ended(&r, 0, OUTCOME_POWEROFF, DETECTOR_PROGRAM, 0);
	ended(&r, 1, OUTCOME_DEBUG_EXIT, DETECTOR_DEBUG_PORT, 5);
	ended(&r, 2, OUTCOME_TIMEOUT, DETECTOR_TIMER, 0);
	assert_int_equal(flat_exit_status(r.flat), 11);
	end(&r);
}

/* What stopped them first is the reason, whatever comes after it; and its lock is free again. */
static void the_first_end_counts(void **state)
{
	struct rig r;
	struct err e = {};

	begin(&r);
	ADD(&r, spin);
	r.config.deadline_ns = trace_now_ns() + 100 * NSEC_PER_MSEC;
	build(&r);
	flat_end(r.flat, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 15);
	assert_int_equal(pthread_mutex_trylock(&r.flat->lock), 0);
	pthread_mutex_unlock(&r.flat->lock);
	flat_end(r.flat, OUTCOME_TIMEOUT, DETECTOR_TIMER, 0);
	assert_int_equal(flat_run(r.flat, &e), 0);
	ended(&r, 0, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 15);
	assert_int_equal(flat_exit_status(r.flat), 128 + 15);
	end(&r);
}

/* Nothing of any program has run. */
static void none_without_a_filter(void **state)
{
	static const enum sandbox_role roles[] = {SANDBOX_VCPU, SANDBOX_LOOP};

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		struct rig r;
		struct err e = {};

		begin(&r);
		ADD(&r, hlt);
		ADD(&r, exit_5);
		build(&r);
		refused_role = (int)roles[i];
		assert_int_equal(flat_run(r.flat, &e), -EACCES);
		refused_role = -1;
		assert_non_null(strstr(e.text, "cannot install a filter of system calls: Permission denied"));
		printed(&r, "");
		assert_int_equal(flat_exit_status(r.flat), EXIT_FAILED);
		end(&r);
	}
}

static void none_without_its_tables(void **state)
{
	struct rig r;
	struct err e = {};

	begin(&r);
	ADD(&r, hlt);
	assert_int_equal(flat_open(&r.config, &r.stdio, r.trace, r.loop, &r.flat, &e), 0);
	no_tables = true;
	assert_int_equal(flat_build(r.flat, &e), -EFAULT);
	no_tables = false;
	assert_non_null(strstr(e.text, "cannot write its tables"));
	end(&r);
}

static void *open_programs(void *arg)
{
	static struct err e;
	struct rig *r = arg;

	if (flat_open(&r->config, &r->stdio, r->trace, r->loop, &r->flat, &e) < 0 || flat_build(r->flat, &e) < 0)
		return e.text;
	return NULL;
}

/* A FIFO without a writer is refused at once. */
static void a_fifo_is_no_program(void **state)
{
	static char path[] = "/tmp/vmm-fifo.XXXXXX";
	struct timespec patience;
	pthread_t thread;
	void *text = NULL;
	struct rig r;
	int writer = -1, r1;

	begin(&r);
	assert_non_null(mkdtemp(path));
	snprintf(r.path[0], sizeof(r.path[0]), "%s/fifo", path);
	assert_int_equal(mkfifo(r.path[0], 0600), 0);
	r.config.nr = 1;
	r.source[0] = (struct flat_source){.path = r.path[0]};
	assert_int_equal(pthread_create(&thread, NULL, open_programs, &r), 0);
	clock_gettime(CLOCK_REALTIME, &patience);
	patience.tv_sec += 10;
	r1 = pthread_timedjoin_np(thread, &text, &patience);
	if (r1) {
		/* Who waits for a writer gets one, and ends. */
		writer = open(r.path[0], O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		pthread_join(thread, &text);
		close(writer);
	}
	unlink(r.path[0]);
	rmdir(path);
	r.config.nr = 0;
	end(&r);
	assert_int_equal(r1, 0);
	assert_non_null(text);
	assert_non_null(strstr(text, "is not a regular file"));
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return timespec_to_ns(ts);
}

#define WAIT_NS (400 * NSEC_PER_MSEC)

/* Types when the program has waited for a while, and records the CPU time that the process has used meanwhile. */
struct typist {
	struct loop_timer timer;
	const char *text;
	int fd;
	uint64_t cpu_ns;
	bool waited;
};

static void on_typist(struct loop_timer *t)
{
	struct typist *y = container_of(t, struct typist, timer);

	if (!y->waited) {
		y->waited = true;
		y->cpu_ns = cpu_ns();
		loop_timer_set(t, WAIT_NS, 0);
		return;
	}
	y->cpu_ns = cpu_ns() - y->cpu_ns;
	assert_int_equal(write(y->fd, y->text, strlen(y->text)), strlen(y->text));
}

static void who_waits_for_a_key_costs_nothing(void **state)
{
	struct typist y = {.text = "ab"};
	struct rig r;
	struct err e = {};

	begin(&r);
	ADD(&r, keys);
	r.config.deadline_ns = trace_now_ns() + 10 * NSEC_PER_SEC;
	build(&r);
	y.fd = r.keyboard;
	assert_int_equal(loop_timer_init(r.loop, &y.timer, on_typist), 0);
	loop_timer_set(&y.timer, 50 * NSEC_PER_MSEC, 0);
	assert_int_equal(flat_run(r.flat, &e), 0);
	loop_timer_destroy(&y.timer);
	ended(&r, 0, OUTCOME_POWEROFF, DETECTOR_PROGRAM, 0);
	printed(&r, "ab");
	/* One that asked again and again would have used all of it, or on a busy host its share. */
	assert_in_range(y.cpu_ns, 0, WAIT_NS / 20);
	end(&r);
}

/* The input ends while it waits: it gets ones. */
static void a_keyboard_that_is_gone(void **state)
{
	struct rig r;
	struct err e = {};
	char text[3] = "";

	begin(&r);
	ADD(&r, keys);
	r.config.deadline_ns = trace_now_ns() + 10 * NSEC_PER_SEC;
	build(&r);
	assert_int_equal(write(r.keyboard, "a", 1), 1);
	close(r.keyboard);
	r.keyboard = -1;
	assert_int_equal(flat_run(r.flat, &e), 0);
	ended(&r, 0, OUTCOME_POWEROFF, DETECTOR_PROGRAM, 0);
	assert_int_equal(pread(r.stdio.out_fd, text, sizeof(text), 0), 2);
	assert_memory_equal(text, "a\xff", 2);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_verdict),
		cmocka_unit_test(the_first_end_counts),
		cmocka_unit_test(a_fifo_is_no_program),
		cmocka_unit_test(none_without_a_filter),
		cmocka_unit_test(none_without_its_tables),
		cmocka_unit_test(who_waits_for_a_key_costs_nothing),
		cmocka_unit_test(a_keyboard_that_is_gone),
	};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
