// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The linker sends each call of a wrapped function to __wrap_NAME() here; __real_NAME() is the
 * function itself. Files are compiled with 64-bit offsets, so open() and mmap() are open64() and mmap64() to it.
 */
#include "tests/support/kvm_fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

static struct {
	bool armed;
	unsigned nth;
	_Atomic unsigned calls;
	int code;
	size_t mapped_bytes;
	char hit[64];
} fault;

void fault_arm(unsigned nth, int code)
{
	fault.armed = true;
	fault.nth = nth;
	fault.calls = 0;
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
	if (!fault.armed || ++fault.calls != fault.nth)
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
	return fails("open", EMFILE) ? -1 : __real_open64(path, flags, mode);
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

static size_t count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
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

	assert_non_null(d);
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

	assert_non_null(f);
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

void assert_same_resources(const struct resources *before, const char *what)
{
	struct resources now = resources_now();

	/* A thread that was joined is in /proc until the kernel has put it away. */
	for (int i = 0; i < 1000 && now.threads > before->threads; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		now = resources_now();
	}
	if (memcmp(&now, before, sizeof(now)) != 0)
		fail_msg("%s: fds %zu to %zu, threads %zu to %zu, mapped bytes %zu to %zu, vCPU mappings %zu to %zu",
			what, before->fds, now.fds, before->threads, now.threads, before->mapped_bytes,
			now.mapped_bytes, before->kvm_maps, now.kvm_maps);
}
