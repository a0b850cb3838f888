// SPDX-License-Identifier: Apache-2.0
/* `vmm snapshot` and `vmm report`: what they show of a file, and that an answer which cannot be written is an error. */
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/options/commands.h"
#include "tests/unit/cmd/captured.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/outcome.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"
#include "vmm/snapshot/snapshot.h"

#define MEM (4 * MIB)

static char path[] = "/tmp/vmm-snapshot-XXXXXX";
static struct captured c;

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
			.created_ns = 1700000000000000000,
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
	memset(ram + MIB, 5, PAGE_4K);
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
	assert_int_equal(json_count(json_get(&d, d.node, "ram_bytes")), PAGE_4K);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_facts),
		cmocka_unit_test(its_facts_as_json),
		cmocka_unit_test(what_cannot_be_shown),
		cmocka_unit_test(answers_have_to_arrive),
	};

	setvbuf(stdout, NULL, _IOFBF, 65536);
	return run_group_with(tests, make_file, remove_file);
}
