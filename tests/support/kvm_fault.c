// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The linker sends each call of a wrapped function to __wrap_NAME() here; __real_NAME() is the
 * function itself. Files are compiled with 64-bit offsets, so open() and mmap() are open64() and mmap64() to it.
 *
 * fault_each_call() forks before it makes anything, so that each process has VMs of its own: a VM does not survive a
 * fork. No cmocka assertion fails in such a process, since it would go on as a second copy of the test program.
 */
#include "tests/support/kvm_fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

/* No path makes more calls than this. */
#define CALLS_MAX 2000

/* How many processes share the calls of a path. Most of the time is the kernel's, which puts VMs away when it likes. */
#define PROCESSES 12

static struct {
	bool armed;
	unsigned nth;
	const char *only; /* only calls of this name are counted for @nth; NULL: all */
	_Atomic unsigned calls;
	_Atomic unsigned like;
	int code;
	_Atomic size_t mapped_bytes;
	char hit[64];
	const char **names; /* of the calls, while they are listed */
} fault;

void fault_arm(unsigned nth, int code)
{
	fault.armed = true;
	fault.nth = nth;
	fault.only = NULL;
	fault.calls = 0;
	fault.like = 0;
	fault.code = code;
	fault.hit[0] = 0;
}

unsigned fault_disarm(void)
{
	fault.armed = false;
	return fault.calls;
}

const char *fault_hit(void)
{
	return fault.hit[0] ? fault.hit : NULL;
}

/* True when this call has to fail; errno is set then. */
static bool fails(const char *what, int usual)
{
	unsigned n;

	if (!fault.armed)
		return false;
	n = ++fault.calls;
	if (fault.names && n < CALLS_MAX)
		fault.names[n] = what;
	if (fault.only)
		n = strcmp(what, fault.only) ? 0 : ++fault.like;
	if (n != fault.nth || !n)
		return false;
	snprintf(fault.hit, sizeof(fault.hit), "%s", what);
	errno = fault.code ? fault.code : usual;
	return true;
}

static const char *ioctl_name(unsigned long request)
{
	static const struct {
		unsigned long request;
		const char *name;
	} names[] = {
#define N(id) {id, "ioctl " #id}
		N(BLKSSZGET),
		N(TUNGETIFF),
		N(TUNSETVNETHDRSZ),
		N(TUNSETOFFLOAD),
		N(KVM_GET_API_VERSION),
		N(KVM_CREATE_VM),
		N(KVM_CHECK_EXTENSION),
		N(KVM_GET_VCPU_MMAP_SIZE),
		N(KVM_GET_SUPPORTED_CPUID),
		N(KVM_CREATE_VCPU),
		N(KVM_SET_USER_MEMORY_REGION),
		N(KVM_SET_TSS_ADDR),
		N(KVM_SET_IDENTITY_MAP_ADDR),
		N(KVM_CREATE_IRQCHIP),
		N(KVM_CREATE_PIT2),
		N(KVM_REINJECT_CONTROL),
		N(KVM_SET_PIT2),
		N(KVM_IRQFD),
		N(KVM_IOEVENTFD),
		N(KVM_ENABLE_CAP),
		N(KVM_RUN),
		N(KVM_GET_REGS),
		N(KVM_SET_REGS),
		N(KVM_GET_SREGS),
		N(KVM_SET_SREGS),
		N(KVM_GET_MSRS),
		N(KVM_GET_TSC_KHZ),
		N(KVM_SET_MSRS),
		N(KVM_GET_LAPIC),
		N(KVM_SET_LAPIC),
		N(KVM_SET_CPUID2),
		N(KVM_SET_MP_STATE),
		N(KVM_GET_MP_STATE),
		N(KVM_SET_FPU),
#undef N
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].request == request)
			return names[i].name;
	return "ioctl (other)";
}

#define WRAP(type, name, params)                                                                                       \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails(ioctl_name(request), EIO) ? -1 : __real_ioctl(fd, request, arg);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	int mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	/* The files that the tests open are in memory, where not every kernel supports O_DIRECT. */
	flags &= ~O_DIRECT;
	return fails((flags & O_TMPFILE) == O_TMPFILE ? "open O_TMPFILE" : "open", EMFILE)
		? -1
		: __real_open64(path, flags, mode);
}

WRAP(void *, mmap64, (void *addr, size_t len, int prot, int flags, int fd, off_t offset))
{
	const char *what = flags & MAP_FIXED ? "mmap MAP_FIXED" : "mmap";
	void *p = fails(what, ENOMEM) ? MAP_FAILED : __real_mmap64(addr, len, prot, flags, fd, offset);

	/* A fixed mapping replaces a part of one that is counted. */
	if (p != MAP_FAILED && !(flags & MAP_FIXED))
		fault.mapped_bytes += len;
	return p;
}

/* Teardown is not made to fail, only watched. */
WRAP(int, munmap, (void *addr, size_t len))
{
	int r = __real_munmap(addr, len);

	if (r == 0)
		fault.mapped_bytes -= len;
	return r;
}

static const char *madvise_text(int advice)
{
	switch (advice) {
	case MADV_NOHUGEPAGE: return "madvise MADV_NOHUGEPAGE";
	case 23: return "madvise MADV_POPULATE_WRITE"; /* kernels before 5.14 answer it with EINVAL */
	default: return "madvise";
	}
}

WRAP(int, madvise, (void *addr, size_t len, int advice))
{
	return fails(madvise_text(advice), EINVAL) ? -1 : __real_madvise(addr, len, advice);
}

WRAP(int, eventfd, (unsigned count, int flags))
{
	return fails("eventfd", EMFILE) ? -1 : __real_eventfd(count, flags);
}

WRAP(int, epoll_create1, (int flags))
{
	return fails("epoll_create1", EMFILE) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, epoll_ctl, (int epoll_fd, int op, int fd, struct epoll_event *ev))
{
	/* Only ADD takes something of the host. */
	return op == EPOLL_CTL_ADD && fails("epoll_ctl", ENOSPC) ? -1 : __real_epoll_ctl(epoll_fd, op, fd, ev);
}

WRAP(int, timerfd_create, (int clock, int flags))
{
	return fails("timerfd_create", EMFILE) ? -1 : __real_timerfd_create(clock, flags);
}

WRAP(ssize_t, pread64, (int fd, void *buf, size_t n, off_t offset))
{
	return fails("pread", EIO) ? -1 : __real_pread64(fd, buf, n, offset);
}

WRAP(ssize_t, getrandom, (void *buf, size_t n, unsigned flags))
{
	return fails("getrandom", ENOSYS) ? -1 : __real_getrandom(buf, n, flags);
}

WRAP(void *, malloc, (size_t n))
{
	return fails("malloc", ENOMEM) ? NULL : __real_malloc(n);
}

WRAP(void *, calloc, (size_t n, size_t size))
{
	return fails("calloc", ENOMEM) ? NULL : __real_calloc(n, size);
}

WRAP(int, posix_memalign, (void **ret, size_t align, size_t n))
{
	return fails("posix_memalign", ENOMEM) ? ENOMEM : __real_posix_memalign(ret, align, n);
}

WRAP(char *, strdup, (const char *s))
{
	return fails("strdup", ENOMEM) ? NULL : __real_strdup(s);
}

WRAP(char *, strndup, (const char *s, size_t n))
{
	return fails("strndup", ENOMEM) ? NULL : __real_strndup(s, n);
}

WRAP(int, fstat64, (int fd, struct stat64 *st))
{
	return fails("fstat", EIO) ? -1 : __real_fstat64(fd, st);
}

WRAP(int, ftruncate64, (int fd, off64_t size))
{
	return fails("ftruncate", ENOSPC) ? -1 : __real_ftruncate64(fd, size);
}

/* Its third argument is a number or a pointer: a word, in any case. */
int __real_fcntl64(int fd, int cmd, ...);
int __wrap_fcntl64(int fd, int cmd, ...);
int __wrap_fcntl64(int fd, int cmd, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails("fcntl", EINVAL) ? -1 : __real_fcntl64(fd, cmd, arg);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
	return fails("socket", EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

WRAP(int, connect, (int fd, const struct sockaddr *addr, socklen_t len))
{
	return fails("connect", ECONNREFUSED) ? -1 : __real_connect(fd, addr, len);
}

WRAP(int, bind, (int fd, const struct sockaddr *addr, socklen_t len))
{
	return fails("bind", EACCES) ? -1 : __real_bind(fd, addr, len);
}

WRAP(int, listen, (int fd, int backlog))
{
	return fails("listen", EADDRINUSE) ? -1 : __real_listen(fd, backlog);
}

WRAP(int, fchmod, (int fd, mode_t mode))
{
	return fails("fchmod", EPERM) ? -1 : __real_fchmod(fd, mode);
}

/*
 * Both are made all the same: the C library's cannot fail, so that not all who call them look, and a condition without
 * its clock ends every wait at once.
 */
WRAP(int, pthread_mutex_init, (pthread_mutex_t * m, const pthread_mutexattr_t *attr))
{
	int r = __real_pthread_mutex_init(m, attr);

	return fails("pthread_mutex_init", ENOMEM) ? errno : r;
}

WRAP(int, pthread_cond_init, (pthread_cond_t * c, const pthread_condattr_t *attr))
{
	int r = __real_pthread_cond_init(c, attr);

	return fails("pthread_cond_init", ENOMEM) ? errno : r;
}

WRAP(int, pthread_create, (pthread_t * t, const pthread_attr_t *attr, void *(*start)(void *), void *arg))
{
	return fails("pthread_create", EAGAIN) ? errno : __real_pthread_create(t, attr, start, arg);
}

/* Not made to fail: on a busy host a thread may need longer to end than a stop waits for it. */
WRAP(int, pthread_cond_timedwait, (pthread_cond_t * c, pthread_mutex_t *m, const struct timespec *until))
{
	struct timespec late = *until;

	late.tv_sec += 60;
	return __real_pthread_cond_timedwait(c, m, &late);
}

/* In a process that shares a path's calls there is no cmocka to fail. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	must(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3; /* ".", ".." and the directory itself */
}

static size_t count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	size_t n = 0;

	must(d);
	while ((e = readdir(d))) {
		char path[300], name[64] = "";
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue; /* it just ended */
		if (fgets(name, sizeof(name), f) && strncmp(name, "kvm-nx-lpage", 12) != 0)
			n++;
		fclose(f);
	}
	closedir(d);
	return n;
}

static size_t count_kvm_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	size_t n = 0;

	must(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "kvm-vcpu") != NULL;
	fclose(f);
	return n;
}

struct resources resources_now(void)
{
	return (struct resources){
		.fds = count_fds(),
		.threads = count_threads(),
		.mapped_bytes = fault.mapped_bytes,
		.kvm_maps = count_kvm_maps(),
	};
}

/* Return: true, or false with what has changed in @words. */
static bool same_resources(const struct resources *before, char *words, size_t size)
{
	struct resources now = resources_now();

	/* A thread that was joined is in /proc until the kernel has put it away. */
	for (int i = 0; i < 1000 && now.threads > before->threads; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		now = resources_now();
	}
	snprintf(words, size, "fds %zu to %zu, threads %zu to %zu, mapped bytes %zu to %zu, vCPU mappings %zu to %zu",
		before->fds, now.fds, before->threads, now.threads, before->mapped_bytes, now.mapped_bytes,
		before->kvm_maps, now.kvm_maps);
	return !memcmp(&now, before, sizeof(now));
}

void assert_same_resources(const struct resources *before, const char *what)
{
	char words[256];

	if (!same_resources(before, words, sizeof(words)))
		fail_msg("%s: %s", what, words);
}

/* --- Each call of a path ---------------------------------------------------------------------------------------- */

/* What the processes have found, in memory that they share. */
struct findings {
	_Atomic unsigned failed; /* calls that were made to fail */
	_Atomic unsigned missed; /* in another run than the first, that one was not made */
	_Atomic unsigned bad;
	_Atomic size_t said_bytes;
	char said[512 * 1024];
};

static struct findings *findings;

static void PRINTF(1, 2) bad(const char *fmt, ...)
{
	va_list ap;

	findings->bad++;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void note_said(const char *text)
{
	size_t n = strlen(text) + 1, at = atomic_fetch_add(&findings->said_bytes, n);

	must(at + n < sizeof(findings->said));
	memcpy(findings->said + at, text, n - 1);
	findings->said[at + n - 1] = '\n';
}

/* The @nth call of that name: threads make the order of all calls another one in each run. */
static void one_call_fails(const struct fault_path *p, const char *name, unsigned nth, const struct resources *before)
{
	char what[128], words[256];
	struct err e = {0};
	int r;

	fault_arm(nth, p->code);
	fault.only = name;
	r = p->run(&e);
	fault_disarm();
	if (!fault_hit()) {
		findings->missed++;
		return;
	}
	findings->failed++;
	snprintf(what, sizeof(what), "%s: call %u of %s with errno %d", p->name, nth, name, p->code);
	if (!same_resources(before, words, sizeof(words)))
		bad("%s: %s", what, words);
	if (r > 0)
		bad("%s: returned %d", what, r);
	if (p->code == EINTR && r < 0 && !strncmp(fault_hit(), "ioctl", 5))
		bad("%s: not retried: %s", what, e.text);
	/* A later KVM_RUN may come when the machine has its end already: then nobody asks for its result. */
	if (r == 0 && p->code != EINTR && !(nth > 1 && !strcmp(name, "ioctl KVM_RUN")) &&
		!p->survives(fault_hit(), p->code))
		bad("%s: nobody noticed", what);
	if (r < 0 && strlen(e.text) < 10)
		bad("%s: %d without a message: \"%s\"", what, r, e.text);
	note_said(e.text);
}

/* Of like calls in a row only the first two and the last; but each thread is for something else. */
static bool repeats(const char *const *names, unsigned n, unsigned calls)
{
	return strcmp(names[n], "pthread_create") && n > 2 && n < calls && names[n - 1] == names[n] &&
		names[n - 2] == names[n] && names[n + 1] == names[n];
}

static unsigned like_before(const char *const *names, unsigned n)
{
	unsigned nr = 0;

	for (unsigned i = 1; i < n; i++)
		nr += !strcmp(names[i], names[n]);
	return nr;
}

/* The same in each process, whatever the order of the calls was there. */
static unsigned turn_of(const char *name, unsigned nth)
{
	while (*name)
		nth = 31 * nth + (unsigned char)*name++;
	return nth % PROCESSES;
}

/* In a process of its own: makes the calls of turn @turn fail, among those that are to fail. */
static void fail_some(const struct fault_path *p, unsigned turn)
{
	static const int caught[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
	static const char *names[CALLS_MAX];
	struct resources before;
	struct err e = {0};
	unsigned calls;

	/* cmocka would go on with the next test. */
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		signal(caught[i], SIG_DFL);
	if (p->prepare)
		p->prepare();
	/* Once without a fault: things that are made once per process (stdio, locale) are made now. */
	fault.names = names;
	fault_arm(0, 0);
	if (p->run(&e) != 0)
		bad("%s: without a fault: %s", p->name, e.text);
	calls = fault_disarm();
	fault.names = NULL;
	must(calls > 0 && calls < CALLS_MAX);
	before = resources_now();
	for (unsigned n = 1; n <= calls && findings->bad < 10; n++) {
		unsigned nth = like_before(names, n) + 1;

		if (!repeats(names, n, calls) && turn_of(names[n], nth) == turn)
			one_call_fails(p, names[n], nth, &before);
	}
}

const char *fault_each_call(const struct fault_path *p)
{
	pid_t pid[PROCESSES];

	if (findings)
		__real_munmap(findings, sizeof(*findings));
	findings = __real_mmap64(NULL, sizeof(*findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(findings != MAP_FAILED);
	fflush(NULL);
	for (unsigned i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i])
			continue;
		fail_some(p, i);
		exit(0); /* not _exit(): LeakSanitizer looks now */
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		if (status) {
			fprintf(stderr, "%s: a process ended with status 0x%x\n", p->name, status);
			findings->bad++;
		}
	}
	printf("%s: %u calls failed in turn with errno %d\n", p->name, findings->failed, p->code);
	if (findings->bad)
		fail_msg("%s: %u faults, see above", p->name, findings->bad);
	/* The length of some paths is chance, but not by much. */
	assert_true(findings->failed > 10 && findings->missed * 10 <= findings->failed);
	return findings->said;
}
