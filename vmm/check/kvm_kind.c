// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/kvm_kind.h"

#include <stdio.h>
#include <string.h>

#include "vmm/base/util.h"

/* Signatures that hypervisors show in CPUID leaf 0x40000000, and names by which firmware tells those that show none. */
static const struct {
	const char *signature;
	const char *dmi;
	const char *type;
	const char *name;
	enum kvm_kind kind;
} hypervisors[] = {
	{"TCGTCGTCGTCG", NULL, NULL, "QEMU TCG", KVM_KIND_EMULATED},
	{"KVMKVMKVM", NULL, NULL, "KVM", KVM_KIND_NESTED},
	{"Microsoft Hv", NULL, NULL, "Hyper-V", KVM_KIND_NESTED},
	{"VMwareVMware", "VMware", NULL, "VMware", KVM_KIND_NESTED},
	{"XenVMMXenVMM", "Xen", "xen", "Xen", KVM_KIND_NESTED},
	{"VBoxVBoxVBox", "innotek", NULL, "VirtualBox", KVM_KIND_NESTED},
	{"bhyve bhyve ", "BHYVE", NULL, "bhyve", KVM_KIND_NESTED},
	{"ACRNACRNACRN", NULL, NULL, "ACRN", KVM_KIND_NESTED},
	{NULL, "The Bochs", NULL, "Bochs", KVM_KIND_EMULATED},
	{NULL, "QEMU", NULL, "QEMU", KVM_KIND_UNCLEAR},
};

static bool begins(const char *text, const char *with)
{
	return text && with && !strncmp(text, with, strlen(with));
}

const char *kvm_kind_name(enum kvm_kind kind)
{
	static const char *const names[] = {"hardware", "nested", "emulated", "nested or emulated", "software"};

	return names[kind];
}

enum kvm_kind kvm_kind_of(const struct kvm_signs *s, char *text, size_t size)
{
	static const char *const words[] = {
		[KVM_KIND_NESTED] = ", nested in ",
		[KVM_KIND_EMULATED] = ", emulated by ",
		[KVM_KIND_UNCLEAR] = ", nested in or emulated by ",
		[KVM_KIND_SOFTWARE] = ", in a guest of ",
	};
	enum kvm_kind kind = s->signature ? KVM_KIND_NESTED : KVM_KIND_HARDWARE;
	const char *name = s->signature;

	for (size_t i = ARRAY_SIZE(hypervisors); i--;) {
		bool is = s->signature ? begins(s->signature, hypervisors[i].signature)
				       : begins(s->machine, hypervisors[i].dmi) || begins(s->type, hypervisors[i].type);

		if (is) {
			kind = hypervisors[i].kind;
			name = hypervisors[i].name;
		}
	}
	if (!s->extension)
		kind = KVM_KIND_SOFTWARE;
	snprintf(text, size, "%s%s%s%s%s%s", s->extension ? s->extension : "software", s->module ? " (" : "",
		s->module ? s->module : "", s->module ? ")" : "", name ? words[kind] : "", name ? name : "");
	return kind;
}
