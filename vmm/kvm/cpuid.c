// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the CPUID that KVM supports; the policy (vmm/cpuid) makes no system calls.
 */
#include <errno.h>
#include <string.h>

#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/kvm.h"

/* struct kvm_cpuid2 ends in a flexible array, so it is allocated. The entries are not cleared. */
static struct kvm_cpuid2 *cpuid2_new(uint32_t nr)
{
	struct kvm_cpuid2 *c = malloc(sizeof(*c) + nr * sizeof(c->entries[0]));

	if (c)
		*c = (struct kvm_cpuid2){.nent = nr};
	return c;
}

int cpuid_supported(struct kvm *kvm, struct cpuid_set *ret, struct err *e)
{
	CLEANUP_FREE struct kvm_cpuid2 *c = cpuid2_new(CPUID_ENTRIES_MAX);
	int r;

	if (!c)
		return err_sys(e, -ENOMEM, "KVM_GET_SUPPORTED_CPUID");
	r = kvm_ioctl(kvm, kvm->fd, KVM_GET_SUPPORTED_CPUID, c);
	if (r == -E2BIG)
		return err_set(e, r,
			"KVM_GET_SUPPORTED_CPUID: this KVM has more than %d entries to tell, which no guest of it "
			"could be given back",
			CPUID_ENTRIES_MAX);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_SUPPORTED_CPUID");
	if (c->nent > CPUID_ENTRIES_MAX)
		return err_set(e, -EIO, "KVM_GET_SUPPORTED_CPUID: %u entries where %d fit", c->nent, CPUID_ENTRIES_MAX);
	ret->nr = c->nent;
	memcpy(ret->entry, c->entries, c->nent * sizeof(c->entries[0]));
	return 0;
}
