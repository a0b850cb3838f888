// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/security/stage_kit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support/unit.h"

int status_of(void (*what)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGABRT, SIG_DFL);
		signal(SIGILL, SIG_DFL); /* an assertion of ours: cmocka would go on with the next test */
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

void in_child(void (*what)(void))
{
	assert_int_equal(status_of(what), 0);
}

struct sandbox_plan plan_of(enum sandbox_mode mode)
{
	return (struct sandbox_plan){.mode = mode,
		.jail = {.userns = SANDBOX_USERNS_OFF},
		.max_fds = 64,
		.max_file_bytes = 4096,
		.report_fd = 2};
}

unsigned long long proc_number(int fd, const char *key, int base)
{
	char text[8192];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const char *at;

	must(n > 0);
	text[n] = '\0';
	at = strstr(text, key);
	must(at != NULL);
	return strtoull(at + strlen(key), NULL, base);
}

int run_stages(struct sandbox *s, struct sandbox_plan *plan, struct err *e)
{
	int r = sandbox_early(s, plan, e);

	if (r < 0)
		return r;
	sandbox_open(s, NULL);
	r = sandbox_confine(s, e);
	if (r == 0)
		sandbox_build(s);
	return r;
}

#define LOW(n)  ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(n)))
#define HIGH(n) (LOW(n) + 4)

/* Addresses are above 4 GiB in a program that is position-independent: their upper half tells one from NULL. */
void host_refuses_with(const struct refusal *f, uint32_t as)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)f->nr, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(MAX(f->arg, 0))),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, f->value, 0, f->arg >= 0 ? 3 : 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HIGH(MAX(f->set, 0))),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, f->set >= 0 ? 1 : 0, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | as),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_SIZE(code), .filter = code};

	if (geteuid())
		must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0);
}

void host_refuses(const struct refusal *f)
{
	host_refuses_with(f, EPERM);
}
