// SPDX-License-Identifier: Apache-2.0
/*
 * Threads and timers, for tests/integration/exec-threads.test: threads WHAT, natively and by `vmm exec`, with the same
 * text and status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MANY 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static __thread long mine = 5;
static long shared;
static atomic_int flag, spins;

static void must(int r, const char *what)
{
	if (r) {
		printf("%s: %s\n", what, strerror(r));
		exit(1);
	}
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	must(pthread_create(t, NULL, fn, arg), "pthread_create");
}

/* --- Mutexes, TLS, registers -------------------------------------------------------------------------------- */

static void *add(void *arg)
{
	long n = (long)arg;
	double x = (double)n, y = 1;

	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		shared++;
		pthread_mutex_unlock(&lock);
		mine += n;
		y = y * 0.5 + x;
	}
	return (void *)(mine == 5 + 2000 * n && y > 2 * x - 0.001 && y < 2 * x + 0.001 ? n : -1000000);
}

static void mutexes(void)
{
	pthread_t t[MANY];
	long sum = 0;
	void *r;

	for (long i = 0; i < MANY; i++)
		start(&t[i], add, (void *)i);
	for (int i = 0; i < MANY; i++) {
		pthread_join(t[i], &r);
		sum += (long)r;
	}
	printf("%ld %ld %ld\n", shared, sum, mine);
}

/* Each has values of its own in every register of SSE, and is preempted again and again. */
static void *hold(void *arg)
{
	uint64_t n = (uint64_t)(uintptr_t)arg, bad = 0, end;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 150;
	do {
		uint64_t a, b, c;

		asm volatile("movq %3, %%xmm3; movq %3, %%xmm15; mov %3, %%r11; mov %3, %%rcx; mov $200000, %%eax;"
			     "1: dec %%eax; jnz 1b; movq %%xmm3, %0; movq %%xmm15, %1; lea (%%r11, %%rcx), %2"
			     : "=&r"(a), "=&r"(b), "=&r"(c)
			     : "r"(n)
			     : "xmm3", "xmm15", "rax", "rcx", "r11", "cc");
		bad += a != n || b != n || c != 2 * n;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 < end);
	return (void *)(uintptr_t)bad;
}

static void registers(void)
{
	pthread_t t[4];
	void *r;

	for (uintptr_t i = 0; i < 4; i++)
		start(&t[i], hold, (void *)(i * 0x0101010101010101 + 1));
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		printf("%lu ", (unsigned long)r);
	}
	puts("wrong");
}

/* --- Turns -------------------------------------------------------------------------------------------------- */

static void *spin(void *arg)
{
	while (!atomic_load(&flag))
		atomic_fetch_add(&spins, 1);
	return NULL;
}

/* It never makes a call: the others go on all the same. */
static void spinner(void)
{
	const struct timespec little = {0, 20000000};
	pthread_t t;

	start(&t, spin, NULL);
	for (int i = 0; i < 3; i++)
		nanosleep(&little, NULL);
	while (!atomic_load(&spins))
		;
	atomic_store(&flag, 1);
	pthread_join(t, NULL);
	puts("done");
}

static int turn;

static void *ping(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		turn = !me;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void conditions(void)
{
	struct timespec limit;
	pthread_t t[2];

	for (long i = 0; i < 2; i++)
		start(&t[i], ping, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_REALTIME, &limit);
	pthread_mutex_lock(&lock);
	printf("%d ", pthread_cond_timedwait(&cond, &lock, &limit) == ETIMEDOUT);
	limit.tv_nsec += 30000000;
	if (limit.tv_nsec >= 1000000000) {
		limit.tv_sec++;
		limit.tv_nsec -= 1000000000;
	}
	printf("%d %d\n", pthread_cond_timedwait(&cond, &lock, &limit) == ETIMEDOUT, turn);
}

static pthread_barrier_t barrier;

static void *meet(void *arg)
{
	int serial = 0;

	for (int i = 0; i < 20; i++)
		serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	return (void *)(long)serial;
}

static void barriers(void)
{
	pthread_t t[8];
	long sum = 0;
	void *r;

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		start(&t[i], meet, NULL);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &r);
		sum += (long)r;
	}
	printf("%ld\n", sum);
}

/* --- Data between threads ----------------------------------------------------------------------------------- */

static int ends[2];

static void *feed(void *arg)
{
	static char data[300000];

	memset(data, 'x', sizeof(data));
	printf("%zd written\n", write(ends[1], data, sizeof(data)));
	fflush(stdout);
	close(ends[1]);
	return NULL;
}

static void pipes(void)
{
	char buf[1000];
	long sum = 0;
	pthread_t t;
	ssize_t n;

	must(pipe(ends), "pipe");
	start(&t, feed, NULL);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		sum += n;
	pthread_join(t, NULL);
	printf("%ld read, %zd\n", sum, n);
}

/* So that the other one waits by then; its result is the same if it does not. */
static void *write_later(void *arg)
{
	usleep(20000);
	return (void *)write(ends[1], "y", 1);
}

static void polls(void)
{
	struct pollfd p = {.events = POLLIN};
	pthread_t t;
	int r;

	must(pipe(ends), "pipe");
	p.fd = ends[0];
	r = poll(&p, 1, 10);
	printf("%d ", r);
	start(&t, write_later, NULL);
	r = poll(&p, 1, 10000);
	printf("%d %d\n", r, p.revents);
	pthread_join(t, NULL);
}

static void *work(void *arg)
{
	while (!atomic_load(&flag)) {
		atomic_fetch_add(&spins, 1);
		usleep(1000);
	}
	return NULL;
}

/* A read of the command's stream does not stop the others. */
static void input(void)
{
	char buf[100];
	pthread_t t;
	ssize_t n;

	start(&t, work, NULL);
	n = read(0, buf, sizeof(buf));
	atomic_store(&flag, 1);
	pthread_join(t, NULL);
	printf("%zd, meanwhile %d\n", n, atomic_load(&spins) > 5);
}

/* --- Ends --------------------------------------------------------------------------------------------------- */

static atomic_int first_is_there = 1;

/* Until the first thread has ended: the kernel says so where set_tid_address() wants it. */
static void *last(void *arg)
{
	int there;

	while ((there = atomic_load(&first_is_there)))
		syscall(SYS_futex, &first_is_there, FUTEX_WAIT, there, NULL, NULL, 0);
	puts("the last one");
	fflush(stdout);
	syscall(SYS_exit, 9);
	return NULL;
}

/* The process ends with its last thread. */
static void leave(void)
{
	pthread_t t;

	syscall(SYS_set_tid_address, &first_is_there);
	start(&t, last, NULL);
	syscall(SYS_exit, 7);
}

static void *end_all(void *arg)
{
	exit(33);
}

static void group(void)
{
	pthread_t t;

	start(&t, end_all, NULL);
	pause();
}

static void *sleeper(void *arg)
{
	pause();
	return NULL;
}

/* As many as there can be, then EAGAIN: bounded. */
static void bomb(void)
{
	pthread_attr_t a;
	pthread_t t;
	int n = 0, r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
	while (n < 100000) {
		r = pthread_create(&t, &a, sleeper, NULL);
		if (r)
			break;
		n++;
	}
	printf("%d %d\n", n, r == EAGAIN);
	fflush(stdout);
	_exit(0);
}

/* Places are used again. */
static void *nothing(void *arg)
{
	return arg;
}

static void waves(void)
{
	pthread_t t[8];
	long n = 0;
	void *r;

	for (int k = 0; k < 60; k++) {
		for (int i = 0; i < 8; i++)
			start(&t[i], nothing, (void *)1);
		for (int i = 0; i < 8; i++) {
			pthread_join(t[i], &r);
			n += (long)r;
		}
	}
	printf("%ld\n", n);
}

static pthread_mutex_t robust;

static void *die_with_it(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}

static void owners(void)
{
	pthread_mutexattr_t a;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);
	start(&t, die_with_it, NULL);
	pthread_join(t, NULL);
	printf("%d ", pthread_mutex_lock(&robust) == EOWNERDEAD);
	printf("%d\n", pthread_mutex_consistent(&robust));
}

/* --- Signals ------------------------------------------------------------------------------------------------ */

static pthread_t target;
static atomic_int hits;

static void on_signal(int signal)
{
	if (signal != SIGUSR1 || pthread_equal(pthread_self(), target))
		atomic_fetch_add(&hits, 1);
}

static void handle(int signal, int flags)
{
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(signal, &a, NULL);
}

/* The signal is blocked until the wait begins, so that it may come before. */
static void *until_hit(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigsuspend(&none) == -1 && errno == EINTR)
		atomic_fetch_add(&hits, 10);
	return NULL;
}

static void directed(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	handle(SIGUSR1, 0);
	start(&target, until_hit, NULL);
	pthread_kill(target, SIGUSR1);
	pthread_join(target, NULL);
	printf("%d\n", atomic_load(&hits));
}

static void *wait_for_it(void *arg)
{
	sigset_t set;
	int got = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &got);
	return (void *)(long)got;
}

/* All block it but one, which takes it. */
static void taken(void)
{
	sigset_t set;
	pthread_t t;
	void *r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	start(&t, wait_for_it, NULL);
	/* Before it waits or meanwhile: it gets it all the same. */
	sched_yield();
	kill(getpid(), SIGTERM);
	pthread_join(t, &r);
	printf("%ld\n", (long)r);
}

static void *crash(void *arg)
{
	*(volatile int *)arg = 1;
	return NULL;
}

static void fatal(void)
{
	pthread_t t;

	start(&t, crash, (void *)8);
	pthread_join(t, NULL);
}

/* --- Timers ------------------------------------------------------------------------------------------------- */

static void alarms(void)
{
	const struct timespec second = {20, 0};
	struct timespec rest = {0, 0};
	struct itimerval v = {.it_value = {0, 30000}}, old;
	char c;

	handle(SIGALRM, 0);
	printf("%u ", alarm(100));
	printf("%u ", alarm(0));
	setitimer(ITIMER_REAL, &v, NULL);
	getitimer(ITIMER_REAL, &old);
	printf("%d ", old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 30000);
	printf("%d %d ", nanosleep(&second, &rest), errno);
	printf("%d\n", rest.tv_sec == 19);
	setitimer(ITIMER_REAL, &v, NULL);
	must(pipe(ends), "pipe");
	printf("%zd", read(ends[0], &c, 1));
	printf(" %d\n", errno);
	/* With SA_RESTART the read goes on, and the third alarm ends the program. */
	v.it_interval.tv_usec = 20000;
	handle(SIGALRM, SA_RESTART | SA_RESETHAND);
	setitimer(ITIMER_REAL, &v, NULL);
	fflush(stdout);
	printf("%zd", read(ends[0], &c, 1));
}

/* A program that makes no calls is interrupted, too, by the time of day and by its CPU time. */
static void busy(void)
{
	struct itimerval v = {.it_value = {0, 20000}, .it_interval = {0, 20000}};

	handle(SIGALRM, 0);
	handle(SIGVTALRM, 0);
	handle(SIGPROF, 0);
	setitimer(ITIMER_REAL, &v, NULL);
	while (atomic_load(&hits) < 3)
		;
	v.it_interval.tv_usec = 0;
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	setitimer(ITIMER_PROF, &v, NULL);
	atomic_store(&hits, 0);
	while (atomic_load(&hits) < 1)
		;
	setitimer(ITIMER_VIRTUAL, &v, NULL);
	while (atomic_load(&hits) < 2)
		;
	puts("done");
}

static atomic_int values;

static void on_value(int signal, siginfo_t *info, void *context)
{
	atomic_fetch_add(&values, info->si_code == SI_TIMER ? info->si_value.sival_int : 1000);
}

static void timers(void)
{
	struct sigaction a = {.sa_sigaction = on_value, .sa_flags = SA_SIGINFO};
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 7};
	struct itimerspec v = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}}, now;
	timer_t timer;

	sigaction(SIGRTMIN, &a, NULL);
	must(timer_create(CLOCK_MONOTONIC, &e, &timer), "timer_create");
	must(timer_settime(timer, 0, &v, NULL), "timer_settime");
	while (atomic_load(&values) < 21)
		pause();
	must(timer_gettime(timer, &now), "timer_gettime");
	printf("%ld %d\n", now.it_interval.tv_nsec, timer_getoverrun(timer) >= 0);
	must(timer_delete(timer), "timer_delete");
	printf("%d %d\n", timer_delete(timer), errno);
}

/* --- Futexes that are none ---------------------------------------------------------------------------------- */

static void futexes(void)
{
	static uint32_t word;
	const struct timespec none = {0, 0}, bad = {0, 2000000000};
	long at[] = {(long)&word, (long)&word + 1, 0x1000, (long)0xffffffff80000000};

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		errno = 0;
		printf("%ld", syscall(SYS_futex, at[i], FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &none, NULL, 0));
		printf(" %d ", errno);
		errno = 0;
		printf("%ld", syscall(SYS_futex, at[i], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
		printf(" %d\n", errno);
	}
	printf("%ld", syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0));
	printf(" %d ", errno);
	printf("%ld", syscall(SYS_futex, &word, FUTEX_WAIT, 0, &bad, NULL, 0));
	printf(" %d ", errno);
	printf("%ld", syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &values, 1));
	printf(" %d ", errno);
	printf("%ld\n", syscall(SYS_set_robust_list, 16, 5));
	/* A list that leads nowhere, and one that has no end. */
	syscall(SYS_set_robust_list, 16, 24);
}

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{"mutexes", mutexes},
	{"registers", registers},
	{"spinner", spinner},
	{"conditions", conditions},
	{"barriers", barriers},
	{"pipes", pipes},
	{"polls", polls},
	{"input", input},
	{"leave", leave},
	{"group", group},
	{"bomb", bomb},
	{"waves", waves},
	{"owners", owners},
	{"directed", directed},
	{"taken", taken},
	{"fatal", fatal},
	{"alarms", alarms},
	{"busy", busy},
	{"timers", timers},
	{"futexes", futexes},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(*tests); i++)
		if (!strcmp(argv[1], tests[i].name))
			tests[i].fn();
	return 0;
}
