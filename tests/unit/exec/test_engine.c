// SPDX-License-Identifier: Apache-2.0
/*
 * A program without a kernel from exec_open() to exec_destroy(): each call to the host fails once, threads that cannot
 * be started or locked, what the filters are given, how it is ended from outside, and the numbers of its result.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>

#include "security/sandbox.h"
#include "tests/support/kvm_fault.h"
#include "tests/support/tiny_program.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/exec/exec.h"

static struct kvm kvm;
static const char *const argv_of_all[] = {"program", NULL};
static const char *const envp_of_all[] = {"LANG=C", NULL};

/* write(1, "hello\n", 6); exit_group(3) */
static const uint8_t hello[] = {
	EDI(1), ESI(BASE + START + 0x22), EDX(6), SYSCALL(SYS_write), EDI(3), EXIT_EDI, 'h', 'e', 'l', 'l', 'o', '\n'};
static const uint8_t spin[] = {0xeb, 0xfe};

/* --- What is made to fail, and seen -------------------------------------------------------------------------- */

static int refused_role = -1, kick_error;
static int host_fds[3] = {-1, -1, -1};
static bool wrong_fds;
static size_t kvm_files; /* /dev/kvm itself, when the loop's thread gets its filter */

/* How many open files have a name that ends so. */
static size_t count_open(const char *name)
{
	char link[64], target[64];
	size_t found = 0;

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = 0;
		found += !strcmp(target, name);
	}
	return found;
}

int __wrap_sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds);
int __wrap_sandbox_lock(struct sandbox *s, enum sandbox_role role, const struct sandbox_fds *fds)
{
	if (role == SANDBOX_PROGRAM)
		for (int i = 0; i < 3; i++)
			wrong_fds |= fds->of[SANDBOX_FD_PROGRAM][i] != host_fds[i];
	if (role == SANDBOX_PROGRAM)
		wrong_fds |= fds->of[SANDBOX_FD_TICK][0] < 0 || fds->of[SANDBOX_FD_VCPU][0] < 0 ||
			fds->of[SANDBOX_FD_VCPU][1] != -1;
	else
		kvm_files = count_open("/dev/kvm");
	return (int)role == refused_role ? -EACCES : 0;
}

int __real_kick_install(void);
int __wrap_kick_install(void);
int __wrap_kick_install(void)
{
	return kick_error ? kick_error : __real_kick_install();
}

/* --- A run --------------------------------------------------------------------------------------------------- */

struct rig {
	struct exec_config config;
	struct exec *x;
	struct trace *trace;
	struct loop *loop;
	struct loop_timer end;
	char words[256];
	struct exec_result result;
	int status;
};

/* What the next program is given in place of the usual. */
static const char *const *for_args, *const *for_env;
static uint64_t for_mem;

static int open_rig(struct rig *r, const char *path, struct err *e)
{
	int ret = trace_new(trace_now_ns(), &r->trace);

	if (ret == 0)
		ret = loop_new(&r->loop);
	if (ret < 0)
		return err_sys(e, ret, "trace or loop");
	r->config.path = path;
	r->config.argv = for_args ? for_args : argv_of_all;
	r->config.envp = for_env ? for_env : envp_of_all;
	r->config.cwd = "/";
	r->config.mem_bytes = for_mem ? for_mem : 16 * MIB;
	memcpy(r->config.host, host_fds, sizeof(host_fds));
	if (!r->config.deadline_ns)
		r->config.deadline_ns = trace_now_ns() + 20 * NSEC_PER_SEC;
	return exec_open(&r->config, r->trace, r->loop, &r->x, e);
}

static int run_rig(struct rig *r, struct err *e)
{
	int ret = exec_build(r->x, e);

	if (ret == 0)
		ret = exec_run(r->x, e);
	if (ret == 0) {
		exec_result(r->x, &r->result);
		snprintf(r->words, sizeof(r->words), "%s", r->result.words);
		r->status = exec_exit_status(r->x);
	}
	return ret;
}

static void close_rig(struct rig *r)
{
	exec_destroy(r->x);
	loop_free(r->loop);
	trace_free(r->trace);
}

static int run(struct rig *r, const uint8_t *code, size_t size, struct err *e)
{
	char path[40];
	int fd = tiny_program(code, size, path, sizeof(path));
	int ret = open_rig(r, path, e);

	if (ret == 0)
		ret = run_rig(r, e);
	close_rig(r);
	close(fd);
	return ret;
}

static int build_only(struct rig *r, const char *path, struct err *e)
{
	int ret = open_rig(r, path, e);

	if (ret == 0)
		ret = exec_build(r->x, e);
	close_rig(r);
	return ret;
}

/* --- What does not fit --------------------------------------------------------------------------------------- */

/* The limits are those of Linux for a stack of 8 MiB (execve(2)), and --mem: an error says which. */
static void arguments_and_memory_have_limits(void **state)
{
	char *long_one = malloc(3 * MIB);
	const char *argv[] = {"program", long_one, NULL}, *envp[] = {long_one, NULL};
	char path[40];
	int fd = tiny_program(hello, sizeof(hello), path, sizeof(path));

	assert_non_null(long_one);
	for (int i = 0; i < 4; i++) {
		bool small = i & 1;
		struct rig r = {.config = {.trace_fd = -1}};
		struct err e = {};

		memset(long_one, 'x', 3 * MIB);
		long_one[small ? 1536 * KIB : 2 * MIB] = 0;
		for_args = i & 2 ? argv : NULL;
		for_env = i & 2 ? NULL : envp;
		for_mem = small ? 1 * MIB : 0;
		assert_int_equal(build_only(&r, path, &e), small ? -EFBIG : -E2BIG);
		assert_non_null(strstr(e.text, small ? "its memory of 1M (--mem)" : "more than 2 MiB"));
	}
	for_mem = 0;
	for_env = for_args = NULL;
	free(long_one);
	close(fd);
}

/* --- Failures of the host ------------------------------------------------------------------------------------ */

static bool may_be_survived(const char *hit, int code)
{
	static const char *const hits[] = {
		/* Questions that have a default, and a best effort: kvm/test_faults.c. */
		"ioctl KVM_CHECK_EXTENSION",
		"ioctl KVM_GET_TSC_KHZ",
		"madvise MADV_NOHUGEPAGE",
		/* With default attributes they cannot fail, and not all callers check. */
		"pthread_mutex_init",
		"pthread_cond_init",
	};

	for (size_t i = 0; i < ARRAY_SIZE(hits); i++)
		if (!strcmp(hit, hits[i]))
			return true;
	return false;
}

static int dynamic_program(struct err *e)
{
	struct rig r = {.config.trace_fd = -1};
	int ret = open_rig(&r, "/bin/true", e);

	if (ret == 0)
		ret = run_rig(&r, e);
	if (ret == 0 && (r.result.how != EXEC_EXITED || r.result.value))
		ret = err_set(e, -EIO, "ended by %d, %u: %s", r.result.how, r.result.value, r.words);
	close_rig(&r);
	return ret;
}

static void a_program_with_a_loader(void **state)
{
	struct err e = {};

	if (dynamic_program(&e) < 0)
		fail_msg("%s", e.text);
}

static void each_call_to_the_host_fails(void **state)
{
	const struct fault_path path = {.name = "exec", .run = dynamic_program, .survives = may_be_survived};

	fault_each_call(&path);
}

/* Nothing of a program has run whose thread could not be set up; what was wrong is said. */
static void threads_that_cannot_be_had(void **state)
{
	static const struct {
		const char *name;
		int role, kick, code;
	} rows[] = {
		{"its own filter", SANDBOX_PROGRAM, 0, -EACCES},
		{"the loop's filter", SANDBOX_LOOP, 0, -EACCES},
		{"the signal", -1, -EINVAL, -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig r = {.config.trace_fd = -1};
		struct resources before;
		struct err e = {};

		host_fds[1] = memfd_create("out", MFD_CLOEXEC);
		before = resources_now();
		refused_role = rows[i].role;
		kick_error = rows[i].kick;
		assert_int_equal(run(&r, hello, sizeof(hello), &e), rows[i].code);
		assert_true(strlen(e.text) > 10);
		assert_int_equal(lseek(host_fds[1], 0, SEEK_END), 0);
		assert_same_resources(&before, rows[i].name);
		refused_role = -1;
		kick_error = 0;
		close(host_fds[1]);
		host_fds[1] = -1;
	}
}

/* The program's thread may use its three streams and its vCPU; /dev/kvm itself is closed before the last filter. */
static void what_the_filters_are_given(void **state)
{
	struct rig r = {.config.trace_fd = -1};
	size_t mine = count_open("/dev/kvm");
	struct err e = {};

	for (int i = 0; i < 3; i++)
		host_fds[i] = memfd_create("stream", MFD_CLOEXEC);
	wrong_fds = false;
	kvm_files = SIZE_MAX;
	assert_int_equal(run(&r, hello, sizeof(hello), &e), 0);
	assert_false(wrong_fds);
	assert_int_equal(kvm_files, mine);
	for (int i = 0; i < 3; i++) {
		close(host_fds[i]);
		host_fds[i] = -1;
	}
}

/* --- How it ends, and its result ----------------------------------------------------------------------------- */

static void on_end(struct loop_timer *t)
{
	struct rig *r = container_of(t, struct rig, end);

	exec_end(r->x, EXEC_INTERRUPTED, SIGTERM);
	/* What comes later does not replace the reason. */
	exec_end(r->x, EXEC_TIMEOUT, 5);
	loop_timer_set(t, 0, 0);
}

static void ended_from_outside(void **state)
{
	struct rig r = {.config.trace_fd = -1, .config.timed = true};
	uint64_t start = trace_now_ns(), wall;
	struct err e = {};
	char path[40];
	int fd = tiny_program(spin, sizeof(spin), path, sizeof(path));

	assert_int_equal(open_rig(&r, path, &e), 0);
	assert_int_equal(loop_timer_init(r.loop, &r.end, on_end), 0);
	assert_int_equal(loop_timer_set(&r.end, 200 * NSEC_PER_MSEC, 0), 0);
	assert_int_equal(run_rig(&r, &e), 0);
	wall = trace_now_ns() - start;
	loop_timer_destroy(&r.end);
	close_rig(&r);
	close(fd);
	assert_int_equal(r.result.how, EXEC_INTERRUPTED);
	assert_int_equal(r.result.value, SIGTERM);
	assert_int_equal(r.status, 128 + SIGTERM);
	assert_int_equal(r.result.calls, 0);
	/* It was in the guest nearly all the time. */
	assert_in_range(r.result.guest_ns, 20 * NSEC_PER_MSEC, wall);
	assert_true(r.result.guest_ns + r.result.vmm_ns <= wall);
}

static void its_numbers(void **state)
{
	struct rig r = {.config.trace_fd = -1}, timed = {.config.timed = true, .config.trace_fd = -1};
	struct err e = {};

	assert_int_equal(run(&r, hello, sizeof(hello), &e), 0);
	assert_int_equal(r.status, 3);
	assert_int_equal(r.result.calls, 2);
	assert_int_equal(r.result.guest_ns | r.result.vmm_ns, 0);
	/* Two calls, each by one exit: of a port, or of a page fault where SYSCALL cannot be run. */
	assert_int_equal(r.result.exits[VCPU_PIO], 2 + r.result.faults);
	assert_int_equal(run(&timed, hello, sizeof(hello), &e), 0);
	assert_true(timed.result.guest_ns > 0 && timed.result.vmm_ns > 0);
}

/* Each call is a line, as strace prints it; the last one has no result. */
static void its_calls_as_text(void **state)
{
	struct rig r = {.config.trace_fd = memfd_create("trace", MFD_CLOEXEC)};
	char text[512] = "";
	struct err e = {};
	char *second;

	assert_int_equal(run(&r, hello, sizeof(hello), &e), 0);
	assert_true(pread(r.config.trace_fd, text, sizeof(text) - 1, 0) > 0);
	close(r.config.trace_fd);
	second = strchr(text, '\n');
	assert_non_null(second);
	*second++ = 0;
	assert_memory_equal(text, "write(1, \"hello\\n\", 6) ", 23);
	assert_non_null(strstr(text, " = -1 EBADF (Bad file descriptor)"));
	assert_memory_equal(second, "exit_group(3) ", 14);
	assert_string_equal(strchr(second, '='), "= ?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_and_memory_have_limits),
		cmocka_unit_test(a_program_with_a_loader),
		cmocka_unit_test(each_call_to_the_host_fails),
		cmocka_unit_test(threads_that_cannot_be_had),
		cmocka_unit_test(what_the_filters_are_given),
		cmocka_unit_test(ended_from_outside),
		cmocka_unit_test(its_numbers),
		cmocka_unit_test(its_calls_as_text),
	};

	return run_with_kvm(&kvm, tests);
}
