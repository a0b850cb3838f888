// SPDX-License-Identifier: Apache-2.0
/*
 * The stages, each run in a child that then examines itself: through /proc, by attempts, and by the trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "security/seccomp.h"
#include "security/stages.h"
#include "tests/support/unit.h"

/* The Landlock ABI to simulate; 0: the host's. */
static int faked_abi;

int __real_landlock_abi(void);
int __wrap_landlock_abi(void);

int __wrap_landlock_abi(void)
{
	return faked_abi ? faked_abi : __real_landlock_abi();
}

/* In the child: ends it with the line as its status, and says it on stderr. */
#define must(what)                                                                                                     \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                          \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

static int status_of(void (*what)(void))
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

static void in_child(void (*what)(void))
{
	assert_int_equal(status_of(what), 0);
}

static struct sandbox_plan plan_of(enum sandbox_mode mode)
{
	return (struct sandbox_plan){.mode = mode,
		.jail = {.userns = SANDBOX_USERNS_OFF},
		.max_fds = 64,
		.max_file_bytes = 4096,
		.report_fd = 2};
}

/* A number of /proc/self/status, which is opened before it cannot be any more. */
static unsigned long long proc_number(int fd, const char *key, int base)
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

static int run_stages(struct sandbox *s, struct sandbox_plan *plan, struct err *e)
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

static void *locked_thread(void *arg)
{
	struct sandbox *s = arg;

	return (void *)(intptr_t)sandbox_lock(s, SANDBOX_VCPU, NULL);
}

static void strict_is_all_of_it(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	struct rlimit rl;
	pthread_t thread;
	void *ret;
	int fd;

	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	fd = open("/proc/self/status", O_RDONLY);
	must(fd >= 0);
	must(sandbox_confine(&s, &e) == 0);
	must(proc_number(fd, "NoNewPrivs:", 10) == 1);
	must(proc_number(fd, "CapEff:", 16) == 0);
	must(proc_number(fd, "CapPrm:", 16) == 0);
	must(proc_number(fd, "CapInh:", 16) == 0);
	must(proc_number(fd, "CapAmb:", 16) == 0);
	must(!s.got.bounding_empty || proc_number(fd, "CapBnd:", 16) == 0);
	must(geteuid() || s.got.bounding_empty);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(getrlimit(RLIMIT_CORE, &rl) == 0 && rl.rlim_max == 0);
	must(getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_max == 64);
	must(getrlimit(RLIMIT_FSIZE, &rl) == 0 && rl.rlim_max == 4096);
	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	must(s.got.landlock_abi > 0 && s.got.seccomp && s.got.no_new_privs && s.got.no_capabilities &&
		s.got.not_dumpable);
	must(!*s.got.missing && !*e.text);
	sandbox_build(&s);
	must(pthread_create(&thread, NULL, locked_thread, &s) == 0);
	must(pthread_join(thread, &ret) == 0 && ret == NULL);
	must(proc_number(fd, "Seccomp:", 10) == 0); /* the other thread's is its own */
	must(mmap(NULL, 512 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
	must(proc_number(fd, "Seccomp:", 10) == 2);
	/* What was there stays, and there is room for a report, not for more than that. */
	must(mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	must(SANITIZED ||
		mmap(NULL, 256 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void strict(void **state)
{
	in_child(strict_is_all_of_it);
}

static int said[2]; /* a pipe */

static void last_words(void)
{
	must(write(said[1], "bye\n", 4) == 4);
}

static void forbidden_call(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_BEST_EFFORT);
	struct sandbox s = {0};
	struct err e = {0};

	plan.keep[0] = plan.report_fd = said[1];
	plan.nr_keep = 1;
	plan.last_words = last_words;
	must(run_stages(&s, &plan, &e) == 0);
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
	syscall(SYS_reboot, 0x1234567890abcdef, 0, 0, 0);
}

/* Status 159, the terminal is given back first, and then one line. */
static void a_forbidden_call_ends_us(void **state)
{
	static const char words[] =
		"bye\nvmm: sandbox: the loop thread may not call reboot (169): 0x1234567890abcdef, 0x0, ";
	char text[512] = "";
	int status;

	assert_int_equal(pipe(said), 0);
	status = status_of(forbidden_call);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 159);
	close(said[1]);
	assert_in_range(read(said[0], text, sizeof(text) - 1), 1, sizeof(text) - 1);
	close(said[0]);
	if (strncmp(text, words, strlen(words)) || strchr(text + 4, '\n') != text + strlen(text) - 1)
		fail_msg("%s", text);
}

/* The longest there is gets through a trace whole. */
static void the_summary_fits(void **state)
{
	const struct sandbox_achieved all = {.mode = SANDBOX_BEST_EFFORT,
		.landlock_abi = 10000,
		.seccomp = true,
		.no_capabilities = true,
		.uid = UINT32_MAX - 1,
		.gid = UINT32_MAX - 1};
	char line[SANDBOX_LINE_MAX];

	sandbox_summary(&all, line, sizeof(line));
	assert_string_equal(
		line, "best-effort, Landlock ABI 10000, seccomp, no capabilities, user 4294967294:4294967294");
}

static void off_does_nothing(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_OFF);
	struct sandbox s = {0};
	struct err e = {0};
	int stray = open("/dev/null", O_RDONLY);
	char line[SANDBOX_LINE_MAX];

	must(run_stages(&s, &plan, &e) == 0);
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
	must(fcntl(stray, F_GETFD) >= 0);
	must(open("/etc/passwd", O_RDONLY) >= 0);
	must(!s.got.landlock_abi && !s.got.seccomp);
	sandbox_summary(&s.got, line, sizeof(line));
	must(!strcmp(line, "off"));
}

static void off(void **state)
{
	in_child(off_does_nothing);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void stray_fds_are_closed(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	must(dup2(2, 3) == 3);
	for (int fd = 20; fd < 30; fd++)
		must(dup2(2, fd) == fd);
	plan.keep[0] = 25;
	plan.keep[1] = 22;
	plan.keep[2] = -1;
	plan.nr_keep = 3;
	plan.keep[3] = 27; /* no longer of them */
	must(sandbox_early(&s, &plan, &e) == 0);
	for (int fd = 3; fd < 30; fd++)
		must(is_open(fd) == (fd == 22 || fd == 25));
}

static void closed_streams_are_filled(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	char byte = 0;

	close(0);
	close(1);
	must(sandbox_early(&s, &plan, &e) == 0);
	must(is_open(0) && is_open(1));
	must(read(0, &byte, 1) < 0 && errno == EBADF);
	must(write(1, &byte, 1) < 0 && errno == EBADF);
	must(open("/dev/null", O_RDONLY) > 2);
}

static void fds(void **state)
{
	if (!SANITIZED) /* whose runtimes may hold one */
		in_child(stray_fds_are_closed);
	in_child(closed_streams_are_filled);
}

static void lower_limits_stay(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct rlimit low = {.rlim_cur = 32, .rlim_max = 48}, now;
	struct sandbox s = {0};
	struct err e = {0};

	must(setrlimit(RLIMIT_NOFILE, &low) == 0);
	must(sandbox_early(&s, &plan, &e) == 0);
	must(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur == 32 && now.rlim_max == 48);
}

static void limits(void **state)
{
	in_child(lower_limits_stay);
}

static unsigned open_fds(void)
{
	unsigned nr = 0;

	for (int fd = 0; fd < 1024; fd++)
		nr += is_open(fd);
	return nr;
}

/* What it opens to say what stays reachable is a way to these paths, around Landlock for what that does not handle. */
static void confine_keeps_no_fd(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	unsigned before;

	plan.path[0] = (struct sandbox_path){"/tmp", LL_REMOVE_FILE, true, false};
	plan.path[1] = (struct sandbox_path){"/none-such", LL_REMOVE_FILE, true, false};
	plan.path[2] = (struct sandbox_path){"/etc", LL_READ_FILE, true, false};
	plan.nr_paths = 3;
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	before = open_fds();
	must(sandbox_confine(&s, &e) == 0);
	must(open_fds() == before);
	must(open("/etc/passwd", O_RDONLY) >= 0);
	must(open("/tmp", O_RDONLY) < 0 && errno == EACCES);
}

/* What is shared is for its role alone. Without filters, which let nothing be opened. */
static void a_share_is_for_its_role(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	unsigned before;

	plan.path[0] = (struct sandbox_path){"/etc", LL_READ_FILE | LL_READ_DIR, true, true};
	plan.path[1] = (struct sandbox_path){"/usr", LL_READ_DIR, true, false};
	plan.nr_paths = 2;
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	before = open_fds();
	must(sandbox_confine(&s, &e) == 0);
	sandbox_build(&s);
	s.got.seccomp = false;
	must(sandbox_lock(&s, SANDBOX_SHARE, NULL) == 0);
	must(close(open("/etc/passwd", O_RDONLY)) == 0 && close(open("/usr", O_RDONLY)) == 0);
	must(sandbox_lock(&s, SANDBOX_VCPU, NULL) == 0);
	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	must(open("/etc", O_RDONLY) < 0 && errno == EACCES);
	must(close(open("/usr", O_RDONLY)) == 0);
	/* The last thread: what the layer is made of is not needed any more. */
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
	must(open_fds() <= before);
}

static void paths(void **state)
{
	in_child(confine_keeps_no_fd);
	in_child(a_share_is_for_its_role);
}

/**
 * struct refusal - a system call that the host refuses with EPERM, by a filter of the test's own
 * @arg, @value: only with this in the lower half of this argument; -1: whatever its arguments
 * @set: only with an address in this argument, which is what it is to set; -1: with any
 * @words: what is said of it
 * @fatal: in best-effort mode too
 */
static const struct refusal {
	long nr;
	int arg;
	uint32_t value;
	int set;
	const char *words;
	bool fatal;
} refusals[] = {
	{436, -1, 0, -1, "close_range: ", false},
	{SYS_prlimit64, 1, RLIMIT_CORE, 2, "setrlimit(RLIMIT_CORE): ", false},
	{SYS_prlimit64, 1, RLIMIT_NOFILE, 2, "setrlimit(RLIMIT_NOFILE): ", false},
	{SYS_prlimit64, 1, RLIMIT_FSIZE, 2, "setrlimit(RLIMIT_FSIZE): ", false},
	{SYS_prlimit64, 1, RLIMIT_FSIZE, -1, "getrlimit(RLIMIT_FSIZE): ", false},
	{SYS_prctl, 0, PR_SET_DUMPABLE, -1, "prctl(PR_SET_DUMPABLE): ", false},
#define LAST_OF_EARLY 5
	{SYS_prctl, 0, PR_CAP_AMBIENT, -1, "prctl(PR_CAP_AMBIENT_CLEAR_ALL): ", false},
	{SYS_capset, -1, 0, -1, "capset: ", false},
	{SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, -1, "prctl(PR_SET_NO_NEW_PRIVS): ", false},
	{444, 2, 0, -1, "landlock_create_ruleset: ", false}, /* not the question for its ABI */
	{445, -1, 0, -1, "landlock_add_rule: ", false},
	{446, -1, 0, -1, "landlock_restrict_self: ", false},
	{SYS_seccomp, 0, SECCOMP_GET_ACTION_AVAIL, -1, "no seccomp filters", false},
	{SYS_rt_sigaction, 0, SIGSYS, 1, "sigaction: ", true},
};

static const struct refusal *refused;

#define LOW(n)  ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(n)))
#define HIGH(n) (LOW(n) + 4)

/* Addresses are above 4 GiB in a program that is position-independent: their upper half tells one from NULL. */
static void host_refuses_with(const struct refusal *f, uint32_t as)
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

static void host_refuses(const struct refusal *f)
{
	host_refuses_with(f, EPERM);
}

static int run_refused(struct sandbox *s, struct sandbox_plan *plan, struct err *e)
{
	plan->path[0] = (struct sandbox_path){"/etc", LL_READ_FILE, true, false};
	plan->nr_paths = 1;
	host_refuses(refused);
	return run_stages(s, plan, e);
}

static void strict_without(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	must(run_refused(&s, &plan, &e) < 0);
	must(strstr(e.text, refused->words) != NULL);
	must(refused->fatal || !strncmp(e.text, "--sandbox strict: ", 18));
}

static void best_effort_without(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_BEST_EFFORT);
	struct sandbox s = {0};
	struct err e = {0};
	int r = run_refused(&s, &plan, &e);

	if (refused->fatal) {
		must(r < 0 && strstr(e.text, refused->words) != NULL);
		return;
	}
	must(r == 0 && strstr(s.got.missing, refused->words) != NULL);
	/* All the others are there. */
	must(s.got.seccomp == (refused->nr != SYS_seccomp));
	must(s.got.no_capabilities == (refused->nr != SYS_capset && refused->value != PR_CAP_AMBIENT));
	if (refused->value != PR_SET_NO_NEW_PRIVS) /* which Landlock wants */
		must(!!s.got.landlock_abi == (refused->nr < 444 || refused->nr > 446));
}

/* A step into the sandbox that the host refuses is an error with strict, otherwise it is reported. */
static void each_step_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		int status;

		refused = &refusals[i];
		status = status_of(strict_without);
		if (status)
			fail_msg("strict without %s: status 0x%x", refused->words, status);
		status = status_of(best_effort_without);
		if (status)
			fail_msg("best effort without %s: status 0x%x", refused->words, status);
	}
}

/* Files are opened after EARLY: what it cannot do is an error there, though CONFINE does it again. */
static void early_without(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	host_refuses(refused);
	must(sandbox_early(&s, &plan, &e) < 0);
	must(strstr(e.text, refused->words) != NULL);
}

static void each_step_of_early_is_refused_there(void **state)
{
	for (size_t i = 0; i <= LAST_OF_EARLY; i++) {
		refused = &refusals[i];
		if (status_of(early_without))
			fail_msg("EARLY without %s", refused->words);
	}
}

/* The same of a process beside vmm's own, which has one step more: its filter. */
static const struct refusal process_refusals[] = {
	{SYS_prctl, 0, PR_SET_DUMPABLE, -1, "prctl(PR_SET_DUMPABLE): ", false},
	{SYS_prctl, 0, PR_CAP_AMBIENT, -1, "prctl(PR_CAP_AMBIENT_CLEAR_ALL): ", false},
	{SYS_capset, -1, 0, -1, "capset: ", false},
	{SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, -1, "prctl(PR_SET_NO_NEW_PRIVS): ", false},
	{444, 2, 0, -1, "landlock_create_ruleset: ", false},
	{445, -1, 0, -1, "landlock_add_rule: ", false},
	{446, -1, 0, -1, "landlock_restrict_self: ", false},
	{SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, -1, "seccomp: ", false},
};

static int enter_refused(enum sandbox_mode mode, struct err *e)
{
	struct sandbox_as as = {.mode = mode};
	struct sandbox_process p = {.as = &as, .role = SANDBOX_LOOP, .rights = LL_READ_FILE};

	p.dir_fd = open("/etc", O_PATH | O_CLOEXEC);
	must(p.dir_fd >= 0);
	if (refused)
		host_refuses(refused);
	return sandbox_process_enter(&p, e);
}

static void process_strict_without(void)
{
	struct err e = {0};

	must(enter_refused(SANDBOX_STRICT, &e) < 0);
	must(strstr(e.text, refused->words) != NULL);
}

static void process_best_effort_without(void)
{
	struct err e = {0};

	must(enter_refused(SANDBOX_BEST_EFFORT, &e) == 0);
}

/* Its error goes to the parent as it is: there is none, and no word of one. */
static void process_with_all(void)
{
	struct err e = {0};

	must(enter_refused(SANDBOX_STRICT, &e) == 0);
	must(!*e.text);
}

static void each_step_of_a_process_is_refused(void **state)
{
	refused = NULL;
	in_child(process_with_all);
	for (size_t i = 0; i < ARRAY_SIZE(process_refusals); i++) {
		refused = &process_refusals[i];
		if (status_of(process_strict_without))
			fail_msg("strict without %s", refused->words);
		if (status_of(process_best_effort_without))
			fail_msg("best effort without %s", refused->words);
	}
}

/* A thread that gets no filter has an error, and so has the machine: no guest runs without one. */
static void no_filter(void)
{
	static const struct refusal install = {SYS_seccomp, 0, SECCOMP_SET_MODE_FILTER, -1, "", true};
	struct sandbox_plan plan = plan_of(SANDBOX_BEST_EFFORT);
	struct sandbox s = {0};
	struct err e = {0};

	must(run_stages(&s, &plan, &e) == 0);
	host_refuses(&install);
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		must(sandbox_lock(&s, (enum sandbox_role)role, NULL) == -EPERM);
}

static void a_filter_that_cannot_be_installed(void **state)
{
	in_child(no_filter);
}

static void twice(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_OFF);
	struct sandbox s = {0};

	close(2); /* the words of the assertion */
	sandbox_early(&s, &plan, NULL);
	sandbox_early(&s, &plan, NULL);
}

static void out_of_order(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_OFF);
	struct sandbox s = {0};

	close(2);
	sandbox_early(&s, &plan, NULL);
	sandbox_confine(&s, NULL);
}

static void each_stage_once_and_in_order(void **state)
{
	int status = status_of(twice);

	assert_true(!WIFEXITED(status) || WEXITSTATUS(status));
	status = status_of(out_of_order);
	assert_true(!WIFEXITED(status) || WEXITSTATUS(status));
}

/* As root: out of it, into an empty root, without a network. */
static void the_whole_jail(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	struct stat st;
	int net, mine;

	plan.jail.user = true;
	plan.jail.uid = 1234;
	plan.jail.gid = 2345;
	plan.jail.chroot = "";
	plan.jail.netns = "";
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	net = open("/proc/self/net/dev", O_RDONLY);
	mine = open("/proc/self/status", O_RDONLY);
	must(net >= 0 && mine >= 0);
	if (sandbox_confine(&s, &e) < 0) {
		dprintf(2, "%s\n", e.text);
		_exit(strstr(e.text, "initramfs") ? 0 : 98);
	}
	must(getuid() == 1234 && geteuid() == 1234 && getgid() == 2345 && getegid() == 2345);
	must(getgroups(0, NULL) == 0);
	must(s.got.not_dumpable && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(setuid(0) < 0);
	must(s.got.own_root && s.got.netns && s.got.uid == 1234 && s.got.gid == 2345);
	must(proc_number(mine, "CapEff:", 16) == 0 && proc_number(mine, "CapBnd:", 16) == 0);
	must(stat("/", &st) == 0 && st.st_nlink == 2 && (st.st_mode & 07777) == 0555);
	must(stat("/etc", &st) < 0 && errno == ENOENT);
	must(stat("..", &st) == 0 && stat("../etc", &st) < 0);
}

static void wrong_jails(void)
{
	static const struct {
		struct sandbox_jail jail;
		const char *words;
	} wrong[] = {
		{{.chroot = "/nowhere"}, "--chroot /nowhere: No such file"},
		{{.netns = "/nowhere"}, "--netns /nowhere: No such file"},
		{{.netns = "/dev/null"}, "--netns /dev/null: not a network namespace"},
		{{.netns = "none-such"}, "--netns /run/netns/none-such: No such file"},
		{{.cgroup = "/tmp"}, "--cgroup /tmp: not a control group"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct sandbox_plan plan = plan_of(SANDBOX_OFF);
		struct sandbox s = {0};
		struct err e = {0};

		plan.jail = wrong[i].jail;
		must(run_stages(&s, &plan, &e) < 0);
		if (strncmp(e.text, wrong[i].words, strlen(wrong[i].words))) {
			dprintf(2, "'%s' is not '%s'\n", e.text, wrong[i].words);
			_exit(97);
		}
	}
}

static const struct refusal jail_refusals[] = {
	{SYS_unshare, 0, CLONE_NEWNET, -1, "--netns: a new network namespace: permission denied: only root can", true},
	{SYS_unshare, 0, CLONE_NEWNS, -1, "--chroot: a mount namespace: permission denied: only root can", true},
	{SYS_mount, -1, 0, -1, "--chroot: a private mount namespace: permission denied: only root can", true},
	{SYS_mount, 3, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, -1, "--chroot: an empty root: ", true},
	{SYS_umount2, -1, 0, -1, "--chroot: leaving the old root: ", true},
	{SYS_setgroups, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
	{SYS_setresgid, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
	{SYS_setresuid, -1, 0, -1, "--user: 1234:2345: permission denied: only root can", true},
};

static void jail_without(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_OFF);
	struct sandbox s = {0};
	struct err e = {0};
	int r;

	plan.jail = (struct sandbox_jail){.user = true, .uid = 1234, .gid = 2345, .chroot = "", .netns = ""};
	host_refuses(refused);
	r = run_stages(&s, &plan, &e);
	/* In a container the root may be one that cannot be left. */
	must(r < 0 && (strstr(e.text, refused->words) || strstr(e.text, "initramfs")));
	must(getuid() == 0);
}

/* What the operator has requested explicitly is an error when it is not available, in every mode. */
static void each_step_of_the_jail_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(jail_refusals); i++) {
		int status;

		/*
		 * The C library makes these for all threads, and aborts where one has another answer: ThreadSanitizer's
		 * own thread has not got this test's filter.
		 */
		if (UNDER_TSAN && !strncmp(jail_refusals[i].words, "--user", 6))
			continue;
		refused = &jail_refusals[i];
		status = status_of(jail_without);
		if (status)
			fail_msg("a jail without '%s': status 0x%x", refused->words, status);
	}
}

/* An ordinary user gets an error about what only root can do. */
static void a_users_jail(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	must(setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	plan.jail.chroot = "/";
	must(run_stages(&s, &plan, &e) == -EPERM);
	must(strstr(e.text, "--chroot: /: permission denied: only root can") != NULL);
}

static void a_user_needs_nothing(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	if (!getuid())
		must(setgroups(0, NULL) == 0 && setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	must(run_stages(&s, &plan, &e) == 0);
	must(!s.got.bounding_empty && s.got.no_capabilities && s.got.landlock_abi > 0);
	must(sandbox_lock(&s, SANDBOX_VCPU, NULL) == 0);
}

/* The process is in the group when the kernel has taken its number; what looks like a group may refuse it. */
static void a_cgroup(void)
{
	char dir[] = "/tmp/vmm-cgroup-XXXXXX", file[64], text[8] = "";
	struct err e = {0};
	int fd;

	must(mkdtemp(dir) != NULL);
	snprintf(file, sizeof(file), "%s/cgroup.procs", dir);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	must(fd >= 0);
	must(jail_enter_cgroup(dir, &e) == 0 && !*e.text);
	must(read(fd, text, sizeof(text)) == 1 && !strcmp(text, "0"));
	must(unlink(file) == 0 && mkdir(file, 0700) == 0);
	must(jail_enter_cgroup(dir, &e) == -EISDIR && !strncmp(e.text, "--cgroup /tmp/vmm-cgroup-", 25));
	/* The file of a group is no link to another. */
	must(rmdir(file) == 0 && symlink("/dev/full", file) == 0);
	must(jail_enter_cgroup(dir, &e) == -ELOOP && unlink(file) == 0);
	if (mknod(file, S_IFCHR | 0600, makedev(1, 7) /* full */) == 0) {
		must(jail_enter_cgroup(dir, &e) == -ENOSPC && strstr(e.text, "No space left") != NULL);
		must(unlink(file) == 0);
	}
	must(rmdir(dir) == 0);
}

static const struct refusal pivot_root = {SYS_pivot_root, -1, 0, -1, "", true};

/* pivot_root() out of an initramfs is impossible, and root gets a hint; a missing privilege is another error. */
static void no_empty_root(void)
{
	struct err e = {0};

	host_refuses(&pivot_root);
	must(jail_empty_root(&e) == -EPERM);
	must(!strcmp(e.text, "--chroot: pivot_root: permission denied: only root can"));
}

static void no_empty_root_in_an_initramfs(void)
{
	struct err e = {0};

	host_refuses_with(&pivot_root, EINVAL);
	must(jail_empty_root(&e) == -EINVAL && strstr(e.text, "initramfs") != NULL);
}

/* Inode of a namespace of ours, by a descriptor of /proc/self, since an empty root has no /proc. */
static ino_t namespace(int self, const char *name)
{
	struct stat st;

	must(fstatat(self, name, &st, 0) == 0);
	return st.st_ino;
}

static bool userns_can_be_had(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER) ? 1 : unshare(CLONE_NEWNS | CLONE_NEWNET) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* What an ordinary user's machine is in, and is not. */
static void in_a_namespace(const char *netns, const char *new_root)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};
	struct stat st;
	int self, mine;
	ino_t user, mnt, net;
	bool root;

	if (!getuid())
		must(setgroups(0, NULL) == 0 && setresgid(2345, 2345, 2345) == 0 && setresuid(1234, 1234, 1234) == 0);
	must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0); /* for /proc/self to be ours */
	plan.jail = (struct sandbox_jail){.userns = SANDBOX_USERNS_AUTO, .netns = netns, .chroot = new_root};
	root = !SANITIZED || new_root;
	self = open("/proc/self", O_RDONLY | O_DIRECTORY);
	mine = open("/proc/self/status", O_RDONLY);
	must(self >= 0 && mine >= 0);
	plan.keep[plan.nr_keep++] = self;
	plan.keep[plan.nr_keep++] = mine;
	user = namespace(self, "ns/user"), mnt = namespace(self, "ns/mnt"), net = namespace(self, "ns/net");
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, NULL);
	must(sandbox_confine(&s, &e) == 0);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(s.got.userns && s.got.own_root == root && s.got.netns == (netns != NULL));
	must(s.got.uid == (uid_t)proc_number(mine, "Uid:", 10)); /* the host's view */
	must(namespace(self, "ns/user") != user);
	must((namespace(self, "ns/mnt") != mnt) == root);
	must((namespace(self, "ns/net") != net) == (netns != NULL));
	must(proc_number(mine, "CapEff:", 16) == 0 && proc_number(mine, "CapPrm:", 16) == 0);
	must(proc_number(mine, "CapBnd:", 16) == 0 && s.got.bounding_empty);
	must(!root || (stat("/etc", &st) < 0 && errno == ENOENT && stat("/", &st) == 0 && st.st_nlink == 2));
	must(mount("none", "/", "tmpfs", 0, NULL) < 0 && errno == EPERM);
	must(chroot(".") < 0 && errno == EPERM);
	sandbox_build(&s);
	must(sandbox_lock(&s, SANDBOX_LOOP, NULL) == 0);
}

static void a_namespace(void)
{
	in_a_namespace(NULL, NULL);
}

static void a_namespace_and_a_network(void)
{
	in_a_namespace("", NULL);
}

static void a_namespace_for_chroot(void)
{
	in_a_namespace(NULL, "");
}

/* What is looked up by its path is still there. */
static void a_namespace_with_paths(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct sandbox s = {0};
	struct err e = {0};

	plan.jail.userns = SANDBOX_USERNS_AUTO;
	plan.path[0] = (struct sandbox_path){"/etc", LL_READ_FILE, true, false};
	plan.nr_paths = 1;
	must(run_stages(&s, &plan, &e) == 0);
	must(s.got.userns && !s.got.own_root);
	must(open("/etc/passwd", O_RDONLY) >= 0);
}

/* Hosts that forbid it wholly (a sysctl) or by halves (AppArmor): without it, unless it was asked for. */
static void no_namespace(long nr, bool by_halves, uint32_t as)
{
	struct refusal refusal = {.nr = nr, .arg = -1, .set = -1};
	const char *words = by_halves ? "an empty root"
		: as == EINVAL        ? "--userns: Invalid argument"
				      : "--userns: this host does not permit a user namespace";

	host_refuses_with(&refusal, as);
	for (int mode = SANDBOX_USERNS_AUTO; mode <= SANDBOX_USERNS_ON; mode++) {
		struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
		struct sandbox s = {0};
		struct err e = {0};

		plan.jail.userns = (enum sandbox_userns)mode;
		must((run_stages(&s, &plan, &e) == 0) == (mode == SANDBOX_USERNS_AUTO));
		if (mode == SANDBOX_USERNS_ON)
			must(strstr(e.text, words));
		else
			must(!s.got.own_root && s.got.userns == by_halves && !*e.text && s.got.landlock_abi > 0);
		if (by_halves)
			break; /* confined already */
	}
}

static void no_namespace_at_all(void)
{
	no_namespace(SYS_unshare, false, EPERM);
}

/* A kernel that was built without them. */
static void no_such_namespace(void)
{
	no_namespace(SYS_unshare, false, EINVAL);
}

static void no_mounts_in_it(void)
{
	no_namespace(SYS_mount, true, EPERM);
}

static void namespaces(void **state)
{
	in_child(no_namespace_at_all);
	in_child(no_such_namespace);
	if (!userns_can_be_had()) {
		print_message("no user namespaces here: what is done in one is left out\n");
		return;
	}
	in_child(a_namespace);
	in_child(a_namespace_and_a_network);
	in_child(a_namespace_for_chroot);
	in_child(a_namespace_with_paths);
	in_child(no_mounts_in_it);
}

static void jails(void **state)
{
	in_child(wrong_jails);
	in_child(a_cgroup);
	in_child(a_user_needs_nothing);
	if (getuid()) {
		print_message("not root: what only root can is left out\n");
		return;
	}
	in_child(the_whole_jail);
	in_child(no_empty_root);
	in_child(no_empty_root_in_an_initramfs);
	each_step_of_the_jail_is_refused();
	in_child(a_users_jail);
}

struct words {
	struct trace_sink sink;
	char said[4][256];
	unsigned nr;
};

static void listen(struct trace_sink *sink, const struct trace_record *r)
{
	struct words *w = container_of(sink, struct words, sink);

	if (r->event == TRACE_EV_sandbox_unhandled && w->nr < ARRAY_SIZE(w->said))
		trace_format(r, w->said[w->nr++], sizeof(w->said[0]));
}

/* An older host: confined as far as possible, and everything that it lacks is reported. */
static void told_what_an_abi_lacks(void)
{
	static const char lacks[] = "truncation, TCP, device ioctls, signals, abstract sockets, "
				    "Unix sockets by path, UDP";
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct words w = {.sink = {.level = TRACE_DEBUG, .record = listen}};
	struct sandbox s = {0};
	struct trace *trace;
	struct err e = {0};
	char want[256];

	must(trace_new(trace_now_ns(), &trace) == 0);
	trace_add_sink(trace, &w.sink);
	faked_abi = 1;
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, trace);
	must(sandbox_confine(&s, &e) == 0);
	sandbox_build(&s);
	must(s.got.landlock_abi == 1 && !strcmp(s.got.unhandled, lacks) && !*s.got.missing);
	snprintf(want, sizeof(want), "sandbox: Landlock ABI 1 of this host cannot deny %s", lacks);
	must(w.nr == 1);
	must(!strcmp(w.said[0], want));
	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
}

/* One that lacks nothing has nothing to tell. */
static void told_nothing(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
	struct words w = {.sink = {.level = TRACE_DEBUG, .record = listen}};
	struct sandbox s = {0};
	struct trace *trace;
	struct err e = {0};

	if (landlock_abi() < LANDLOCK_ABI_KNOWN)
		return;
	must(trace_new(trace_now_ns(), &trace) == 0);
	trace_add_sink(trace, &w.sink);
	must(sandbox_early(&s, &plan, &e) == 0);
	sandbox_open(&s, trace);
	must(sandbox_confine(&s, &e) == 0);
	sandbox_build(&s);
	must(!*s.got.unhandled && !w.nr);
}

/* Hosts without Landlock, or with it off: strict ends before anything is done, and says the way out. */
static void no_landlock(void)
{
	static const struct {
		int abi;
		const char *words;
	} hosts[] = {{-ENOSYS, "5.13 or later"}, {-EOPNOTSUPP, "lsm="}, {-EPERM, "refused here (EPERM)"}};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct sandbox_plan plan = plan_of(SANDBOX_STRICT);
		struct sandbox s = {0};
		struct err e = {0};

		faked_abi = hosts[i].abi;
		must(sandbox_early(&s, &plan, &e) == -ENOTSUP);
		must(strstr(e.text, hosts[i].words) && strstr(e.text, "use --sandbox best-effort"));
	}
}

static void no_landlock_best_effort(void)
{
	struct sandbox_plan plan = plan_of(SANDBOX_BEST_EFFORT);
	struct sandbox s = {0};
	struct err e = {0};

	faked_abi = -ENOSYS;
	must(run_stages(&s, &plan, &e) == 0);
	must(!s.got.landlock_abi && s.got.seccomp && s.got.no_new_privs);
	must(strstr(s.got.missing, "no Landlock") != NULL);
}

static void older_hosts(void **state)
{
	in_child(told_what_an_abi_lacks);
	in_child(told_nothing);
	in_child(no_landlock);
	in_child(no_landlock_best_effort);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict),
		cmocka_unit_test(a_forbidden_call_ends_us),
		cmocka_unit_test(off),
		cmocka_unit_test(the_summary_fits),
		cmocka_unit_test(fds),
		cmocka_unit_test(limits),
		cmocka_unit_test(paths),
		cmocka_unit_test(each_step_is_refused),
		cmocka_unit_test(each_step_of_early_is_refused_there),
		cmocka_unit_test(each_step_of_a_process_is_refused),
		cmocka_unit_test(a_filter_that_cannot_be_installed),
		cmocka_unit_test(each_stage_once_and_in_order),
		cmocka_unit_test(jails),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(older_hosts),
	};

	if (landlock_abi() < 0 || !seccomp_available())
		return skip_program("this kernel has no Landlock or no seccomp filters");
	return run_group(tests);
}
