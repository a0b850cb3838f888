// SPDX-License-Identifier: Apache-2.0
/* `vmm snapshot` and `vmm report`: what they show of a file, and that an answer which cannot be written is an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/options/commands.h"
#include "cmd/options/restore.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/clock.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"
#include "vmm/snapshot/snapshot.h"

#define MEM       (4 * MIB)
#define RAM_BYTES (512 * KIB)
#define CREATED   UINT64_C(1700000000) /* seconds: 2023-11-14 22:13:20 UTC */

static char path[] = "/tmp/vmm-snapshot-XXXXXX";
static struct captured c;

/* What the clock of the day says, in seconds; 0: the time of the day. */
static uint64_t now_s;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	if (clock != CLOCK_REALTIME || !now_s)
		return __real_clock_gettime(clock, ret);
	*ret = (struct timespec){.tv_sec = (time_t)now_s};
	return 0;
}

static int make_file(void **state)
{
	static struct cpuid_set cpuid = {
		.nr = 2,
		.entry = {{.eax = 1, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69},
			{.function = 1, .edx = 1}},
	};
	const struct snapshot_parts parts = {
		.version = "1.2.3 (abc)",
		.facts = {.mem_bytes = MEM,
			.cpus = 3,
			.created_ns = CREATED * NSEC_PER_SEC,
			.tsc_khz = 2100000,
			.kernel_bytes = 12345,
			.kernel = "/boot/vmlinux",
			.build_id = "00ff",
			.banner = "Linux version 6.1"},
		.cpuid = &cpuid,
		.settings = "[machine]\nmem = 4M\n",
		.state = (const uint8_t *)"state",
		.state_bytes = 5,
	};
	uint8_t *ram = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = mkstemp(path);
	_Atomic bool stop = false;
	struct snapshot_writer *w;
	struct gmem mem = {};
	uint64_t bytes;

	if (ram == MAP_FAILED || fd < 0 ||
		gmem_add(&mem, &(struct gmem_region){.size = MEM, .host = ram, .fd = -1}) < 0)
		return -1;
	memset(ram + MIB, 5, RAM_BYTES);
	if (snapshot_writer_new(MEM, &w) < 0 || snapshot_prepare(w, &parts) < 0 ||
		snapshot_write(w, &mem, fd, &stop, &bytes) < 0)
		return -1;
	snapshot_writer_free(w);
	munmap(ram, MEM);
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	unlink(path);
	return 0;
}

static void run(int (*command)(int argc, char **argv), const char *first, const char *second, const char *third)
{
	char *argv[] = {(char *)"vmm", (char *)first, (char *)second, (char *)third, NULL};
	int argc = 1;

	while (argc < 4 && argv[argc])
		argc++;
	captured_run(&c, command, argc, argv);
}

#define HAS(text, part)                                                                                                \
	do {                                                                                                           \
		if (!strstr(text, part))                                                                               \
			fail_msg("\"%s\" has no \"%s\"", text, part);                                                  \
	} while (0)

static void its_facts(void **state)
{
	static const char *const lines[] = {"1.2.3 (abc)", "/boot/vmlinux", "00ff", "Linux version 6.1", "GenuineIntel",
		"mem = 4M", "not looked at"};

	run(cmd_snapshot, "info", path, NULL);
	assert_int_equal(c.status, 0);
	assert_string_equal(c.err, "");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		HAS(c.out, lines[i]);
	run(cmd_snapshot, "check", path, NULL);
	assert_int_equal(c.status, 0);
	HAS(c.out, "state right, RAM right");
}

/* Each line, as it is on the page; `file`, `needs` and `size` depend on the machine. */
static void its_lines(void **state)
{
	static const char *const lines[] = {
		"made by   vmm 1.2.3 (abc)\n",
		"taken     2023-11-14 22:13:20 UTC, 1 day ago\n",
		"kernel    Linux version 6.1, from /boot/vmlinux, build id 00ff\n",
		"memory    4M, of which 0.5M are not zero, in 1 part\n",
		"cpus      3 of GenuineIntel, TSC 2100.000 MHz\n",
		"settings  [machine]\n",
		"          mem = 4M\n",
		"checksums state right, RAM not looked at (vmm snapshot check)\n",
	};
	const char *at;

	now_s = CREATED + 24 * 3600;
	run(cmd_snapshot, "info", path, NULL);
	at = c.out;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		at = strstr(at, lines[i]);
		if (!at)
			fail_msg("\"%s\" has no \"%s\", or not there", c.out, lines[i]);
	}
	now_s = 0;
}

static void how_old_it_is(void **state)
{
	static const struct {
		uint64_t age;
		const char *text;
	} rows[] = {{0, " 0 seconds ago"}, {1, " 1 second ago"}, {59, " 59 seconds ago"}, {60, " 1 minute ago"},
		{119, " 1 minute ago"}, {120, " 2 minutes ago"}, {3599, " 59 minutes ago"}, {3600, " 1 hour ago"},
		{24 * 3600 - 1, " 23 hours ago"}, {24 * 3600, " 1 day ago"}, {400 * 24 * 3600, " 400 days ago"},
		{-(uint64_t)100, " 0 seconds ago"}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		now_s = CREATED + rows[i].age;
		run(cmd_snapshot, "info", path, NULL);
		HAS(c.out, rows[i].text);
	}
	now_s = 0;
}

static void its_facts_as_json(void **state)
{
	char json[sizeof(path) + 12], option[sizeof(json) + 8];
	struct json_doc d = {0};
	char text[4096];
	ssize_t n;
	int fd;

	snprintf(json, sizeof(json), "%s.json", path);
	snprintf(option, sizeof(option), "--json=%s", json);
	run(cmd_snapshot, "check", option, path);
	assert_int_equal(c.status, 0);
	assert_string_equal(c.out, "");
	fd = open(json, O_RDONLY);
	n = read(fd, text, sizeof(text));
	assert_true(n > 0);
	close(fd);
	unlink(json);
	assert_int_equal(json_read(text, (size_t)n, &d, NULL), 0);
	assert_string_equal(json_text(json_get(&d, d.node, "file"), ""), path);
	assert_string_equal(json_text(json_get(&d, d.node, "vmm"), ""), "1.2.3 (abc)");
	assert_string_equal(json_text(json_get(&d, d.node, "cpu_vendor"), ""), "GenuineIntel");
	assert_string_equal(json_text(json_get(&d, d.node, "settings"), ""), "[machine]\nmem = 4M\n");
	assert_int_equal(json_count(json_get(&d, d.node, "memory_bytes")), MEM);
	assert_int_equal(json_count(json_get(&d, d.node, "ram_bytes")), RAM_BYTES);
	assert_int_equal(json_count(json_get(&d, d.node, "extents")), 1);
	assert_int_equal(json_count(json_get(&d, d.node, "cpus")), 3);
	assert_int_equal(json_count(json_get(&d, d.node, "tsc_khz")), 2100000);
	assert_int_equal(json_count(json_get(&d, d.node, "state_bytes")), 5);
	assert_string_equal(json_text(json_get(&d, json_get(&d, d.node, "kernel"), "path"), ""), "/boot/vmlinux");
	assert_string_equal(json_text(json_get(&d, json_get(&d, d.node, "checksums"), "ram"), ""), "right");
	json_doc_destroy(&d);
}

static void what_cannot_be_shown(void **state)
{
	int fd = open(path, O_RDWR);
	uint8_t byte = 6;

	run(cmd_snapshot, NULL, NULL, NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	run(cmd_snapshot, "show", path, NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	HAS(c.err, "show: not known");
	run(cmd_snapshot, "info", NULL, NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	HAS(c.err, "no snapshot given");
	run(cmd_snapshot, "info", path, path);
	assert_int_equal(c.status, EXIT_USAGE);
	HAS(c.err, "more than one snapshot");
	run(cmd_snapshot, "info", "/proc/self/nowhere", NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	run(cmd_snapshot, "info", "/proc/self/exe", NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	HAS(c.err, "it is not a snapshot of vmm");
	/* RAM that is damaged is found by `check` only. */
	assert_int_equal(pwrite(fd, &byte, 1, lseek(fd, 0, SEEK_END) - MEM + MIB), 1);
	run(cmd_snapshot, "info", path, NULL);
	assert_int_equal(c.status, 0);
	run(cmd_snapshot, "check", path, NULL);
	assert_int_equal(c.status, EXIT_USAGE);
	HAS(c.err, "the checksum of RAM");
	byte = 5;
	assert_int_equal(pwrite(fd, &byte, 1, lseek(fd, 0, SEEK_END) - MEM + MIB), 1);
	close(fd);
}

/* Standard output is full: it is seen when the answer is written out. */
static int to_a_full_disk(int (*command)(int argc, char **argv), char **argv, int argc)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC), saved = dup(STDOUT_FILENO), status;

	assert_true(full >= 0 && saved >= 0);
	fflush(stdout);
	dup2(full, STDOUT_FILENO);
	status = command(argc, argv);
	__fpurge(stdout);
	clearerr(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(full);
	return status;
}

static void answers_have_to_arrive(void **state)
{
	char *info[] = {(char *)"vmm", (char *)"info", path, NULL},
	     *report[] = {(char *)"vmm", (char *)REPORT_DATA "/boot.json", NULL};

	run(cmd_report, REPORT_DATA "/boot.json", NULL, NULL);
	assert_int_equal(c.status, 0);
	assert_int_equal(to_a_full_disk(cmd_snapshot, info, 3), EXIT_FAILED);
	assert_int_equal(to_a_full_disk(cmd_report, report, 2), EXIT_FAILED);
}

/*
 * A file that has settings which no snapshot has: those that mean nothing to a restored machine, or are its operator's.
 * What is not the machine's must not come from a file.
 */
static void settings_that_none_has(void **state)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"[boot]\nmodules = /tmp\n", "modules"},
		{"[boot]\nroot = /\nout = /tmp\n", "out"},
		{"[machine]\nmem = 64M\n[boot]\nas = root\n", "as"},
		{"[boot]\nkernel = /tmp/k\n", "kernel"},
		{"[boot]\ninitrd = /tmp/k\n", "initrd"},
		{"[machine]\nhugepages = 2M\n", "hugepages"},
		{"[sandbox]\nsandbox = off\n", "sandbox"},
		{"[sandbox]\nchroot = /tmp\n", "chroot"},
		{"[run]\nreport = /tmp/r\n", "report"},
	};
	const struct settings none = {0};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config = {.cpus = 77};
		struct err e = {};
		char want[64];

		snprintf(want, sizeof(want), "settings have %s, which none has", rows[i].name);
		assert_int_equal(restore_config(rows[i].text, &none, &config, &e), -EINVAL);
		HAS(e.text, want);
		assert_int_equal(config.cpus, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_facts),
		cmocka_unit_test(its_lines),
		cmocka_unit_test(how_old_it_is),
		cmocka_unit_test(its_facts_as_json),
		cmocka_unit_test(what_cannot_be_shown),
		cmocka_unit_test(answers_have_to_arrive),
		cmocka_unit_test(settings_that_none_has),
	};

	setvbuf(stdout, NULL, _IOFBF, 65536);
	return run_group_with(tests, make_file, remove_file);
}
