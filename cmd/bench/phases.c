// SPDX-License-Identifier: Apache-2.0
#include "cmd/bench/phases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/bench/table.h"
#include "cmd/report/report.h"
#include "vmm/base/stats.h"
#include "vmm/base/util.h"

int bench_phases_init(struct bench_phases *p, size_t max, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	char path[sizeof(p->path)];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/vmm-bench.XXXXXX", dir && *dir ? dir : "/tmp") >= sizeof(path))
		return err_set(e, -ENAMETOOLONG, "--phases: the name of the directory for temporary files is too long");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "--phases: cannot make %s", path);
	close(fd);
	memcpy(p->path, path, sizeof(path));
	p->max = max;
	return 0;
}

/* A run more for a row, which is made when it is new; without memory there is none. */
static void add(struct bench_phases *p, const char *name, const char *label, uint64_t ns)
{
	struct bench_phase *row = p->row;

	while (row < p->row + p->nr_rows && strcmp(row->name, name))
		row++;
	if (row == p->row + p->nr_rows) {
		if (p->nr_rows == BENCH_PHASES_MAX)
			return;
		row->sample = calloc(p->max, sizeof(*row->sample));
		if (!row->sample)
			return;
		snprintf(row->name, sizeof(row->name), "%s", name);
		snprintf(row->label, sizeof(row->label), "%s", label);
		p->nr_rows++;
	}
	if (row->nr < p->max)
		row->sample[row->nr++] = (double)ns / 1e6;
}

static void add_startup(struct bench_phases *p, const struct run_report *r)
{
	const struct json_doc *d = &r->doc;
	const struct json_node *s = json_get(d, d->node, "startup"), *before = json_get(d, s, "exec_to_main_ns");

	if (!json_first(d, s))
		return;
	if (before && before->type == JSON_NUMBER)
		add(p, "exec_to_main", "exec to main", json_count(before));
	add(p, "startup", "main to KVM_RUN", json_count(json_get(d, s, "total_ns")));
	add(p, "startup_own", "  our own time", json_count(json_get(d, s, "own_ns")));
	add(p, "startup_kvm", "  in KVM's ioctls", json_count(json_get(d, s, "kvm_ioctl_ns")));
}

int bench_phases_add(struct bench_phases *p, struct err *e)
{
	struct run_report r = {0};
	int code = run_report_read(p->path, &r, e);

	if (code < 0)
		return err_wrap(e, code, "--phases");
	add_startup(p, &r);
	for (size_t i = 0; i < r.nr_phases; i++)
		add(p, r.phase[i].name, r.phase[i].label, r.phase[i].wall_ns);
	p->runs++;
	run_report_destroy(&r);
	return 0;
}

void bench_phases_print(const struct bench_phases *p, FILE *out)
{
	if (!p->runs)
		return;
	bench_head(out, "phase, ms");
	for (size_t i = 0; i < p->nr_rows; i++) {
		const struct bench_phase *row = &p->row[i];
		struct stats st = stats_of(row->sample, row->nr);

		if (row->nr == p->runs)
			bench_row(out, 1, row->label, &st);
	}
}

void bench_phases_json(const struct bench_phases *p, struct json *j)
{
	json_object(j, "phases");
	for (size_t i = 0; i < p->nr_rows; i++) {
		struct stats st = stats_of(p->row[i].sample, p->row[i].nr);

		if (p->row[i].nr == p->runs)
			stats_json(j, p->row[i].name, &st, "ms");
	}
	json_end(j);
}

void bench_phases_destroy(struct bench_phases *p)
{
	for (size_t i = 0; i < p->nr_rows; i++)
		free(p->row[i].sample);
	if (p->path[0])
		unlink(p->path);
	*p = (struct bench_phases){0};
}
