// SPDX-License-Identifier: Apache-2.0
/*
 * The kick: it interrupts a thread, also when the queue of pending signals is full, and only a thread that takes it.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/util.h"

/**
 * struct reader - a thread that reads from a pipe
 * @interrupted: reads that ended with EINTR
 */
struct reader {
	int pipe[2];
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic unsigned interrupted;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	char c;

	r->tid = (pid_t)syscall(SYS_gettid);
	while (read(r->pipe[0], &c, 1) < 0) {
		assert_int_equal(errno, EINTR);
		r->interrupted++;
	}
	return NULL;
}

static void start(struct reader *r, bool kicked)
{
	sigset_t blocked, old;

	*r = (struct reader){0};
	assert_int_equal(pipe(r->pipe), 0);
	kick_blocked(&blocked, kicked);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	assert_int_equal(pthread_create(&r->thread, NULL, read_on, r), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	while (!r->tid)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void end(struct reader *r)
{
	assert_int_equal(write(r->pipe[1], "x", 1), 1);
	pthread_join(r->thread, NULL);
	close(r->pipe[0]);
	close(r->pipe[1]);
}

/* Kicks until a read has ended: the thread may not be in it yet. */
static void kick_until_interrupted(struct reader *r)
{
	for (unsigned i = 0; !r->interrupted; i++) {
		assert_true(i < 5000);
		kick_send(getpid(), r->tid);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* What another program of this user does that holds all the signals he may have pending. */
static void full_queue(struct rlimit *old)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_SIGPENDING, old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old->rlim_max};
	assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
}

static void a_full_queue_does_not_stop_a_kick(void **state)
{
	struct rlimit old;
	struct reader r;
	sigset_t realtime;

	assert_int_equal(kick_install(), 0);
	start(&r, true);
	full_queue(&old);
	/* It is full: a real-time signal is refused. */
	sigemptyset(&realtime);
	sigaddset(&realtime, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &realtime, NULL);
	assert_int_equal(syscall(SYS_tgkill, getpid(), getpid(), SIGRTMIN), -1);
	assert_int_equal(errno, EAGAIN);
	kick_until_interrupted(&r);
	assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &old), 0);
	end(&r);
}

static void only_who_takes_it(void **state)
{
	struct reader other, r;

	assert_int_equal(kick_install(), 0);
	start(&other, false);
	start(&r, true);
	for (unsigned i = 0; i < 50; i++)
		kick_send(getpid(), other.tid);
	kick_until_interrupted(&r);
	assert_int_equal(other.interrupted, 0);
	end(&r);
	end(&other);
	/* The thread is gone: no error, and no other thread gets the signal. */
	kick_send(getpid(), r.tid);
}

static void what_is_blocked(void **state)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	sigset_t with, without;

	kick_blocked(&with, true);
	kick_blocked(&without, false);
	assert_false(sigismember(&with, KICK_SIGNAL));
	assert_true(sigismember(&without, KICK_SIGNAL));
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		assert_false(sigismember(&with, own[i]) || sigismember(&without, own[i]));
	assert_true(sigismember(&with, SIGTERM) && sigismember(&without, SIGTERM));
	/* A queue that is full refuses any other. */
	assert_true(KICK_SIGNAL < SIGRTMIN);
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void theirs(int sig)
{
}

/* An alarm set by the parent program, with the signal blocked: both are restored afterwards. */
static void an_alarm_and_what_it_replaces(void **state)
{
	struct sigaction sa = {.sa_handler = theirs, .sa_flags = SA_RESTART}, now;
	struct itimerval before = {.it_value.tv_sec = 1000}, left;
	struct kick_alarm alarm;
	struct rlimit old;
	sigset_t mask, blocked;
	uint64_t begin;
	int fd[2];
	char c;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(sigaction(SIGALRM, &sa, NULL), 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	assert_int_equal(setitimer(ITIMER_REAL, &before, NULL), 0);
	full_queue(&old);

	assert_int_equal(kick_alarm_begin(&alarm), 0);
	for (unsigned i = 0; i < 2; i++) {
		begin = now_ns();
		kick_alarm_set(20 * NSEC_PER_MSEC, i ? 10 * NSEC_PER_MSEC : 0);
		assert_int_equal(read(fd[0], &c, 1), -1);
		assert_int_equal(errno, EINTR);
		assert_in_range(now_ns() - begin, 19 * NSEC_PER_MSEC, 5000 * NSEC_PER_MSEC);
	}
	/* The second one rings again, until it is taken back. */
	assert_int_equal(read(fd[0], &c, 1), -1);
	kick_alarm_set(0, 0);
	kick_alarm_end(&alarm);

	assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &old), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_true(sigismember(&mask, SIGALRM));
	assert_int_equal(sigaction(SIGALRM, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, theirs);
	assert_true(now.sa_flags & SA_RESTART);
	assert_int_equal(getitimer(ITIMER_REAL, &left), 0);
	assert_in_range(left.it_value.tv_sec, 900, 1000);
	memset(&left, 0, sizeof(left));
	setitimer(ITIMER_REAL, &left, NULL);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_does_not_stop_a_kick),
		cmocka_unit_test(only_who_takes_it),
		cmocka_unit_test(what_is_blocked),
		cmocka_unit_test(an_alarm_and_what_it_replaces),
	};

	return run_group(tests);
}
