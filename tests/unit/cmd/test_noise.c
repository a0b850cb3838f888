// SPDX-License-Identifier: Apache-2.0
/* What `vmm bench` says of the host that it measures on: a quiet one, a busy one, and one that shows nothing. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/bench/noise.h"
#include "tests/support/unit.h"
#include "vmm/base/util.h"

#define CPU "/sys/devices/system/cpu/"

struct file {
	const char *path, *text;
};

/* Files of the host. The directories /proc and /proc/irq are the same one, with names[] in it. */
static const struct file quiet[] = {
	{CPU "isolated", "1,4-7\n"},
	{CPU "nohz_full", "5\n"},
	{"/proc/irq/1/smp_affinity_list", "0-3\n"},
	{"/proc/irq/2/smp_affinity_list", "4,6\n"},
	{"/proc/irq/default/smp_affinity_list", "0-7\n"},
	{"/proc/1/comm", "init\n"},
	{CPU "cpu5/cpufreq/scaling_governor", "performance\n"},
	{CPU "intel_pstate/no_turbo", "1\n"},
	{CPU "cpufreq/boost", "1\n"},
	{CPU "cpu5/topology/thread_siblings_list", "5\n"},
	{"/proc/stat", "cpu 10 20 30 40 0 0 0 0 0 0\n"},
	{"/proc/loadavg", "0.50 0.10 0.00 1/99 1234\n"},
	{0},
};
static const char *const quiet_text = "  pinned         to CPU 5\n"
				      "  isolcpus       1,4-7\n"
				      "  nohz_full      5\n"
				      "  IRQ affinity   0 of 2 interrupts may come to this CPU\n"
				      "  irqbalance     does not run\n"
				      "  governor       performance\n"
				      "  turbo          off\n"
				      "  SMT siblings   5\n"
				      "  steal          0.00 % of all time since boot\n"
				      "  load           0.50, 0.10, 0.00 in the last 1, 5, 15 minutes\n";
static const struct file busy[] = {
	{CPU "isolated", "1-4,6,7\n"},
	{CPU "nohz_full", "(null)\n"},
	{"/proc/irq/1/smp_affinity_list", "0-5\n"},
	{"/proc/irq/2/smp_affinity_list", "4,5\n"},
	{"/proc/1/comm", "irqbalance\n"},
	{CPU "cpu5/cpufreq/scaling_governor", "powersave\n"},
	{CPU "cpufreq/boost", "1\n"},
	{CPU "cpu5/topology/thread_siblings_list", "1,5\n"},
	{"/proc/stat", "cpu 10 20 30 40 10 10 30 50 0 0\n"},
	{"/proc/loadavg", "0.51 0.10 0.00 1/99 1234\n"},
	{0},
};
static const char *const busy_text = "  pinned         to CPU 5\n"
				     "! isolcpus       1-4,6,7\n"
				     "! nohz_full      none\n"
				     "! IRQ affinity   2 of 2 interrupts may come to this CPU\n"
				     "! irqbalance     runs\n"
				     "! governor       powersave\n"
				     "! turbo          on\n"
				     "! SMT siblings   1,5\n"
				     "! steal          25.00 % of all time since boot\n"
				     "! load           0.51, 0.10, 0.00 in the last 1, 5, 15 minutes\n";
static const struct file silent[] = {{"/proc/stat", "cpu 10 20 30\n"}, {0}};
static const char *const silent_text = "! pinned         no; `taskset -c CPU` does it, and --pin of exits\n"
				       "! isolcpus       none\n"
				       "! nohz_full      none\n"
				       "  IRQ affinity   0 of 0 interrupts may come to this CPU\n"
				       "  irqbalance     does not run\n"
				       "  governor       unknown: the host does not show it\n"
				       "  turbo          unknown: the host does not show it\n"
				       "  SMT siblings   unknown\n"
				       "  steal          unknown\n"
				       "  load           unknown\n";

static const struct file *host;

static char dir[] = "/tmp/vmm-noise.XXXXXX";
static const char *const names[] = {"1", "2", "default"};

static int set_up(void **state)
{
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (mkdir(names[i], 0700) < 0)
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		rmdir(names[i]);
	return chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

FILE *__wrap_fopen64(const char *path, const char *mode);
DIR *__wrap_opendir(const char *path);
DIR *__real_opendir(const char *path);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	for (const struct file *f = host; f->path; f++)
		if (!strcmp(f->path, path))
			return fmemopen((void *)(uintptr_t)f->text, strlen(f->text), "r");
	errno = ENOENT;
	return NULL;
}

DIR *__wrap_opendir(const char *path)
{
	assert_true(!strcmp(path, "/proc") || !strcmp(path, "/proc/irq"));
	errno = ENOENT;
	return host == silent ? NULL : __real_opendir(dir);
}

static void check(const struct file *files, int cpu, const char *want)
{
	struct noise n;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	host = files;
	noise_read(cpu, &n);
	noise_print(&n, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void each_host(void **state)
{
	check(quiet, 5, quiet_text);
	check(busy, 5, busy_text);
	check(silent, -1, silent_text);
}

/* A tick is 10 ms: 100 of them are a second of one CPU. */
static void what_others_took(void **state)
{
	static const struct file then[] = {{"/proc/stat", "cpu 100 0 0 1000 0 0 0 0\n"}, {0}};
	static const struct file now[] = {{"/proc/stat", "cpu 250 50 100 1400 100 50 50 100\n"}, {0}};
	struct noise_span s, start;
	double others, steal;

	assert_int_equal(sysconf(_SC_CLK_TCK), 100);
	host = then;
	start = noise_now();
	host = now;
	s = noise_since(&start);
	assert_int_equal(s.all, UINT64_C(10000000000));
	assert_int_equal(s.busy, UINT64_C(4000000000));
	assert_int_equal(s.steal, UINT64_C(1000000000));
	/* What this test takes itself is little, and no other's. */
	assert_in_range(s.own, 0, UINT64_C(1000000000));
	s.own = UINT64_C(1000000000);
	assert_true(noise_shares(&s, &others, &steal));
	assert_true(others > 29.99 && others < 30.01 && steal > 9.99 && steal < 10.01);
	s.own = UINT64_C(5000000000);
	assert_true(noise_shares(&s, &others, &steal) && others == 0);
	/* Backwards, unknown, or too short: nothing is said. */
	host = then;
	start = s = noise_now();
	host = silent;
	s = noise_since(&start);
	assert_false(noise_shares(&s, &others, &steal));
	host = now;
	start = noise_now();
	host = then;
	s = noise_since(&start);
	assert_false(noise_shares(&s, &others, &steal));
	host = then;
	start = noise_now();
	s = noise_since(&start);
	assert_false(noise_shares(&s, &others, &steal));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_host),
		cmocka_unit_test(what_others_took),
	};

	return run_group_with(tests, set_up, tear_down);
}
