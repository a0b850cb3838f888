// SPDX-License-Identifier: Apache-2.0
/* A recorded report as `vmm report` reads and shows it, to the last column. */
#include <string.h>

#include "cmd/report/report.h"
#include "tests/support/unit.h"

#define WIDTH 80

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(text);
	assert_in_range(fread(text, 1, 65535, f), 1, 65534);
	fclose(f);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void read_it(const char *path, struct run_report *r)
{
	struct err e = {};

	if (run_report_read(path, r, &e) < 0)
		fail_msg("%s", e.text);
}

/* What changes on purpose is written anew by `vmm report boot.json >boot.txt` in tests/data/report. */
static void a_boot_as_text(void **state)
{
	char *want = read_all(REPORT_DATA "/boot.txt"), *got;
	struct run_report r;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	read_it(REPORT_DATA "/boot.json", &r);
	report_text(&r, WIDTH, out);
	fclose(out);
	assert_string_equal(got, want);
	assert_int_equal(r.nr_marks, 3);
	assert_int_equal(r.nr_initcalls, 20);
	assert_int_equal(run_report_phase(&r, "kvm_opened")->wall_ns, 10080405);
	assert_null(run_report_phase(&r, "no_such"));
	run_report_destroy(&r);
	free(want);
	free(got);
}

/* The same with @from, which is in it once, replaced by @to. Return: the message about the file, or "". */
static const char *changed(const char *from, const char *to, struct run_report *r)
{
	static char path[] = "/tmp/vmm-report.XXXXXX.json", words[ERR_TEXT_MAX];
	char *text = read_all(REPORT_DATA "/boot.json"), *at = strstr(text, from), *all;
	struct err e = {};
	int fd, code;

	memcpy(path + strlen("/tmp/vmm-report."), "XXXXXX", 6);
	fd = mkstemps(path, 5);
	assert_true(fd >= 0);
	close(fd);
	assert_non_null(at);
	assert_null(strstr(at + 1, from));
	*at = '\0';
	assert_true(asprintf(&all, "%s%s%s", text, to, at + strlen(from)) > 0);
	write_file(path, all);
	code = run_report_read(path, r, &e);
	unlink(path);
	free(text);
	free(all);
	snprintf(words, sizeof(words), "%s", code < 0 ? e.text : "");
	assert_true(code == 0 || strstr(words, path) == words);
	return words;
}

static void its_machine(void **state)
{
	struct run_report r;

	assert_string_equal(changed("\"cpus\": 1,", "\"cpus\": 4,", &r), "");
	assert_string_equal(r.machine,
		"vmlinux-6.1.0-56-cloud-amd64, 192M, 4 CPUs on AMD EPYC-Rome Processor, Linux 6.1.0-56-cloud-amd64, "
		"AMD SVM (kvm_amd), emulated by QEMU TCG");
	assert_non_null(strstr(r.title, "vmm-report."));
	assert_null(strstr(r.title, ".json"));
	run_report_destroy(&r);
	/* Reports that do not say what KVM it is have the processor's extension. */
	assert_string_equal(changed("\"text\": \"AMD SVM (kvm_amd), emulated by QEMU TCG\"", "\"text\": null", &r), "");
	assert_string_equal(r.machine,
		"vmlinux-6.1.0-56-cloud-amd64, 192M, 1 CPU on AMD EPYC-Rome Processor, Linux 6.1.0-56-cloud-amd64, "
		"AMD SVM");
	run_report_destroy(&r);
}

/* Over a picture stands the file's name, without what all of them end in; a name is never empty. */
static void a_title_is_a_name(void **state)
{
	char dir[] = "/tmp/vmm-title.XXXXXX", path[64];
	struct run_report r;

	read_it(REPORT_DATA "/boot.json", &r);
	assert_string_equal(r.title, "boot");
	run_report_destroy(&r);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/.json", dir);
	assert_int_equal(symlink(REPORT_DATA "/boot.json", path), 0);
	read_it(path, &r);
	unlink(path);
	rmdir(dir);
	assert_string_equal(r.title, ".json");
	run_report_destroy(&r);
}

static void what_is_no_report(void **state)
{
	struct run_report r;

	assert_non_null(strstr(changed("vmm-report", "vmm-bench", &r), "no report: vmm --report FILE writes one"));
	assert_non_null(strstr(changed("\"version\": 1,", "\"version\": 2,", &r), "this vmm reads version 1"));
	/* The second phase no longer begins where the first one ends. */
	assert_non_null(strstr(changed("\"start_ns\": 79844778", "\"start_ns\": 79844779", &r),
		"phase report_ready does not follow the one before"));
	/* A member that is not there is no reason to show nothing. */
	assert_string_equal(changed("\"detector\": \"ACPI register\",", "", &r), "");
	assert_memory_equal(r.summary, "poweroff (?), exit status 0; started 2026", 41);
	run_report_destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_boot_as_text),
		cmocka_unit_test(its_machine),
		cmocka_unit_test(a_title_is_a_name),
		cmocka_unit_test(what_is_no_report),
	};

	return run_group(tests);
}
