// SPDX-License-Identifier: Apache-2.0
/*
 * The handler runs behind the filter of a thread that may be compromised: it uses its own stack, a lock-free formatter,
 * write and exit_group. A signal handler has no argument, so its output descriptor is a static variable: a process has
 * one handler and one stderr.
 */
#include "security/sigsys.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "security/seccomp.h"

/* Linux include/uapi/asm-generic/siginfo.h; not in every C library */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static int report_fd = -1;
static void (*before_the_end)(void);
static __thread int own_role = -1;

static size_t put_text(char *buf, size_t at, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len > size - at)
		len = size - at;
	memcpy(buf + at, text, len);
	return at + len;
}

static size_t put_number(char *buf, size_t at, size_t size, uint64_t n, unsigned base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	if (base == 16)
		at = put_text(buf, at, size, "0x");
	return put_text(buf, at, size, digits + i);
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	const greg_t *reg = ((const ucontext_t *)context)->uc_mcontext.gregs;
	/* The x86-64 calling convention of system calls. */
	const greg_t arg[] = {reg[REG_RDI], reg[REG_RSI], reg[REG_RDX], reg[REG_R10], reg[REG_R8], reg[REG_R9]};
	char line[320];
	size_t n = 0, size = sizeof(line) - 1;

	n = put_text(line, n, size, "vmm: sandbox: the ");
	n = put_text(line, n, size, own_role < 0 ? "?" : seccomp_role_name((enum sandbox_role)own_role));
	if (info->si_code == SYS_SECCOMP) {
		n = put_text(line, n, size, " thread may not call ");
		n = put_text(line, n, size, seccomp_call_name(info->si_syscall));
		n = put_text(line, n, size, " (");
		n = put_number(line, n, size, (uint32_t)info->si_syscall, 10);
		n = put_text(line, n, size, ")");
		for (size_t i = 0; i < 6; i++) {
			n = put_text(line, n, size, i ? ", " : ": ");
			n = put_number(line, n, size, (uint64_t)arg[i], 16);
		}
	} else {
		n = put_text(line, n, size, " thread was sent SIGSYS");
	}
	if (before_the_end)
		before_the_end();
	line[n++] = '\n';
	/* A failed write cannot be reported. */
	if (report_fd >= 0 && write(report_fd, line, n) < 0)
		errno = 0;
	syscall(SYS_exit_group, SIGSYS_EXIT_STATUS);
	__builtin_trap();
}

int sigsys_install(int fd, void (*last_words)(void))
{
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	report_fd = fd;
	before_the_end = last_words;
	/* A trapped call in last_words() then ends the process at once, with the same status. */
	sigfillset(&sa.sa_mask);
	return sigaction(SIGSYS, &sa, NULL) < 0 ? -errno : 0;
}

void sigsys_set_role(enum sandbox_role role)
{
	own_role = (int)role;
}
