// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cpuid_check.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "tests/support/cpuid_bits.h"

#define LOOK(c, m)                                                                                                     \
	if (!(c))                                                                                                      \
	return say(why, m)

static bool say(char *why, const char *fmt, ...) PRINTF(2, 3);

static bool say(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CPUID_CHECK_MAX, fmt, ap);
	va_end(ap);
	return false;
}

const struct cpuid_words *cpuid_check_words(void)
{
	static struct cpuid_words words;

	if (!words.text[0])
		assert(cpuid_words_unpack(&words) == 0);
	return &words;
}

static const struct kvm_cpuid_entry2 *get(const struct cpuid_set *set, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < set->nr; i++)
		if (set->entry[i].function == leaf && (set->entry[i].index == index || !cpuid_leaf_indexed(leaf)))
			return &set->entry[i];
	return NULL;
}

static uint32_t pick(const struct kvm_cpuid_entry2 *c, unsigned r)
{
	return r == 0 ? c->eax : r == 1 ? c->ebx : r == 2 ? c->ecx : c->edx;
}

static uint32_t reg(const struct cpuid_set *set, uint32_t leaf, uint32_t index, unsigned r)
{
	const struct kvm_cpuid_entry2 *c = get(set, leaf, index);

	return c ? pick(c, r) : 0;
}

/* Not from the table. */
static bool check_bits(const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest,
	unsigned vendor, char *why)
{
	const struct cpuid_bits *b = cpuid_bits_broken(host, o, guest, vendor);

	return !b ||
		say(why, "leaf %#x.%u register %u bits %u to %u (%s): offered %#x, got %#x: %s", b->leaf, b->index,
			b->reg, b->lo, b->hi, b->name, reg(host, b->leaf, b->index, b->reg),
			reg(guest, b->leaf, b->index, b->reg), b->why);
}

static bool check_order(const struct cpuid_set *guest, char *why)
{
	static const uint32_t no_padding[3];

	LOOK(guest->nr <= CPUID_ENTRIES_MAX, "too many entries");
	for (uint32_t i = 0; i < guest->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i], *b = c - 1;
		bool indexed = cpuid_leaf_indexed(c->function);

		if (i && (b->function > c->function || (b->function == c->function && b->index >= c->index)))
			return say(why, "leaf %#x.%u is not in order or there twice", c->function, c->index);
		if (c->flags != (indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0) || (!indexed && c->index))
			return say(why, "leaf %#x.%u has the flags %#x", c->function, c->index, c->flags);
		LOOK(!memcmp(c->padding, no_padding, sizeof(no_padding)), "padding is not zero");
	}
	return true;
}

static bool holds(unsigned when, const struct cpuid_set *host, const struct cpuid_opts *o)
{
	bool xsave = reg(host, 1, 0, CPUID_ECX) >> 26 & 1;

	return when == CPUID_ALWAYS || (when == CPUID_IF_NESTED && o->nested) || (when == CPUID_IF_PMU && o->pmu) ||
		(when == CPUID_IF_DEADLINE && o->tsc_deadline) || (when == CPUID_IF_SMP && o->cpus > 1) ||
		(when == CPUID_IF_APIC && !o->no_apic) || (when == CPUID_IF_XSAVE && xsave);
}

/* The rows for a sub-leaf, and the host's values in it. */
struct rows {
	const struct kvm_cpuid_entry2 *host;
	const struct cpuid_rule *row[128];
	size_t nr;
};

static void find_rows(uint32_t leaf, uint32_t index, unsigned vendor, struct rows *ret)
{
	ret->nr = 0;
	for (size_t i = 0; i < cpuid_rules_nr; i++) {
		const struct cpuid_rule *x = &cpuid_rules[i];

		if (x->leaf == leaf && cpuid_rule_has_index(x, index) && (x->vendors & vendor)) {
			assert(ret->nr < ARRAY_SIZE(ret->row));
			ret->row[ret->nr++] = x;
		}
	}
}

/* A bit of a register against the one row that speaks about it. */
static bool check_bit(const struct cpuid_set *host, const struct cpuid_opts *o, const struct kvm_cpuid_entry2 *c,
	const struct rows *rows, unsigned r, unsigned bit, char *why)
{
	uint32_t offered = rows->host ? pick(rows->host, r) >> bit & 1 : 0;
	uint32_t got = pick(c, r) >> bit & 1;
	const struct cpuid_rule *rule = NULL;
	uint32_t want;

	for (size_t i = 0; i < rows->nr; i++) {
		const struct cpuid_rule *x = rows->row[i];

		if (x->lo <= bit && bit <= x->hi && (x->reg == r || x->reg == CPUID_ALL))
			rule = x;
	}
	if (!rule || rule->action == CPUID_CLEAR || !holds(rule->when, host, o))
		want = 0;
	else if (rule->action == CPUID_KEEP)
		want = offered;
	else if (rule->action == CPUID_SET)
		want = rule->value >> (bit - rule->lo) & 1;
	else
		return true;
	if (got != want)
		return say(why, "leaf %#x.%u register %u bit %u (%s): offered %u, want %u, got %u", c->function,
			c->index, r, bit, rule ? cpuid_rule_name(cpuid_check_words(), rule) : "no row", offered, want,
			got);
	return true;
}

static bool check_rules(const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest,
	unsigned vendor, char *why)
{
	for (uint32_t i = 0; i < guest->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i];
		struct rows rows;

		find_rows(c->function, c->index, vendor, &rows);
		rows.host = get(host, c->function, c->index);
		for (unsigned n = 0; n < CPUID_REGS * 32; n++)
			if (!check_bit(host, o, c, &rows, n / 32, n % 32, why))
				return false;
	}
	return true;
}

/* No bit that must be kept was lost with its entry. */
static bool check_kept(const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest,
	unsigned vendor, char *why)
{
	for (uint32_t i = 0; i < host->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &host->entry[i];
		uint32_t base = c->function & 0xc0000000, last = reg(guest, base, 0, CPUID_EAX);

		if (get(guest, c->function, c->index) || c->function > last)
			continue;
		for (size_t j = 0; j < cpuid_rules_nr; j++) {
			const struct cpuid_rule *x = &cpuid_rules[j];
			uint32_t mask = UINT32_MAX >> (31 - x->hi) & UINT32_MAX << x->lo;

			if (x->leaf != c->function || !cpuid_rule_has_index(x, c->index) || !(x->vendors & vendor) ||
				x->action != CPUID_KEEP || !holds(x->when, host, o))
				continue;
			for (unsigned r = 0; r < CPUID_REGS; r++)
				if ((x->reg == r || x->reg == CPUID_ALL) &&
					(reg(host, c->function, c->index, r) & mask))
					return say(why, "leaf %#x.%u is gone with %s", c->function, c->index,
						cpuid_rule_name(cpuid_check_words(), x));
		}
	}
	return true;
}

static bool check_level(const struct cpuid_set *guest, uint32_t leaf, unsigned cpus, unsigned bits, char *why)
{
	if (reg(guest, leaf, 0, CPUID_EAX) != 0 || reg(guest, leaf, 0, CPUID_EBX) != 1 ||
		reg(guest, leaf, 0, CPUID_ECX) != 0x100 || reg(guest, leaf, 1, CPUID_EAX) != bits ||
		reg(guest, leaf, 1, CPUID_EBX) != cpus || reg(guest, leaf, 1, CPUID_ECX) != 0x201 ||
		reg(guest, leaf, 2, CPUID_EBX) != 0 || reg(guest, leaf, 2, CPUID_ECX) != 2)
		return say(why, "leaf %#x does not tell a flat topology", leaf);
	for (uint32_t i = 0; i < 3; i++)
		LOOK(reg(guest, leaf, i, CPUID_EDX) == 0, "the template has an x2APIC id");
	return true;
}

static bool check_topology(const struct cpuid_opts *o, const struct cpuid_set *guest, unsigned vendor, char *why)
{
	uint32_t one = reg(guest, 1, 0, CPUID_EBX), extended = reg(guest, 0x80000000, 0, CPUID_EAX);
	uint32_t basic = reg(guest, 0, 0, CPUID_EAX), htt = reg(guest, 1, 0, CPUID_EDX) >> 28 & 1;
	unsigned bits = 0;

	while (1u << bits < o->cpus)
		bits++;
	LOOK((one >> 16 & 0xff) == o->cpus && one >> 24 == 0, "leaf 1 EBX counts other CPUs");
	LOOK(htt == (o->cpus > 1), "HTT does not say whether there are several CPUs");
	if (basic >= 0xb && !check_level(guest, 0xb, o->cpus, bits, why))
		return false;
	if (vendor == CPUID_INTEL && basic >= 0x1f && !check_level(guest, 0x1f, o->cpus, bits, why))
		return false;
	for (uint32_t i = 0; i < guest->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &guest->entry[i];
		uint32_t sharing = c->eax >> 14 & 0xfff;
		bool shared = (c->eax >> 5 & 7) >= 3, real = c->eax & 0x1f;

		if (c->function == 0x4) {
			LOOK(sharing == (shared && real ? (1u << bits) - 1 : 0), "leaf 4 shares a cache otherwise");
			LOOK(c->eax >> 26 == (real ? MIN((1u << bits) - 1, 63u) : 0), "leaf 4 counts other cores");
		}
		if (c->function == 0x8000001d)
			LOOK(sharing == (shared && real ? o->cpus - 1 : 0), "0x8000001d shares a cache otherwise");
	}
	if (vendor != CPUID_AMD)
		return true;
	if (extended >= 0x80000008)
		LOOK(reg(guest, 0x80000008, 0, CPUID_ECX) == (bits << 12 | (o->cpus - 1)),
			"0x80000008 counts otherwise");
	if (extended >= 0x80000001)
		LOOK((reg(guest, 0x80000001, 0, CPUID_ECX) >> 1 & 1) == htt, "CMP_LEGACY and HTT disagree");
	LOOK(!reg(guest, 0x8000001e, 0, CPUID_EBX) && !reg(guest, 0x8000001e, 0, CPUID_ECX),
		"0x8000001e: not one node");
	return true;
}

static bool check_xsave(const struct cpuid_set *guest, char *why)
{
	uint64_t standard = 576, compact = 576, xcr0 = reg(guest, 0xd, 0, CPUID_EAX),
		 xss = reg(guest, 0xd, 1, CPUID_ECX);
	bool xsave = reg(guest, 1, 0, CPUID_ECX) >> 26 & 1, compacts = reg(guest, 0xd, 1, CPUID_EAX) & 0xa;

	if (!xsave)
		LOOK(!xcr0 && !xss && !reg(guest, 0xd, 1, CPUID_EAX), "leaf 0xd without XSAVE");
	for (uint32_t i = 2; i < 32; i++) {
		uint64_t size = reg(guest, 0xd, i, CPUID_EAX), offset = reg(guest, 0xd, i, CPUID_EBX);

		if (xcr0 >> i & 1)
			standard = MAX(standard, size + offset);
		if ((xcr0 | xss) >> i & 1) {
			if (reg(guest, 0xd, i, CPUID_ECX) & 2)
				compact = (compact + 63) / 64 * 64;
			compact += size;
		}
	}
	standard = xcr0 ? MIN(standard, UINT32_MAX) : 0;
	compact = compacts ? MIN(compact, UINT32_MAX) : 0;
	LOOK(reg(guest, 0xd, 0, CPUID_EBX) == standard && reg(guest, 0xd, 0, CPUID_ECX) == standard,
		"XSAVE size is wrong");
	LOOK(reg(guest, 0xd, 1, CPUID_EBX) == compact, "XSAVES size is wrong");
	return true;
}

static bool check_limits(const struct cpuid_set *guest, char *why)
{
	uint32_t basic = reg(guest, 0, 0, CPUID_EAX), extended = reg(guest, 0x80000000, 0, CPUID_EAX);

	LOOK(get(guest, 0, 0) && get(guest, 1, 0) && get(guest, 0x80000000, 0), "leaf 0, 1 or 0x80000000 is missing");
	LOOK(reg(guest, 1, 0, CPUID_ECX) >> 31, "no HYPERVISOR bit");
	LOOK((reg(guest, 0x80000008, 0, CPUID_EAX) >> 8 & 0xff) <= 48, "more linear bits than 48 without LA57");
	LOOK(reg(guest, 7, 0, CPUID_EAX) <= 2, "leaf 7 has sub-leaves that the table does not know");
	for (uint32_t i = 0; i < guest->nr; i++) {
		uint32_t leaf = guest->entry[i].function;

		if (leaf > 0x40000001 ? leaf < 0x80000000 || leaf > extended : leaf < 0x40000000 && leaf > basic)
			return say(why, "leaf %#x is beyond the highest", leaf);
	}
	return true;
}

bool cpuid_check(const struct cpuid_set *host, const struct cpuid_opts *o, const struct cpuid_set *guest, char *ret_why)
{
	char name[12];
	unsigned vendor;
	uint32_t r;

	r = reg(host, 0, 0, CPUID_EBX);
	memcpy(name, &r, 4);
	r = reg(host, 0, 0, CPUID_EDX);
	memcpy(name + 4, &r, 4);
	r = reg(host, 0, 0, CPUID_ECX);
	memcpy(name + 8, &r, 4);
	vendor = memcmp(name, "AuthenticAMD", 12) && memcmp(name, "HygonGenuine", 12) ? CPUID_INTEL : CPUID_AMD;

	return check_order(guest, ret_why) && check_limits(guest, ret_why) &&
		check_bits(host, o, guest, vendor, ret_why) && check_rules(host, o, guest, vendor, ret_why) &&
		check_kept(host, o, guest, vendor, ret_why) && check_topology(o, guest, vendor, ret_why) &&
		check_xsave(guest, ret_why);
}
