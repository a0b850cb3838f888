// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench NAME`: finds the benchmark, and what all of them need.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "cmd/bench.h"
#include "cmd/commands.h"
#include "cmd/version.h"
#include "vmm/base/outcome.h"
#include "vmm/kvm.h"

static const struct bench {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} benches[] = {
#define X(name, help) {#name, help, bench_##name},
	BENCHES(X)
#undef X
};

static void read_cpu(char *buf, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/cpuinfo", "re");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;

	snprintf(buf, size, "unknown");
	while (f && getline(&line, &room, f) > 0) {
		const char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(buf, size, "%s", value + 2);
		break;
	}
}

void bench_host_read(struct bench_host *ret)
{
	const char *hardware = kvm_hardware();
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;

	read_cpu(ret->cpu, sizeof(ret->cpu));
	if (uname(&u) == 0)
		snprintf(ret->kernel, sizeof(ret->kernel), "%.40s %.80s", u.sysname, u.release);
	else
		snprintf(ret->kernel, sizeof(ret->kernel), "unknown");
	snprintf(ret->kvm, sizeof(ret->kvm), "%s", hardware ? hardware : "software");
	ret->cpus = cpus > 0 ? (unsigned)cpus : 1;
	ret->date[0] = '\0';
	if (gmtime_r(&now, &tm))
		strftime(ret->date, sizeof(ret->date), "%Y-%m-%d %H:%M UTC", &tm);
}

void bench_host_print(const struct bench_host *h, FILE *out)
{
	fprintf(out, "%s, %u CPUs; %s; KVM: %s\nvmm " VMM_VERSION " (%s); %s\n", h->cpu, h->cpus, h->kernel, h->kvm,
		VMM_COMMIT, h->date);
}

void bench_host_json(const struct bench_host *h, struct json *j)
{
	json_object(j, "host");
	json_string(j, "cpu", h->cpu);
	json_u64(j, "cpus", h->cpus);
	json_string(j, "kernel", h->kernel);
	json_string(j, "kvm", h->kvm);
	json_string(j, "vmm", VMM_VERSION " (" VMM_COMMIT ")");
	json_string(j, "date", h->date);
	json_end(j);
}

int bench_write(const char *path, void (*write)(FILE *out, void *arg), void *arg, struct err *e)
{
	CLEANUP_FREE char *temporary = NULL;
	FILE *f;
	int r = 0;

	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return err_sys(e, -ENOMEM, "%s", path);
	}
	f = fopen(temporary, "we");
	if (!f)
		return err_operator(e, err_sys(e, -errno, "cannot write %s", temporary));
	write(f, arg);
	errno = 0;
	if (fflush(f) || ferror(f))
		r = errno ? -errno : -EIO;
	if (fclose(f) && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return err_operator(e, err_sys(e, r, "cannot write %s", path));
	}
	return 0;
}

int bench_files(const struct pick *json, void (*write_json)(FILE *out, void *arg), const struct pick *svg,
	void (*write_svg)(FILE *out, void *arg), void *arg, struct err *e)
{
	int r = json->given ? bench_write(json->value.text, write_json, arg, e) : 0;

	return r == 0 && svg->given ? bench_write(svg->value.text, write_svg, arg, e) : r;
}

int bench_options(int argc, char **argv, struct pick *picks, struct err *e)
{
	CLEANUP_FREE const char **words = calloc((size_t)argc, sizeof(*words));
	size_t nr = 0;
	int r;

	r = words ? pick_parse(argc, argv, "bench", picks, words, &nr, e) : err_set(e, -ENOMEM, "out of memory");
	return r == 0 && nr ? err_set(e, -EINVAL, "%.200s: belongs to no option", words[0]) : r;
}

void bench_host_line(const struct bench_host *h, char *buf, size_t size)
{
	snprintf(buf, size, "%s; %s; KVM: %s; %s", h->cpu, h->kernel, h->kvm, h->date);
}

int cmd_bench(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(benches); i++)
		if (!strcmp(argv[1], benches[i].name))
			return benches[i].run(argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "vmm: %s: unknown benchmark; there are", argv[1]);
	else
		fprintf(stderr, "vmm: no benchmark named; there are");
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		fprintf(stderr, "%s %s", i ? "," : "", benches[i].name);
	fputc('\n', stderr);
	return EXIT_USAGE;
}
