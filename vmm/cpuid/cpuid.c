// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The policy works in three passes over plain data:
 *
 * 1. normalise: the host's entries sorted, each sub-leaf once (KVM, too, takes the first it finds), leaves beyond the
 *    highest that the table knows cut off;
 * 2. complete: an entry for every row that sets or computes something (KVM offers no topology, for example);
 * 3. filter: each register is rebuilt from zero out of the rows that cover it, so that a bit without a row is never
 * set.
 *
 * Pass 3 reads only the normalised input and writes only the result, so the order of rows and entries does not matter,
 * and a row that depends on another leaf (the XSAVE sizes) gets that leaf's filtered value by calling the filter.
 *
 * A leaf that the guest does not get is kept as zeros: guests read up to the highest leaf, and on Intel a leaf beyond
 * it reads as the highest one, not as zero. Sub-leaves other than the first are dropped when they are zero; KVM returns
 * zeros for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/base/assert.h"
#include "vmm/base/board.h"
#include "vmm/cpuid/cpuid.h"

#define FEATURE_XSAVE      BIT(26)           /* leaf 1 ECX */
#define XSAVE_LEGACY_BYTES 576u              /* SDM volume 1, 13.4: 512 bytes legacy region, 64 bytes header */
#define XSAVE_COMPACTED    (BIT(1) | BIT(3)) /* leaf 0xD.1 EAX: XSAVEC, XSAVES */
#define XSAVE_ALIGN        BIT(1)            /* leaf 0xD.n ECX: the state starts at a multiple of 64 */
#define XSAVE_STATES       63
#define CPUID_REGISTERS    4
#define TSC_CRYSTAL_KHZ    1000000u /* KVM's APIC timer counts at 1 GHz */
#define TSC_NUMERATOR_MAX  4294u    /* times the crystal's kHz it fits 32 bits */

struct ctx {
	const struct cpuid_set *in;
	const struct cpuid_opts *opts;
	unsigned vendor;
	uint32_t max_basic;
	uint32_t max_hypervisor;
	uint32_t max_extended;
	bool xsave;
};

static int compare(const struct kvm_cpuid_entry2 *entry, uint32_t leaf, uint32_t index)
{
	if (entry->function != leaf)
		return entry->function < leaf ? -1 : 1;
	return entry->index < index ? -1 : entry->index > index;
}

/* Where (leaf, index) is or would be inserted in a sorted set. */
static uint32_t position(const struct cpuid_set *set, uint32_t leaf, uint32_t index)
{
	uint32_t lo = 0, hi = set->nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (compare(&set->entry[mid], leaf, index) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Adds a copy of @entry unless its sub-leaf exists already. */
static int insert(struct cpuid_set *set, const struct kvm_cpuid_entry2 *entry)
{
	bool indexed = cpuid_leaf_indexed(entry->function);
	uint32_t index = indexed ? entry->index : 0;
	uint32_t at = position(set, entry->function, index);

	if (at < set->nr && !compare(&set->entry[at], entry->function, index))
		return 0;
	if (set->nr == CPUID_ENTRIES_MAX)
		return -ENOSPC;
	memmove(&set->entry[at + 1], &set->entry[at], (set->nr - at) * sizeof(set->entry[0]));
	set->nr++;
	set->entry[at] = (struct kvm_cpuid_entry2){
		.function = entry->function,
		.index = index,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = entry->eax,
		.ebx = entry->ebx,
		.ecx = entry->ecx,
		.edx = entry->edx,
	};
	return 0;
}

static int find(const struct cpuid_set *set, uint32_t leaf, uint32_t index)
{
	bool indexed = cpuid_leaf_indexed(leaf);

	for (uint32_t i = 0; i < set->nr; i++)
		if (set->entry[i].function == leaf && (!indexed || set->entry[i].index == index))
			return (int)i;
	return -1;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct cpuid_set *set, uint32_t leaf, uint32_t index)
{
	int at = find(set, leaf, index);

	return at < 0 ? NULL : &set->entry[at];
}

uint32_t cpuid_read(const struct kvm_cpuid_entry2 *entry, unsigned reg)
{
	switch (reg) {
	case CPUID_EAX: return entry->eax;
	case CPUID_EBX: return entry->ebx;
	case CPUID_ECX: return entry->ecx;
	default: return entry->edx;
	}
}

static void write_reg(struct kvm_cpuid_entry2 *entry, unsigned reg, uint32_t value)
{
	switch (reg) {
	case CPUID_EAX: entry->eax = value; break;
	case CPUID_EBX: entry->ebx = value; break;
	case CPUID_ECX: entry->ecx = value; break;
	default: entry->edx = value; break;
	}
}

unsigned cpuid_vendor(const struct cpuid_set *set)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(set, 0, 0);
	char name[13] = "";

	if (entry) {
		memcpy(name, &entry->ebx, 4);
		memcpy(name + 4, &entry->edx, 4);
		memcpy(name + 8, &entry->ecx, 4);
	}
	return !strcmp(name, "AuthenticAMD") || !strcmp(name, "HygonGenuine") ? CPUID_AMD : CPUID_INTEL;
}

/* The first row of a leaf, or the end of the table. */
static const struct cpuid_rule *rules_of(uint32_t leaf)
{
	size_t lo = 0, hi = cpuid_rules_nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cpuid_rules[mid].leaf < leaf)
			lo = mid + 1;
		else
			hi = mid;
	}
	return cpuid_rules + lo;
}

#define for_each_rule(r, of_leaf)                                                                                      \
	for (const struct cpuid_rule *r = rules_of(of_leaf); r < cpuid_rules + cpuid_rules_nr && r->leaf == (of_leaf); \
		r++)

const struct cpuid_rule *cpuid_rule_find(uint32_t leaf, uint32_t index, unsigned reg, unsigned bit, unsigned vendor)
{
	for_each_rule(r,
		leaf) if (cpuid_rule_covers(r, leaf, index, reg, vendor) && (cpuid_rule_mask(r) & BIT(bit))) return r;
	return &cpuid_rule_unknown;
}

static unsigned ceil_log2(unsigned n)
{
	return n > 1 ? 32 - (unsigned)__builtin_clz(n - 1) : 0;
}

static void filter(const struct ctx *c, const struct kvm_cpuid_entry2 *entry, unsigned regs, uint32_t *ret);

static uint32_t filtered(const struct ctx *c, uint32_t leaf, uint32_t index, unsigned reg)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(c->in, leaf, index);
	uint32_t value[CPUID_REGISTERS] = {0};

	if (entry)
		filter(c, entry, 1u << reg, value);
	return value[reg];
}

/* Bytes of an XSAVE area for the states in @mask; saturates, since a hostile host can report any size. */
static uint32_t xsave_bytes(const struct ctx *c, uint64_t mask, bool compacted)
{
	uint64_t size = XSAVE_LEGACY_BYTES;

	for (uint32_t i = 2; i < XSAVE_STATES; i++) {
		uint64_t bytes, offset;

		if (!(mask & BIT(i)))
			continue;
		bytes = filtered(c, 0xd, i, CPUID_EAX);
		offset = filtered(c, 0xd, i, CPUID_EBX);
		if (compacted)
			offset = filtered(c, 0xd, i, CPUID_ECX) & XSAVE_ALIGN ? align_up(size, 64) : size;
		size = MAX(size, offset + bytes);
	}
	return (uint32_t)MIN(size, UINT32_MAX);
}

/* Cache levels 1 and 2 belong to one CPU, the others to all of them. SDM and APM: level in EAX bits 5 to 7. */
static bool cache_shared(const struct kvm_cpuid_entry2 *entry)
{
	return (entry->eax & 0x1f) && ((entry->eax >> 5) & 7) >= 3;
}

static uint32_t compute(const struct ctx *c, const struct cpuid_rule *r, const struct kvm_cpuid_entry2 *entry)
{
	unsigned bits = ceil_log2(c->opts->cpus);
	uint32_t all_ids = (UINT32_C(1) << bits) - 1;

	switch ((enum cpuid_value)r->value) {
	case CPUID_V_APIC_ID: return 0;
	case CPUID_V_CPUS: return c->opts->cpus;
	case CPUID_V_CPUS_1: return c->opts->cpus - 1;
	case CPUID_V_ID_BITS: return bits;
	case CPUID_V_ID_MASK: return entry->eax & 0x1f ? MIN(all_ids, cpuid_rule_mask(r) >> r->lo) : 0;
	case CPUID_V_SHARE_IDS: return cache_shared(entry) ? all_ids : 0;
	case CPUID_V_SHARE_CPUS: return cache_shared(entry) ? c->opts->cpus - 1 : 0;
	case CPUID_V_XCR0_SIZE: {
		uint32_t xcr0 = filtered(c, 0xd, 0, CPUID_EAX);

		return xcr0 ? xsave_bytes(c, xcr0, false) : 0;
	}
	case CPUID_V_XSS_SIZE:
		if (!(filtered(c, 0xd, 1, CPUID_EAX) & XSAVE_COMPACTED))
			return 0;
		return xsave_bytes(c, filtered(c, 0xd, 0, CPUID_EAX) | filtered(c, 0xd, 1, CPUID_ECX), true);
	case CPUID_V_MAX_BASIC: return c->max_basic;
	case CPUID_V_MAX_EXTENDED: return c->max_extended;
	case CPUID_V_MAX_HYPERVISOR: return c->max_hypervisor;
	case CPUID_V_MAX_LEAF7: return MIN(entry->eax, CPUID_MAX_LEAF7);
	case CPUID_V_LINEAR_BITS: return MIN((entry->eax >> 8) & 0xff, 48u);
	case CPUID_V_TSC_DENOMINATOR:
	case CPUID_V_TSC_NUMERATOR:
	case CPUID_V_TSC_CRYSTAL:
	case CPUID_V_TSC_MHZ: return 0;
	}
	assert(!"a value of the table that nobody computes");
	return 0;
}

static bool holds(const struct ctx *c, enum cpuid_when when)
{
	switch (when) {
	case CPUID_ALWAYS: return true;
	case CPUID_IF_NESTED: return c->opts->nested;
	case CPUID_IF_PMU: return c->opts->pmu;
	case CPUID_IF_DEADLINE: return c->opts->tsc_deadline;
	case CPUID_IF_APIC: return !c->opts->no_apic;
	case CPUID_IF_SMP: return c->opts->cpus > 1;
	case CPUID_IF_XSAVE: return c->xsave;
	}
	assert(!"a condition of the table that nobody knows");
	return false;
}

/* Applies a row to a register that it covers. */
static uint32_t field(
	const struct ctx *c, const struct cpuid_rule *r, const struct kvm_cpuid_entry2 *entry, unsigned reg)
{
	uint32_t mask = cpuid_rule_mask(r);

	switch ((enum cpuid_action)r->action) {
	case CPUID_KEEP: return cpuid_read(entry, reg) & mask;
	case CPUID_CLEAR: break;
	case CPUID_SET: return ((uint32_t)r->value << r->lo) & mask;
	case CPUID_COMPUTE: return (compute(c, r, entry) << r->lo) & mask;
	}
	return 0;
}

/*
 * The registers of @entry that @regs has a bit for, added up in @ret, CPUID_REGISTERS zeroes before. Only these: what a
 * row computes may need another register of the same leaf.
 */
static void filter(const struct ctx *c, const struct kvm_cpuid_entry2 *entry, unsigned regs, uint32_t *ret)
{
	for_each_rule(r, entry->function)
	{
		unsigned first = r->reg == CPUID_ALL ? 0 : r->reg;
		unsigned last = r->reg == CPUID_ALL ? CPUID_REGISTERS - 1 : r->reg;

		if (!cpuid_rule_has_index(r, entry->index) || !(r->vendors & c->vendor) ||
			!holds(c, (enum cpuid_when)r->when))
			continue;
		for (unsigned reg = first; reg <= last; reg++)
			if (regs & (1u << reg))
				ret[reg] |= field(c, r, entry, reg);
	}
}

/* False for leaves that are dropped: beyond the highest leaf of their range, or in a range without rows. */
static bool in_range(const struct ctx *c, uint32_t leaf)
{
	if (leaf < CPUID_HYPERVISOR)
		return leaf <= c->max_basic;
	if (leaf < CPUID_EXTENDED)
		return leaf <= c->max_hypervisor;
	return leaf <= c->max_extended;
}

static uint32_t max_leaf(const struct cpuid_set *host, uint32_t base, uint32_t known)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(host, base, 0);

	return entry && entry->eax >= base ? MIN(entry->eax, known) : base;
}

static int complete(const struct ctx *c, struct cpuid_set *in)
{
	for (size_t i = 0; i < cpuid_rules_nr; i++) {
		const struct cpuid_rule *r = &cpuid_rules[i];
		struct kvm_cpuid_entry2 entry = {.function = r->leaf, .index = r->first};

		if ((r->action != CPUID_SET && r->action != CPUID_COMPUTE) || r->first != r->last ||
			!(r->vendors & c->vendor) || !in_range(c, r->leaf))
			continue;
		/* Without a signature there is no hypervisor leaf to complete. */
		if (r->leaf == CPUID_HYPERVISOR && !cpuid_find(in, CPUID_HYPERVISOR, 0))
			continue;
		if (insert(in, &entry) < 0)
			return -ENOSPC;
	}
	return 0;
}

int cpuid_policy(const struct cpuid_set *host, const struct cpuid_opts *o, struct cpuid_set *ret, struct err *e)
{
	/* Ten KiB, mostly unused: not cleared. @ret may be @host, which has been read by then. */
	struct cpuid_set in;
	struct ctx c = {.in = &in, .opts = o};
	int r = 0;

	in.nr = 0;
	if (!o->cpus || o->cpus > BOARD_CPUS_MAX)
		return err_set(e, -EINVAL, "CPUID: %u CPUs: 1 to %d are possible", o->cpus, BOARD_CPUS_MAX);
	if (host->nr > CPUID_ENTRIES_MAX)
		return err_set(e, -EINVAL, "CPUID: KVM offers %u entries, more than %d", host->nr, CPUID_ENTRIES_MAX);
	if (!cpuid_find(host, 0, 0) || !cpuid_find(host, 1, 0))
		return err_set(e, -EINVAL, "CPUID: KVM offers no leaf 0 or 1: no guest can run on such a processor");

	c.vendor = cpuid_vendor(host);
	c.max_basic = MAX(max_leaf(host, 0, CPUID_MAX_BASIC), 1u);
	c.max_hypervisor = CPUID_HYPERVISOR + 1;
	c.max_extended = max_leaf(host, CPUID_EXTENDED, CPUID_MAX_EXTENDED);
	c.xsave = cpuid_find(host, 1, 0)->ecx & FEATURE_XSAVE;

	for (uint32_t i = 0; i < host->nr && !r; i++)
		if (in_range(&c, host->entry[i].function))
			r = insert(&in, &host->entry[i]);
	if (!r)
		r = complete(&c, &in);
	if (r)
		return err_set(e, r, "CPUID: the guest's processor needs more than %d entries", CPUID_ENTRIES_MAX);

	ret->nr = 0;
	for (uint32_t i = 0; i < in.nr; i++) {
		struct kvm_cpuid_entry2 entry = in.entry[i];
		uint32_t value[CPUID_REGISTERS] = {0};

		filter(&c, &in.entry[i], (1u << CPUID_REGISTERS) - 1, value);
		for (unsigned reg = 0; reg < CPUID_REGISTERS; reg++)
			write_reg(&entry, reg, value[reg]);
		if (!entry.index || entry.eax || entry.ebx || entry.ecx || entry.edx)
			ret->entry[ret->nr++] = entry;
	}
	return 0;
}

/* Writes @value to each field that the table computes as @what. Return: whether there is one. */
static bool fill_in(struct cpuid_set *set, enum cpuid_value what, uint32_t value)
{
	unsigned vendor = cpuid_vendor(set);
	bool found = false;

	for (size_t i = 0; i < cpuid_rules_nr; i++) {
		const struct cpuid_rule *r = &cpuid_rules[i];
		struct kvm_cpuid_entry2 *entry;
		uint32_t mask;
		int at;

		if (r->action != CPUID_COMPUTE || r->value != what || !(r->vendors & vendor))
			continue;
		at = find(set, r->leaf, r->first);
		if (at < 0)
			continue;
		entry = &set->entry[at];
		mask = cpuid_rule_mask(r);
		write_reg(entry, r->reg, (cpuid_read(entry, r->reg) & ~mask) | ((value << r->lo) & mask));
		found = true;
	}
	return found;
}

void cpuid_for_cpu(struct cpuid_set *set, unsigned cpu, unsigned cpus)
{
	assert(cpu < cpus && cpus <= BOARD_CPUS_MAX);
	fill_in(set, CPUID_V_APIC_ID, cpu);
}

/*
 * The fraction nearest to @khz over the crystal's whose numerator is small enough: a convergent of its continued
 * fraction, or the last step that there is room for between two of them, whichever is nearer.
 */
static void tsc_ratio(uint32_t khz, uint32_t *ret_num, uint32_t *ret_den)
{
	uint64_t num = 1, den = 0, num_before = 0, den_before = 1;
	uint64_t a = khz, b = TSC_CRYSTAL_KHZ;

	while (b) {
		uint64_t step = a / b, most = num ? (TSC_NUMERATOR_MAX - num_before) / num : step;
		uint64_t n = num * MIN(step, most) + num_before, d = den * MIN(step, most) + den_before;

		if (step > most) {
			/* Errors of both, each times its denominator. */
			int64_t far = (int64_t)(num * TSC_CRYSTAL_KHZ - den * khz);
			int64_t near = (int64_t)(n * TSC_CRYSTAL_KHZ - d * khz);

			if (most && (uint64_t)llabs(near) * den < (uint64_t)llabs(far) * d)
				num = n, den = d;
			break;
		}
		num_before = num, den_before = den;
		num = n, den = d;
		step = a % b;
		a = b;
		b = step;
	}
	*ret_num = (uint32_t)num;
	*ret_den = (uint32_t)den;
}

bool cpuid_tell_tsc(struct cpuid_set *set, uint32_t khz)
{
	uint32_t num, den;

	if (!khz || khz / TSC_CRYSTAL_KHZ >= TSC_NUMERATOR_MAX)
		return false;
	tsc_ratio(khz, &num, &den);
	fill_in(set, CPUID_V_TSC_DENOMINATOR, den);
	/*
	 * The error of the fraction is corrected by the crystal: at most 117 ppm of a timer that is not used as a
	 * clock.
	 */
	fill_in(set, CPUID_V_TSC_CRYSTAL, (uint32_t)(((uint64_t)khz * den + num / 2) / num) * 1000);
	fill_in(set, CPUID_V_TSC_MHZ, (khz + 500) / 1000);
	return fill_in(set, CPUID_V_TSC_NUMERATOR, num);
}

static int diff_reg(const struct cpuid_change *where, unsigned vendor,
	int (*fn)(const struct cpuid_change *c, void *arg), void *arg)
{
	uint32_t left = where->host ^ where->guest;

	while (left) {
		struct cpuid_change c = *where;
		unsigned bit = (unsigned)__builtin_ctz(left);
		int r;

		c.rule = cpuid_rule_find(c.leaf, c.index, c.reg, bit, vendor);
		c.mask = left & cpuid_rule_mask(c.rule);
		/* The row of the unknown covers every bit: only those that no other row does are its own. */
		for (; c.rule == &cpuid_rule_unknown && bit < 32; bit++)
			if (cpuid_rule_find(c.leaf, c.index, c.reg, bit, vendor) != c.rule)
				c.mask &= ~(uint32_t)BIT(bit);
		left &= ~c.mask;
		r = fn(&c, arg);
		if (r)
			return r;
	}
	return 0;
}

int cpuid_diff(const struct cpuid_set *host, const struct cpuid_set *guest,
	int (*fn)(const struct cpuid_change *c, void *arg), void *arg)
{
	static const struct kvm_cpuid_entry2 none;
	struct cpuid_set sorted;
	unsigned vendor = cpuid_vendor(host);
	uint32_t h = 0, g = 0;

	sorted.nr = 0;
	for (uint32_t i = 0; i < MIN(host->nr, CPUID_ENTRIES_MAX); i++)
		insert(&sorted, &host->entry[i]);
	while (h < sorted.nr || g < guest->nr) {
		const struct kvm_cpuid_entry2 *he = h < sorted.nr ? &sorted.entry[h] : NULL;
		const struct kvm_cpuid_entry2 *ge = g < guest->nr ? &guest->entry[g] : NULL;
		int order = !he ? 1 : !ge ? -1 : compare(he, ge->function, ge->index);
		const struct kvm_cpuid_entry2 *key = order <= 0 ? he : ge;

		for (unsigned reg = 0; reg < CPUID_REGISTERS; reg++) {
			struct cpuid_change c = {
				.leaf = key->function,
				.index = key->index,
				.reg = reg,
				.host = cpuid_read(order <= 0 ? he : &none, reg),
				.guest = cpuid_read(order >= 0 ? ge : &none, reg),
			};
			int r = diff_reg(&c, vendor, fn, arg);

			if (r)
				return r;
		}
		h += order <= 0;
		g += order >= 0;
	}
	return 0;
}
