// SPDX-License-Identifier: Apache-2.0
#include "cmd/bench/noise.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"

static void PRINTF(4, 5) add(struct noise *s, const char *name, bool poor, const char *fmt, ...)
{
	struct noise_item *it = &s->item[s->nr++];
	va_list ap;

	it->name = name;
	it->poor = poor;
	va_start(ap, fmt);
	vsnprintf(it->text, sizeof(it->text), fmt, ap);
	va_end(ap);
}

/* The first line of a file, without its newline; false when there is none. */
static bool read_line(const char *path, char *buf, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");

	buf[0] = '\0';
	if (!f || !fgets(buf, (int)size, f))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* Is the number in a list such as "1,4-7"? */
static bool in_list(const char *list, int cpu)
{
	while (*list) {
		char *end;
		long lo = (long)strtoul(list, &end, 10), hi = lo;

		if (end == list)
			return false;
		if (*end == '-')
			hi = (long)strtoul(end + 1, &end, 10);
		if (cpu >= lo && cpu <= hi)
			return true;
		list = end + (*end == ',');
	}
	return false;
}

static void add_list(struct noise *s, const char *name, const char *path, int cpu)
{
	char line[96];

	if (!read_line(path, line, sizeof(line)) || !*line || *line == '(')
		add(s, name, true, "none");
	else
		add(s, name, cpu < 0 || !in_list(line, cpu), "%s", line);
}

static bool is_running(const char *name)
{
	DIR *d = opendir("/proc");
	bool found = false;
	struct dirent *de;

	while (d && !found && (de = readdir(d))) {
		char path[300], comm[64];

		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", de->d_name);
		found = read_line(path, comm, sizeof(comm)) && !strcmp(comm, name);
	}
	if (d)
		closedir(d);
	return found;
}

/* Interrupts that may go to @cpu, as far as /proc/irq tells. */
static void add_irqs(struct noise *s, int cpu)
{
	DIR *d = opendir("/proc/irq");
	unsigned here = 0, all = 0;
	struct dirent *de;

	while (d && (de = readdir(d))) {
		char path[300], list[96];

		snprintf(path, sizeof(path), "/proc/irq/%s/smp_affinity_list", de->d_name);
		if (!isdigit((unsigned char)de->d_name[0]) || !read_line(path, list, sizeof(list)))
			continue;
		all++;
		here += cpu < 0 || in_list(list, cpu);
	}
	if (d)
		closedir(d);
	add(s, "IRQ affinity", here > 0, "%u of %u interrupts may come to this CPU", here, all);
}

struct noise_span noise_now(void)
{
	/* proc(5): user, nice, system, idle, iowait, irq, softirq, steal; what guests run is in user and nice. */
	unsigned long long v[8] = {0};
	long ticks = sysconf(_SC_CLK_TCK);
	struct noise_span s = {0};
	struct rusage u[2];
	char line[256];

	if (ticks <= 0 || !read_line("/proc/stat", line, sizeof(line)) ||
		sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
			&v[6], &v[7]) != 8)
		return s;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		s.all += v[i] * (NSEC_PER_SEC / (uint64_t)ticks);
	s.steal = v[7] * (NSEC_PER_SEC / (uint64_t)ticks);
	s.busy = s.all - s.steal - (v[3] + v[4]) * (NSEC_PER_SEC / (uint64_t)ticks);
	getrusage(RUSAGE_SELF, &u[0]);
	getrusage(RUSAGE_CHILDREN, &u[1]);
	for (size_t i = 0; i < ARRAY_SIZE(u); i++)
		s.own += ((uint64_t)u[i].ru_utime.tv_sec + (uint64_t)u[i].ru_stime.tv_sec) * NSEC_PER_SEC +
			((uint64_t)u[i].ru_utime.tv_usec + (uint64_t)u[i].ru_stime.tv_usec) * NSEC_PER_USEC;
	return s;
}

struct noise_span noise_since(const struct noise_span *then)
{
	struct noise_span s = noise_now();

	/* A reading that failed, or a clock that went back, is no while at all. */
	if (!s.all || !then->all || s.all < then->all || s.steal < then->steal || s.busy < then->busy)
		return (struct noise_span){0};
	return (struct noise_span){
		.all = s.all - then->all,
		.busy = s.busy - then->busy,
		.steal = s.steal - then->steal,
		.own = s.own - then->own,
	};
}

/* Figures are in ticks of 10 ms as a rule: from a second on they are worth telling. */
#define SPAN_MIN NSEC_PER_SEC

bool noise_shares(const struct noise_span *s, double *ret_others, double *ret_steal)
{
	if (s->all < SPAN_MIN)
		return false;
	*ret_others = s->busy > s->own ? 100.0 * (double)(s->busy - s->own) / (double)s->all : 0;
	*ret_steal = 100.0 * (double)s->steal / (double)s->all;
	return true;
}

static void add_steal(struct noise *s)
{
	struct noise_span now = noise_now();

	if (now.all)
		add(s, "steal", now.steal > 0, "%.2f %% of all time since boot",
			100.0 * (double)now.steal / (double)now.all);
	else
		add(s, "steal", false, "unknown");
}

static void add_load(struct noise *s)
{
	char line[96];
	double load[3];

	if (read_line("/proc/loadavg", line, sizeof(line)) &&
		sscanf(line, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3)
		add(s, "load", load[0] > 0.5, "%.2f, %.2f, %.2f in the last 1, 5, 15 minutes", load[0], load[1],
			load[2]);
	else
		add(s, "load", false, "unknown");
}

int noise_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) != 1)
		return -1;
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

static void add_turbo(struct noise *s)
{
	char line[32];

	if (read_line("/sys/devices/system/cpu/intel_pstate/no_turbo", line, sizeof(line)))
		add(s, "turbo", line[0] == '0', "%s", line[0] == '0' ? "on" : "off");
	else if (read_line("/sys/devices/system/cpu/cpufreq/boost", line, sizeof(line)))
		add(s, "turbo", line[0] != '0', "%s", line[0] == '0' ? "off" : "on");
	else
		add(s, "turbo", false, "unknown: the host does not show it");
}

void noise_read(int cpu, struct noise *ret)
{
	char path[128], line[96];
	struct noise s = {.nr = 0};

	if (cpu < 0)
		add(&s, "pinned", true, "no; `taskset -c CPU` does it, and --pin of exits");
	else
		add(&s, "pinned", false, "to CPU %d", cpu);
	add_list(&s, "isolcpus", "/sys/devices/system/cpu/isolated", cpu);
	add_list(&s, "nohz_full", "/sys/devices/system/cpu/nohz_full", cpu);
	add_irqs(&s, cpu);
	add(&s, "irqbalance", is_running("irqbalance"), "%s", is_running("irqbalance") ? "runs" : "does not run");
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", MAX(cpu, 0));
	if (read_line(path, line, sizeof(line)))
		add(&s, "governor", strcmp(line, "performance") != 0, "%s", line);
	else
		add(&s, "governor", false, "unknown: the host does not show it");
	add_turbo(&s);
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", MAX(cpu, 0));
	if (read_line(path, line, sizeof(line)))
		add(&s, "SMT siblings", strpbrk(line, ",-") != NULL, "%s", line);
	else
		add(&s, "SMT siblings", false, "unknown");
	add_steal(&s);
	add_load(&s);
	*ret = s;
}

void noise_print(const struct noise *s, FILE *out)
{
	for (size_t i = 0; i < s->nr; i++)
		fprintf(out, "%c %-14s %s\n", s->item[i].poor ? '!' : ' ', s->item[i].name, s->item[i].text);
}

void noise_json(const struct noise *s, struct json *j)
{
	json_array(j, "disturbance");
	for (size_t i = 0; i < s->nr; i++) {
		json_object(j, NULL);
		json_string(j, "name", s->item[i].name);
		json_string(j, "text", s->item[i].text);
		json_bool(j, "poor", s->item[i].poor);
		json_end(j);
	}
	json_end(j);
}
