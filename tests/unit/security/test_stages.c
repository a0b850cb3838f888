// SPDX-License-Identifier: Apache-2.0
/*
 * The stages, each run in a child that then examines itself: through /proc, by attempts, and by the trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "security/seccomp.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "tests/unit/security/stage_kit.h"

/* The Landlock ABI to simulate; 0: the host's. */
static int faked_abi;

int __real_landlock_abi(void);
int __wrap_landlock_abi(void);

int __wrap_landlock_abi(void)
{
	return faked_abi ? faked_abi : __real_landlock_abi();
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

static const struct refusal refusals[] = {
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
		cmocka_unit_test(older_hosts),
	};

	if (landlock_abi() < 0 || !seccomp_available())
		return skip_program("this kernel has no Landlock or no seccomp filters");
	return run_group(tests);
}
