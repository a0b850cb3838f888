// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/report/phases.h"

/* Events by hand: name, when, CPU time. */
static void add(struct recorder *r, enum trace_event ev, uint64_t t_ns, uint64_t cpu_ns)
{
	const struct trace_record rec = {.event = ev, .t_ns = t_ns, .cpu_ns = cpu_ns};

	r->sink.record(&r->sink, &rec);
}

/* What must hold whatever the events were. */
static void check_whole(const struct phases *p, uint64_t end_ns)
{
	uint64_t at = 0;

	for (size_t i = 0; i < p->nr; i++) {
		assert_int_equal(p->phase[i].start_ns, at);
		assert_true(p->phase[i].end_ns >= at);
		assert_true(p->phase[i].label[0]);
		at = p->phase[i].end_ns;
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(p->phase[i].name, p->phase[k].name);
	}
	assert_int_equal(at, end_ns);
}

static void phases_follow_without_a_gap(void **state)
{
	struct recorder r;
	struct phases p;

	assert_int_equal(recorder_init(&r), 0);
	add(&r, TRACE_EV_start, 5, 1000);
	add(&r, TRACE_EV_config_ready, 100, 1090);
	add(&r, TRACE_EV_slow_ioctl, 150, 1100);
	add(&r, TRACE_EV_kvm_opened, 300, 1190);
	add(&r, TRACE_EV_vcpu_configured, 400, 1200);
	add(&r, TRACE_EV_vcpu_configured, 500, 1210);
	add(&r, TRACE_EV_first_run, 600, 1300);
	add(&r, TRACE_EV_banner, 900, 1500);
	add(&r, TRACE_EV_banner, 950, 1550);
	add(&r, TRACE_EV_torn_down, 1000, 1600);
	phases_of(&r, &p);
	check_whole(&p, 1000);
	assert_int_equal(p.nr, 6);
	assert_string_equal(p.phase[0].name, "config_ready");
	assert_int_equal(p.phase[0].cpu_ns, 90);
	assert_string_equal(p.phase[1].name, "kvm_opened");
	assert_int_equal(p.phase[1].end_ns, 300);
	assert_int_equal(p.phase[1].group, PHASE_SETUP);
	assert_string_equal(p.phase[2].name, "vcpu_configured");
	assert_int_equal(p.phase[2].end_ns, 500);
	assert_string_equal(p.phase[4].name, "banner");
	assert_int_equal(p.phase[4].group, PHASE_GUEST);
	assert_int_equal(p.phase[4].end_ns, 900);
	assert_int_equal(p.phase[5].group, PHASE_END);
	recorder_destroy(&r);
}

static void events_told_late_are_put_in_order(void **state)
{
	struct recorder r;
	struct phases p;

	recorder_init(&r);
	add(&r, TRACE_EV_start, 0, 10);
	add(&r, TRACE_EV_first_run, 100, 20);
	add(&r, TRACE_EV_mark, 400, 30);
	/* Told at 450 with the CPU time of then, dated to 300. */
	add(&r, TRACE_EV_kernel_done, 300, 35);
	add(&r, TRACE_EV_stopping, 500, 40);
	recorder_sort(&r);
	assert_int_equal(r.record[2].event, TRACE_EV_kernel_done);
	assert_int_equal(r.record[3].event, TRACE_EV_mark);
	phases_of(&r, &p);
	check_whole(&p, 500);
	assert_int_equal(p.phase[0].cpu_ns + p.phase[1].cpu_ns + p.phase[2].cpu_ns, 30);
	assert_string_equal(trace_defs[recorder_find(&r, TRACE_EV_mark)->event].name, "mark");
	assert_null(recorder_find(&r, TRACE_EV_banner));
	recorder_destroy(&r);
}

static void nothing_gives_nothing(void **state)
{
	struct recorder r;
	struct phases p;

	recorder_init(&r);
	recorder_sort(&r);
	phases_of(&r, &p);
	assert_int_equal(p.nr, 0);
	recorder_destroy(&r);
}

static void a_recorder_has_an_end(void **state)
{
	struct recorder r;

	recorder_init(&r);
	for (unsigned i = 0; i < RECORDER_MAX + 7; i++)
		add(&r, TRACE_EV_initcall, i, 0);
	assert_int_equal(r.nr, RECORDER_MAX);
	assert_int_equal(r.lost, 7);
	recorder_destroy(&r);
}

static void stages_of_the_sandbox_have_phases_of_their_own(void **state)
{
	struct trace_record stage = {.event = TRACE_EV_sandbox_stage};
	struct recorder r;
	struct phases p;

	assert_int_equal(recorder_init(&r), 0);
	add(&r, TRACE_EV_config_ready, 100, 0);
	/* EARLY was over before; BUILD only begins; LOCK is reported by two threads. */
	static const struct {
		const char *name;
		uint64_t took, t;
	} stages[] = {{"early", 90, 105}, {"confine", 50, 160}, {"build", 0, 170}, {"lock", 5, 180}, {"lock", 6, 190}};
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		stage.arg[1] = stages[i].took;
		stage.t_ns = stages[i].t;
		strcpy(stage.strings, stages[i].name);
		r.sink.record(&r.sink, &stage);
	}
	add(&r, TRACE_EV_first_run, 200, 0);
	phases_of(&r, &p);
	check_whole(&p, 200);
	assert_int_equal(p.nr, 4);
	assert_string_equal(p.phase[1].name, "sandbox_confine");
	assert_string_equal(p.phase[1].label, "sandbox: confine");
	assert_string_equal(p.phase[2].name, "sandbox_lock");
	assert_int_equal(p.phase[2].end_ns, 180);
	recorder_destroy(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_follow_without_a_gap),
		cmocka_unit_test(events_told_late_are_put_in_order),
		cmocka_unit_test(stages_of_the_sandbox_have_phases_of_their_own),
		cmocka_unit_test(nothing_gives_nothing),
		cmocka_unit_test(a_recorder_has_an_end),
	};

	return run_group(tests);
}
