// SPDX-License-Identifier: Apache-2.0
/*
 * What system calls of a program answer about itself, its time, its limits and its files, beside wrong uses of them.
 */
#include "tests/support/unit.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/clock.h"
#include "vmm/exec/image.h"

#define BAD UINT64_C(0x123000) /* not mapped */

struct fixture {
	struct kit_task k;
	int pipe[2];
	pthread_t waiter;
};

#define CALL(f, nr, ...) exec_call(&(f)->k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_must(f && pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK) == 0);
	kit_task_open(&f->k, 8 * MIB, (const int[]){f->pipe[0], f->pipe[1], -1}, NULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_task_close(&f->k);
	close(f->pipe[0]);
	close(f->pipe[1]);
	free(f);
	return 0;
}

static uint64_t put(struct fixture *f, uint64_t offset, const void *data, size_t len)
{
	kit_must(space_write(&f->k.t.space, KIT_SCRATCH + offset, data, len) == 0);
	return KIT_SCRATCH + offset;
}

static void get(struct fixture *f, void *data, size_t len)
{
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH, data, len) == 0);
}

/* Fills the scratch memory, so that what a call leaves as it was is seen. */
static void dirty(struct fixture *f)
{
	uint8_t bytes[512];

	memset(bytes, 0xa5, sizeof(bytes));
	put(f, 0, bytes, sizeof(bytes));
}

static void usage(void **state)
{
	struct fixture *f = *state;
	struct rusage u;

	f->k.t.faults = 7;
	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_THREAD; who++) {
		dirty(f);
		assert_int_equal(CALL(f, getrusage, (uint64_t)who, KIT_SCRATCH), 0);
		get(f, &u, sizeof(u));
		assert_int_equal(u.ru_minflt, who == RUSAGE_CHILDREN ? 0 : 7);
		assert_int_equal(u.ru_maxrss, who == RUSAGE_CHILDREN ? 0 : (long)f->k.t.space.most * 4);
		assert_true(who == RUSAGE_CHILDREN ? !u.ru_utime.tv_sec && !u.ru_utime.tv_usec
						   : u.ru_utime.tv_usec > 0 || u.ru_utime.tv_sec > 0);
		assert_int_equal(u.ru_stime.tv_sec | u.ru_stime.tv_usec | u.ru_nvcsw, 0);
	}
	assert_true(f->k.t.space.most > 0);
	assert_int_equal(CALL(f, getrusage, 2, KIT_SCRATCH), -EINVAL);
	assert_int_equal(CALL(f, getrusage, 0, BAD), -EFAULT);
}

/* Each clock is between two looks at the host's. */
static void clocks(void **state)
{
	static const clockid_t known[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE};
	struct fixture *f = *state;
	struct timespec before, at, after;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		clock_gettime(known[i], &before);
		assert_int_equal(CALL(f, clock_gettime, (uint64_t)known[i], KIT_SCRATCH), 0);
		clock_gettime(known[i], &after);
		get(f, &at, sizeof(at));
		assert_true(at.tv_sec > before.tv_sec || (at.tv_sec == before.tv_sec && at.tv_nsec >= before.tv_nsec));
		assert_true(at.tv_sec < after.tv_sec || (at.tv_sec == after.tv_sec && at.tv_nsec <= after.tv_nsec));
		assert_int_equal(CALL(f, clock_getres, (uint64_t)known[i], KIT_SCRATCH), 0);
		get(f, &at, sizeof(at));
		assert_int_equal(at.tv_sec, 0);
		assert_int_equal(at.tv_nsec, known[i] == CLOCK_REALTIME_COARSE ? 4000000 : 1);
		assert_int_equal(CALL(f, clock_getres, (uint64_t)known[i], 0), 0);
	}
	/* The process has one thread. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	assert_int_equal(CALL(f, clock_gettime, CLOCK_PROCESS_CPUTIME_ID, KIT_SCRATCH), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	get(f, &at, sizeof(at));
	assert_in_range(at.tv_sec * (long)NSEC_PER_SEC + at.tv_nsec,
		before.tv_sec * (long)NSEC_PER_SEC + before.tv_nsec, after.tv_sec * (long)NSEC_PER_SEC + after.tv_nsec);
	for (uint64_t bad = 8; bad < 16; bad++) {
		assert_int_equal(CALL(f, clock_gettime, bad, KIT_SCRATCH), bad == CLOCK_TAI ? 0 : -EINVAL);
		assert_int_equal(CALL(f, clock_getres, bad, 0), bad == CLOCK_TAI ? 0 : -EINVAL);
	}
	assert_int_equal(CALL(f, clock_gettime, 0, BAD), -EFAULT);
	assert_int_equal(CALL(f, clock_getres, 0, BAD), -EFAULT);
}

static void time_of_day(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;
	struct timeval tv;
	int32_t zone[2];
	int64_t seconds;
	struct tms tms;

	clock_gettime(CLOCK_REALTIME, &before);
	put(f, 16, &(uint64_t){UINT64_MAX}, 8);
	assert_int_equal(CALL(f, gettimeofday, KIT_SCRATCH, KIT_SCRATCH + 16), 0);
	seconds = CALL(f, time, KIT_SCRATCH + 32);
	clock_gettime(CLOCK_REALTIME, &after);
	get(f, &tv, sizeof(tv));
	assert_in_range(tv.tv_sec * 1000000 + tv.tv_usec, before.tv_sec * 1000000 + before.tv_nsec / 1000,
		after.tv_sec * 1000000 + after.tv_nsec / 1000);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH + 16, zone, 8) == 0);
	assert_int_equal(zone[0] | zone[1], 0);
	assert_in_range(seconds, before.tv_sec, after.tv_sec);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH + 32, &tv.tv_sec, 8) == 0);
	assert_int_equal(tv.tv_sec, seconds);
	assert_int_equal(CALL(f, gettimeofday, 0, 0), 0);
	assert_in_range(CALL(f, time, 0), after.tv_sec, after.tv_sec + 60);
	assert_int_equal(CALL(f, time, BAD), -EFAULT);
	assert_int_equal(CALL(f, gettimeofday, BAD, 0), -EFAULT);
	assert_int_equal(CALL(f, gettimeofday, 0, BAD), -EFAULT);
	/* A hundredth of a second is a tick. */
	clock_gettime(CLOCK_MONOTONIC, &before);
	seconds = CALL(f, times, KIT_SCRATCH);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(seconds, before.tv_sec * 100 + before.tv_nsec / 10000000,
		after.tv_sec * 100 + after.tv_nsec / 10000000);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	get(f, &tms, sizeof(tms));
	assert_in_range(tms.tms_utime, 0, after.tv_sec * 100 + after.tv_nsec / 10000000);
	assert_int_equal(tms.tms_stime | tms.tms_cutime | tms.tms_cstime, 0);
	assert_true(CALL(f, times, 0) >= seconds);
	assert_int_equal(CALL(f, times, BAD), -EFAULT);
}

static void limits(void **state)
{
	static const struct {
		int which;
		uint64_t soft, hard;
	} rows[] = {
		{RLIMIT_STACK, IMAGE_STACK_SIZE, RLIM64_INFINITY},
		{RLIMIT_NOFILE, EXEC_FILES_MAX, EXEC_FILES_MAX},
		{RLIMIT_CORE, 0, 0},
		{RLIMIT_NPROC, 1, 1},
		{RLIMIT_NICE, 0, 0},
		{RLIMIT_RTPRIO, 0, 0},
		{RLIMIT_AS, RLIM64_INFINITY, RLIM64_INFINITY},
		{RLIMIT_RTTIME, RLIM64_INFINITY, RLIM64_INFINITY},
	};
	struct fixture *f = *state;
	uint64_t limit[2];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint64_t who[] = {0, EXEC_PID}, which = (uint64_t)rows[i].which;

		for (unsigned k = 0; k < 3; k++) {
			dirty(f);
			assert_int_equal(k < 2 ? CALL(f, prlimit64, who[k], which, 0, KIT_SCRATCH)
					       : CALL(f, getrlimit, which, KIT_SCRATCH),
				0);
			get(f, limit, sizeof(limit));
			assert_true(limit[0] == rows[i].soft && limit[1] == rows[i].hard);
		}
	}
	assert_int_equal(CALL(f, prlimit64, EXEC_PID + 1, RLIMIT_CORE, 0, KIT_SCRATCH), -ESRCH);
	assert_int_equal(CALL(f, prlimit64, 0, RLIM_NLIMITS, 0, KIT_SCRATCH), -EINVAL);
	assert_int_equal(CALL(f, prlimit64, 0, RLIMIT_CORE, BAD, 0), -EFAULT);
	assert_int_equal(CALL(f, prlimit64, 0, RLIMIT_CORE, 0, BAD), -EFAULT);
	/* A new limit is accepted and does nothing; one above its own maximum is not. */
	assert_int_equal(CALL(f, prlimit64, 0, RLIMIT_CORE, put(f, 0, (const uint64_t[]){5, 5}, 16), 0), 0);
	assert_int_equal(CALL(f, prlimit64, 0, RLIMIT_CORE, put(f, 0, (const uint64_t[]){6, 5}, 16), 0), -EINVAL);
}

static void itself(void **state)
{
	struct fixture *f = *state;
	uint32_t cpu[2];
	struct sysinfo s;
	char name[16];
	uint64_t mask;

	assert_int_equal(CALL(f, getppid), 1);
	assert_int_equal(CALL(f, getpgid, 0), EXEC_PID);
	assert_int_equal(CALL(f, getpgid, EXEC_PID), EXEC_PID);
	assert_int_equal(CALL(f, getpgid, EXEC_PID + 1), -ESRCH);
	assert_int_equal(CALL(f, setpgid, 0, 0), 0);
	assert_int_equal(CALL(f, setpgid, 0, EXEC_PID), 0);
	assert_int_equal(CALL(f, setpgid, 0, 99), -EPERM);
	assert_int_equal(CALL(f, setpgid, 99, 0), -ESRCH);
	assert_int_equal(CALL(f, setsid), -EPERM);
	dirty(f);
	assert_int_equal(CALL(f, sched_getaffinity, 0, 128, KIT_SCRATCH), 8);
	get(f, &mask, sizeof(mask));
	assert_int_equal(mask, 1);
	assert_int_equal(CALL(f, sched_getaffinity, EXEC_PID, 8, KIT_SCRATCH), 8);
	assert_int_equal(CALL(f, sched_getaffinity, 99, 8, KIT_SCRATCH), -ESRCH);
	assert_int_equal(CALL(f, sched_getaffinity, 0, 7, KIT_SCRATCH), -EINVAL);
	assert_int_equal(CALL(f, sched_getaffinity, 0, 12, KIT_SCRATCH), -EINVAL);
	dirty(f);
	assert_int_equal(CALL(f, getcpu, KIT_SCRATCH, KIT_SCRATCH + 4), 0);
	get(f, cpu, sizeof(cpu));
	assert_int_equal(cpu[0] | cpu[1], 0);
	assert_int_equal(CALL(f, getcpu, 0, BAD), -EFAULT);
	assert_int_equal(CALL(f, sysinfo, KIT_SCRATCH), 0);
	get(f, &s, sizeof(s));
	assert_int_equal(s.mem_unit, PAGE_4K);
	assert_int_equal(s.totalram, f->k.t.space.pages);
	assert_int_equal(s.freeram, f->k.t.space.pages - f->k.t.space.used);
	assert_int_equal(s.procs, 1);
	assert_true(s.uptime > 0 && s.freeram < s.totalram);
	/* Its name has 15 bytes. */
	assert_int_equal(CALL(f, prctl, PR_SET_NAME, put(f, 0, "a name of more than that", 25)), 0);
	assert_int_equal(CALL(f, prctl, PR_GET_NAME, KIT_SCRATCH), 0);
	get(f, name, sizeof(name));
	assert_string_equal(name, "a name of more ");
	assert_int_equal(CALL(f, prctl, PR_SET_NAME, BAD), -EFAULT);
	assert_int_equal(CALL(f, prctl, PR_GET_DUMPABLE), 0);
	assert_int_equal(CALL(f, prctl, PR_SET_DUMPABLE, 1), 0);
	assert_int_equal(CALL(f, prctl, PR_SET_DUMPABLE, 2), -EINVAL);
	assert_int_equal(CALL(f, prctl, PR_GET_NO_NEW_PRIVS), 1);
	assert_int_equal(CALL(f, prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(CALL(f, prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1), -EINVAL);
	assert_int_equal(CALL(f, prctl, PR_SET_PDEATHSIG, 9), -EINVAL);
	assert_int_equal(CALL(f, arch_prctl, ARCH_SET_GS, 0x5678), 0);
	assert_int_equal(f->k.base[1], 0x5678);
	assert_int_equal(f->k.base[0], 0);
	assert_int_equal(CALL(f, arch_prctl, ARCH_GET_GS, KIT_SCRATCH), 0);
	get(f, &mask, sizeof(mask));
	assert_int_equal(mask, 0x5678);
}

static void files(void **state)
{
	const uint64_t iov[] = {KIT_SCRATCH + 512, 3, BAD, 5}, long_one[] = {KIT_SCRATCH, UINT64_MAX};
	struct fixture *f = *state;
	char buf[8] = "";
	int n = 0;

	put(f, 512, "abc", 3);
	/* Without bytes any address will do; the bytes before a hole are written. */
	assert_int_equal(CALL(f, writev, 1, put(f, 0, iov, sizeof(iov)), 0), 0);
	assert_int_equal(CALL(f, write, 1, BAD, 0), 0);
	assert_int_equal(CALL(f, writev, 1, KIT_SCRATCH, 2), 3);
	assert_int_equal(CALL(f, ioctl, 0, FIONREAD, KIT_SCRATCH + 64), 0);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH + 64, &n, sizeof(n)) == 0);
	assert_int_equal(n, 3);
	put(f, 512, "\0\0\0", 3);
	assert_int_equal(CALL(f, readv, 0, KIT_SCRATCH, 1), 3);
	kit_must(space_read(&f->k.t.space, KIT_SCRATCH + 512, buf, 3) == 0);
	assert_string_equal(buf, "abc");
	assert_int_equal(CALL(f, readv, 0, KIT_SCRATCH, 1), -EAGAIN);
	assert_int_equal(CALL(f, readv, 0, put(f, 0, long_one, sizeof(long_one)), 1), -EINVAL);
	assert_int_equal(CALL(f, readv, 0, BAD, 1), -EFAULT);
	assert_int_equal(CALL(f, readv, 9, KIT_SCRATCH, 1), -EBADF);
	assert_int_equal(CALL(f, dup3, 1, 7, O_CLOEXEC), 7);
	assert_int_equal(CALL(f, fcntl, 7, F_GETFD), FD_CLOEXEC);
	assert_int_equal(CALL(f, dup3, 1, 8, 0), 8);
	assert_int_equal(CALL(f, fcntl, 8, F_GETFD), 0);
	assert_int_equal(CALL(f, dup3, 1, 9, O_APPEND), -EINVAL);
	assert_int_equal(CALL(f, fcntl, 1, F_GETFL), O_WRONLY | O_NONBLOCK);
	assert_int_equal(CALL(f, fcntl, 1, F_DUPFD, EXEC_FILES_MAX), -EINVAL);
	assert_int_equal(CALL(f, fcntl, 1, 9999), -EINVAL);
	assert_int_equal(CALL(f, close, 7), 0);
	assert_int_equal(CALL(f, close, 7), -EBADF);
	assert_int_equal(CALL(f, close, 99), -EBADF);
	assert_int_equal(CALL(f, close, UINT64_MAX), -EBADF);
}

/* By each way to send one: it ends the program, unless the program ignores or blocks it, or it is harmless. */
static void signals_end_it(void **state)
{
	static const struct {
		long nr;
		uint64_t a[3];
		int signal;
	} rows[] = {
		{SYS_kill, {EXEC_PID, SIGTERM}, SIGTERM},
		{SYS_kill, {0, SIGHUP}, SIGHUP},
		{SYS_kill, {UINT64_MAX, SIGUSR2}, SIGUSR2},
		{SYS_kill, {(uint64_t)-EXEC_PID, 64}, 64},
		{SYS_tgkill, {EXEC_PID, EXEC_PID, SIGABRT}, SIGABRT},
		{SYS_kill, {EXEC_PID, SIGCHLD}, 0},
		{SYS_kill, {EXEC_PID, SIGCONT}, 0},
		{SYS_tgkill, {EXEC_PID, 99, SIGTERM}, 0},
		{SYS_tgkill, {99, EXEC_PID, SIGTERM}, 0},
	};
	struct fixture *f = *state;
	char buf[16];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->k.t.end = (struct exec_end){0};
		exec_call(&f->k.t, (uint64_t)rows[i].nr, (const uint64_t[6]){rows[i].a[0], rows[i].a[1], rows[i].a[2]});
		assert_int_equal(f->k.t.end.ended, rows[i].signal != 0);
		assert_int_equal(f->k.t.end.signal, rows[i].signal);
	}
	assert_int_equal(CALL(f, tgkill, 0, EXEC_PID, SIGTERM), -EINVAL);
	assert_int_equal(CALL(f, tgkill, EXEC_PID, 0, SIGTERM), -EINVAL);
	assert_int_equal(CALL(f, tgkill, 99, EXEC_PID, SIGTERM), -ESRCH);
	assert_string_equal(exec_signal_name(SIGTERM, buf), "SIGTERM");
	assert_string_equal(exec_signal_name(64, buf), "signal 64");
}

static void another_stack(void **state)
{
	struct fixture *f = *state;
	uint64_t old[3];

	dirty(f);
	assert_int_equal(CALL(f, sigaltstack, 0, KIT_SCRATCH), 0);
	get(f, old, sizeof(old));
	assert_true(!old[0] && (uint32_t)old[1] == SS_DISABLE && !old[2]);
	assert_int_equal(CALL(f, sigaltstack, put(f, 64, (const uint64_t[]){0x5000, 0, 4096}, 24), 0), 0);
	assert_int_equal(CALL(f, sigaltstack, 0, KIT_SCRATCH), 0);
	get(f, old, sizeof(old));
	assert_true(old[0] == 0x5000 && !old[1] && old[2] == 4096);
	/* Linux takes the flag that it answers with, and says that it is used only while it is. */
	assert_int_equal(CALL(f, sigaltstack, put(f, 64, (const uint64_t[]){0x5000, SS_ONSTACK, 4096}, 24), 0), 0);
	assert_int_equal(CALL(f, sigaltstack, 0, KIT_SCRATCH), 0);
	get(f, old, sizeof(old));
	assert_true(old[0] == 0x5000 && !old[1] && old[2] == 4096);
	assert_int_equal(CALL(f, sigaltstack, put(f, 64, (const uint64_t[]){0x6000, 0, 2047}, 24), 0), -ENOMEM);
	assert_int_equal(CALL(f, sigaltstack, put(f, 64, (const uint64_t[]){0x6000, 8, 4096}, 24), 0), -EINVAL);
	assert_int_equal(
		CALL(f, sigaltstack, put(f, 64, (const uint64_t[]){0x6000, SS_DISABLE, 1}, 24), KIT_SCRATCH), 0);
	get(f, old, sizeof(old));
	assert_int_equal(old[0], 0x5000);
	assert_int_equal(CALL(f, sigaltstack, 0, KIT_SCRATCH), 0);
	get(f, old, sizeof(old));
	assert_true(!old[0] && (uint32_t)old[1] == SS_DISABLE && !old[2]);
	assert_int_equal(CALL(f, sigaltstack, BAD, 0), -EFAULT);
}

static atomic_bool returned;

static void on_signal(int signal)
{
}

/* Ends the run after a while, and wakes who waits until it has seen it. */
static void *end_the_run(void *arg)
{
	struct fixture *f = arg;
	pthread_t waiter = f->waiter;

	nanosleep(&(const struct timespec){.tv_nsec = 30 * NSEC_PER_MSEC}, NULL);
	f->k.stop = true;
	while (!atomic_load(&returned)) {
		pthread_kill(waiter, SIGUSR1);
		nanosleep(&(const struct timespec){.tv_nsec = NSEC_PER_MSEC}, NULL);
	}
	return NULL;
}

/* pause(), and a futex that nobody wakes, wait until the run ends. */
static void calls_that_wait(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, was;
	struct fixture *f = *state;
	pthread_t thread;

	sigaction(SIGUSR1, &action, &was);
	f->waiter = pthread_self();
	put(f, 0, "\3\0\0", 4);
	for (unsigned i = 0; i < 2; i++) {
		int64_t r;

		f->k.stop = false;
		atomic_store(&returned, false);
		assert_int_equal(pthread_create(&thread, NULL, end_the_run, f), 0);
		r = i ? CALL(f, futex, KIT_SCRATCH, 0, 3, 0, 0, 0) : CALL(f, pause);
		assert_true(f->k.stop);
		atomic_store(&returned, true);
		pthread_join(thread, NULL);
		assert_int_equal(r, -EINTR);
	}
	sigaction(SIGUSR1, &was, NULL);
}

/* A page that is moved away leaves nothing where it was. */
static void moved_memory(void **state)
{
	const uint64_t rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	struct fixture *f = *state;
	uint64_t at = (uint64_t)CALL(f, mmap, 0, 4 * PAGE_4K, rw, anon, -1ul, 0), to, word = 77;

	assert_int_equal(CALL(f, munmap, at + 2 * PAGE_4K, 2 * PAGE_4K), 0);
	/* There is room behind it: it stays. To its own size: it stays, and nothing is lost. */
	assert_int_equal(space_write(&f->k.t.space, at, &word, 8), 0);
	assert_int_equal(CALL(f, mremap, at, 2 * PAGE_4K, 2 * PAGE_4K, 0), at);
	assert_int_equal(CALL(f, mremap, at, 2 * PAGE_4K, 4 * PAGE_4K, MREMAP_MAYMOVE), at);
	assert_int_equal(space_write(&f->k.t.space, at + 4 * PAGE_4K - 8, &word, 8), 0);
	/* Smaller: the rest is gone. */
	assert_int_equal(CALL(f, mremap, at, 4 * PAGE_4K, PAGE_4K, 0), at);
	assert_int_equal(space_write(&f->k.t.space, at + PAGE_4K, &word, 8), -EFAULT);
	word = 0;
	assert_int_equal(space_read(&f->k.t.space, at, &word, 8), 0);
	assert_int_equal(word, 77);
	assert_int_equal(CALL(f, mmap, at + PAGE_4K, PAGE_4K, PROT_READ, anon | MAP_FIXED, -1ul, 0), at + PAGE_4K);
	assert_int_equal(CALL(f, mremap, at, PAGE_4K, 3 * PAGE_4K, 0), -ENOMEM);
	to = (uint64_t)CALL(f, mremap, at, PAGE_4K, 3 * PAGE_4K, MREMAP_MAYMOVE);
	assert_true(to != at && to < f->k.t.top);
	assert_int_equal(space_read(&f->k.t.space, to, &word, 8), 0);
	assert_int_equal(word, 77);
	assert_int_equal(space_read(&f->k.t.space, at, &word, 8), -EFAULT);
	assert_int_equal(CALL(f, mremap, BAD, PAGE_4K, PAGE_4K, 0), -EFAULT);
}

/* Nothing is left of what was unmapped, however far its pages are from each other: below one table, or several. */
static void unmapped_memory_is_zero_again(void **state)
{
	const uint64_t rw = PROT_READ | PROT_WRITE, how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, base = 1024 * GIB;
	static const uint64_t offsets[] = {
		0, PAGE_4K, 2 * MIB - PAGE_4K, 2 * MIB, 4 * MIB, 6 * MIB, GIB, 3 * GIB, 5 * GIB + 2 * MIB, 600 * GIB};
	struct fixture *f = *state;
	uint64_t word = 5, used = f->k.t.space.used;

	assert_int_equal(CALL(f, mmap, base, 1024 * GIB, rw, how, -1ul, 0), base);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		assert_int_equal(space_write(&f->k.t.space, base + offsets[i], &word, 8), 0);
	assert_true(f->k.t.space.used >= used + ARRAY_SIZE(offsets));
	assert_int_equal(CALL(f, munmap, base, 1024 * GIB), 0);
	assert_int_equal(CALL(f, mmap, base, 1024 * GIB, rw, how, -1ul, 0), base);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		word = 1;
		assert_int_equal(space_read(&f->k.t.space, base + offsets[i], &word, 8), 0);
		assert_int_equal(word, 0);
	}
}

/* A call's text is padded, so that results are below each other. */
static void expect_call(struct fixture *f, uint64_t nr, const uint64_t *a, int64_t result, const char *want)
{
	char line[512], padded[512];

	exec_call_text(&f->k.t, nr, a, result, line, sizeof(line));
	snprintf(padded, sizeof(padded), "%-39s", want);
	assert_string_equal(line, padded);
}

/* What ends a text early, and names of errors and calls that are not known. */
static void texts_of_calls(void **state)
{
	struct fixture *f = *state;
	char line[512];
	size_t n;

	expect_call(f, SYS_write, (const uint64_t[6]){1, put(f, 0, "a b~\x7f\x1f", 6), 6}, 6,
		"write(1, \"a b~\\177\\37\", 6)");
	n = exec_call_text(&f->k.t, 9999, (const uint64_t[6]){1}, -ENOSYS, line, sizeof(line));
	exec_result_text(&f->k.t, 9999, -ENOSYS, line + n, sizeof(line) - n);
	assert_string_equal(
		line, "syscall_0x270f(0x1, NULL, NULL, NULL, NULL, NULL) = -1 ENOSYS (Function not implemented)\n");
	exec_result_text(&f->k.t, SYS_read, -EDOM, line, sizeof(line));
	assert_string_equal(line, " = -1 errno (Numerical argument out of domain)\n");
	exec_result_text(&f->k.t, SYS_read, -4095, line, sizeof(line));
	assert_string_equal(line, " = -1 errno (Unknown error 4095)\n");
	exec_result_text(&f->k.t, SYS_read, -4096, line, sizeof(line));
	assert_string_equal(line, " = -4096\n");
	expect_call(f, SYS_read, (const uint64_t[6]){0, BAD, 5}, 0, "read(0, \"\", 5)");
	expect_call(f, SYS_mprotect, (const uint64_t[6]){BAD, 5, 0}, 0, "mprotect(0x123000, 5, PROT_NONE)");
	f->k.t.end = (struct exec_end){.ended = true};
	exec_result_text(&f->k.t, SYS_exit_group, 0, line, sizeof(line));
	assert_string_equal(line, " = ?\n");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(usage),
		TEST(clocks),
		TEST(time_of_day),
		TEST(limits),
		TEST(itself),
		TEST(files),
		TEST(signals_end_it),
		TEST(another_stack),
		TEST(calls_that_wait),
		TEST(moved_memory),
		TEST(unmapped_memory_is_zero_again),
		TEST(texts_of_calls),
	};

	return run_group(tests);
}
