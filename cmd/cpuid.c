// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm cpuid`: what the host's KVM offers, what the guest of these settings gets, and why each bit differs. The words
 * come from the table that the policy is made of.
 *
 * Two options of its own:
 *	--raw[=host|guest]	only the registers, as --from reads them
 *	--from FILE		another host's, as --raw printed it there
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options/commands.h"
#include "cmd/options/parse.h"
#include "vmm/base/outcome.h"
#include "vmm/cpuid/text.h"
#include "vmm/cpuid/words.h"
#include "vmm/kvm/kvm.h"

enum own { OWN_RAW, OWN_FROM };
enum output { OUTPUT_TABLE, OUTPUT_RAW_HOST, OUTPUT_RAW_GUEST };

/**
 * struct view - both sets, and how far they are printed
 * @key: every sub-leaf of either, sorted
 * @next: the first key that is not printed yet
 */
struct view {
	FILE *out;
	struct cpuid_set host;
	struct cpuid_set guest;
	struct key {
		uint32_t leaf;
		uint32_t index;
	} key[2 * CPUID_ENTRIES_MAX];
	size_t nr;
	size_t next;
	struct cpuid_change last;
	struct cpuid_words words;
};

static const char *const reg_names[] = {"eax", "ebx", "ecx", "edx", "all"};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void add_keys(struct view *v, const struct cpuid_set *set)
{
	for (uint32_t i = 0; i < set->nr; i++) {
		uint32_t leaf = set->entry[i].function;

		v->key[v->nr++] = (struct key){leaf, cpuid_leaf_indexed(leaf) ? set->entry[i].index : 0};
	}
}

static void print_registers(
	struct view *v, const struct key *k, const char *who, const struct kvm_cpuid_entry2 *c, bool first)
{
	if (first)
		fprintf(v->out, "0x%08x %3u", k->leaf, k->index);
	else
		fprintf(v->out, "%14s", "");
	fprintf(v->out, "  %-5s  %08x %08x %08x %08x\n", who, c->eax, c->ebx, c->ecx, c->edx);
}

/* The registers of one sub-leaf: one line when they agree, none when they are zero. */
static void print_key(struct view *v, const struct key *k)
{
	static const struct kvm_cpuid_entry2 none;
	const struct kvm_cpuid_entry2 *host = cpuid_find(&v->host, k->leaf, k->index);
	const struct kvm_cpuid_entry2 *guest = cpuid_find(&v->guest, k->leaf, k->index);
	bool same = true, zero = true;

	host = host ? host : &none;
	guest = guest ? guest : &none;
	for (unsigned reg = 0; reg < CPUID_REGS; reg++) {
		same &= cpuid_read(host, reg) == cpuid_read(guest, reg);
		zero &= !cpuid_read(host, reg) && !cpuid_read(guest, reg);
	}
	if (zero)
		return;
	print_registers(v, k, same ? "both" : "host", host, true);
	if (!same)
		print_registers(v, k, "guest", guest, false);
}

/* Prints the registers of all sub-leaves up to this one. */
static void advance(struct view *v, const struct key *upto)
{
	for (; v->next < v->nr && (!upto || compare_keys(&v->key[v->next], upto) <= 0); v->next++)
		if (!v->next || compare_keys(&v->key[v->next - 1], &v->key[v->next]))
			print_key(v, &v->key[v->next]);
}

static void print_field(struct view *v, const struct cpuid_change *c, unsigned lo, unsigned hi)
{
	uint32_t mask = UINT32_MAX >> (31 - hi) & UINT32_MAX << lo;
	uint32_t host = c->host & mask, guest = c->guest & mask;
	char sign = !(guest & ~host) ? '-' : !(host & ~guest) ? '+' : '~';
	char bits[8];

	snprintf(bits, sizeof(bits), hi > lo ? "%u:%u" : "%u", hi > lo ? hi : lo, lo);
	fprintf(v->out, "    %s %5s %c %-21s ", reg_names[c->reg], bits, sign, cpuid_rule_name(&v->words, c->rule));
	if (hi > lo && hi - lo < 31 && c->rule != &cpuid_rule_unknown)
		fprintf(v->out, "%u -> %u: ", host >> lo, guest >> lo);
	fprintf(v->out, "%s\n", cpuid_rule_reason(&v->words, c->rule));
}

static int print_change(const struct cpuid_change *c, void *arg)
{
	struct view *v = arg;
	const struct cpuid_change *last = &v->last;

	advance(v, &(struct key){c->leaf, c->index});
	if (c->rule == &cpuid_rule_unknown) {
		for (uint32_t left = c->mask; left;) {
			unsigned lo = (unsigned)__builtin_ctz(left), hi = lo;

			while (hi < 31 && (left & BIT(hi + 1)))
				hi++;
			print_field(v, c, lo, hi);
			left &= hi < 31 ? UINT32_MAX << (hi + 1) : 0;
		}
	} else if (c->rule->reg == CPUID_ALL) {
		/* Said once for the registers of a sub-leaf. */
		if (c->rule != last->rule || c->leaf != last->leaf || c->index != last->index)
			fprintf(v->out, "    %s %5s - %-21s %s\n", reg_names[CPUID_ALL], "31:0",
				cpuid_rule_name(&v->words, c->rule), cpuid_rule_reason(&v->words, c->rule));
	} else {
		print_field(v, c, c->rule->lo, c->rule->hi);
	}
	v->last = *c;
	return 0;
}

/* SDM volume 2A and APM volume 3, CPUID leaf 1 EAX: extended family and model. */
static void print_host(FILE *out, const struct cpuid_set *host, const char *from)
{
	const struct kvm_cpuid_entry2 *zero = cpuid_find(host, 0, 0), *one = cpuid_find(host, 1, 0);
	unsigned family = (one->eax >> 8) & 0xf, model = (one->eax >> 4) & 0xf;
	char name[13] = "";

	for (size_t i = 0; i < 4; i++) {
		name[i] = (char)(zero->ebx >> (8 * i));
		name[4 + i] = (char)(zero->edx >> (8 * i));
		name[8 + i] = (char)(zero->ecx >> (8 * i));
	}
	/* --from: whatever it says must not reach the terminal as control characters. */
	for (size_t i = 0; i < 12; i++)
		if (name[i] < ' ' || name[i] > '~')
			name[i] = '?';
	if (family == 6 || family == 15)
		model |= (one->eax >> 12) & 0xf0;
	if (family == 15)
		family += (one->eax >> 20) & 0xff;
	fprintf(out, "host:  %s, family %u, model %u, stepping %u; %u entries from %s\n", name, family, model,
		one->eax & 0xf, host->nr, from);
}

static void print_table(struct view *v, const struct cpuid_opts *o, const char *from)
{
	print_host(v->out, &v->host, from);
	fprintf(v->out, "guest: %u CPU%s, nested %s, PMU %s, TSC-deadline timer %s; %u entries\n", o->cpus,
		o->cpus == 1 ? "" : "s", o->nested ? "on" : "off", o->pmu ? "on" : "off",
		o->tsc_deadline ? "on" : "off", v->guest.nr);
	fprintf(v->out,
		"Bits that differ: - taken away, + added, ~ changed. Sub-leaves that are zero for both are not shown.\n"
		"\nleaf       sub              eax      ebx      ecx      edx\n");
	add_keys(v, &v->host);
	add_keys(v, &v->guest);
	qsort(v->key, v->nr, sizeof(v->key[0]), compare_keys);
	cpuid_diff(&v->host, &v->guest, print_change, v);
	advance(v, NULL);
}

static int read_host(const char *from, struct cpuid_set *ret, bool *ret_deadline, struct err *e)
{
	CLEANUP_FCLOSE FILE *in = NULL;
	struct kvm kvm;
	int r;

	if (from) {
		in = fopen(from, "re");
		if (!in)
			return err_operator(e, err_sys(e, -errno, "--from %s", from));
		/* A file does not tell; every KVM since Linux 3.3 has it. */
		*ret_deadline = true;
		return err_operator(e, cpuid_text_read(in, from, ret, e));
	}
	r = kvm_open(NULL, &kvm, e);
	if (r < 0)
		return r;
	*ret_deadline = kvm_check(&kvm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	r = cpuid_supported(&kvm, ret, e);
	kvm_close(&kvm);
	return r;
}

/* Return: the exit status; when it is not 0, with a message in @e. */
static int show(struct cpuid_opts opts, enum output output, const char *from, struct err *e)
{
	CLEANUP_FREE struct view *v = calloc(1, sizeof(*v));
	int r;

	if (!v || (output == OUTPUT_TABLE && cpuid_words_unpack(&v->words) < 0)) {
		err_sys(e, -ENOMEM, "cpuid");
		return EXIT_FAILED;
	}
	v->out = stdout;
	r = read_host(from, &v->host, &opts.tsc_deadline, e);
	if (!r) {
		r = cpuid_policy(&v->host, &opts, &v->guest, e);
		if (from)
			err_operator(e, r);
	}
	if (r < 0)
		return err_exit_status(e);

	if (output == OUTPUT_TABLE)
		print_table(v, &opts, from ? from : "KVM_GET_SUPPORTED_CPUID");
	else
		cpuid_text_write(v->out, output == OUTPUT_RAW_HOST ? &v->host : &v->guest);
	errno = 0;
	if (fflush(v->out) || ferror(v->out)) {
		err_set(e, -EIO, "cannot write to standard output: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

int cmd_cpuid(int argc, char **argv)
{
	struct own_option own[] = {[OWN_RAW] = {.name = "raw"}, [OWN_FROM] = {.name = "from"}, {0}};
	enum output output = OUTPUT_TABLE;
	int status = EXIT_USAGE;
	struct config config;
	struct err e = {};

	if (!options_parse_own(argc, argv, "cpuid", own, &config, &e)) {
		const struct cpuid_opts opts = {.cpus = config.cpus, .nested = config.nested, .pmu = config.pmu};

		config_destroy(&config);
		if (own[OWN_RAW].given)
			output = own[OWN_RAW].value.n ? OUTPUT_RAW_GUEST : OUTPUT_RAW_HOST;
		status = show(opts, output, own[OWN_FROM].value.text, &e);
	}
	if (status)
		fprintf(stderr, "vmm: %s\n", e.text);
	return status;
}
