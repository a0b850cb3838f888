// SPDX-License-Identifier: Apache-2.0
#include "vmm/cpuid/fits.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/cpuid/words.h"

#define LEAF_XSAVE 0xdu

/* The row of a bit, if it is a feature. Computed values, such as the number of CPUs, are not. */
static const struct cpuid_rule *feature_of(
	const struct kvm_cpuid_entry2 *c, unsigned reg, unsigned bit, unsigned vendor)
{
	uint32_t index = cpuid_leaf_indexed(c->function) ? c->index : 0;
	const struct cpuid_rule *r = cpuid_rule_find(c->function, index, reg, bit, vendor);

	if (!(cpuid_read(c, reg) & BIT(bit)) || r == &cpuid_rule_unknown || r->action != CPUID_KEEP)
		return NULL;
	return r->lo == r->hi || c->function == LEAF_XSAVE ? r : NULL;
}

void cpuid_features(const struct cpuid_set *guest, const struct cpuid_words *words,
	void (*fn)(const char *name, void *arg), void *arg)
{
	unsigned vendor = cpuid_vendor(guest);

	for (uint32_t i = 0; i < guest->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i];

		for (unsigned reg = 0; reg < CPUID_REGS; reg++) {
			for (unsigned bit = 0; bit < 32; bit++) {
				const struct cpuid_rule *r = feature_of(c, reg, bit, vendor);

				if (r && r->lo == r->hi)
					fn(cpuid_rule_name(words, r), arg);
			}
		}
	}
}

static int missing(
	const struct kvm_cpuid_entry2 *c, unsigned reg, unsigned bit, const struct cpuid_rule *r, struct err *e)
{
	static const char *const regs[] = {"EAX", "EBX", "ECX", "EDX"};
	CLEANUP_FREE struct cpuid_words *words = malloc(sizeof(*words));

	if (!words || cpuid_words_unpack(words) < 0)
		return err_sys(e, -ENOMEM, "cannot name a CPU feature");
	return err_set(e, -ENOTSUP,
		"it needs the CPU feature %s (CPUID leaf 0x%x sub-leaf %u, %s bit %u), which this host's KVM does not "
		"have",
		cpuid_rule_name(words, r), c->function, c->index, regs[reg], bit);
}

static int check_features(
	const struct kvm_cpuid_entry2 *c, const struct cpuid_set *host, unsigned vendor, struct err *e)
{
	static const struct kvm_cpuid_entry2 none;
	const struct kvm_cpuid_entry2 *h = cpuid_find(host, c->function, c->index);

	h = h ? h : &none;
	for (unsigned reg = 0; reg < CPUID_REGS; reg++) {
		uint32_t lost = cpuid_read(c, reg) & ~cpuid_read(h, reg);

		for (; lost; lost &= lost - 1) {
			unsigned bit = (unsigned)__builtin_ctz(lost);
			const struct cpuid_rule *r = feature_of(c, reg, bit, vendor);

			if (r)
				return missing(c, reg, bit, r, e);
		}
	}
	return 0;
}

/* SDM 1, 13.5: sub-leaves from 2 on have size, offset and alignment of each state. */
static int check_xsave(const struct kvm_cpuid_entry2 *c, const struct cpuid_set *host, struct err *e)
{
	const struct kvm_cpuid_entry2 *h = cpuid_find(host, c->function, c->index);

	if (c->index < 2 || !c->eax || (h && h->eax == c->eax && h->ebx == c->ebx && h->ecx == c->ecx))
		return 0;
	return err_set(e, -ENOTSUP,
		"its CPUs save the registers of XSAVE state %u elsewhere than those of this host (CPUID leaf 0xd)",
		c->index);
}

int cpuid_fits(const struct cpuid_set *guest, const struct cpuid_set *host, struct err *e)
{
	const struct kvm_cpuid_entry2 *g = cpuid_find(guest, 0, 0), *h = cpuid_find(host, 0, 0);
	unsigned vendor = cpuid_vendor(host);
	int r = 0;

	if (!g || !cpuid_find(guest, 1, 0))
		return err_set(e, -ENOTSUP, "it does not say what its CPUs are");
	if (g->ebx != h->ebx || g->ecx != h->ecx || g->edx != h->edx)
		return err_set(e, -ENOTSUP, "its CPUs are of another vendor than those of this host");
	for (uint32_t i = 0; i < guest->nr && r == 0; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i];

		if (c->function == LEAF_XSAVE)
			r = check_xsave(c, host, e);
		if (r == 0)
			r = check_features(c, host, vendor, e);
	}
	return r;
}
