// SPDX-License-Identifier: Apache-2.0
/*
 * calls CASE: prints what calls do that Debian's programs seldom make: natively and by `vmm exec` the same.
 * The working directory has what tests/support/exec-files.sh makes.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* The result as programs see it */
static void say(const char *what, long r)
{
	printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

/* --- timerfd ------------------------------------------------------------------------------------------------ */

static void set_timer(int fd, int flags, long first_ns, long every_ns)
{
	const struct itimerspec t = {
		{every_ns / 1000000000, every_ns % 1000000000}, {first_ns / 1000000000, first_ns % 1000000000}};

	say("settime", timerfd_settime(fd, flags, &t, NULL));
}

static uint64_t ticks(int fd)
{
	uint64_t n = 0;

	say("read", read(fd, &n, sizeof(n)));
	return n;
}

static void *rearm(void *fd)
{
	set_timer((int)(intptr_t)fd, 0, 1000000, 0);
	return NULL;
}

static void timers(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), ep = epoll_create1(0), other;
	struct epoll_event e = {EPOLLIN, {.u32 = 5}};
	struct itimerspec now;
	struct timespec past;
	pthread_t thread;

	say("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
	say("nothing yet", epoll_wait(ep, &e, 1, 0));
	set_timer(fd, 0, 5000000, 0);
	timerfd_gettime(fd, &now);
	printf("left %d\n", now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 5000000);
	say("epoll_wait", epoll_wait(ep, &e, 1, 10000));
	printf("%u %x\n", e.data.u32, e.events);
	printf("ticks %d\n", ticks(fd) == 1);
	set_timer(fd, 0, 1000000, 1000000);
	printf("again %d\n", ticks(fd) >= 1);
	usleep(5000);
	printf("several %d\n", ticks(fd) >= 4);
	clock_gettime(CLOCK_REALTIME, &past);
	other = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	say("not armed", (long)ticks(other));
	set_timer(other, TFD_TIMER_ABSTIME, (past.tv_sec - 1) * 1000000000, 0);
	printf("in the past %d\n", ticks(other) == 1);
	say("once", (long)ticks(other));
	say("write", write(other, &e, 8));
	say("short", read(other, &e, 7));
	say("clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
	say("flags", timerfd_create(CLOCK_MONOTONIC, 1));
	say("no timer", timerfd_gettime(1, &now));
	/* A thread waits for a timer that another one sets. */
	set_timer(fd, 0, 0, 0);
	pthread_create(&thread, NULL, rearm, (void *)(intptr_t)fd);
	say("epoll_wait", epoll_wait(ep, &e, 1, -1));
	pthread_join(thread, NULL);
	printf("set by another %d\n", ticks(fd) == 1);
}

/* --- signalfd ----------------------------------------------------------------------------------------------- */

static void take(int fd)
{
	struct signalfd_siginfo s[3];
	long n = read(fd, s, sizeof(s));

	say("read", n);
	for (long i = 0; i < n / (long)sizeof(*s); i++)
		printf("%u %d %d %d\n", s[i].ssi_signo, s[i].ssi_code, s[i].ssi_pid == (uint32_t)getpid(),
			s[i].ssi_int);
}

static void *send_one(void *to)
{
	(void)to;
	kill(getpid(), SIGUSR2);
	return NULL;
}

static void signals(void)
{
	struct itimerval soon = {.it_value = {0, 2000}};
	pthread_t thread;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	take(fd);
	raise(SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7});
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 8});
	take(fd);
	take(fd);
	say("flags", fcntl(fd, F_SETFL, 0));
	setitimer(ITIMER_REAL, &soon, NULL);
	take(fd);
	pthread_create(&thread, NULL, send_one, NULL);
	take(fd);
	pthread_join(thread, NULL);
	sigemptyset(&set);
	say("another set", signalfd(fd, &set, SFD_NONBLOCK) == fd);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	raise(SIGUSR1);
	take(fd);
	say("no signalfd", signalfd(1, &set, 0));
	say("short", read(fd, &set, sizeof(set)));
}

/* --- futexes ------------------------------------------------------------------------------------------------ */

static _Atomic uint32_t word, other_word;
static _Atomic int woken;

static long futex(_Atomic uint32_t *at, int op, uint32_t value, long more, _Atomic uint32_t *second, uint32_t last)
{
	return syscall(SYS_futex, at, op, value, more, second, last);
}

static void *waits(void *at)
{
	futex(at, FUTEX_WAIT, at == &word ? 0 : 1, 0, NULL, 0);
	woken++;
	return NULL;
}

static void wake_op(void)
{
	pthread_t a, b;
	long n = 0;

	other_word = 1;
	pthread_create(&a, NULL, waits, &word);
	pthread_create(&b, NULL, waits, &other_word);
	/* Until both wait: then both are woken at once. */
	while (n < 2)
		n += futex(&word, FUTEX_WAKE_OP, 1, 1, &other_word, FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 1));
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("woken %d\n", woken);
	futex(&word, FUTEX_WAKE_OP, 1, 1, &other_word, FUTEX_OP(FUTEX_OP_SET, 12, FUTEX_OP_CMP_GT, 0));
	printf("set %u\n", other_word);
	futex(&word, FUTEX_WAKE_OP, 1, 1, &other_word,
		FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_GT, 0));
	printf("or %u\n", other_word);
	futex(&word, FUTEX_WAKE_OP, 1, 1, &other_word, FUTEX_OP(FUTEX_OP_ANDN, 4, FUTEX_OP_CMP_GT, 0));
	printf("andn %u\n", other_word);
	futex(&word, FUTEX_WAKE_OP, 1, 1, &other_word, FUTEX_OP(FUTEX_OP_XOR, -1, FUTEX_OP_CMP_LE, -1));
	printf("xor %u\n", other_word);
	say("unaligned", futex(&word, FUTEX_WAKE_OP, 1, 1, (void *)((char *)&other_word + 1), 0));
	say("nowhere", futex(&word, FUTEX_WAKE_OP, 1, 1, (void *)8, 0));
}

static pthread_mutex_t mutex;
static int counter;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 100 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void *dies(void *arg)
{
	pthread_mutex_lock(&mutex);
	return arg;
}

static void make_mutex(int robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutexattr_setrobust(&attr, robust);
	printf("init %d\n", pthread_mutex_init(&mutex, &attr));
}

static void *waits_with_limit(void *arg)
{
	struct timespec soon;

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 2000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_sec++;
		soon.tv_nsec -= 1000000000;
	}
	printf("timed %s\n", strerror(pthread_mutex_timedlock(&mutex, &soon)));
	printf("clock %s\n", strerror(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &(struct timespec){1, 0})));
	printf("try %s\n", strerror(pthread_mutex_trylock(&mutex)));
	return arg;
}

static void inheritance(void)
{
	pthread_t t[4];

	make_mutex(PTHREAD_MUTEX_STALLED);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, count, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("counted %d\n", counter);
	pthread_mutex_lock(&mutex);
	printf("twice %s\n", strerror(pthread_mutex_lock(&mutex)));
	pthread_create(&t[0], NULL, waits_with_limit, NULL);
	pthread_join(t[0], NULL);
	pthread_mutex_unlock(&mutex);
	word = (uint32_t)gettid();
	say("unlock", futex(&word, FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	say("not ours", futex(&word, FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	word = 0x3fffffff;
	say("nobody's", futex(&word, FUTEX_LOCK_PI, 0, 0, NULL, 0));
	make_mutex(PTHREAD_MUTEX_ROBUST);
	pthread_create(&t[0], NULL, dies, NULL);
	pthread_join(t[0], NULL);
	printf("dead %s\n", strerror(pthread_mutex_lock(&mutex)));
	printf("consistent %d\n", pthread_mutex_consistent(&mutex));
	printf("unlock %d\n", pthread_mutex_unlock(&mutex));
}

/* --- files -------------------------------------------------------------------------------------------------- */

static void open_how(const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	const struct open_how how = {flags, mode, resolve};
	int dir = open("a", O_PATH | O_DIRECTORY);
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	printf("%s %llx: %s\n", name, (unsigned long long)resolve, fd < 0 ? strerror(errno) : "opened");
	if (fd >= 0)
		close((int)fd);
	close(dir);
}

static void opens(void)
{
	static const char *const names[] = {"pairs", "link", "../text", "b/table.csv", "to_b/table.csv", "b/../pairs",
		"b/../..", "/text", "/", ".", "..", "nonesuch", "/proc/self/cwd/text", "/proc/self/fd/0",
		"b/../../a/pairs"};
	static const uint64_t resolves[] = {0, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS,
		RESOLVE_NO_MAGICLINKS, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	uint64_t longer[5] = {O_RDONLY, 0, 0, 0, 1};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t k = 0; k < sizeof(resolves) / sizeof(*resolves); k++)
			/* Natively, the root directory is another one. */
			if (names[i][0] != '/' || resolves[k] & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
				open_how(names[i], O_RDONLY, 0, resolves[k]);
	open_how("/proc/self/fd/0", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS);
	open_how("/proc/self/fd/0", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
	open_how("pairs", O_RDONLY, 0600, 0);
	open_how("pairs", O_PATH | O_CREAT, 0600, 0);
	open_how("new", O_WRONLY | O_CREAT | O_EXCL, 0600, RESOLVE_BENEATH);
	open_how("pairs", 1ull << 40, 0, 0);
	open_how("pairs", O_RDONLY, 0, 1 << 10);
	open_how("pairs", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	say("short", syscall(SYS_openat2, AT_FDCWD, "text", longer, 23));
	say("more", syscall(SYS_openat2, AT_FDCWD, "text", longer, 40));
	longer[4] = 0;
	say("zeros", syscall(SYS_openat2, AT_FDCWD, "text", longer, 40) >= 0);
}

static void copies(void)
{
	int in = open("numbers", O_RDONLY), out = open("made", O_RDWR | O_CREAT, 0600),
	    more = open("text", O_RDWR | O_APPEND);
	off_t from = 100, to = 7;
	char buf[300];

	say("both offsets", copy_file_range(in, &from, out, &to, 200, 0));
	printf("%ld %ld %ld %ld\n", (long)from, (long)to, (long)lseek(in, 0, SEEK_CUR), (long)lseek(out, 0, SEEK_CUR));
	say("positions", copy_file_range(in, NULL, out, NULL, 20, 0));
	printf("%ld %ld\n", (long)lseek(in, 0, SEEK_CUR), (long)lseek(out, 0, SEEK_CUR));
	say("all of it", copy_file_range(in, NULL, out, NULL, 1000000, 0));
	say("the end", copy_file_range(in, NULL, out, NULL, 1000000, 0));
	say("pread", pread(out, buf, 207, 0));
	fwrite(buf, 1, 207, stdout);
	from = 0;
	to = 10;
	say("over itself", copy_file_range(out, &from, out, &to, 20, 0));
	to = 30000;
	say("behind itself", copy_file_range(out, &from, out, &to, 20, 0));
	say("flags", copy_file_range(in, NULL, out, NULL, 1, 1));
	say("not for reading", copy_file_range(open("many/f1", O_WRONLY), NULL, out, NULL, 1, 0));
	say("not for writing", copy_file_range(in, NULL, in, NULL, 1, 0));
	say("appends", copy_file_range(in, &(off_t){0}, more, NULL, 1, 0));
	say("a directory", copy_file_range(open("a", O_RDONLY), NULL, out, NULL, 1, 0));
	from = -1;
	say("negative", copy_file_range(in, &from, out, NULL, 1, 0));
	say("a bad place", copy_file_range(in, (off_t *)8, out, NULL, 1, 0));
}

static void attributes(void)
{
	char buf[100];
	int fd = open("text", O_RDONLY);

	say("get", getxattr("text", "user.test", buf, sizeof(buf)));
	say("size", getxattr("text", "user.test", NULL, 0));
	say("small", getxattr("text", "user.test", buf, 2));
	say("list", listxattr("text", buf, sizeof(buf)));
	say("list size", flistxattr(fd, NULL, 0));
	say("list small", llistxattr("text", buf, 3));
	say("by descriptor", fgetxattr(fd, "user.test", buf, sizeof(buf)));
	say("another", fgetxattr(fd, "user.other", buf, sizeof(buf)));
	say("of the system", getxattr("text", "security.capability", buf, sizeof(buf)));
	say("of a link", lgetxattr("dangling", "user.test", buf, sizeof(buf)));
	say("through a link", getxattr("a/link", "user.test", buf, sizeof(buf)));
	say("nothing", getxattr("nonesuch", "user.test", buf, sizeof(buf)));
	say("no name", getxattr("text", "", buf, sizeof(buf)));
	say("closed", fgetxattr(99, "user.test", buf, sizeof(buf)));
	say("no value", getxattr("a", "user.test", buf, sizeof(buf)));
	say("none", listxattr("a", buf, sizeof(buf)));
}

static void schedule(void)
{
	struct sched_param p = {0}, high = {1};
	struct timespec slice;
	cpu_set_t set;
	uint32_t id[3];

	errno = 0;
	say("priority", getpriority(PRIO_PROCESS, 0));
	say("lower", setpriority(PRIO_PROCESS, 0, 5));
	say("priority", getpriority(PRIO_PROCESS, 0));
	say("none such", getpriority(9, 0));
	say("policy", sched_getscheduler(0));
	say("param", sched_getparam(0, &p));
	say("batch", sched_setscheduler(0, SCHED_OTHER, &p));
	say("priority of none", sched_setscheduler(0, SCHED_OTHER, &high));
	say("no policy", sched_setscheduler(0, 77, &p));
	printf("%d %d %d %d\n", sched_get_priority_max(SCHED_FIFO), sched_get_priority_min(SCHED_RR),
		sched_get_priority_max(SCHED_OTHER), sched_get_priority_max(77));
	say("slice", sched_rr_get_interval(0, &slice));
	CPU_ZERO(&set);
	say("no CPU", sched_setaffinity(0, sizeof(set), &set));
	CPU_SET(0, &set);
	say("the first", sched_setaffinity(0, sizeof(set), &set));
	say("ids", syscall(SYS_getresuid, &id[0], &id[1], &id[2]));
	printf("%d %d\n", id[0] == getuid(), id[2] == geteuid());
	say("as it is", setresuid(getuid(), (uid_t)-1, getuid()));
	say("personality", syscall(SYS_personality, 0xffffffff));
}

/* --- clocks ------------------------------------------------------------------------------------------------- */

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *reads(void *back)
{
	int64_t last = 0, wall = 0;

	for (int i = 0; i < 200000; i++) {
		int64_t t = now(CLOCK_MONOTONIC), w = now(CLOCK_REALTIME);

		if (t < last || w < wall)
			++*(_Atomic int *)back;
		last = t;
		wall = w;
	}
	return NULL;
}

static void clocks(void)
{
	static _Atomic int back;
	const struct timespec nap = {0, 1000000};
	int64_t begin = now(CLOCK_MONOTONIC);
	int early = 0;
	struct timeval tv;
	pthread_t thread;

	reads(&back);
	pthread_create(&thread, NULL, reads, &back);
	reads(&back);
	pthread_join(thread, NULL);
	printf("backwards %d\n", back);
	for (int i = 0; i < 20; i++) {
		begin = now(CLOCK_MONOTONIC);
		nanosleep(&nap, NULL);
		early += now(CLOCK_MONOTONIC) - begin < 1000000;
	}
	printf("early %d\n", early);
	gettimeofday(&tv, NULL);
	begin = now(CLOCK_REALTIME) - (tv.tv_sec * INT64_C(1000000000) + tv.tv_usec * 1000);
	printf("of day %d\n", begin >= 0 && begin < 1000000000);
	printf("seconds %d\n", time(NULL) - tv.tv_sec <= 1);
	printf("coarse %d\n", now(CLOCK_MONOTONIC) - now(CLOCK_MONOTONIC_COARSE) < 1000000000);
	say("no clock", clock_gettime(77, (struct timespec *)&tv));
}

/* For a test that compares it with the host's */
static void wall(void)
{
	for (int i = 0; i < 3000; i++)
		now(CLOCK_REALTIME);
	printf("%lld\n", (long long)now(CLOCK_REALTIME));
}

/* Calls a second */
static void rate(void)
{
	int64_t begin = now(CLOCK_MONOTONIC), end;
	long n = 0;

	do
		n++;
	while ((end = now(CLOCK_MONOTONIC)) - begin < 1000000000);
	printf("%ld\n", n);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {{"timers", timers}, {"signals", signals}, {"wake_op", wake_op}, {"inheritance", inheritance},
		{"opens", opens}, {"copies", copies}, {"attributes", attributes}, {"schedule", schedule},
		{"clocks", clocks}, {"wall", wall}, {"rate", rate}};

	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	return 1;
}
