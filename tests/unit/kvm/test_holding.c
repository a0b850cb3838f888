// SPDX-License-Identifier: Apache-2.0
/*
 * vmm/kvm/holding.h with a device that is late, and a clock that can be moved on. What CPUs do is test_vcpu_thread.c's.
 */
#include "tests/support/unit.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"
#include "vmm/kvm/holding.h"

/* How far the clock is ahead of the real one. */
static uint64_t ahead_ns;

uint64_t __real_trace_now_ns(void);
uint64_t __wrap_trace_now_ns(void);

uint64_t __wrap_trace_now_ns(void)
{
	return __real_trace_now_ns() + ahead_ns;
}

/**
 * struct rig - a guest without CPUs, with a device that is late
 * @looks: how often it was asked; @late_looks: how often it says that it is late; @late_until_ns: and until when
 * @jump_ns: the clock moves on by so much with each of these
 * @log: the functions that were called, a letter each
 */
struct rig {
	struct crew crew;
	struct loop *loop;
	struct holding holding;
	struct hold first, second;
	unsigned looks, late_looks;
	uint64_t late_until_ns, jump_ns;
	uint64_t stopped_ns;
	char log[32];
};

static void note(struct rig *r, char what)
{
	size_t n = strlen(r->log);

	assert_true(n < sizeof(r->log) - 1);
	r->log[n] = what;
}

static struct rig *rig_of(struct holding *g)
{
	return container_of(g, struct rig, holding);
}

static const char *late(struct holding *g)
{
	struct rig *r = rig_of(g);

	if (++r->looks <= r->late_looks || trace_now_ns() < r->late_until_ns) {
		ahead_ns += r->jump_ns;
		return "disk";
	}
	return NULL;
}

static const char *name(struct vcpu_thread *t)
{
	return t->name;
}

static void stopped(struct holding *g)
{
	note(rig_of(g), 'S');
}

static void refused(struct holding *g, const char *who)
{
	assert_string_equal(who, "disk");
	note(rig_of(g), 'R');
}

static void goes_on(struct holding *g, uint64_t stopped_ns)
{
	struct rig *r = rig_of(g);

	/* The gate's hold and ours: the crew is still held. */
	assert_int_equal(r->crew.holds, 2);
	r->stopped_ns = stopped_ns;
	note(r, 'G');
}

static const struct holding_ops ops = {
	.late = late, .name = name, .stopped = stopped, .refused = refused, .goes_on = goes_on};

static void first_held(struct hold *h)
{
	struct rig *r = container_of(h, struct rig, first);

	note(r, '1');
	loop_stop(r->loop);
}

static void first_refused(struct hold *h, const char *who)
{
	struct rig *r = container_of(h, struct rig, first);

	assert_false(h->on);
	assert_string_equal(who, "disk");
	note(r, 'x');
	loop_stop(r->loop);
}

static void second_held(struct hold *h)
{
	note(container_of(h, struct rig, second), '2');
}

static void second_refused(struct hold *h, const char *who)
{
	note(container_of(h, struct rig, second), 'y');
}

static const struct crew_ops no_threads = {.stack_size = 0};

static void up(struct rig *r)
{
	*r = (struct rig){.first = {.held = first_held, .refused = first_refused},
		.second = {.held = second_held, .refused = second_refused}};
	crew_init(&r->crew, &no_threads);
	assert_int_equal(loop_new(&r->loop), 0);
	assert_int_equal(holding_init(&r->holding, &ops, &r->crew, r->loop), 0);
}

static void down(struct rig *r)
{
	holding_destroy(&r->holding);
	loop_free(r->loop);
	crew_destroy(&r->crew);
}

static void who_is_late_is_waited_for_and_no_longer(void **state)
{
	struct rig r;
	uint64_t before = trace_now_ns();

	up(&r);
	r.late_until_ns = before + 30 * NSEC_PER_MSEC;
	holding_ask(&r.holding, &r.first);
	assert_string_equal(r.log, "");
	assert_int_equal(r.holding.state, HOLDING_ASKED);
	assert_int_equal(loop_run(r.loop), 0);
	assert_string_equal(r.log, "S1");
	assert_true(r.holding.held_ns >= r.late_until_ns);
	/* At first soon, then once a millisecond. */
	assert_in_range(r.looks, 2, 40);
	holding_release(&r.holding, &r.first);
	assert_string_equal(r.log, "S1G");
	assert_true(r.stopped_ns > 0);
	assert_int_equal(r.crew.holds, 1);
	assert_int_equal(r.holding.state, HOLDING_NONE);
	down(&r);
}

static void after_five_seconds_it_is_refused_and_the_guest_goes_on(void **state)
{
	struct rig r;

	up(&r);
	r.late_looks = UINT32_MAX;
	r.jump_ns = 600 * NSEC_PER_MSEC;
	holding_ask(&r.holding, &r.first);
	holding_ask(&r.holding, &r.second);
	assert_int_equal(loop_run(r.loop), 0);
	/* The guest continues first; then everyone who asked is notified. */
	assert_int_equal(strncmp(r.log, "GR", 2), 0);
	assert_non_null(strchr(r.log, 'x'));
	assert_non_null(strchr(r.log, 'y'));
	assert_int_equal(strlen(r.log), 4);
	assert_int_equal(r.stopped_ns, 0);
	assert_false(r.first.on || r.second.on);
	assert_int_equal(r.crew.holds, 1);
	/* 0.6 s a look: at the tenth 5 s are over, or one or two sooner where the machine is slow. */
	assert_in_range(r.looks, 8, 10);

	/* And the next one may succeed. */
	r.late_looks = 0;
	memset(r.log, 0, sizeof(r.log));
	holding_ask(&r.holding, &r.first);
	assert_string_equal(r.log, "S1");
	holding_release(&r.holding, &r.first);
	down(&r);
}

static void several_hold_it_and_the_last_one_lets_it_go_on(void **state)
{
	struct rig r;

	up(&r);
	holding_ask(&r.holding, &r.first);
	holding_ask(&r.holding, &r.first);
	holding_ask(&r.holding, &r.second);
	assert_string_equal(r.log, "S12");
	holding_release(&r.holding, &r.first);
	holding_release(&r.holding, &r.first);
	assert_string_equal(r.log, "S12");
	assert_int_equal(r.crew.holds, 2);
	holding_release(&r.holding, &r.second);
	assert_string_equal(r.log, "S12G");
	assert_int_equal(r.crew.holds, 1);
	down(&r);
}

static void one_that_is_taken_back_before_all_stood_still_was_no_pause(void **state)
{
	struct rig r;

	up(&r);
	r.late_looks = UINT32_MAX;
	holding_ask(&r.holding, &r.first);
	holding_release(&r.holding, &r.first);
	assert_string_equal(r.log, "G");
	assert_int_equal(r.stopped_ns, 0);
	assert_int_equal(r.crew.holds, 1);
	down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_late_is_waited_for_and_no_longer),
		cmocka_unit_test(after_five_seconds_it_is_refused_and_the_guest_goes_on),
		cmocka_unit_test(several_hold_it_and_the_last_one_lets_it_go_on),
		cmocka_unit_test(one_that_is_taken_back_before_all_stood_still_was_no_pause),
	};

	return run_group(tests);
}
