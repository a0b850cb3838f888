// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A program searches a tree of comparisons for the number of the call, and then checks the
 * conditions of that call. It ends in "allow" when the conditions of any of its rules are true, else in "trap". It is
 * made while vmm starts, since it depends on the devices of the machine.
 *
 * The main cost of a filter is its installation: the kernel runs it once for each system call number, to find those
 * that are allowed with any arguments, and does not run it for those any more. So the tree halves the range of numbers,
 * not the list of calls: most numbers should need few steps.
 *
 * BPF jumps forward only. So a program is written from its end to its beginning: then each target is known.
 */
#include "security/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "security/filters.h"
#include "vmm/base/assert.h"
#include "vmm/base/util.h"

#define PROGRAM_MAX 1024
#define CALLS_MAX   128 /* per role */
#define NUMBERS     512 /* above all current system call numbers */
#define REACH       254 /* a conditional jump has 8 bits; less one, for a jump that may be inserted */

static const char *const roles[] = {
#define X(id, name, text) [SANDBOX_##id] = name,
	SANDBOX_ROLES(X)
#undef X
};

bool seccomp_available(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

const char *seccomp_role_name(enum sandbox_role role)
{
	return roles[role];
}

const char *seccomp_call_name(long nr)
{
	const char *name = filter_calls;

	if (nr < 0 || (size_t)nr >= filter_calls_nr)
		return "?";
	for (; nr > 0; nr--)
		name += strlen(name) + 1;
	return *name ? name : "?";
}

/**
 * struct emitter - a program under construction
 * @code: its buffer, filled from the end
 * @at: index of the first instruction written; 0: the buffer is full
 * @allow, @refuse, @trap: indices of the final instructions
 * @devices: those of the machine, which select the rules
 * @pid: of the process
 * @fds: never NULL
 */
struct emitter {
	struct sock_filter *code;
	size_t at;
	size_t allow, refuse, trap;
	uint32_t devices;
	uint32_t pid;
	const struct sandbox_fds *fds;
};

/* The rules of one call: @rule and those after it with the same number and role */
struct call {
	const struct filter_rule *rule;
	size_t rules;
};

static size_t put(struct emitter *e, struct sock_filter f)
{
	/* Index 0 stays unused: a program that reaches it did not fit. */
	if (e->at > 1)
		e->code[--e->at] = f;
	else
		e->at = 0;
	return e->at;
}

/* Return: an index within reach of a conditional jump of the next instruction that leads to @target. */
static size_t reach(struct emitter *e, size_t target)
{
	if (target - e->at <= REACH)
		return target;
	return put(e, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(target - e->at)));
}

static void branch(struct emitter *e, uint16_t how, uint32_t k, size_t yes, size_t no)
{
	yes = reach(e, yes);
	no = reach(e, no);
	put(e, (struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, k, (uint8_t)(yes - e->at), (uint8_t)(no - e->at)));
}

static void load(struct emitter *e, size_t offset)
{
	put(e, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Return: where the comparison of 32 bits starts; @yes when there is nothing to compare. */
static size_t compare(struct emitter *e, size_t offset, uint32_t mask, uint32_t value, size_t yes, size_t no)
{
	if (!mask)
		return yes;
	branch(e, BPF_JEQ, value, yes, no);
	if (mask != UINT32_MAX)
		put(e, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	load(e, offset);
	return e->at;
}

/* The same for a descriptor: whether it is one of @kind. */
static size_t compare_fd(struct emitter *e, size_t offset, enum sandbox_fd kind, size_t yes, size_t no)
{
	static const unsigned number[] = {
#define X(id, number, text) [SANDBOX_FD_##id] = number,
		SANDBOX_FD_KINDS(X)
#undef X
	};

	for (unsigned i = 0; i < number[kind]; i++) {
		branch(e, BPF_JEQ, (uint32_t)e->fds->of[kind][i], yes, no);
		no = e->at;
	}
	load(e, offset);
	return e->at;
}

/* Return: where the conditions of @rule start; they continue at @no when one is false. */
static size_t conditions(struct emitter *e, const struct filter_rule *rule, size_t no)
{
	size_t yes = rule->refused ? e->refuse : e->allow;

	for (unsigned i = 0; i < rule->conds; i++) {
		const struct sandbox_cond *c = &filter_conds[rule->cond[i]];
		size_t low = offsetof(struct seccomp_data, args) + (size_t)c->arg * sizeof(uint64_t);
		uint64_t value = c->value == SANDBOX_OWN_PID ? e->pid : c->value;

		if (c->value >> 32 == 0 && SANDBOX_FD_OF(c->value) < SANDBOX_FD_COUNT) {
			yes = compare_fd(e, low, (enum sandbox_fd)SANDBOX_FD_OF(c->value), yes, no);
			continue;
		}
		yes = compare(e, low + 4, (uint32_t)(c->mask >> 32), (uint32_t)(value >> 32), yes, no);
		yes = compare(e, low, (uint32_t)c->mask, (uint32_t)value, yes, no);
	}
	return yes;
}

static bool in_force(const struct emitter *e, const struct filter_rule *rule)
{
	return e->devices & BIT(rule->device);
}

static void leaf(struct emitter *e, const struct call *call)
{
	size_t yes = e->trap;

	for (size_t i = call->rules; i--;)
		if (in_force(e, call->rule + i))
			yes = conditions(e, call->rule + i, yes);
	branch(e, BPF_JEQ, call->rule->nr, yes, e->trap);
}

/* The search among @nr calls for a number from @low to @high - 1. */
static void tree(struct emitter *e, const struct call *call, size_t nr, long low, long high)
{
	size_t at = 1, right;

	if (nr == 1) {
		leaf(e, call);
		return;
	}
	for (size_t i = 2; i < nr; i++)
		if (labs(2 * call[i].rule->nr - low - high) < labs(2 * call[at].rule->nr - low - high))
			at = i;
	tree(e, call + at, nr - at, call[at].rule->nr, high);
	right = e->at;
	tree(e, call, at, low, call[at].rule->nr);
	branch(e, BPF_JGE, call[at].rule->nr, right, e->at);
}

static size_t calls_of(const struct emitter *e, enum sandbox_role role, struct call *ret)
{
	size_t nr = 0;

	for (const struct filter_rule *rule = filter_rules; rule < filter_rules + filter_rules_nr; rule++) {
		if (rule->role != role || !in_force(e, rule))
			continue;
		if (!nr || ret[nr - 1].rule->nr != rule->nr) {
			assert(nr < CALLS_MAX);
			ret[nr++].rule = rule;
		}
		ret[nr - 1].rules = (size_t)(rule - ret[nr - 1].rule) + 1;
	}
	return nr;
}

int seccomp_compose(
	enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds, struct sock_filter *ret, size_t max)
{
	static const struct sandbox_fds none = SANDBOX_NO_FDS;
	struct emitter e = {.code = ret,
		.at = max,
		.devices = devices | SANDBOX_HAS(ALWAYS),
		.pid = (uint32_t)getpid(),
		.fds = fds ? fds : &none};
	struct call call[CALLS_MAX];
	size_t nr = calls_of(&e, role, call), kill;

	/* We never make calls of another architecture by mistake. */
	kill = put(&e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	e.refuse = put(&e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO));
	e.trap = put(&e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
	e.allow = put(&e, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	tree(&e, call, nr, 0, NUMBERS);
	load(&e, offsetof(struct seccomp_data, nr));
	branch(&e, BPF_JEQ, AUDIT_ARCH_X86_64, e.at, kill);
	load(&e, offsetof(struct seccomp_data, arch));
	if (!e.at)
		return -E2BIG;
	memmove(ret, ret + e.at, (max - e.at) * sizeof(*ret));
	return (int)(max - e.at);
}

int seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	struct sock_filter code[PROGRAM_MAX];
	struct sock_fprog prog = {.filter = code};
	int n = seccomp_compose(role, devices, fds, code, ARRAY_SIZE(code));

	if (n < 0)
		return n;
	prog.len = (unsigned short)n;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}
