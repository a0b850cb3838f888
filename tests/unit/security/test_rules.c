// SPDX-License-Identifier: Apache-2.0
/*
 * The filters as they are installed: for each role, a child per system call. What a row allows lives; every other call
 * of the table of the kernel dies, with its report. Calls are made with arguments that the kernel refuses, so that
 * those that get through do nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/filters.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "vmm/base/kick.h"
#include "vmm/base/util.h"

#define CALLS 462 /* of Linux 6.9, about; later ones have no name here */
#define ALL   ((1u << SANDBOX_DEVICE_SANITIZER) - 1)
#define ALIVE 42

#define EXTRA (SANITIZED ? SANDBOX_HAS(SANITIZER) : 0)

/* A system call that hardly touches anything around it: not the C library's, which may do more. */
static long call(long nr, const uint64_t *arg)
{
	register uint64_t r10 __asm__("r10") = arg[3];
	register uint64_t r8 __asm__("r8") = arg[4];
	register uint64_t r9 __asm__("r9") = arg[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Descriptors that are not open, of each kind: FD_AT(kind, i) */
#define FD_AT(kind, i) (500000 + 100 * (kind) + (i))

static struct sandbox_fds some_fds;

struct end {
	int status;
	char text[512];
};

/* Those have no handler, and nothing to say. */
static bool is_process(enum sandbox_role role)
{
	return role == SANDBOX_BROKER || role == SANDBOX_REPORT || role == SANDBOX_OUT;
}

/* What is below on the stack is not zero, as in a thread that has done other things. */
static __attribute__((noinline)) void use_stack(void)
{
	char used[32 * 1024];

	memset(used, 'U', sizeof(used));
	__asm__ volatile("" : : "r"(used) : "memory");
}

/* A child behind the filter of `role` that makes one call and then says that it lives. */
static void try(enum sandbox_role role, uint32_t devices, long nr, const uint64_t *arg, struct end *ret)
{
	static const uint64_t alive[6] = {ALIVE};
	size_t used = 0;
	ssize_t n;
	int fd[2];
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		alarm(10);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sigsys_set_role(role);
		if ((!is_process(role) && sigsys_install(fd[1], NULL) < 0) ||
			seccomp_install(role, devices, &some_fds) < 0)
			_exit(1);
		use_stack();
		call(nr, arg);
		call(SYS_exit_group, alive);
	}
	close(fd[1]);
	while ((n = read(fd[0], ret->text + used, sizeof(ret->text) - 1 - used)) > 0)
		used += (size_t)n;
	ret->text[used] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &ret->status, 0), pid);
}

/* One that such a condition lets through; @which of the descriptors of a kind. */
static uint64_t good_value(uint64_t value, size_t which)
{
	if (value == SANDBOX_OWN_PID)
		return 0;
	return value <= UINT32_MAX && SANDBOX_FD_OF(value) < SANDBOX_FD_COUNT ? FD_AT(SANDBOX_FD_OF(value), which)
									      : value;
}

static void must_live(enum sandbox_role role, uint32_t devices, const struct sandbox_rule *rule, size_t which)
{
	/* -1 is no fd, no address and no id; a length of 0 writes nothing. */
	uint64_t arg[6] = {(uint64_t)-1, 0, 0, 0, 0, 0};
	struct end end;

	for (size_t i = 0; i < SANDBOX_CONDS_MAX; i++)
		if (rule->cond[i].arg >= 0)
			arg[rule->cond[i].arg] = good_value(rule->cond[i].value, which);
	/* Of too many fds, since it waits for none of them for ever. */
	if (rule->nr == SYS_ppoll)
		arg[1] = UINT32_MAX;
	try(role, devices, rule->nr, arg, &end);
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != ALIVE)
		fail_msg("%s: %s %s: status 0x%x, '%s'", seccomp_role_name(role), rule->call, rule->what, end.status,
			end.text);
}

/* Those that end or move the caller when they are allowed, or that need the process's own id: tried otherwise. */
static bool is_special(const struct sandbox_rule *rule)
{
	return rule->nr == SYS_exit || rule->nr == SYS_exit_group || rule->nr == SYS_rt_sigreturn ||
		rule->nr == SYS_tgkill;
}

static void every_row_lives(void **state)
{
	size_t tried = 0;

	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (rule->device == SANDBOX_DEVICE_SANITIZER || is_special(rule))
			continue;
		must_live(rule->role, SANDBOX_HAS(ALWAYS) | 1u << rule->device | EXTRA, rule, 0);
		tried++;
	}
	assert_true(tried > 50);
}

static bool has_rule(enum sandbox_role role, uint32_t devices, long nr)
{
	for (size_t i = 0; i < sandbox_rules_nr; i++)
		if (sandbox_rules[i].role == role && sandbox_rules[i].nr == nr &&
			(devices & (1u << sandbox_rules[i].device)))
			return true;
	return false;
}

static void must_die(enum sandbox_role role, uint32_t devices, long nr, const uint64_t *arg)
{
	char want[512];
	struct end end;
	int n;

	try(role, devices, nr, arg, &end);
	if (is_process(role)) {
		if (!WIFSIGNALED(end.status) || WTERMSIG(end.status) != SIGSYS)
			fail_msg("%s: call %ld: status 0x%x", seccomp_role_name(role), nr, end.status);
		return;
	}
	if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != SIGSYS_EXIT_STATUS)
		fail_msg("%s: call %ld: status 0x%x, '%s'", seccomp_role_name(role), nr, end.status, end.text);
	n = snprintf(want, sizeof(want), "vmm: sandbox: the %s thread may not call %s (%ld)", seccomp_role_name(role),
		seccomp_call_name(nr), nr);
	for (size_t i = 0; i < 6; i++)
		n += snprintf(
			want + n, sizeof(want) - (size_t)n, "%s0x%llx", i ? ", " : ": ", (unsigned long long)arg[i]);
	snprintf(want + n, sizeof(want) - (size_t)n, "\n");
	if (strcmp(end.text, want))
		fail_msg("wanted '%s', got '%s'", want, end.text);
}

/*
 * uretprobe (335) and uprobe (336) are entered by code that the kernel itself put into a program, so it does not show
 * them to filters, and answers anybody else with SIGILL. Headers before Linux 6.11 do not know them.
 */
static bool is_unfiltered(long nr)
{
	return nr == 335 || nr == 336;
}

static void every_other_call_dies(void **state)
{
	static const uint64_t arg[6] = {(uint64_t)-1};

	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		for (long nr = 0; nr < CALLS; nr++)
			if (strcmp(seccomp_call_name(nr), "?") && !is_unfiltered(nr) &&
				!has_rule((enum sandbox_role)role, ALL | EXTRA, nr))
				must_die((enum sandbox_role)role, ALL | EXTRA, nr, arg);
}

/* Without its device a call is not allowed. */
static void devices_do_not_mix(void **state)
{
	static const uint64_t arg[6] = {(uint64_t)-1};
	size_t tried = 0;

	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if (rule->device == SANDBOX_DEVICE_ALWAYS || rule->device == SANDBOX_DEVICE_SANITIZER)
			continue;
		if (has_rule(rule->role, SANDBOX_HAS(ALWAYS) | EXTRA, rule->nr))
			continue;
		must_die(rule->role, SANDBOX_HAS(ALWAYS) | EXTRA, rule->nr, arg);
		tried++;
	}
	assert_true(tried > 5);
}

static bool is_fd(const struct sandbox_cond *c)
{
	return c->arg >= 0 && c->value <= UINT32_MAX && SANDBOX_FD_OF(c->value) < SANDBOX_FD_COUNT;
}

/* How many of a kind there are */
static size_t number_of(uint32_t kind)
{
	static const size_t number[] = {
#define X(id, nr, text) [SANDBOX_FD_##id] = nr,
		SANDBOX_FD_KINDS(X)
#undef X
	};

	return number[kind];
}

/* Another row lets the same call through with these arguments. */
static bool lets_through(enum sandbox_role role, uint32_t devices, long nr, const uint64_t *arg)
{
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];
		bool all = true;

		if (rule->role != role || rule->nr != nr || !(devices & 1u << rule->device))
			continue;
		for (size_t k = 0; k < SANDBOX_CONDS_MAX; k++) {
			const struct sandbox_cond *c = &rule->cond[k];

			if (c->arg < 0)
				continue;
			if (!is_fd(c) && c->value != SANDBOX_OWN_PID) {
				all &= (arg[c->arg] & c->mask) == c->value;
				continue;
			}
			all &= c->value != SANDBOX_OWN_PID &&
				(uint32_t)arg[c->arg] >= FD_AT(SANDBOX_FD_OF(c->value), 0) &&
				(uint32_t)arg[c->arg] <
					FD_AT(SANDBOX_FD_OF(c->value), number_of(SANDBOX_FD_OF(c->value)));
		}
		if (all)
			return true;
	}
	return false;
}

/*
 * Each condition of each row: with the argument that it names changed, bit by bit and to another descriptor, the call
 * dies, but where another row allows just that.
 */
static void every_condition_is_looked_at(void **state)
{
	size_t tried = 0;

	for (size_t i = 0; !EXTRA && i < sandbox_rules_nr; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];
		/* With files of the host a program's thread may do with any descriptor what it may with a stream. */
		const uint32_t files = SANDBOX_HAS(TREE) | SANDBOX_HAS(CHANGES);
		const uint32_t all = 1u << rule->device & files ? ALL : ALL & ~files;

		for (size_t k = 0; rule->device != SANDBOX_DEVICE_SANITIZER && k < SANDBOX_CONDS_MAX; k++) {
			const struct sandbox_cond *c = &rule->cond[k];
			uint64_t arg[6] = {(uint64_t)-1, 0, 0, 0, 0, 0}, good;

			if (c->arg < 0)
				continue;
			for (size_t m = 0; m < SANDBOX_CONDS_MAX; m++)
				if (rule->cond[m].arg >= 0)
					arg[rule->cond[m].arg] = good_value(rule->cond[m].value, 0);
			good = arg[c->arg];
			for (unsigned bit = 0; bit < 64; bit += bit < 12 ? 1 : 7) {
				arg[c->arg] = good ^ UINT64_C(1) << bit;
				if ((is_fd(c) ? UINT32_MAX : c->mask) & UINT64_C(1) << bit &&
					!lets_through(rule->role, all, rule->nr, arg)) {
					must_die(rule->role, all, rule->nr, arg);
					tried++;
				}
			}
			/* Standard streams, and what comes behind the descriptors of the kind. */
			for (uint64_t fd = 0; is_fd(c) && fd < 4; fd++) {
				arg[c->arg] = fd < 3
					? fd
					: FD_AT(SANDBOX_FD_OF(c->value), number_of(SANDBOX_FD_OF(c->value)));
				must_die(rule->role, all, rule->nr, arg);
				tried++;
			}
		}
	}
	assert_true(EXTRA || tried > 500);
}

/* The other descriptors of a kind are let through as the first is. */
static void every_descriptor_of_a_kind(void **state)
{
	size_t tried = 0;

	for (size_t i = 0; i < sandbox_rules_nr; i++)
		for (size_t k = 0; k < SANDBOX_CONDS_MAX; k++)
			for (size_t n = 1; is_fd(&sandbox_rules[i].cond[k]) &&
				n < number_of(SANDBOX_FD_OF(sandbox_rules[i].cond[k].value));
				n++) {
				must_live(sandbox_rules[i].role, ALL | EXTRA, &sandbox_rules[i], n);
				tried++;
			}
	assert_true(tried >= 8);
}

/* Without descriptors none is let through: not the lowest either. */
static void no_descriptor(void **state)
{
	const struct sandbox_fds old = some_fds;
	uint64_t arg[6] = {0};

	some_fds = SANDBOX_NO_FDS;
	for (; arg[0] < 3; arg[0]++) {
		must_die(SANDBOX_DISK, ALL, SYS_preadv, arg);
		must_die(SANDBOX_DISK, ALL, SYS_fdatasync, arg);
	}
	some_fds = old;
}

/* The snapshot that has blocks of an overlay belongs to all that were restored from it. */
static void a_snapshot_below_an_overlay_is_only_read(void **state)
{
	const uint64_t arg[6] = {FD_AT(SANDBOX_FD_DISK_BASE, 0), 0, 0, 0, 0, 0};

	must_die(SANDBOX_DISK, ALL, SYS_pwritev2, arg);
	must_die(SANDBOX_DISK, ALL, SYS_fdatasync, arg);
	must_die(SANDBOX_DISK, ALL, SYS_fallocate, arg);
}

/* Calls that are allowed with some arguments die with others. */
static void arguments_are_looked_at(void **state)
{
	static const uint64_t get_sregs[6] = {(uint64_t)-1, KVM_GET_SREGS};
	static const uint64_t map_over[6] = {
		0x10000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1};
	static const struct {
		enum sandbox_role role;
		long nr;
		uint64_t arg[6];
	} calls[] = {
		{SANDBOX_VCPU, SYS_ioctl, {(uint64_t)-1, KVM_CREATE_VM}},
		{SANDBOX_VCPU, SYS_ioctl, {(uint64_t)-1, KVM_SET_USER_MEMORY_REGION}},
		{SANDBOX_VCPU, SYS_ioctl, {(uint64_t)-1, KVM_SET_SREGS}},
		{SANDBOX_VCPU, SYS_ioctl, {(uint64_t)-1, 0x5412 /* TIOCSTI */}},
		{SANDBOX_VCPU, SYS_madvise, {0, 0, 8 /* MADV_FREE */}},
		{SANDBOX_VCPU, SYS_futex, {0, 3 /* FUTEX_REQUEUE */}},
		{SANDBOX_VCPU, SYS_fcntl, {(uint64_t)-1, F_DUPFD}},
		{SANDBOX_LOOP, SYS_ioctl, {(uint64_t)-1, KVM_RUN}},
		{SANDBOX_LOOP, SYS_ioctl, {(uint64_t)-1, KVM_SET_SREGS}},
		{SANDBOX_LOOP, SYS_ioctl, {(uint64_t)-1, 0x5412 /* TIOCSTI */}},
		{SANDBOX_LOOP, SYS_mmap, {0, 4096, 7 /* RWX */, 0x22, (uint64_t)-1}},
		{SANDBOX_LOOP, SYS_mmap, {0, 4096, 5 /* RX */, 0x22, (uint64_t)-1}},
		{SANDBOX_LOOP, SYS_mmap, {0, 4096, 3, 0x32 /* MAP_FIXED */, (uint64_t)-1}},
		{SANDBOX_LOOP, SYS_mmap, {0, 4096, 3, 0x01 /* MAP_SHARED */, 0}},
		{SANDBOX_LOOP, SYS_mmap, {0, 4096, 3 | UINT64_C(1) << 32, 0x22, (uint64_t)-1}},
		{SANDBOX_LOOP, SYS_fcntl, {0, F_SETOWN}},
		{SANDBOX_LOOP, SYS_tgkill, {1, 1, KICK_SIGNAL}},
		{SANDBOX_LOOP, SYS_tgkill, {SANDBOX_OWN_PID, 1, KICK_SIGNAL}},
		{SANDBOX_SHARE, SYS_statx, {0, 0, 0}},
		{SANDBOX_SHARE, SYS_statx, {0, 0, AT_SYMLINK_NOFOLLOW}},
		{SANDBOX_SHARE, SYS_openat2, {0, 0, 0, 16}},
		{SANDBOX_VIRTIO, SYS_madvise, {0, 0, 8 /* MADV_FREE */}},
		{SANDBOX_VIRTIO, SYS_futex, {0, 9 /* FUTEX_WAIT_BITSET */}},
	};

	if (EXTRA)
		return; /* every_other_call_dies has tried what a sanitizer leaves */
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		must_die(calls[i].role, ALL, calls[i].nr, calls[i].arg);
	/* Only programs without a kernel have a use for it. */
	must_die(SANDBOX_VCPU, ALL & ~SANDBOX_HAS(FLAT), SYS_ioctl, get_sregs);
	/* Nor any but the balloon of a restored guest for memory in place of other memory. */
	must_die(SANDBOX_VIRTIO, ALL & ~SANDBOX_HAS(GIVEN_BACK), SYS_mmap, map_over);
}

/* No role may allocate executable memory. */
static void own_process_only(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		uint64_t self[6] = {(uint64_t)getpid(), (uint64_t)getpid(), KICK_SIGNAL};
		static const uint64_t alive[6] = {ALIVE};

		signal(KICK_SIGNAL, SIG_IGN);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sigsys_install(2, NULL) < 0 || seccomp_install(SANDBOX_LOOP, EXTRA, NULL) < 0)
			_exit(1);
		if (call(SYS_tgkill, self) != 0)
			call(SYS_exit_group, self);
		call(SYS_exit_group, alive);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ALIVE);
}

/* malloc is refused brk and lives from mmap. */
static void malloc_without_brk(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		static const uint64_t alive[6] = {ALIVE};
		char *p;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sigsys_install(2, NULL) < 0 || seccomp_install(SANDBOX_LOOP, EXTRA, NULL) < 0)
			_exit(1);
		for (int i = 0; i < 400; i++) {
			p = malloc(10000);
			if (!p)
				_exit(2);
			memset(p, 1, 10000);
		}
		call(SYS_exit_group, alive);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ALIVE);
}

/* Another architecture's numbers are another filter's business: the end, without a handler. */
static void calls_of_32_bits_kill(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		long ret;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (sigsys_install(2, NULL) < 0 || seccomp_install(SANDBOX_LOOP, EXTRA, NULL) < 0)
			_exit(1);
		__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20 /* getpid */) : "memory");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* SIGSEGV: this kernel has no 32-bit calls at all. */
	assert_true(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
}

/* The numbers of requests are copies, since only vmm/ knows KVM. */
static void requests_are_those_of_kvm(void **state)
{
	static const struct {
		const char *what;
		uint64_t number;
	} requests[] = {
		{"KVM_RUN", KVM_RUN},
		{"KVM_GET_REGS", KVM_GET_REGS},
		{"KVM_GET_SREGS", KVM_GET_SREGS},
		{"KVM_GET_MP_STATE", KVM_GET_MP_STATE},
		{"KVM_CREATE_PIT2", KVM_CREATE_PIT2},
		{"KVM_REINJECT_CONTROL", KVM_REINJECT_CONTROL},
		{"KVM_SET_PIT2", KVM_SET_PIT2},
		{"KVM_GET_MSRS", KVM_GET_MSRS},
		{"KVM_KVMCLOCK_CTRL", KVM_KVMCLOCK_CTRL},
		{"KVM_SET_REGS", KVM_SET_REGS},
		{"KVM_SET_SREGS", KVM_SET_SREGS},
		{"KVM_SET_MSRS", KVM_SET_MSRS},
		{"KVM_GET_FPU", KVM_GET_FPU},
		{"KVM_SET_FPU", KVM_SET_FPU},
		{"KVM_SET_GUEST_DEBUG", KVM_SET_GUEST_DEBUG},
		{"KVM_GET_VCPU_EVENTS", KVM_GET_VCPU_EVENTS},
		{"KVM_GET_SREGS2", KVM_GET_SREGS2},
		{"KVM_GET_DEBUGREGS", KVM_GET_DEBUGREGS},
		{"KVM_GET_XCRS", KVM_GET_XCRS},
		{"KVM_GET_XSAVE2", KVM_GET_XSAVE2},
		{"KVM_GET_LAPIC", KVM_GET_LAPIC},
		{"KVM_GET_DEVICE_ATTR", KVM_GET_DEVICE_ATTR},
		{"KVM_GET_IRQCHIP", KVM_GET_IRQCHIP},
		{"KVM_GET_PIT2", KVM_GET_PIT2},
		{"KVM_GET_CLOCK", KVM_GET_CLOCK},
	};
	size_t seen = 0;

	for (size_t i = 0; i < sandbox_rules_nr; i++)
		for (size_t j = 0; j < ARRAY_SIZE(requests); j++)
			if (!strncmp(sandbox_rules[i].what, requests[j].what, strlen(requests[j].what)) &&
				(!sandbox_rules[i].what[strlen(requests[j].what)] ||
					sandbox_rules[i].what[strlen(requests[j].what)] == ',')) {
				const struct sandbox_cond *c = sandbox_rules[i].cond;

				assert_int_equal(c[c[1].arg == 1].value, requests[j].number);
				seen |= 1u << j;
			}
	assert_int_equal(seen, (1u << ARRAY_SIZE(requests)) - 1);
}

/* The marks, with all devices on. */
static void few_calls(void **state)
{
	static const unsigned marks[SANDBOX_ROLE_COUNT] = {
		[SANDBOX_LOOP] = 22,
		[SANDBOX_DISK] = 16,
		[SANDBOX_SHARE] = 21, /* 20 where no terminal has to be set back */
		[SANDBOX_VIRTIO] = 22,
		[SANDBOX_VCPU] = 10,
		[SANDBOX_PROGRAM] = 43,
		[SANDBOX_GDB] = 16,
		[SANDBOX_STATE] = 22,
		[SANDBOX_BROKER] = 12,
		[SANDBOX_REPORT] = 7,
		[SANDBOX_OUT] = 8,
		[SANDBOX_RUNNER] = 20,
		[SANDBOX_CLONES] = 11,
	};

	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++) {
		unsigned most = marks[role], nr = 0;

		for (long i = 0; i < CALLS; i++) {
			bool allowed = false;

			for (size_t j = 0; j < sandbox_rules_nr; j++)
				allowed |= sandbox_rules[j].role == (enum sandbox_role)role &&
					sandbox_rules[j].nr == i && !sandbox_rules[j].refused &&
					sandbox_rules[j].device != SANDBOX_DEVICE_SANITIZER;
			nr += allowed;
		}
		if (nr > most)
			fail_msg("%s: %u calls, at most %u", seccomp_role_name((enum sandbox_role)role), nr, most);
	}
}

/* All devices at once fit the program's room, and every row has its reason. */
static void the_table_is_whole(void **state)
{
	struct sock_filter code[1024];

	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		assert_true(seccomp_compose((enum sandbox_role)role, UINT32_MAX, NULL, code, ARRAY_SIZE(code)) > 10);
	assert_int_equal(seccomp_compose(SANDBOX_LOOP, 0, NULL, code, 4), -E2BIG);
	for (size_t i = 0; i < sandbox_rules_nr; i++) {
		assert_true(strlen(sandbox_rules[i].why) > 4);
		assert_string_equal(seccomp_call_name(sandbox_rules[i].nr), sandbox_rules[i].call);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_lives),
		cmocka_unit_test(every_other_call_dies),
		cmocka_unit_test(devices_do_not_mix),
		cmocka_unit_test(arguments_are_looked_at),
		cmocka_unit_test(every_condition_is_looked_at),
		cmocka_unit_test(every_descriptor_of_a_kind),
		cmocka_unit_test(no_descriptor),
		cmocka_unit_test(a_snapshot_below_an_overlay_is_only_read),
		cmocka_unit_test(own_process_only),
		cmocka_unit_test(malloc_without_brk),
		cmocka_unit_test(calls_of_32_bits_kill),
		cmocka_unit_test(requests_are_those_of_kvm),
		cmocka_unit_test(few_calls),
		cmocka_unit_test(the_table_is_whole),
	};

	if (!seccomp_available())
		return skip_program("this kernel has no seccomp filters");
	for (int kind = 0; kind < SANDBOX_FD_COUNT; kind++)
		for (int i = 0; i < SANDBOX_FD_MAX; i++)
			some_fds.of[kind][i] = FD_AT(kind, i);
	return run_group(tests);
}
