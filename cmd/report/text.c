// SPDX-License-Identifier: Apache-2.0
/*
 * Reports as text. The bar of a group lies on the axis of the whole run, that of a phase on the axis of its group,
 * since a start-up of milliseconds would not be seen beside a boot of seconds. What is shorter than a column is still a
 * mark.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/report/report.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"
#include "vmm/base/wrap.h"
#include "vmm/console/printable.h"

#define LABEL   24
#define NUMBER  12
#define BAR_MIN 8
#define LONGEST 10

/* What lies past the end, as only a forged report has it, is drawn at the end. */
static void print_bar(uint64_t start, uint64_t wall, uint64_t total, int width, FILE *out)
{
	int from, to;

	start = MIN(start, total);
	wall = MIN(wall, total - start);
	from = total ? MIN((int)((double)start / (double)total * width), width - 1) : 0;
	to = total ? MIN((int)((double)(start + wall) / (double)total * width + 0.5), width) : 0;
	fprintf(out, " |%*s", from, "");
	if (to <= from) {
		fputc(wall ? ':' : '.', out);
		to = from + 1;
	} else {
		for (int i = from; i < to; i++)
			fputc('#', out);
	}
	fprintf(out, "%*s|\n", width - to, "");
}

static void print_time(uint64_t ns, FILE *out)
{
	char text[24];

	fprintf(out, " %*s", NUMBER - 1, report_ms(ns, text));
}

static void print_marks(const struct run_report *r, uint64_t start, uint64_t sum, int bar, FILE *out)
{
	for (size_t i = 0; i < r->nr_marks; i++) {
		const struct run_span *m = &r->mark[i];

		if (m->start_ns < start || m->start_ns > start + sum)
			continue;
		fprintf(out, "  * %-*.*s", LABEL - 4, LABEL - 4, m->name);
		print_time(m->start_ns, out);
		fprintf(out, " %*s", NUMBER - 1, "mark");
		print_bar(m->start_ns - start, 0, sum, bar, out);
	}
}

static void print_phases(const struct run_report *r, int bar, FILE *out)
{
	for (enum run_group g = 0; g < RUN_GROUPS; g++) {
		uint64_t start = 0, sum = run_report_group_ns(r, g, &start);

		if (!sum)
			continue;
		fprintf(out, "%-*s", LABEL, run_group_label(g));
		print_time(start, out);
		print_time(sum, out);
		print_bar(start, sum, r->total_ns, bar, out);
		for (size_t i = 0; i < r->nr_phases; i++) {
			const struct run_phase *p = &r->phase[i];

			if (p->group != g)
				continue;
			fprintf(out, "  %-*.*s", LABEL - 2, LABEL - 2, p->label);
			print_time(p->start_ns, out);
			print_time(p->wall_ns, out);
			print_bar(p->start_ns - start, p->wall_ns, sum, bar, out);
		}
		if (g == RUN_GUEST)
			print_marks(r, start, sum, bar, out);
	}
	fprintf(out, "%-*s%*s", LABEL, "total", NUMBER, "");
	print_time(r->total_ns, out);
	fprintf(out, "\n");
}

static void print_initcalls(const struct run_report *r, int bar, FILE *out)
{
	uint64_t sum = 0, start = 0, guest = run_report_group_ns(r, RUN_GUEST, &start);
	char text[24];

	if (!r->nr_initcalls)
		return;
	for (size_t i = 0; i < r->nr_initcalls; i++)
		sum += r->initcall[i].wall_ns;
	fprintf(out, "\n%zu initcalls took %s ms together; the longest, on the axis of the guest:\n", r->nr_initcalls,
		report_ms(sum, text));
	for (size_t i = 0; i < r->nr_initcalls && i < LONGEST; i++) {
		const struct run_span *s = &r->initcall[i];

		fprintf(out, "  %-*.*s", LABEL - 2, LABEL - 2, s->name);
		print_time(s->start_ns, out);
		print_time(s->wall_ns, out);
		print_bar(s->start_ns > start ? s->start_ns - start : 0, s->wall_ns, guest, bar, out);
	}
}

static void print_startup(const struct run_report *r, const struct json_node *s, FILE *out)
{
	const struct json_doc *d = &r->doc;
	char a[24], b[24], c[24];

	if (!json_first(d, s))
		return;
	fprintf(out, "start-up   %s ms to the first KVM_RUN: %s in KVM, %s our own\n",
		report_ms(json_count(json_get(d, s, "total_ns")), a),
		report_ms(json_count(json_get(d, s, "kvm_ioctl_ns")), b),
		report_ms(json_count(json_get(d, s, "own_ns")), c));
}

static void print_exits(const struct run_report *r, const struct json_node *x, int width, FILE *out)
{
	const struct json_doc *d = &r->doc;
	const struct json_node *all = json_get(d, x, "total"), *kvm = json_get(d, json_get(d, x, "kvm_vcpu"), "exits");
	char text[1024] = "";
	size_t n = 0;

	for (const struct json_node *e = json_first(d, all); e && n < sizeof(text) / 2; e = json_next(d, all, e)) {
		char name[32];

		if (!json_count(e))
			continue;
		printable_text(name, sizeof(name), e->key, strlen(e->key), PRINTABLE_LINE);
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s%" PRIu64 " %s", n ? ", " : "", json_count(e), name);
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", n ? "" : "none to us");
	if (kvm)
		snprintf(text + n, sizeof(text) - n, "; %" PRIu64 " in all by KVM's count", json_count(kvm));
	wrap_print(out, fprintf(out, "exits      "), 11, width, text);
}

static void print_devices(const struct run_report *r, const struct json_node *list, FILE *out)
{
	const struct json_doc *d = &r->doc;
	const char *head = "registers ";

	for (const struct json_node *n = json_first(d, list); n; n = json_next(d, list, n)) {
		const char *text = json_text(json_get(d, n, "name"), "?");
		char name[48];
		uint64_t reads = json_count(json_get(d, n, "reads")), writes = json_count(json_get(d, n, "writes"));

		if (!reads && !writes)
			continue;
		printable_text(name, sizeof(name), text, strlen(text), PRINTABLE_LINE);
		fprintf(out, "%s %-28.28s %10" PRIu64 " reads %10" PRIu64 " writes\n", head, name, reads, writes);
		head = "          ";
	}
}

static void print_payload(const struct run_report *r, const struct json_node *list, FILE *out)
{
	const struct json_doc *d = &r->doc;
	const char *head = "moved     ";

	for (const struct json_node *n = json_first(d, list); n; n = json_next(d, list, n)) {
		const struct json_node *p = json_get(d, n, "payload");
		uint64_t to = json_count(json_get(d, p, "to_guest_bytes"));
		uint64_t from = json_count(json_get(d, p, "from_guest_bytes"));
		const char *text = json_text(json_get(d, p, "device"), "?");
		char name[48];

		if (!to && !from)
			continue;
		printable_text(name, sizeof(name), text, strlen(text), PRINTABLE_LINE);
		fprintf(out, "%s %-28.28s %10" PRIu64 " B in %11" PRIu64 " B out of the guest\n", head, name, to, from);
		head = "          ";
	}
}

static void print_host_errors(const struct run_report *r, const struct json_node *list, FILE *out)
{
	const struct json_doc *d = &r->doc;

	for (const struct json_node *n = json_first(d, list); n; n = json_next(d, list, n)) {
		const struct json_node *p = json_get(d, n, "payload");
		uint64_t errors = json_count(json_get(d, p, "host_errors"));
		const char *text = json_text(json_get(d, p, "device"), "?");
		char name[48];

		printable_text(name, sizeof(name), text, strlen(text), PRINTABLE_LINE);
		if (errors)
			fprintf(out, "failed     %-28.28s %10" PRIu64 " requests that the host could not do\n", name,
				errors);
	}
}

static void print_memory(const struct run_report *r, const struct json_node *m, FILE *out)
{
	const struct json_doc *d = &r->doc;

	if (!json_first(d, m))
		return;
	fprintf(out, "memory     %.1f MiB of the guest's %.0f MiB touched; overhead %.2f MiB\n",
		(double)json_count(json_get(d, m, "guest_rss_bytes")) / (double)MIB,
		(double)json_count(json_get(d, m, "guest_ram_bytes")) / (double)MIB,
		(double)json_count(json_get(d, m, "overhead_bytes")) / (double)MIB);
}

static void print_clock(const struct run_report *r, const struct json_node *c, FILE *out)
{
	const struct json_node *zero = json_get(&r->doc, c, "zero_ns");

	if (zero && zero->type == JSON_NUMBER)
		fprintf(out, "clock      the guest's read 0 at %.3f ms, by the nearest of %" PRIu64 " lines\n",
			zero->number / 1e6, json_count(json_get(&r->doc, c, "lines")));
}

/* Which run: how it ended, and on what machine. */
static void print_head(const char *letter, const struct run_report *r, int width, FILE *out)
{
	char text[sizeof(r->title) + sizeof(r->summary) + 2];
	int indent = (int)strlen(letter);

	snprintf(text, sizeof(text), "%s: %s", r->title, r->summary);
	wrap_print(out, fprintf(out, "%s", letter), indent, width, text);
	wrap_print(out, 0, indent, width, r->machine);
}

static void print_kernel(const struct run_report *r, const struct json_node *k, int width, FILE *out)
{
	const struct json_doc *d = &r->doc;
	const char *version = json_text(json_get(d, k, "version"), ""), *id = json_text(json_get(d, k, "build_id"), "");
	char text[256], file[128];

	if (!json_first(d, k))
		return;
	printable_text(text, sizeof(text), version, strlen(version), PRINTABLE_LINE);
	wrap_print(
		out, fprintf(out, "kernel     "), 11, width, *text ? text : "of a version that its file does not tell");
	printable_text(text, sizeof(text), id, strlen(id), PRINTABLE_LINE);
	snprintf(file, sizeof(file), "%.8s, %" PRIu64 " bytes%s%.40s", json_text(json_get(d, k, "format"), "?"),
		json_count(json_get(d, k, "size_bytes")), *text ? "; build id " : "", text);
	wrap_print(out, 0, 11, width, file);
}

void report_text(const struct run_report *r, int width, FILE *out)
{
	const struct json_doc *d = &r->doc;
	const struct json_node *top = d->node, *dropped = json_get(d, top, "dropped");
	int bar = MAX(BAR_MIN, width - LABEL - 2 * NUMBER - 3);

	print_head("", r, width, out);
	fputc('\n', out);
	fprintf(out, "%-*s %*s %*s\n", LABEL, "ms", NUMBER - 1, "at", NUMBER - 1, "took");
	print_phases(r, bar, out);
	print_initcalls(r, bar, out);
	fputc('\n', out);
	print_kernel(r, json_get(d, top, "kernel"), width, out);
	print_startup(r, json_get(d, top, "startup"), out);
	print_clock(r, json_get(d, top, "guest_clock"), out);
	print_exits(r, json_get(d, top, "exits"), width, out);
	print_devices(r, json_get(d, top, "devices"), out);
	print_payload(r, json_get(d, top, "devices"), out);
	print_host_errors(r, json_get(d, top, "devices"), out);
	print_memory(r, json_get(d, top, "memory"), out);
	if (json_count(json_get(d, dropped, "events")) || json_count(json_get(d, dropped, "marks")))
		fprintf(out, "dropped    %" PRIu64 " events and %" PRIu64 " marks are not in this report\n",
			json_count(json_get(d, dropped, "events")), json_count(json_get(d, dropped, "marks")));
}

/* --- Several runs ------------------------------------------------------------------------------------------- */

struct names {
	const struct run_phase *phase[REPORT_RUNS_MAX * REPORT_PHASES_MAX];
	size_t nr;
};

static bool has(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->nr; i++)
		if (!strcmp(n->phase[i]->name, name))
			return true;
	return false;
}

/* The phases of a group that any run has, in the order of the first, then of the second... */
static void collect(const struct run_report *r, size_t nr, enum run_group g, struct names *ret)
{
	ret->nr = 0;
	for (size_t k = 0; k < nr; k++)
		for (size_t i = 0; i < r[k].nr_phases; i++)
			if (r[k].phase[i].group == g && !has(ret, r[k].phase[i].name))
				ret->phase[ret->nr++] = &r[k].phase[i];
}

/* Of two, how much longer the second is; the bar says it in parts of the larger total. */
static void print_difference(uint64_t a, uint64_t b, uint64_t total, int bar, FILE *out)
{
	double diff = ((double)b - (double)a) / 1e6;
	int n = total ? (int)(((double)b - (double)a) / (double)total * bar) : 0;

	fprintf(out, " %+11.3f ", diff);
	if (a)
		fprintf(out, "%7.2f", (double)b / (double)a);
	else
		fprintf(out, "%7s", "-");
	fprintf(out, " ");
	for (int i = 0; i < (n < 0 ? -n : n) && i < bar; i++)
		fputc(n < 0 ? '-' : '+', out);
	fputc('\n', out);
}

static void compare_row(const char *label, int indent, const uint64_t *ns, const bool *there, size_t nr,
	bool difference, uint64_t total, int bar, FILE *out)
{
	fprintf(out, "%*s%-*.*s", indent, "", LABEL - indent, LABEL - indent, label);
	for (size_t k = 0; k < nr; k++) {
		if (there[k])
			print_time(ns[k], out);
		else
			fprintf(out, " %*s", NUMBER - 1, "-");
	}
	if (difference && there[0] && there[1])
		print_difference(ns[0], ns[1], total, bar, out);
	else
		fputc('\n', out);
}

/* A table of @nr of the runs, from @first on. */
static void compare_table(const struct run_report *all, size_t all_nr, size_t first, size_t nr, int bar, FILE *out)
{
	const struct run_report *r = all + first;
	uint64_t ns[REPORT_RUNS_MAX] = {0}, longest = 0;
	bool there[REPORT_RUNS_MAX] = {false};
	struct names names;

	fprintf(out, "\n%-*s", LABEL, "ms");
	for (size_t k = 0; k < nr; k++)
		fprintf(out, " %*c", NUMBER - 1, (char)('A' + first + k));
	if (all_nr == 2)
		fprintf(out, " %11s %7s", "B - A", "B / A");
	fputc('\n', out);
	for (size_t k = 0; k < all_nr; k++)
		longest = MAX(longest, all[k].total_ns);
	for (enum run_group g = 0; g < RUN_GROUPS; g++) {
		collect(all, all_nr, g, &names);
		for (size_t k = 0; k < nr; k++) {
			ns[k] = run_report_group_ns(&r[k], g, NULL);
			there[k] = true;
		}
		compare_row(run_group_label(g), 0, ns, there, nr, all_nr == 2, longest, bar, out);
		for (size_t i = 0; i < names.nr; i++) {
			for (size_t k = 0; k < nr; k++) {
				const struct run_phase *p = run_report_phase(&r[k], names.phase[i]->name);

				there[k] = p != NULL;
				ns[k] = p ? p->wall_ns : 0;
			}
			compare_row(names.phase[i]->label, 2, ns, there, nr, all_nr == 2, longest, bar, out);
		}
	}
	for (size_t k = 0; k < nr; k++) {
		ns[k] = r[k].total_ns;
		there[k] = true;
	}
	compare_row("total", 0, ns, there, nr, all_nr == 2, longest, bar, out);
}

void report_compare(const struct run_report *r, size_t nr, int width, FILE *out)
{
	size_t side_by_side = (size_t)MAX(2, (width - LABEL) / NUMBER);
	int bar = MAX(0, width - LABEL - 2 * NUMBER - 21);

	for (size_t k = 0; k < nr; k++)
		print_head((const char[]){(char)('A' + k), ':', ' ', '\0'}, &r[k], width, out);
	/* Those that do not fit beside the others have a table of their own. */
	for (size_t first = 0; first < nr; first += side_by_side)
		compare_table(r, nr, first, MIN(side_by_side, nr - first), bar, out);
}
