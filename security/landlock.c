// SPDX-License-Identifier: Apache-2.0
#include "security/landlock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The x86-64 system call table */
#define NR_CREATE_RULESET 444
#define NR_ADD_RULE       445
#define NR_RESTRICT_SELF  446

/* Linux include/uapi/linux/landlock.h */
#define CREATE_RULESET_VERSION 1
#define RULE_PATH_BENEATH      1

#define NET_BIND_TCP    (UINT64_C(1) << 0) /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define NET_BIND_UDP    (UINT64_C(1) << 2) /* ABI 10 */
#define NET_SEND_UDP    (UINT64_C(1) << 3) /* to connect, or to send to an address */

#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL               (UINT64_C(1) << 1)

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/*
 * What each ABI added. ABI 2 made it possible to allow links and renames across directories; we never allow them, so
 * its absence changes nothing. ABI 7 added flags for the audit log and no right; ABI 8 a flag for processes that
 * already have threads; ABI 11 one that sets no_new_privs.
 */
static const struct step {
	int abi;
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
	size_t attr_size;
	const char *words;
} steps[] = {
	{1, (UINT64_C(1) << 13) - 1, 0, 0, 8, "files"},
	{2, LL_REFER, 0, 0, 8, NULL},
	{3, LL_TRUNCATE, 0, 0, 8, "truncation"},
	{4, 0, NET_BIND_TCP | NET_CONNECT_TCP, 0, 16, "TCP"},
	{5, LL_IOCTL_DEV, 0, 0, 16, "device ioctls"},
	{6, 0, 0, SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL, 24, "signals, abstract sockets"},
	{9, LL_CONNECT, 0, 0, 24, "Unix sockets by path"},
	{10, 0, NET_BIND_UDP | NET_SEND_UDP, 0, 24, "UDP"},
};

int landlock_abi(void)
{
	long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? -errno : (int)abi;
}

void landlock_missing(int abi, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].abi > abi && steps[i].words && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", steps[i].words);
}

static int add_rule(int ruleset, const struct landlock_allow *allow, uint64_t handled)
{
	struct path_beneath_attr attr = {.allowed_access = allow->rights & handled, .parent_fd = allow->fd};

	/* An empty rule is an error, and would allow nothing. */
	if (!attr.allowed_access)
		return 0;
	return syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

int landlock_ruleset(int abi, const struct landlock_allow *allow, size_t nr, int *ret, struct err *e)
{
	struct ruleset_attr attr = {0};
	CLEANUP_FD int ruleset = -1;
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].abi > abi)
			break;
		attr.handled_access_fs |= steps[i].fs;
		attr.handled_access_net |= steps[i].net;
		attr.scoped |= steps[i].scoped;
		size = steps[i].attr_size;
	}
	ruleset = (int)syscall(NR_CREATE_RULESET, &attr, size, 0);
	if (ruleset < 0)
		return err_sys(e, -errno, "landlock_create_ruleset");
	for (size_t i = 0; i < nr; i++) {
		int r = add_rule(ruleset, &allow[i], attr.handled_access_fs);

		if (r < 0)
			return err_sys(e, r, "landlock_add_rule");
	}
	*ret = TAKE_FD(ruleset);
	return 0;
}

int landlock_enforce(int ruleset)
{
	return syscall(NR_RESTRICT_SELF, ruleset, 0) < 0 ? -errno : 0;
}

int landlock_restrict(int abi, const struct landlock_allow *allow, size_t nr, struct err *e)
{
	CLEANUP_FD int ruleset = -1;
	int r = landlock_ruleset(abi, allow, nr, &ruleset, e);

	if (r < 0)
		return r;
	r = landlock_enforce(ruleset);
	return r < 0 ? err_sys(e, r, "landlock_restrict_self") : 0;
}
