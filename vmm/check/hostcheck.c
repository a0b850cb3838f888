// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/hostcheck.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "security/seccomp.h"
#include "vmm/base/clock.h"
#include "vmm/check/facts.h"
#include "vmm/check/probe.h"
#include "vmm/kvm/kvm.h"

static const struct cap {
	int id;
	const char *name;
	bool needed;
	const char *why;
} caps[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", true, "guest RAM is memory of ours"},
	{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", true, "the interrupt controllers are KVM's"},
	{KVM_CAP_PIT2, "KVM_CAP_PIT2", true, "the interval timer is KVM's"},
	{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", true, "the guest's CPUID is set by a table"},
	{KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", true, "a halted CPU is told from a running one"},
	{KVM_CAP_IRQFD, "KVM_CAP_IRQFD", true, "devices raise interrupts through eventfds"},
	{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD", true, "queue kicks arrive through eventfds"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", true, "a vCPU can be stopped without a race"},
	{KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS", true, "RAM above and below the 32-bit hole"},
	{KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER", false,
		"guests have no high-resolution timer without it"},
	{KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK", false, "kvm-clock"},
	{KVM_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ", false, "the TSC's frequency is known"},
	{KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR", false, "real mode on older Intel processors"},
	{KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM", false, "virtio registers are read without an exit"},
	{KVM_CAP_PMU_CAPABILITY, "KVM_CAP_PMU_CAPABILITY", false, "the PMU is hidden by CPUID alone without it"},
	{KVM_CAP_BINARY_STATS_FD, "KVM_CAP_BINARY_STATS_FD", false, "KVM's own exit counters"},
};

static struct host_item *PRINTF(5, 6)
	add(struct host_items *h, enum host_grade grade, const char *group, const char *name, const char *fmt, ...)
{
	struct host_item *i;
	va_list ap;

	if (h->nr == HOST_ITEMS_MAX)
		return NULL;
	i = &h->item[h->nr++];
	*i = (struct host_item){.grade = grade, .group = group, .name = name};
	va_start(ap, fmt);
	vsnprintf(i->text, sizeof(i->text), fmt, ap);
	va_end(ap);
	return i;
}

static void check_processor(struct host_items *h)
{
	struct host_facts facts;
	enum kvm_kind kind;
	struct utsname u;
	char text[96];

	if (uname(&u) == 0)
		add(h, HOST_OK, "host", "kernel", "%s %s", u.sysname, u.release);
	host_facts_open(&facts);
	kind = host_facts_kvm(&facts, text, sizeof(text));
	host_facts_close(&facts);
	if (kind != KVM_KIND_SOFTWARE)
		add(h, HOST_OK, "host", "virtualization", "%s", text);
	else
		add(h, HOST_NOTE, "host", "virtualization",
			"%s: the processor shows neither VMX nor SVM; a host in QEMU has "
			"an emulated SVM",
			text);
}

static void check_probes(struct host_items *h, struct kvm *kvm)
{
	struct probe_result result[PROBES_MAX];
	struct err e = {};
	size_t nr;

	if (probe_run(kvm, result, &nr, &e) < 0) {
		add(h, HOST_BAD, "probe guest", "start", "%s", e.text);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		enum probe_outcome o = result[i].outcome;

		add(h, o == PROBE_WORKS || o == PROBE_NOT_OFFERED ? HOST_OK : HOST_BAD, "probe guest", result[i].name,
			"%s", probe_outcome_text(o));
	}
}

/* At this time KVM_CREATE_VM must have waited for RCU: 9 to 12 ms; without that it takes 0.2 to 0.5 ms. */
#define CREATE_VM_SLOW_NS  (4 * NSEC_PER_MSEC)
#define CREATE_VM_PAUSE_US 100000

/*
 * Finds a mounted control group file system: the unified one if it exists, else any other. Return: false: one of them
 * has the option.
 */
static bool lacks_favordynmods(FILE *mounts, char *ret_dir, size_t size)
{
	bool unified = false;
	struct mntent *m;

	while ((m = getmntent(mounts))) {
		bool v2 = !strcmp(m->mnt_type, "cgroup2");

		if (!v2 && strcmp(m->mnt_type, "cgroup") != 0)
			continue;
		if (hasmntopt(m, "favordynmods"))
			return false;
		if (!unified)
			snprintf(ret_dir, size, "%s", m->mnt_dir);
		unified |= v2;
	}
	return true;
}

void host_create_vm(struct host_items *h, uint64_t took_ns, FILE *mounts)
{
	unsigned tenths = (unsigned)(took_ns / (NSEC_PER_MSEC / 10));
	char dir[96] = "/sys/fs/cgroup";

	if (took_ns < CREATE_VM_SLOW_NS || (mounts && !lacks_favordynmods(mounts, dir, sizeof(dir))))
		add(h, HOST_OK, "kvm", "KVM_CREATE_VM", "%u.%u ms", tenths / 10, tenths % 10);
	else
		add(h, HOST_NOTE, "kvm", "KVM_CREATE_VM",
			"%u.%u ms, since KVM moves a thread to our control group, which waits for RCU: "
			"`mount -o remount,favordynmods %s` ends that (Linux 6.0 or later)",
			tenths / 10, tenths % 10, dir);
}

/*
 * The shortest of three, since a busy host may delay one. With pauses, since moving a thread within a grace period of
 * the last move does not wait.
 */
static void check_create_vm(struct host_items *h, struct kvm *kvm)
{
	CLEANUP_FCLOSE FILE *mounts = fopen("/proc/self/mounts", "re");
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t since = trace_now_ns();
		int fd = kvm_ioctl(kvm, kvm->fd, KVM_CREATE_VM, KVM_ARG(0));

		if (fd < 0)
			return; /* the probe guest's items explain it */
		least = MIN(least, trace_now_ns() - since);
		close(fd);
		usleep(CREATE_VM_PAUSE_US);
	}
	host_create_vm(h, least, mounts);
}

static void check_kvm(struct host_items *h)
{
	struct err e = {};
	struct kvm kvm;

	if (kvm_open(NULL, &kvm, &e) < 0) {
		add(h, HOST_BAD, "kvm", KVM_DEVICE, "%s", e.text);
		return;
	}
	add(h, HOST_OK, "kvm", KVM_DEVICE, "API %d, at most %u vCPUs", kvm.api, kvm.max_vcpus);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		int value = kvm_check(&kvm, caps[i].id);

		if (value)
			add(h, HOST_OK, "kvm", caps[i].name, "%d", value);
		else
			add(h, caps[i].needed ? HOST_BAD : HOST_NOTE, "kvm", caps[i].name, "missing: %s", caps[i].why);
	}
	check_create_vm(h, &kvm);
	check_probes(h, &kvm);
	kvm_close(&kvm);
}

static const char *why_no_landlock(int abi)
{
	switch (abi) {
	case -EOPNOTSUPP: return "built in but not on: add landlock to the host's lsm= parameter";
	case -EPERM:
		return "refused (EPERM) by a seccomp filter that does not know it, such as an old container runtime's";
	default: return "not in this kernel (5.13 or later has it)";
	}
}

void host_landlock(struct host_items *h, int abi)
{
	char lacks[160];

	landlock_missing(abi, lacks, sizeof(lacks));
	if (abi < 0)
		add(h, HOST_NOTE, "isolation", "Landlock", "%s", why_no_landlock(abi));
	else if (abi > LANDLOCK_ABI_KNOWN)
		add(h, HOST_NOTE, "isolation", "Landlock",
			"ABI %d; this vmm denies what ABI %d knows, and nothing of what came later", abi,
			LANDLOCK_ABI_KNOWN);
	else if (*lacks)
		add(h, HOST_NOTE, "isolation", "Landlock",
			"ABI %d, which cannot deny %s; the sandbox does without, a newer kernel can", abi, lacks);
	else
		add(h, HOST_OK, "isolation", "Landlock", "ABI %d", abi);
}

static long read_number(const char *path)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	long n;

	return f && fscanf(f, "%ld", &n) == 1 ? n : -1;
}

/* The sysctl of a distribution that forbids user namespaces, or NULL. */
static const char *userns_forbidden_by(const char *sysctl)
{
	static const struct {
		const char *name;
		long forbids;
	} settings[] = {
		{"kernel/unprivileged_userns_clone", 0},
		{"user/max_user_namespaces", 0},
		{"kernel/apparmor_restrict_unprivileged_userns", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", sysctl, settings[i].name);
		if (read_number(path) == settings[i].forbids)
			return settings[i].name;
	}
	return NULL;
}

void host_userns(struct host_items *h, int r, const char *sysctl)
{
	const char *setting = r < 0 ? userns_forbidden_by(sysctl) : NULL;

	if (r == 0)
		add(h, HOST_OK, "isolation", "user namespace", "can be made");
	else if (setting)
		add(h, HOST_NOTE, "isolation", "user namespace", "forbidden by %s/%s; the sandbox does without", sysctl,
			setting);
	else
		add(h, HOST_NOTE, "isolation", "user namespace", "%s%s; the sandbox does without", strerror(-r),
			r == -EPERM ? ", by a seccomp filter such as a container's" : "");
}

void host_program_files(struct host_items *h, int abi, int openat2)
{
	static const char what[] = "files of vmm exec";

	if (openat2 == -ENOSYS)
		add(h, HOST_NOTE, "isolation", what, "no openat2 (Linux 5.6): --ro, --rw and --system do not work");
	else if (abi < 1)
		add(h, HOST_NOTE, "isolation", what, "held by vmm alone, not by Landlock as well");
	else if (abi < 2)
		add(h, HOST_NOTE, "isolation", what,
			"Landlock ABI %d: no renames and links across directories; --ro does not hold truncation", abi);
	else if (abi < 3)
		add(h, HOST_NOTE, "isolation", what, "Landlock ABI %d: below --ro, truncation is held by vmm alone",
			abi);
	else
		add(h, HOST_OK, "isolation", what, "held by vmm and by Landlock; chmod and times by vmm alone");
}

/* With arguments that it refuses. Return: -ENOSYS: the kernel does not have it */
static int try_openat2(void)
{
	return syscall(SYS_openat2, -1, "", NULL, 0) < 0 ? -errno : 0;
}

static void check_isolation(struct host_items *h)
{
	host_landlock(h, landlock_abi());
	host_program_files(h, landlock_abi(), try_openat2());
	if (seccomp_available())
		add(h, HOST_OK, "isolation", "seccomp", "filters, with SECCOMP_RET_TRAP");
	else
		add(h, HOST_NOTE, "isolation", "seccomp", "no filters (CONFIG_SECCOMP_FILTER)");
	host_userns(h, sandbox_userns_available(), "/proc/sys");
}

static void check_hugepages(struct host_items *h)
{
	static const struct {
		const char *name;
		unsigned kb;
	} pools[] = {{"2M huge pages", 2048}, {"1G huge pages", 1048576}};

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		char path[128];
		long all, idle;

		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%ukB/nr_hugepages", pools[i].kb);
		all = read_number(path);
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", pools[i].kb);
		idle = read_number(path);
		if (all > 0)
			add(h, HOST_OK, "memory", pools[i].name, "%ld reserved, %ld free", all, idle);
		else
			add(h, HOST_NOTE, "memory", pools[i].name, "%s", all == 0 ? "none reserved" : "not supported");
	}
}

static void check_tun(struct host_items *h)
{
	CLEANUP_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		add(h, HOST_OK, "network", "TUN", "/dev/net/tun opens");
	else
		add(h, HOST_NOTE, "network", "TUN", "/dev/net/tun: %s: no tap devices", strerror(errno));
}

void host_check(struct host_items *ret)
{
	ret->nr = 0;
	check_processor(ret);
	check_kvm(ret);
	check_isolation(ret);
	check_hugepages(ret);
	check_tun(ret);
}

bool host_boots(const struct host_items *items)
{
	for (size_t i = 0; i < items->nr; i++)
		if (items->item[i].grade == HOST_BAD)
			return false;
	return true;
}
