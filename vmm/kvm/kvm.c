// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* KVM_CAP_USER_MEMORY2, Linux 6.8 */
#define CAP_USER_MEMORY2 231

void kvm_ioctl_took(struct kvm *kvm, const char *name, uint64_t took_ns)
{
	/* vCPU threads make a few requests as well. */
	__atomic_fetch_add(&kvm->ioctl_ns, took_ns, __ATOMIC_RELAXED);
	if (took_ns > KVM_SLOW_NS)
		trace_slow_ioctl(kvm->trace, name, took_ns);
	else
		trace_ioctl(kvm->trace, name, took_ns);
}

int kvm_ioctl_named(struct kvm *kvm, int fd, unsigned long request, const char *name, void *arg)
{
	uint64_t start = trace_now_ns();
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		r = -errno;
	kvm_ioctl_took(kvm, name, trace_now_ns() - start);
	return r;
}

int kvm_check(struct kvm *kvm, int capability)
{
	int r = kvm_ioctl(kvm, kvm->fd, KVM_CHECK_EXTENSION, KVM_ARG(capability));

	return r < 0 ? 0 : r;
}

static int open_failed(int code, struct err *e)
{
	const struct group *group;
	struct stat st;

	switch (code) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return err_set(e, code,
			"%s is not there: load kvm_amd or kvm_intel, and switch virtualization on in the firmware; "
			"where there is none, a host in QEMU has an emulated SVM",
			KVM_DEVICE);
	case -EACCES:
	case -EPERM:
		if (stat(KVM_DEVICE, &st) == 0 && (st.st_mode & S_IRGRP) && (st.st_mode & S_IWGRP)) {
			group = getgrgid(st.st_gid);
			return err_set(e, code,
				"%s: permission denied: join group %s (usermod -aG %s USER, then log in again)",
				KVM_DEVICE, group ? group->gr_name : "of its owner", group ? group->gr_name : "GROUP");
		}
		return err_set(e, code,
			"%s: permission denied, and its mode gives no group access: run as root, or chgrp kvm "
			"and chmod 660 it",
			KVM_DEVICE);
	default: return err_sys(e, code, "cannot open %s", KVM_DEVICE);
	}
}

int kvm_open(struct trace *trace, struct kvm *ret, struct err *e)
{
	struct kvm k = {.fd = -1, .trace = trace};
	CLEANUP_FD int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0)
		return open_failed(-errno, e);
	k.fd = fd;
	r = kvm_ioctl(&k, fd, KVM_GET_API_VERSION, NULL);
	if (r < 0)
		return err_sys(e, r, "%s is not KVM: KVM_GET_API_VERSION", KVM_DEVICE);
	if (r != KVM_API_WANTED)
		return err_set(
			e, -ENOTSUP, "%s speaks KVM API %d; this program needs %d", KVM_DEVICE, r, KVM_API_WANTED);
	k.api = r;
	r = kvm_ioctl(&k, fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (r < (int)sizeof(struct kvm_run))
		return err_sys(e, r < 0 ? r : -EPROTO, "KVM_GET_VCPU_MMAP_SIZE");
	k.run_size = (size_t)r;
	r = kvm_check(&k, KVM_CAP_MAX_VCPUS);
	k.max_vcpus = r > 0 ? (unsigned)r : 4; /* KVM API, 4.7: 4 when the host does not report it */
	/*
	 * Linux 6.7 has the register, but no capability for it; the next version is recognised by another new
	 * capability.
	 */
	k.hwcr = kvm_check(&k, CAP_USER_MEMORY2) > 0;
	k.fd = TAKE_FD(fd);
	*ret = k;
	trace_kvm_opened(trace, (uint64_t)k.api, k.max_vcpus);
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	if (!kvm || kvm->fd < 0)
		return;
	close(kvm->fd);
	kvm->fd = -1;
}

#define CPUID_1_ECX_VMX        BIT(5)
#define CPUID_80000001_ECX_SVM BIT(2)

const char *kvm_hardware(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_1_ECX_VMX))
		return "Intel VMX";
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & CPUID_80000001_ECX_SVM))
		return "AMD SVM";
	return NULL;
}
