// SPDX-License-Identifier: Apache-2.0
/*
 * The proofs of `vmm bench exits`: a row that took another path says so, whichever of its witnesses shows it, and its
 * samples are those that the guest wrote. The guests are the real ones; what KVM says of them is bent here.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/with_kvm.h"
#include "vmm/bench/exit_costs_internal.h"
#include "vmm/kvm/stats.h"

#define ITERATIONS 20
#define WARMUP     5

/* Rows of exit_costs_guest.c */
enum { NOTHING = 0, CPUID = 1, OUT = 5 };
#define BY_THREAD (exit_costs_rows() - 1)

/**
 * struct bent - what is bent while the row is timed
 * @returns: by how much the number of returns of KVM_RUN is changed; -1: one return less
 * @exits: by how much KVM's counter grows; -1: it cannot be read
 * @traced: and the tracepoint's
 * @kicks: more than the guest sends
 * @what: each step ends so, with the number @error; VCPU_PIO: as the guest wants
 * @fails: each step fails so
 */
static struct bent {
	int returns;
	int64_t exits;
	int64_t traced;
	uint64_t kicks;
	enum vcpu_event what;
	uint64_t error;
	int fails;
} bent;

static struct kvm kvm = {.fd = -1};
static unsigned entered;    /* how often the guest has been set up: the second time it is timed */
static unsigned asked;      /* how often KVM's counter has been read */
static int tracepoint = -1; /* the file in place of the kernel's counter */
static int kick = -1;       /* the last eventfd: the one that wakes the thread */

/* --- What KVM says ------------------------------------------------------------------------------------------------ */

int __real_exit_costs_enter(struct vm *vm, const struct path *p, unsigned clock, unsigned iterations, struct err *e);
int __wrap_exit_costs_enter(struct vm *vm, const struct path *p, unsigned clock, unsigned iterations, struct err *e);
int __real_vcpu_step(struct vcpu *v, struct vcpu_exit *ret);
int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret);
int __wrap_kvm_stats_each(
	const struct kvm_stats *s, void (*fn)(const char *name, uint64_t value, void *arg), void *arg);
int __real_gmem_read(const struct gmem *g, uint64_t gpa, void *buf, size_t len);
int __wrap_gmem_read(const struct gmem *g, uint64_t gpa, void *buf, size_t len);
const char *__wrap_kvm_hardware(void);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);

int __wrap_exit_costs_enter(struct vm *vm, const struct path *p, unsigned clock, unsigned iterations, struct err *e)
{
	entered += iterations == ITERATIONS;
	return __real_exit_costs_enter(vm, p, clock, iterations, e);
}

int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret)
{
	int r;

	if (entered && bent.kicks) {
		assert_int_equal(write(kick, &bent.kicks, sizeof(bent.kicks)), sizeof(bent.kicks));
		bent.kicks = 0;
	}
	if (entered && bent.returns > 0) {
		bent.returns--;
		*ret = (struct vcpu_exit){.what = VCPU_PIO};
		return 0;
	}
	if (entered && (bent.what != VCPU_PIO || bent.fails)) {
		*ret = (struct vcpu_exit){.what = bent.what, .error = bent.error};
		return bent.fails;
	}
	r = __real_vcpu_step(v, ret);
	if (entered && bent.returns < 0 && r == 0 && ret->what == VCPU_PIO) {
		bent.returns++;
		return __real_vcpu_step(v, ret);
	}
	return r;
}

int __wrap_kvm_stats_each(const struct kvm_stats *s, void (*fn)(const char *name, uint64_t value, void *arg), void *arg)
{
	if (bent.exits < 0)
		return -EIO;
	fn("mmio_exits", 999999, arg);
	fn("exits", asked++ ? 1000 + (uint64_t)bent.exits : 1000, arg);
	fn("halt_exits", 999999, arg);
	return 0;
}

/* The guest's samples: 100, 101 and so on. */
int __wrap_gmem_read(const struct gmem *g, uint64_t gpa, void *buf, size_t len)
{
	int r = __real_gmem_read(g, gpa, buf, len);

	for (uint32_t i = 0; gpa == AT_SAMPLES && i < len / sizeof(i); i++) {
		uint32_t sample, mine = 100 + i;

		memcpy(&sample, (uint8_t *)buf + i * sizeof(i), sizeof(sample));
		assert_int_not_equal(sample, 0);
		memcpy((uint8_t *)buf + i * sizeof(i), &mine, sizeof(mine));
	}
	return r;
}

const char *__wrap_kvm_hardware(void)
{
	return "AMD SVM";
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	static char id[] = "4711\n";

	if (!strcmp(path, "/sys/kernel/tracing/events/kvm/kvm_exit/id"))
		return fmemopen(id, sizeof(id) - 1, "r");
	return __real_fopen64(path, mode);
}

long __wrap_syscall(long nr, ...)
{
	long arg[6];
	va_list ap;

	va_start(ap, nr);
	for (size_t i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (nr != SYS_perf_event_open)
		return __real_syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	assert_int_equal(((struct perf_event_attr *)arg[0])->config, 4711);
	tracepoint = memfd_create("tracepoint", MFD_CLOEXEC);
	return tracepoint;
}

int __wrap_eventfd(unsigned count, int flags)
{
	return kick = __real_eventfd(count, flags);
}

/* --- Rows --------------------------------------------------------------------------------------------------------- */

static void measure(unsigned index, const struct bent *how, struct exit_costs_row *row)
{
	const uint64_t counts[] = {500, 500 + (uint64_t)how->traced};
	struct exit_costs *x = NULL;
	struct err e = {0};

	bent = *how;
	entered = asked = 0;
	if (exit_costs_open(&kvm, &x, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(tracepoint >= 0);
	/* What is read there, first before the row, then after it. */
	assert_int_equal(pwrite(tracepoint, counts, how->traced < 0 ? 0 : sizeof(counts), 0),
		how->traced < 0 ? 0 : sizeof(counts));
	if (exit_costs_measure(x, index, WARMUP, ITERATIONS, row, &e) < 0)
		fail_msg("%s", e.text);
	exit_costs_close(x);
}

static void a_row_on_another_path_says_so(void **state)
{
	const struct {
		unsigned row;
		struct bent bent;
		const char *words; /* NULL: on its own */
	} cases[] = {
		{OUT, {.exits = 20, .traced = 20}, NULL},
		{OUT, {.exits = -1, .traced = -1}, NULL},
		{OUT, {.exits = 20, .traced = 20, .returns = 1}, "KVM_RUN returned 21 times and not 20"},
		{OUT, {.exits = 20, .traced = 20, .returns = -1}, "KVM_RUN returned 19 times and not 20"},
		{OUT, {.exits = 19, .traced = 20}, "KVM counted 19 exits in 20 iterations: it emulates"},
		{OUT, {.exits = 20, .traced = 19}, "kvm:kvm_exit was passed 19 times in 20 iterations"},
		{CPUID, {.exits = 20, .traced = 20}, NULL},
		{CPUID, {.exits = 20, .traced = 20, .returns = 1}, "KVM_RUN returned 1 times and not 0"},
		{CPUID, {.exits = 0, .traced = 20}, "KVM counted 0 exits in 20 iterations"},
		{CPUID, {.exits = 21, .traced = 0}, "kvm:kvm_exit was passed 0 times in 20 iterations"},
		{NOTHING, {.exits = 0, .traced = 0}, NULL},
		{NOTHING, {.exits = 0, .traced = 19}, NULL},
		{NOTHING, {.exits = 0, .traced = 20}, "passed 20 times, and nothing should leave the guest"},
		{NOTHING, {.exits = 0, .traced = 0, .returns = 1}, "KVM_RUN returned 1 times and not 0"},
		{BY_THREAD, {.exits = 40, .traced = 40}, NULL},
		{BY_THREAD, {.exits = 40, .traced = 40, .kicks = 2}, "the thread was woken 22 times and not 20"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exit_costs_row row;

		measure(cases[i].row, &cases[i].bent, &row);
		if (!cases[i].words && row.state != EXIT_COSTS_OK)
			fail_msg("case %zu: %s", i, row.words.text);
		if (cases[i].words && (row.state != EXIT_COSTS_OTHER_PATH || !strstr(row.words.text, cases[i].words)))
			fail_msg("case %zu: state %d, '%s' is not in '%s'", i, (int)row.state, cases[i].words,
				row.words.text);
		assert_true(cases[i].bent.exits < 0 ? row.kvm_exits == -1 : row.kvm_exits == cases[i].bent.exits);
		assert_true(cases[i].bent.traced < 0 ? row.traced == -1 : row.traced == cases[i].bent.traced);
	}
}

/* A row that KVM does not run to its end has no numbers, and says why. */
static void a_row_that_cannot_run_says_why(void **state)
{
	static const struct {
		struct bent bent;
		const char *words;
	} cases[] = {
		{{.what = VCPU_INTERNAL_ERROR, .error = 4}, "internal error, suberror 4"},
		{{.what = VCPU_TRIPLE_FAULT}, "the guest ended: triple fault"},
		{{.what = VCPU_SYSTEM_EVENT}, "the guest ended: for an unexpected reason"},
		{{.fails = -EFAULT}, "KVM_RUN"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exit_costs_row row;

		measure(OUT, &cases[i].bent, &row);
		if (row.state != EXIT_COSTS_CANNOT || !strstr(row.words.text, cases[i].words))
			fail_msg("case %zu: state %d, '%s'", i, (int)row.state, row.words.text);
	}
}

static void samples_are_the_guests(void **state)
{
	struct exit_costs_row row;
	size_t nr;

	measure(OUT, &(struct bent){.exits = 20, .traced = 20}, &row);
	nr = row.histogram.above;
	assert_int_equal(row.cycles.nr, ITERATIONS);
	assert_true(row.cycles.min == 100 && row.cycles.max == 119 && row.cycles.median == 109.5);
	for (unsigned i = 0; i < row.histogram.nr; i++)
		nr += row.histogram.count[i];
	assert_int_equal(nr, ITERATIONS);
	assert_true(row.histogram.nr > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_on_another_path_says_so),
		cmocka_unit_test(a_row_that_cannot_run_says_why),
		cmocka_unit_test(samples_are_the_guests),
	};

	return run_with_kvm(&kvm, tests);
}
