// SPDX-License-Identifier: Apache-2.0
/*
 * The output of `vmm check` for simulated hosts, and the host section in the report of a run on such a host.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "security/landlock.h"
#include "security/sandbox.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"
#include "vmm/check/hostcheck.h"
#include "vmm/report/report.h"

#define OLD "truncation, TCP, device ioctls, signals, abstract sockets, " NEW
#define NEW "Unix sockets by path, UDP"

static const struct host_item *landlock(struct host_items *h, int abi)
{
	h->nr = 0;
	host_landlock(h, abi);
	assert_int_equal(h->nr, 1);
	assert_string_equal(h->item[0].name, "Landlock");
	/* A machine runs with an older one, or, if the operator allows it, without. */
	assert_true(host_boots(h));
	return &h->item[0];
}

static void rights_that_an_older_landlock_lacks(void **state)
{
	const struct host_item *i;
	struct host_items h;

	i = landlock(&h, LANDLOCK_ABI_KNOWN);
	assert_int_equal(i->grade, HOST_OK);
	assert_string_equal(i->text, "ABI 11");
	i = landlock(&h, 10);
	assert_int_equal(i->grade, HOST_OK);
	i = landlock(&h, LANDLOCK_ABI_KNOWN + 1);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_string_equal(i->text, "ABI 12; this vmm denies what ABI 11 knows, and nothing of what came later");
	i = landlock(&h, 7);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_true(
		!strncmp(i->text, "ABI 7, which cannot deny " NEW ";", strlen("ABI 7, which cannot deny " NEW ";")));
	i = landlock(&h, 1);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_true(
		!strncmp(i->text, "ABI 1, which cannot deny " OLD ";", strlen("ABI 1, which cannot deny " OLD ";")));
	assert_non_null(strstr(i->text, "a newer kernel can")); /* not cut short */
	i = landlock(&h, -ENOSYS);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_non_null(strstr(i->text, "not in this kernel"));
	i = landlock(&h, -EPERM);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_non_null(strstr(i->text, "refused (EPERM)"));
	i = landlock(&h, -EOPNOTSUPP);
	assert_int_equal(i->grade, HOST_NOTE);
	assert_non_null(strstr(i->text, "lsm="));
}

/* What Landlock cannot hold of the files of a program is named. */
static void files_of_programs(void **state)
{
	static const struct {
		int abi, openat2;
		enum host_grade grade;
		const char *text;
	} rows[] = {
		{7, -EINVAL, HOST_OK, "held by vmm and by Landlock; chmod and times by vmm alone"},
		{2, -EINVAL, HOST_NOTE, "Landlock ABI 2: below --ro, truncation is held by vmm alone"},
		{1, -EINVAL, HOST_NOTE,
			"Landlock ABI 1: no renames and links across directories; --ro does not hold truncation"},
		{-EOPNOTSUPP, -EINVAL, HOST_NOTE, "held by vmm alone, not by Landlock as well"},
		{7, -ENOSYS, HOST_NOTE, "no openat2 (Linux 5.6): --ro, --rw and --system do not work"},
	};
	struct host_items h;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		h.nr = 0;
		host_program_files(&h, rows[i].abi, rows[i].openat2);
		assert_int_equal(h.nr, 1);
		assert_int_equal(h.item[0].grade, rows[i].grade);
		assert_string_equal(h.item[0].text, rows[i].text);
		assert_true(host_boots(&h));
	}
}

/* The settings of a host: a directory in which one file has @value. */
static const struct host_item *userns(struct host_items *h, int r, const char *name, const char *value)
{
	char dir[] = "/tmp/vmm-sysctl-XXXXXX", path[128], sub[64];
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/%.*s", dir, (int)strcspn(name, "/"), name);
	assert_int_equal(mkdir(sub, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%s\n", value);
	fclose(f);
	h->nr = 0;
	host_userns(h, r, dir);
	unlink(path);
	rmdir(sub);
	rmdir(dir);
	assert_int_equal(h->nr, 1);
	assert_string_equal(h->item[0].name, "user namespace");
	assert_true(host_boots(h));
	return &h->item[0];
}

static void who_forbids_user_namespaces(void **state)
{
	static const struct {
		const char *name, *forbids, *allows;
	} settings[] = {
		{"kernel/unprivileged_userns_clone", "0", "1"},
		{"user/max_user_namespaces", "0", "31231"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "0"},
	};
	struct host_items h;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *name = settings[i].name;

		assert_int_equal(userns(&h, 0, name, settings[i].forbids)->grade, HOST_OK); /* for root, say */
		assert_int_equal(userns(&h, -EPERM, name, settings[i].forbids)->grade, HOST_NOTE);
		assert_non_null(strstr(h.item[0].text, name));
		assert_non_null(strstr(userns(&h, -EPERM, name, settings[i].allows)->text, "by a seccomp filter"));
	}
	assert_non_null(strstr(userns(&h, -ENOSPC, "user/x", "1")->text, "No space left on device; "));
}

static const struct host_item *create_vm(struct host_items *h, unsigned took_us, const char *mounts)
{
	FILE *f = mounts ? fmemopen((char *)(uintptr_t)mounts, strlen(mounts), "r") : NULL;

	h->nr = 0;
	host_create_vm(h, took_us * UINT64_C(1000), f);
	if (f)
		fclose(f);
	assert_int_equal(h->nr, 1);
	assert_string_equal(h->item[0].name, "KVM_CREATE_VM");
	assert_true(host_boots(h));
	return &h->item[0];
}

#define ROOT "/dev/vda / ext4 rw,relatime 0 0\n"
#define V1   "cgroup /sys/fs/cgroup/cpu cgroup rw,nosuid,cpu 0 0\n"

static void vms_that_wait_for_rcu(void **state)
{
	static const char *const cures[][2] = {
		{ROOT "cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0\n", "remount,favordynmods /sys/fs/cgroup`"},
		/* Not a part of another option's name, not another file system's option. */
		{"none /x tmpfs rw,favordynmods 0 0\ncgroup2 /cg cgroup2 rw,nofavordynmods 0 0\n", "favordynmods /cg`"},
		{ROOT V1, "favordynmods /sys/fs/cgroup/cpu`"},
		{V1 "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n" V1, "favordynmods /sys/fs/cgroup/unified`"},
		{ROOT, "favordynmods /sys/fs/cgroup`"},
		{NULL, "favordynmods /sys/fs/cgroup`"},
	};
	const struct host_item *i;
	struct host_items h;

	for (size_t n = 0; n < ARRAY_SIZE(cures); n++) {
		i = create_vm(&h, 10300, cures[n][0]);
		assert_int_equal(i->grade, HOST_NOTE);
		assert_true(!strncmp(i->text, "10.3 ms, ", 9));
		assert_non_null(strstr(i->text, cures[n][1]));
		assert_non_null(strstr(i->text, "6.0 or later")); /* not cut short */
	}
	i = create_vm(&h, 420, cures[0][0]);
	assert_int_equal(i->grade, HOST_OK);
	assert_string_equal(i->text, "0.4 ms");
	/* The rwsem is one for all hierarchies. Slow all the same: for another reason, which we do not know. */
	i = create_vm(&h, 10300, V1 "cgroup2 /sys/fs/cgroup cgroup2 rw,favordynmods,nsdelegate 0 0\n");
	assert_int_equal(i->grade, HOST_OK);
	i = create_vm(
		&h, 10300, "cgroup /sys/fs/cgroup/cpu cgroup rw,favordynmods,cpu 0 0\ncgroup2 /u cgroup2 rw 0 0\n");
	assert_int_equal(i->grade, HOST_OK);
}

static void the_report_lists_them(void **state)
{
	static char *const argv[] = {(char *)"vmm", NULL};
	const struct report_info info = {.version = "1", .commit = "c", .compiler = "cc", .argv = argv};
	struct sandbox_achieved got = {.mode = SANDBOX_STRICT, .landlock_abi = 1};
	const struct report_end end = {.verdict = {OUTCOME_FAILURE, DETECTOR_VMM, 0}, .sandbox = &got};
	char path[] = "/tmp/vmm-report-XXXXXX", text[65536];
	struct report *report;
	struct config config;
	struct trace *trace;
	struct err e = {0};
	size_t n;
	FILE *f;

	close(mkstemp(path));
	config_init(&config);
	config.report = path;
	landlock_missing(1, got.unhandled, sizeof(got.unhandled));
	assert_int_equal(trace_new(trace_now_ns(), &trace), 0);
	assert_int_equal(report_new(&config, &info, trace, &report), 0);
	assert_int_equal(report_open(report, &e), 0);
	assert_int_equal(report_write(report, &end, &e), 0);
	trace_free(trace);
	report_free(report);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(path);
	assert_non_null(strstr(text, "\"landlock_abi\": 1"));
	assert_non_null(strstr(text, "\"landlock_cannot_deny\": \"" OLD "\""));
	config.report = NULL;
	config_destroy(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_that_an_older_landlock_lacks),
		cmocka_unit_test(files_of_programs),
		cmocka_unit_test(who_forbids_user_namespaces),
		cmocka_unit_test(vms_that_wait_for_rcu),
		cmocka_unit_test(the_report_lists_them),
	};

	return run_group(tests);
}
