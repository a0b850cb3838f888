// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench lifecycle` without guests: each measurement that fails ends it with its words, what this KVM cannot do is
 * a row that says so, and the figures in the table and in the file are those that were measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/bench/bench.h"
#include "tests/support/unit.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/outcome.h"
#include "vmm/bench/lifecycle.h"

#define COUNT 3

/* Two cycles, those that are alive, and a round for each kind of reset; each measured once, in this order. */
#define STEPS (2 + 1 + RESETS)

static unsigned step, failing; /* counted from 1; 0: none fails */
static int failure;

int __wrap_kvm_open(const char *path, struct kvm *ret, struct err *e);
void __wrap_kvm_close(struct kvm *kvm);
int __wrap_lifecycle_cycles(
	struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e);
int __wrap_lifecycle_alive(struct kvm *kvm, unsigned count, unsigned each,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e);
int __wrap_lifecycle_rounds(struct kvm *kvm, enum lifecycle_reset reset, uint64_t own_memory, unsigned count,
	unsigned rounds, struct lifecycle_pair *ret, struct err *e);

int __wrap_kvm_open(const char *path, struct kvm *ret, struct err *e)
{
	return 0;
}

void __wrap_kvm_close(struct kvm *kvm)
{
}

/* Ours is three times the floor, which is ten times the step's number. */
static int measured(struct lifecycle_pair *ret, struct err *e)
{
	double ours = 30 * ++step, floor = 10 * step;

	if (step == failing)
		return err_set(e, failure, "step %u failed", step);
	ret->who[LIFECYCLE_OURS] = stats_of(&ours, 1);
	ret->who[LIFECYCLE_FLOOR] = stats_of(&floor, 1);
	return 0;
}

int __wrap_lifecycle_cycles(
	struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e)
{
	assert_int_equal(own_memory, step ? 64 * KIB : 0);
	assert_int_equal(count, COUNT);
	return measured(ret, e);
}

int __wrap_lifecycle_alive(struct kvm *kvm, unsigned count, unsigned each,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e)
{
	struct lifecycle_row r = {.alive = each, .elapsed_ns = 1500000000, .threads = 2};
	int code = measured(&r.pair, e);

	if (code < 0)
		return code;
	row(&r, arg);
	*ret_alive = each + 1;
	*close_ns = 250000000;
	err_set(why, -EMFILE, "no more files");
	return 0;
}

int __wrap_lifecycle_rounds(struct kvm *kvm, enum lifecycle_reset reset, uint64_t own_memory, unsigned count,
	unsigned rounds, struct lifecycle_pair *ret, struct err *e)
{
	assert_int_equal(reset, step - 3);
	assert_int_equal(own_memory, 64 * KIB);
	assert_int_equal(rounds, 5);
	return measured(ret, e);
}

static void bench(struct captured *r, const char *json)
{
	char *argv[] = {(char *)"lifecycle", (char *)"--count", (char *)"3", (char *)"--mem", (char *)"64K",
		(char *)"--rounds", (char *)"5", (char *)"--alive", (char *)"2000", (char *)"--json", (char *)json,
		NULL};

	step = 0;
	captured_run(r, bench_lifecycle, json ? 11 : 9, argv);
}

static void a_step_that_fails_ends_it(void **state)
{
	static struct captured r;

	failure = -EIO;
	for (failing = 1; failing <= STEPS; failing++) {
		char words[40];

		bench(&r, NULL);
		snprintf(words, sizeof(words), "step %u failed\n", failing);
		assert_int_equal(r.status, EXIT_FAILED);
		assert_int_equal(step, failing);
		assert_non_null(strstr(r.err, words));
	}
	failing = 0;
}

static void what_this_kvm_cannot_do_is_said(void **state)
{
	static struct captured r;

	failure = -EOPNOTSUPP;
	failing = STEPS;
	bench(&r, NULL);
	failing = 0;
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "dirty pages only, by the ring\n    cannot run here: step 8 failed\n"));
	assert_non_null(strstr(r.out, "above a run without reset: clearing 30.0 us, dirty pages 90.0 us\n"));
}

static const struct json_node *at(const struct json_doc *d, const char *a, const char *b, const char *c)
{
	return json_get(d, json_get(d, json_get(d, d->node, a), b), c);
}

static void the_figures_are_those_measured(void **state)
{
	static struct captured r;
	static char text[65536];
	char path[] = "/tmp/vmm-lifecycle.XXXXXX";
	struct json_doc d;
	int fd = mkstemp(path);
	ssize_t n;

	assert_true(fd >= 0);
	bench(&r, path);
	assert_int_equal(r.status, 0);
	assert_int_equal(step, STEPS);
	close(fd);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	unlink(path);
	assert_in_range(n, 1, sizeof(text) - 2);
	assert_string_equal(text + n - 2, "}\n");
	assert_int_equal(json_read(text, (size_t)n, &d, NULL), 0);
	assert_int_equal(json_count(json_get(&d, d.node, "count")), COUNT);
	assert_int_equal(json_count(json_get(&d, json_get(&d, d.node, "alive"), "reached")), 1001);
	assert_string_equal(json_text(json_get(&d, json_get(&d, d.node, "alive"), "limit"), ""), "no more files");
	assert_true(at(&d, "create_run_close", "shared_memory", "ratio")->number == 3);
	assert_int_equal(json_count(json_get(&d, at(&d, "create_run_close", "own_memory", "ours"), "median")), 60);
	assert_int_equal(
		json_count(json_get(&d, json_get(&d, at(&d, "run_again", "dirty_ring", "round"), "ours"), "max")), 240);
	json_doc_destroy(&d);
	assert_non_null(
		strstr(r.out, "each has 64K of its own           60.0     60.0        -        -     20.0  3.00\n"));
	assert_non_null(strstr(r.out, "ended at 1001 of 2000: no more files\n"));
	assert_non_null(strstr(r.out, "closing all 1001, 64 at a time, took 0.250 s\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_that_fails_ends_it),
		cmocka_unit_test(what_this_kvm_cannot_do_is_said),
		cmocka_unit_test(the_figures_are_those_measured),
	};

	return run_group(tests);
}
