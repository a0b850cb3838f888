// SPDX-License-Identifier: Apache-2.0
#include "cmd/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/file.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"
#include "vmm/console/printable.h"
#include "vmm/report/report.h"

#define FILE_MAX_BYTES (16 * MIB)          /* three times a report with all that it can have */
#define NS_MAX         (UINT64_C(1) << 62) /* so that sums of a few stay right */

/* Text from a file, safe for a terminal; cut to fit. */
static void printable(char *buf, size_t size, const char *text)
{
	printable_text(buf, size, text, strlen(text), PRINTABLE_LINE);
}

static uint64_t get_ns(const struct json_doc *d, const struct json_node *at, const char *key)
{
	return MIN(json_count(json_get(d, at, key)), NS_MAX);
}

const char *run_group_label(enum run_group g)
{
	static const char *const labels[] = {[RUN_SETUP] = "setup", [RUN_GUEST] = "guest", [RUN_END] = "end"};

	return labels[g];
}

static int read_phases(struct run_report *r, const struct json_node *list, struct err *e)
{
	uint64_t at = 0;

	for (const struct json_node *n = json_first(&r->doc, list); n; n = json_next(&r->doc, list, n)) {
		const char *group = json_text(json_get(&r->doc, n, "group"), "");
		struct run_phase *p = &r->phase[r->nr_phases];

		if (r->nr_phases == REPORT_PHASES_MAX)
			return err_set(e, -EINVAL, "more than %d phases", REPORT_PHASES_MAX);
		p->group = RUN_GROUPS;
		for (enum run_group g = 0; g < RUN_GROUPS; g++)
			if (!strcmp(group, run_group_label(g)))
				p->group = g;
		printable(p->name, sizeof(p->name), json_text(json_get(&r->doc, n, "name"), ""));
		printable(p->label, sizeof(p->label), json_text(json_get(&r->doc, n, "label"), ""));
		p->start_ns = get_ns(&r->doc, n, "start_ns");
		p->wall_ns = get_ns(&r->doc, n, "wall_ns");
		p->cpu_ns = get_ns(&r->doc, n, "cpu_ns");
		if (p->group == RUN_GROUPS || p->start_ns != at || at + p->wall_ns > NS_MAX)
			return err_set(e, -EINVAL, "phase %s does not follow the one before", p->name);
		at += p->wall_ns;
		r->nr_phases++;
	}
	r->total_ns = at;
	return 0;
}

static int by_length(const void *a, const void *b)
{
	const struct run_span *x = a, *y = b;

	return x->wall_ns < y->wall_ns ? 1 : x->wall_ns > y->wall_ns ? -1 : strcmp(x->name, y->name);
}

static int read_spans(
	const struct run_report *r, const char *key, const char *start, struct run_span **ret, size_t *ret_nr)
{
	const struct json_node *list = json_get(&r->doc, r->doc.node, key);
	size_t nr = 0;

	for (const struct json_node *n = json_first(&r->doc, list); n; n = json_next(&r->doc, list, n))
		nr++;
	*ret = calloc(nr + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (const struct json_node *n = json_first(&r->doc, list); n; n = json_next(&r->doc, list, n)) {
		struct run_span *s = &(*ret)[(*ret_nr)++];

		printable(s->name, sizeof(s->name), json_text(json_get(&r->doc, n, "name"), ""));
		s->start_ns = get_ns(&r->doc, n, start);
		s->wall_ns = get_ns(&r->doc, n, "wall_ns");
	}
	return 0;
}

static void write_lines(struct run_report *r)
{
	const struct json_doc *d = &r->doc;
	const struct json_node *top = d->node, *o = json_get(d, top, "outcome"), *h = json_get(d, top, "host"),
			       *c = json_get(d, top, "configuration"), *v = json_get(d, top, "vmm");
	const char *kernel = json_text(json_get(d, c, "kernel"), "no kernel"), *extension;
	char text[512], mem[UNITS_TEXT_MAX];
	const char *base = strrchr(kernel, '/');

	snprintf(text, sizeof(text), "%.40s (%.60s), exit status %" PRIu64 "; started %.40s, vmm %.20s %.30s",
		json_text(json_get(d, o, "name"), "?"), json_text(json_get(d, o, "detector"), "?"),
		json_count(json_get(d, o, "exit_status")), json_text(json_get(d, top, "started"), "?"),
		json_text(json_get(d, v, "version"), "?"), json_text(json_get(d, v, "commit"), ""));
	printable(r->summary, sizeof(r->summary), text);
	/* Of a report of 0.1.0 there is only the extension. */
	extension = json_text(
		json_get(d, json_get(d, h, "kvm"), "text"), json_text(json_get(d, h, "extension"), "software KVM"));
	snprintf(text, sizeof(text), "%.60s, %s, %" PRIu64 " CPU%s on %.60s, Linux %.40s, %.80s",
		base ? base + 1 : kernel, format_size(json_count(json_get(d, c, "mem_bytes")), mem),
		json_count(json_get(d, c, "cpus")), json_count(json_get(d, c, "cpus")) == 1 ? "" : "s",
		json_text(json_get(d, h, "cpu"), "?"), json_text(json_get(d, h, "kernel"), "?"), extension);
	printable(r->machine, sizeof(r->machine), text);
}

static void set_title(struct run_report *r, const char *path)
{
	const char *base = strrchr(path, '/');
	char *dot;

	printable(r->title, sizeof(r->title), base ? base + 1 : path);
	dot = strrchr(r->title, '.');
	if (dot && dot > r->title && !strcmp(dot, ".json"))
		*dot = '\0';
}

static int read_text(const char *path, char **ret, size_t *ret_size, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_sys(e, -errno, "cannot open it");
	r = file_read_all(fd, FILE_MAX_BYTES, ret, ret_size);
	if (r == -EFBIG)
		return err_set(e, r, "larger than %d MiB: no report", (int)(FILE_MAX_BYTES / MIB));
	return r < 0 ? err_sys(e, r, "cannot read it") : 0;
}

static int read_report(const char *path, struct run_report *r, struct err *e)
{
	const struct json_node *top;
	size_t size = 0;
	int code = read_text(path, &r->text, &size, e);

	if (code == 0)
		code = json_read(r->text, size, &r->doc, e);
	if (code < 0)
		return code;
	top = r->doc.node;
	if (strcmp(json_text(json_get(&r->doc, top, "schema"), ""), "vmm-report"))
		return err_set(e, -EINVAL, "no report: vmm --report FILE writes one");
	if (json_count(json_get(&r->doc, top, "version")) != REPORT_VERSION)
		return err_set(e, -EINVAL, "a report of another version; this vmm reads version %d", REPORT_VERSION);
	code = read_phases(r, json_get(&r->doc, top, "phases"), e);
	if (code < 0)
		return code;
	code = read_spans(r, "initcalls", "start_ns", &r->initcall, &r->nr_initcalls);
	if (code == 0)
		code = read_spans(r, "marks", "t_ns", &r->mark, &r->nr_marks);
	if (code < 0)
		return err_sys(e, code, "cannot read it");
	if (r->nr_initcalls)
		qsort(r->initcall, r->nr_initcalls, sizeof(r->initcall[0]), by_length);
	write_lines(r);
	set_title(r, path);
	return 0;
}

int run_report_read(const char *path, struct run_report *ret, struct err *e)
{
	struct run_report r = {0};
	int code = read_report(path, &r, e);

	if (code < 0) {
		run_report_destroy(&r);
		return err_wrap(e, code, "%s", path);
	}
	*ret = r;
	return 0;
}

void run_report_destroy(struct run_report *r)
{
	json_doc_destroy(&r->doc);
	free(r->text);
	free(r->initcall);
	free(r->mark);
	*r = (struct run_report){0};
}

uint64_t run_report_group_ns(const struct run_report *r, enum run_group g, uint64_t *ret_start)
{
	uint64_t sum = 0;
	bool first = true;

	for (size_t i = 0; i < r->nr_phases; i++) {
		if (r->phase[i].group != g)
			continue;
		if (first && ret_start)
			*ret_start = r->phase[i].start_ns;
		first = false;
		sum += r->phase[i].wall_ns;
	}
	return sum;
}

const struct run_phase *run_report_phase(const struct run_report *r, const char *name)
{
	for (size_t i = 0; i < r->nr_phases; i++)
		if (!strcmp(r->phase[i].name, name))
			return &r->phase[i];
	return NULL;
}

const char *report_ms(uint64_t ns, char *buf)
{
	double ms = (double)ns / 1e6;

	snprintf(buf, 24, ms < 100 ? "%.3f" : ms < 1000 ? "%.2f" : "%.1f", ms);
	return buf;
}
