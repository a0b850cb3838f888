// SPDX-License-Identifier: Apache-2.0
/*
 * A worker whose thread hangs in a system call, as that of a disk which does not answer: a stop gives up in time, and a
 * later one succeeds.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/trace.h"
#include "vmm/base/util.h"
#include "vmm/host/worker.h"

struct stalled {
	struct loop_source source;
	int pipe[2];
	_Atomic bool inside;
};

static void hang(struct loop_source *s, uint32_t events)
{
	struct stalled *st = container_of(s, struct stalled, source);
	char c;

	st->inside = true;
	assert_int_equal(read(st->pipe[0], &c, 1), 1);
	loop_remove(s);
}

static void a_worker_that_hangs(void **state)
{
	struct stalled st = {.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = hang}};
	struct worker w;
	uint64_t begin;

	assert_int_equal(pipe(st.pipe), 0);
	assert_int_equal(worker_init(&w, "stalled", SANDBOX_DISK), 0);
	assert_int_equal(loop_add(w.loop, &st.source, EPOLLIN), 0);
	assert_int_equal(worker_start(&w, NULL), 0);
	while (!st.inside)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	begin = trace_now_ns();
	assert_false(worker_stop(&w, begin + 30 * NSEC_PER_MSEC));
	assert_in_range(trace_now_ns() - begin, 29 * NSEC_PER_MSEC, 1000 * NSEC_PER_MSEC);
	begin = trace_now_ns();
	assert_false(worker_stop(&w, 0));
	assert_in_range(trace_now_ns() - begin, 0, 20 * NSEC_PER_MSEC);
	assert_int_equal(write(st.pipe[1], "x", 1), 1);
	assert_true(worker_stop(&w, trace_now_ns() + 5000 * NSEC_PER_MSEC));
	assert_true(worker_stop(&w, 0));
	worker_destroy(&w);
	worker_destroy(NULL);
	close(st.pipe[0]);
	close(st.pipe[1]);
	close(st.source.fd);
}

static void a_worker_that_idles(void **state)
{
	struct worker w;

	assert_int_equal(worker_init(&w, "a name that is longer than the kernel likes", SANDBOX_DISK), 0);
	assert_true(worker_stop(&w, 0));
	assert_int_equal(worker_start(&w, NULL), 0);
	assert_true(worker_stop(&w, trace_now_ns() + 5000 * NSEC_PER_MSEC));
	worker_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_that_hangs),
		cmocka_unit_test(a_worker_that_idles),
	};

	return run_group(tests);
}
