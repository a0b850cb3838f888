// SPDX-License-Identifier: Apache-2.0
/*
 * Output that comes at the worst moment: the loop's thread has found the ring empty and not yet said that it will not
 * come by itself. The linker puts the test in front of what that thread calls in between, and there the guest prints.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "tests/unit/console/rig.h"
#include "vmm/base/loop.h"

void __real_loop_remove(struct loop_source *s);
void __wrap_loop_remove(struct loop_source *s);
int __real_loop_timer_set(struct loop_timer *t, uint64_t first_ns, uint64_t period_ns);
int __wrap_loop_timer_set(struct loop_timer *t, uint64_t first_ns, uint64_t period_ns);

static struct rig rig;
static _Atomic unsigned removes, prints; /* prints: how many are left */
static _Atomic int keyboard = -1;        /* keys typed while a batch waits, which then waits for ever */

static void guest_prints(void)
{
	assert_int_equal(rig.host->tx(rig.host, (const uint8_t *)"r", 1), 1);
}

/* The loop stops watching for room in the output: after text was written, and again when there was none. */
void __wrap_loop_remove(struct loop_source *s)
{
	__real_loop_remove(s);
	if (!prints || keyboard >= 0)
		return;
	if (removes++ % 2) {
		prints--;
		guest_prints();
	}
}

int __wrap_loop_timer_set(struct loop_timer *t, uint64_t first_ns, uint64_t period_ns)
{
	int r;

	if (!prints || keyboard < 0)
		return __real_loop_timer_set(t, first_ns, period_ns);
	if (first_ns) {
		assert_int_equal(write(keyboard, "k", 1), 1);
		return __real_loop_timer_set(t, UINT64_C(3600) * NSEC_PER_SEC, 0);
	}
	r = __real_loop_timer_set(t, 0, 0);
	prints--;
	guest_prints();
	return r;
}

static void output_that_comes_when_the_ring_was_found_empty(void **state)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	rig_stdio(&rig, -1, p[1]);
	rig_send(&rig, "begin ", 6);
	expect_read(p[0], "begin ");
	sleep_ms(20);
	removes = 0;
	prints = 5;
	rig_send(&rig, "x", 1);
	expect_read(p[0], "xrrrrr");
	rig_stop(&rig);
	assert_int_equal(prints, 0);
	rig_close(&rig);
	close(p[0]);
	close(p[1]);
}

/* Input ends the wait for more output: what came meanwhile is written at once. */
static void output_that_comes_when_a_batch_is_given_up(void **state)
{
	int out[2], in[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	rig_stdio(&rig, in[0], out[1]);
	sleep_ms(20);
	keyboard = in[1];
	prints = 1;
	rig_send(&rig, "x", 1);
	expect_read(out[0], "xr");
	rig_stop(&rig);
	keyboard = -1;
	assert_int_equal(prints, 0);
	rig_expect_input(&rig, "k");
	rig_close(&rig);
	for (unsigned i = 0; i < 2; i++) {
		close(out[i]);
		close(in[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_that_comes_when_the_ring_was_found_empty),
		cmocka_unit_test(output_that_comes_when_a_batch_is_given_up),
	};

	return run_group(tests);
}
