// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm cpuid` as an operator meets it: its words, its columns, its exit statuses. Hosts come from tests/data/cpuid,
 * so it needs no /dev/kvm.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options/commands.h"
#include "tests/support/unit.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"

#define LAB     CPUID_DATA "/kvm-amd-lab.txt"
#define ICELAKE CPUID_DATA "/qemu-Icelake-Server.txt"
#define COLUMNS 120

/* What the command printed, and its status. */
struct result {
	char out[64 * 1024];
	char err[4096];
	int status;
};

static void slurp(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	assert_true(n >= 0 && (size_t)n < size - 1);
	buf[n] = '\0';
}

/* Runs it with stdout and stderr in files; @out_path NULL: a temporary one. */
static void run_into(struct result *r, const char *out_path, int argc, char **argv)
{
	char out_name[] = "/tmp/test-cpuid-XXXXXX", err_name[] = "/tmp/test-cpuid-XXXXXX";
	int out = out_path ? open(out_path, O_RDWR | O_CLOEXEC) : mkostemp(out_name, O_CLOEXEC);
	int err = mkostemp(err_name, O_CLOEXEC), saved_out, saved_err;

	assert_true(out >= 0 && err >= 0);
	fflush(stdout);
	saved_out = dup(STDOUT_FILENO);
	saved_err = dup(STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	r->status = cmd_cpuid(argc, argv);
	fflush(stdout);
	clearerr(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	if (!out_path) {
		slurp(out, r->out, sizeof(r->out));
		unlink(out_name);
	}
	slurp(err, r->err, sizeof(r->err));
	unlink(err_name);
	close(out);
	close(err);
}

#define RUN_INTO(r, out, ...)                                                                                          \
	do {                                                                                                           \
		char *argv_[] = {(char *)(uintptr_t) "cpuid", __VA_ARGS__, NULL};                                      \
                                                                                                                       \
		run_into(r, out, (int)ARRAY_SIZE(argv_) - 1, argv_);                                                   \
	} while (0)
#define RUN(r, ...) RUN_INTO(r, NULL, __VA_ARGS__)
#define W(word)     ((char *)(uintptr_t)(word))

static void expect_lines(const struct result *r, const char *const *lines)
{
	for (; *lines; lines++)
		if (!strstr(r->out, *lines))
			fail_msg("not printed: %s\n%s", *lines, r->out);
}

static void test_table(void **state)
{
	static const char *const lab[] = {
		"host:  AuthenticAMD, family 23, model 49, stepping 0; 56 entries from ",
		"guest: 4 CPUs, nested off, PMU off, TSC-deadline timer on; ",
		"\n0x00000001   0  host   00830f10 01020800 76f83203 078bfbfd\n"
		"                guest  00830f10 00040800 f7f83203 178bbb7d\n",
		"\n    ebx 31:24 - initial APIC id       1 -> 0: one socket",
		"\n    ecx    24 + TSC_DEADLINE          as KVM_CAP",
		"\n    edx    14 - MCA                   no machine checks",
		"\n    ecx     2 - SVM                   a guest may run guests only with --nested\n",
		"\n    ecx 15:12 ~ APIC id bits          1 -> 2: ",
		"\n    all  31:0 - SVM features          ",
		"\n    edx     2 - (no row)              reserved, or unknown",
		"\n0x40000001   0  both   01007efb 00000000 00000000 00000000\n",
		NULL,
	};
	static const char *const icelake[] = {
		"\n    ecx     3 - PKU                   ",
		"\n    eax     9 - PKRU state            ",
		"\n    eax  15:8 - linear bits           57 -> 48: ",
		"\n    all  31:0 - PKRU state            ",
		NULL,
	};
	static struct result r;

	RUN(&r, W("--cpus"), W("4"), W("--from"), W(LAB));
	assert_int_equal(r.status, 0);
	assert_string_equal(r.err, "");
	expect_lines(&r, lab);
	/* Zero for both. */
	assert_null(strstr(r.out, "0x00000003 "));
	/* Said once, though four registers differ. */
	assert_null(strstr(strstr(r.out, "SVM features") + 1, "SVM features"));

	RUN(&r, W("--from=" ICELAKE));
	assert_int_equal(r.status, 0);
	expect_lines(&r, icelake);

	RUN(&r, W("--nested"), W("--from"), W(LAB));
	assert_null(strstr(r.out, "SVM"));
}

static void test_width(void **state)
{
	static const char *const hosts[] = {"kvm-amd-lab", "kvm-pvm-6.18", "qemu-EPYC-Milan", "qemu-Skylake-Server",
		"qemu-Opteron_G3", "qemu-KnightsMill"};
	static struct result r;
	char from[512];

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		snprintf(from, sizeof(from), "%s/%s.txt", CPUID_DATA, hosts[i]);
		RUN(&r, W("--cpus=254"), W("--from"), from);
		assert_int_equal(r.status, 0);
		/* The first line names the file, whose path may be long. */
		for (char *line = strtok(strchr(r.out, '\n'), "\n"); line; line = strtok(NULL, "\n"))
			if (strlen(line) > COLUMNS)
				fail_msg("%zu columns: %s", strlen(line), line);
	}
}

/* What --raw prints, --from reads; and a guest's own set is left as it is. */
static void test_raw(void **state)
{
	static struct result first, second;
	char name[] = "/tmp/test-cpuid-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	assert_true(fd >= 0);
	RUN(&first, W("--raw"), W("--from"), W(LAB));
	assert_int_equal(first.status, 0);
	assert_non_null(strstr(first.out, "\n0x00000001 0x00 0x0 0x00830f10 0x01020800 0x76f83203 0x078bfbfd\n"));

	RUN(&first, W("--raw=guest"), W("--cpus"), W("3"), W("--from"), W(LAB));
	assert_int_equal(first.status, 0);
	assert_non_null(strstr(first.out, "\n0x00000001 0x00 0x0 0x00830f10 0x00030800 0xf7f83203 0x178bbb7d\n"));
	assert_int_equal(write(fd, first.out, strlen(first.out)), strlen(first.out));
	RUN(&second, W("--raw=guest"), W("--cpus"), W("3"), W("--from"), name);
	assert_string_equal(first.out, second.out);
	unlink(name);
	close(fd);
}

static void expect_refused(const struct result *r, int status, const char *words)
{
	assert_int_equal(r->status, status);
	assert_string_equal(r->out, "");
	if (!strstr(r->err, words) || strncmp(r->err, "vmm: ", 5) ||
		strchr(r->err, '\n') != r->err + strlen(r->err) - 1)
		fail_msg("not one line with '%s': %s", words, r->err);
}

static void test_refused(void **state)
{
	static struct result r;

	RUN(&r, W("--raw=both"));
	expect_refused(&r, EXIT_USAGE, "--raw=both");
	RUN(&r, W("--from"));
	expect_refused(&r, EXIT_USAGE, "--from: needs a value");
	RUN(&r, W("--from"), W("/nonexistent"));
	expect_refused(&r, EXIT_USAGE, "--from /nonexistent: No such file");
	RUN(&r, W("--from"), W("/"));
	expect_refused(&r, EXIT_USAGE, "/: ");
	RUN(&r, W("--from"), W("/dev/null"));
	expect_refused(&r, EXIT_USAGE, "leaf 0 or 1");
	RUN(&r, W("--from"), W("/proc/self/status"));
	expect_refused(&r, EXIT_USAGE, "/proc/self/status:1:");
	RUN(&r, W("--cpus"), W("0"), W("--from"), W(LAB));
	expect_refused(&r, EXIT_USAGE, "--cpus 0");
	RUN(&r, W("--cpus"), W("255"), W("--from"), W(LAB));
	expect_refused(&r, EXIT_USAGE, "--cpus 255");
	RUN(&r, W("--bogus"));
	expect_refused(&r, EXIT_USAGE, "--bogus: unknown option");
}

static void test_output_fails(void **state)
{
	static struct result r;

	RUN_INTO(&r, "/dev/full", W("--from"), W(LAB));
	expect_refused(&r, EXIT_FAILED, "cannot write to standard output");
	RUN_INTO(&r, "/dev/full", W("--raw"), W("--from"), W(LAB));
	expect_refused(&r, EXIT_FAILED, "cannot write to standard output");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_output_fails),
	};

	return run_group(tests);
}
