// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Each piece is a program that ends in "allow" or "trap". Pieces are laid one behind the other,
 * and every "trap" of all but the last becomes a jump to the next: so a call is allowed if any piece allows it. The
 * kernel follows such jumps when it works out which calls are allowed whatever their arguments, and does not run the
 * program for those any more.
 */
#include "security/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "security/filters.h"
#include "vmm/base/util.h"

#define PROGRAM_MAX 1024

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
	const char *name = nr >= 0 && (size_t)nr < filter_calls_nr ? filter_calls[nr] : NULL;

	return name ? name : "?";
}

static bool is_trap(const struct sock_filter *f)
{
	return f->code == (BPF_RET | BPF_K) && (f->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRAP;
}

static void chain(struct sock_filter *piece, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_trap(&piece[i]))
			piece[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(len - i - 1));
}

int seccomp_compose(enum sandbox_role role, uint32_t devices, struct sock_filter *ret, size_t max)
{
	uint32_t pid = (uint32_t)getpid();
	size_t n = 0, last = 0;

	devices |= SANDBOX_HAS(ALWAYS);
	for (size_t d = 0; d < SANDBOX_DEVICE_COUNT; d++) {
		const struct filter_piece *p = &filter_pieces[role][d];

		if (!(devices & BIT(d)) || !p->len)
			continue;
		if (p->len > max - n)
			return -E2BIG;
		chain(ret + last, n - last);
		memcpy(ret + n, p->code, p->len * sizeof(*p->code));
		last = n;
		n += p->len;
	}
	for (size_t i = 0; i < n; i++)
		if (BPF_CLASS(ret[i].code) == BPF_JMP && ret[i].k == SANDBOX_OWN_PID)
			ret[i].k = pid;
	return (int)n;
}

int seccomp_install(enum sandbox_role role, uint32_t devices)
{
	struct sock_filter code[PROGRAM_MAX];
	struct sock_fprog prog = {.filter = code};
	int n = seccomp_compose(role, devices, code, ARRAY_SIZE(code));

	if (n < 0)
		return n;
	prog.len = (unsigned short)n;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
}
