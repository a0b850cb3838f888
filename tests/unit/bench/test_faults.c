// SPDX-License-Identifier: Apache-2.0
/*
 * Every call to the host that the benchmarks of small guests make fails in turn, once: it is reported in words, as an
 * error, as the limit that ended a table, or as a row that cannot run; and nothing is left behind.
 */
#define TEST_SECONDS 100 /* hundreds of machines */

#include <errno.h>
#include <string.h>

#include "tests/support/kvm_fault.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/units.h"
#include "vmm/bench/exit_costs.h"
#include "vmm/bench/lifecycle.h"

#define OWN_BYTES (256 * KIB)

static struct kvm kvm = {.fd = -1};
/* Of the last run: a message about incomplete results that are not an error. */
static struct err told;

/*
 * Questions that have a default, KVM's own count, without which the rows have one proof less, and advice that kernels
 * before 5.14 do not know.
 */
static bool may_be_survived(const char *hit)
{
	return !strcmp(hit, "ioctl KVM_CHECK_EXTENSION") || !strcmp(hit, "ioctl (other)") || !strcmp(hit, "pread") ||
		!strcmp(hit, "madvise MADV_POPULATE_WRITE");
}

/* A row of exits that does not run to its end with one clock is run with the other. */
static bool with_another_clock(const char *hit)
{
	return !strcmp(hit, "ioctl KVM_RUN") || !strcmp(hit, "ioctl KVM_GET_REGS") || !strcmp(hit, "pthread_create");
}

/* If a run is incomplete without an error, there is a message in `told`. */
static bool may_end_well(const char *hit, int code)
{
	return strlen(told.text) >= 10 || may_be_survived(hit);
}

static bool a_row_may_end_well(const char *hit, int code)
{
	return may_end_well(hit, code) || with_another_clock(hit);
}

static void each_call_fails(const char *name, int (*run)(struct err *e), bool (*survives)(const char *hit, int code))
{
	const struct fault_path path = {.name = name, .run = run, .survives = survives};
	struct err e = {0};

	assert_int_equal(run(&e), 0);
	assert_string_equal(told.text, "");
	fault_each_call(&path);
}

static int cycles(struct err *e)
{
	struct lifecycle_pair pair;

	told.text[0] = '\0';
	return lifecycle_cycles(&kvm, OWN_BYTES, 1, &pair, e);
}

static void a_cycle(void **state)
{
	each_call_fails("cycle", cycles, may_end_well);
}

static void no_row(const struct lifecycle_row *row, void *arg)
{
}

static unsigned alive;

static int two_alive(struct err *e)
{
	uint64_t close_ns;

	told.text[0] = '\0';
	return lifecycle_alive(&kvm, 2, 1000, no_row, NULL, &alive, &told, &close_ns, e);
}

static void guests_alive(void **state)
{
	each_call_fails("alive", two_alive, may_end_well);
}

/* The second guest meets a limit: which, and that the first one counts. */
static void limits_are_told(void **state)
{
	static const struct {
		int code;
		const char *words;
	} cases[] = {
		{EMFILE, " open files, and a guest takes two (KVM_CREATE_VM"},
		{ENFILE, "the host has no more open files than that (KVM_CREATE_VM"},
		{ENOMEM, "no more memory or mappings than that (KVM_CREATE_VM"},
		{EAGAIN, "no more threads than that (KVM_CREATE_VM"},
		{ENOSPC, "no more of what KVM has for 1 guests (KVM_CREATE_VM"},
	};

	struct err e = {0};
	unsigned nth = 1, seen = 0;

	/* Which call is the second KVM_CREATE_VM? */
	for (;; nth++) {
		fault_arm(nth, 0);
		two_alive(&e);
		fault_disarm();
		assert_non_null(fault_hit());
		if (!strcmp(fault_hit(), "ioctl KVM_CREATE_VM") && ++seen == 2)
			break;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fault_arm(nth, cases[i].code);
		assert_int_equal(two_alive(&e), 0);
		fault_disarm();
		assert_string_equal(fault_hit(), "ioctl KVM_CREATE_VM");
		assert_int_equal(alive, 1);
		if (!strstr(told.text, cases[i].words))
			fail_msg("\"%s\" is not in \"%s\"", cases[i].words, told.text);
	}
}

static enum lifecycle_reset how;

static int rounds(struct err *e)
{
	struct lifecycle_pair pair;
	int r = lifecycle_rounds(&kvm, how, OWN_BYTES, 2, 1, &pair, e);

	told.text[0] = '\0';
	return r;
}

static void rounds_with_a_reset(void **state)
{
	struct lifecycle_pair pair;
	struct err e = {0};

	/* The others make fewer calls, and none that these do not make but for madvise(). */
	for (how = RESET_DIRTY; how <= RESET_RING; how++) {
		int r = lifecycle_rounds(&kvm, how, OWN_BYTES, 2, 1, &pair, &e);

		if (how == RESET_RING && r == -EOPNOTSUPP)
			continue;
		assert_int_equal(r, 0);
		each_call_fails("rounds", rounds, may_end_well);
	}
}

/* OUT, and both rows with an interrupt: the last two. */
static int paths(struct err *e)
{
	struct exit_costs *x = NULL;
	struct exit_costs_row row;
	int r = exit_costs_open(&kvm, &x, e);

	told.text[0] = '\0';
	for (unsigned i = 0; r == 0 && i < exit_costs_rows(); i++) {
		if (i != 5 && i + 2 < exit_costs_rows())
			continue;
		r = exit_costs_measure(x, i, 2, 5, &row, e);
		if (r == 0 && row.state != EXIT_COSTS_OK)
			told = row.words;
	}
	exit_costs_close(x);
	return r;
}

static void rows_of_exits(void **state)
{
	each_call_fails("exits", paths, a_row_may_end_well);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cycle),
		cmocka_unit_test(guests_alive),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(rounds_with_a_reset),
		cmocka_unit_test(rows_of_exits),
	};

	return run_with_kvm(&kvm, tests);
}
