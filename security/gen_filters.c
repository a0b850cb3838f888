// SPDX-License-Identifier: Apache-2.0
/*
 * Runs during the build: makes filters.c of the table in rules.c, with libseccomp. So vmm itself is not linked with
 * libseccomp and does not spend start-up time on it.
 *
 * usage: gen-filters > filters.c
 */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "security/rules.h"

#define CALLS_MAX 1024

static const char *const roles[] = {
#define X(id, name, text) [SANDBOX_##id] = name,
	SANDBOX_ROLES(X)
#undef X
};

static void die(const char *what, int code)
{
	fprintf(stderr, "gen-filters: %s: %s\n", what, strerror(code < 0 ? -code : code));
	exit(1);
}

static void add(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp cmp[SANDBOX_CONDS_MAX];
	unsigned nr = 0;
	int r;

	for (size_t i = 0; i < SANDBOX_CONDS_MAX; i++) {
		const struct sandbox_cond *c = &rule->cond[i];

		if (c->arg >= 0)
			cmp[nr++] = SCMP_CMP64((unsigned)c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value);
	}
	r = seccomp_rule_add_array(ctx, rule->refused ? SCMP_ACT_ERRNO(0) : SCMP_ACT_ALLOW, rule->nr, nr, cmp);
	if (r < 0)
		die(rule->call, r);
	/*
	 * The kernel remembers which calls are allowed whatever their arguments; these have to be looked at each time.
	 */
	if (nr)
		seccomp_syscall_priority(ctx, rule->nr, 255);
}

static size_t export(scmp_filter_ctx ctx, struct sock_filter *code, size_t max)
{
	FILE *f = tmpfile();
	size_t n;
	int r;

	if (!f)
		die("tmpfile", errno);
	r = seccomp_export_bpf(ctx, fileno(f));
	if (r < 0)
		die("seccomp_export_bpf", r);
	rewind(f);
	n = fread(code, sizeof(*code), max, f);
	fclose(f);
	return n;
}

/* One role and device; false when there is no row. */
static int piece(enum sandbox_role role, enum sandbox_device device)
{
	static struct sock_filter code[BPF_MAXINSNS];
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	size_t rules = 0, n;
	int r;

	if (!ctx)
		die("seccomp_init", ENOMEM);
	/* Another architecture's calls are nothing that we make by mistake. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r < 0)
		die("seccomp_attr_set", r);
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		if (sandbox_rules[i].role != role || sandbox_rules[i].device != device)
			continue;
		add(ctx, &sandbox_rules[i]);
		rules++;
	}
	if (rules) {
		n = export(ctx, code, BPF_MAXINSNS);
		printf("static const struct sock_filter piece_%d_%d[] = {\n", (int)role, (int)device);
		for (size_t i = 0; i < n; i++)
			printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
		printf("};\n");
	}
	seccomp_release(ctx);
	return rules != 0;
}

int main(void)
{
	static int there[SANDBOX_ROLE_COUNT][SANDBOX_DEVICE_COUNT];

	printf("/* Made by security/gen_filters.c from security/rules.c. */\n#include \"security/filters.h\"\n\n");
	for (int r = 0; r < SANDBOX_ROLE_COUNT; r++)
		for (int d = 0; d < SANDBOX_DEVICE_COUNT; d++)
			there[r][d] = piece((enum sandbox_role)r, (enum sandbox_device)d);
	printf("const struct filter_piece filter_pieces[SANDBOX_ROLE_COUNT][SANDBOX_DEVICE_COUNT] = {\n");
	for (int r = 0; r < SANDBOX_ROLE_COUNT; r++)
		for (int d = 0; d < SANDBOX_DEVICE_COUNT; d++)
			if (there[r][d])
				printf("\t[%d][%d] = {piece_%d_%d, sizeof(piece_%d_%d) / 8}, /* %s */\n", r, d, r, d, r,
					d, roles[r]);
	printf("};\n\nconst char *const filter_calls[] = {\n");
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr);

		if (name)
			printf("\t[%d] = \"%s\",\n", nr, name);
		free(name);
	}
	printf("};\n\nconst size_t filter_calls_nr = sizeof(filter_calls) / sizeof(filter_calls[0]);\n");
	return fflush(stdout) || ferror(stdout);
}
