// SPDX-License-Identifier: Apache-2.0
/*
 * The report as JSON. docs/report.schema.json describes every member, and a test holds this file to it. Members may be
 * added at any time; changing or removing one increments REPORT_VERSION.
 */
#include <string.h>

#include "security/sandbox.h"
#include "vmm/machine/board.h"
#include "vmm/report/internal.h"
#include "vmm/report/kernel_id.h"

/* Objects in top-level arrays are written on one line each. */
#define LINE_DEPTH 2

static void put_outcome(const struct report *r, const struct report_end *end, struct json *j)
{
	const struct verdict *v = &end->verdict;

	json_object(j, "outcome");
	json_string(j, "name", outcome_name(v->outcome));
	json_i64(j, "exit_status", end->status);
	json_string(j, "detector", detector_text(v->by));
	json_u64(j, "value", v->value);
	json_string(j, "panic_line", r->measures.panic_line[0] ? r->measures.panic_line : NULL);
	if (r->measures.failure[0])
		json_string(j, "error", r->measures.failure);
	else
		json_string(j, "error", end->error);
	json_string(j, "core", r->measures.core);
	json_end(j);
}

static void put_program(const struct report *r, struct json *j)
{
	json_object(j, "vmm");
	json_string(j, "version", r->info->version);
	json_string(j, "commit", r->info->commit);
	json_string(j, "compiler", r->info->compiler);
	json_end(j);
	json_string(j, "started", r->started);
	json_array(j, "command");
	for (char *const *a = r->info->argv; *a; a++)
		json_string(j, NULL, *a);
	json_end(j);
}

static void put_configuration(const struct report_info *info, struct json *j)
{
	json_object(j, "configuration");
	for (const struct report_setting *s = info->setting; s < info->setting + info->nr_settings; s++) {
		switch (s->kind) {
		case REPORT_NULL: json_null(j, s->name); break;
		case REPORT_BOOL: json_bool(j, s->name, s->n); break;
		case REPORT_NUMBER: json_u64(j, s->name, s->n); break;
		case REPORT_TEXT: json_string(j, s->name, s->text); break;
		}
	}
	json_end(j);
}

static const char *known(const char *text)
{
	return *text ? text : NULL;
}

static void put_kernel(const struct report *r, struct json *j)
{
	struct kernel_id id;

	if (r->kernel_fd < 0) {
		json_null(j, "kernel");
		return;
	}
	kernel_id_read(r->kernel_fd, r->kernel_size, &id);
	json_object(j, "kernel");
	json_string(j, "format", id.format);
	json_u64(j, "size_bytes", id.size);
	json_string(j, "build_id", known(id.build_id));
	json_string(j, "version", known(id.version));
	json_end(j);
}

static void put_startup(const struct report *r, struct json *j)
{
	const struct trace_record *first = recorder_find(&r->recorder, TRACE_EV_first_run);
	const struct trace_record *start = recorder_find(&r->recorder, TRACE_EV_start);
	uint64_t kvm = r->measures.startup_ioctl_ns;

	if (!first || !start) {
		json_null(j, "startup");
		return;
	}
	json_object(j, "startup");
	json_u64(j, "total_ns", first->t_ns);
	json_u64(j, "kvm_ioctl_ns", kvm);
	json_u64(j, "own_ns", first->t_ns > kvm ? first->t_ns - kvm : 0);
	json_u64(j, "cpu_ns", first->cpu_ns > start->cpu_ns ? first->cpu_ns - start->cpu_ns : 0);
	json_u64(j, "cpu_before_main_ns", start->arg[0]);
	if (r->info->exec_to_main_ns)
		json_u64(j, "exec_to_main_ns", r->info->exec_to_main_ns);
	else
		json_null(j, "exec_to_main_ns");
	json_end(j);
}

static void put_phases(const struct report *r, struct json *j)
{
	const struct phases *ps = &r->phases;

	json_u64(j, "total_ns", ps->nr ? ps->phase[ps->nr - 1].end_ns : 0);
	json_array(j, "phases");
	for (size_t i = 0; i < ps->nr; i++) {
		const struct phase *p = &ps->phase[i];

		json_object(j, NULL);
		json_string(j, "name", p->name);
		json_string(j, "label", p->label);
		json_string(j, "group", phase_group_name(p->group));
		json_u64(j, "start_ns", p->start_ns);
		json_u64(j, "wall_ns", p->end_ns - p->start_ns);
		json_u64(j, "cpu_ns", p->cpu_ns);
		json_end(j);
	}
	json_end(j);
}

static void put_args(const struct trace_record *rec, struct json *j)
{
	const struct trace_def *def = &trace_defs[rec->event];

	json_object(j, "args");
	for (size_t i = 0; def->types[i]; i++) {
		if (def->types[i] == 'S')
			json_string(j, trace_def_arg(def, i), rec->strings + rec->arg[i]);
		else
			json_u64(j, trace_def_arg(def, i), rec->arg[i]);
	}
	json_end(j);
}

static void put_events(const struct report *r, struct json *j)
{
	json_array(j, "events");
	for (size_t i = 0; i < r->recorder.nr; i++) {
		const struct trace_record *rec = &r->recorder.record[i];
		char text[256];

		if (rec->event == TRACE_EV_initcall || rec->event == TRACE_EV_mark)
			continue;
		json_object(j, NULL);
		json_string(j, "name", trace_defs[rec->event].name);
		json_u64(j, "t_ns", rec->t_ns);
		json_u64(j, "cpu_ns", rec->cpu_ns);
		json_i64(j, "tid", rec->tid);
		json_string(j, "text", trace_format(rec, text, sizeof(text)));
		json_u64(j, "suppressed", rec->suppressed);
		put_args(rec, j);
		json_end(j);
	}
	json_end(j);
}

static void put_guest(const struct report *r, struct json *j)
{
	const struct guest_clock *clock = &r->measures.console.clock;
	int64_t zero;

	if (report_clock_zero(r, &zero)) {
		json_object(j, "guest_clock");
		json_i64(j, "zero_ns", zero);
		json_u64(j, "lines", clock->lines);
		json_u64(j, "spread_ns", clock->spread_ns);
		json_end(j);
	} else {
		json_null(j, "guest_clock");
	}
	json_array(j, "marks");
	for (size_t i = 0; i < r->recorder.nr; i++) {
		const struct trace_record *rec = &r->recorder.record[i];

		if (rec->event != TRACE_EV_mark)
			continue;
		json_object(j, NULL);
		json_string(j, "name", rec->strings + rec->arg[0]);
		json_string(j, "source", rec->strings + rec->arg[1]);
		json_u64(j, "t_ns", rec->t_ns);
		json_end(j);
	}
	json_end(j);
	json_array(j, "initcalls");
	for (size_t i = 0; i < r->recorder.nr; i++) {
		const struct trace_record *rec = &r->recorder.record[i];

		if (rec->event != TRACE_EV_initcall)
			continue;
		json_object(j, NULL);
		json_string(j, "name", rec->strings + rec->arg[0]);
		json_u64(j, "start_ns", report_initcall_start(r, rec));
		json_u64(j, "wall_ns", rec->arg[2]);
		json_u64(j, "task", rec->arg[3]);
		json_end(j);
	}
	json_end(j);
}

static void put_counts(const char *key, const uint64_t *count, struct json *j)
{
	json_object(j, key);
	for (unsigned i = 0; i < VCPU_EVENTS; i++)
		json_u64(j, vcpu_event_name((enum vcpu_event)i), count[i]);
	json_end(j);
}

static void put_counters(const char *key, const struct measure_counters *c, struct json *j)
{
	if (!c->nr) {
		json_null(j, key);
		return;
	}
	json_object(j, key);
	for (size_t i = 0; i < c->nr; i++)
		json_u64(j, c->counter[i].name, c->counter[i].value);
	json_end(j);
}

static void put_exits(const struct report *r, struct json *j)
{
	const struct measures *m = &r->measures;
	uint64_t sum[VCPU_EVENTS] = {0};

	for (unsigned i = 0; i < m->cpus; i++)
		for (unsigned k = 0; k < VCPU_EVENTS; k++)
			sum[k] += m->exits[i][k];
	json_object(j, "exits");
	put_counts("total", sum, j);
	json_array(j, "cpus");
	for (unsigned i = 0; i < m->cpus; i++)
		put_counts(NULL, m->exits[i], j);
	json_end(j);
	put_counters("kvm_vcpu", &m->vcpu, j);
	put_counters("kvm_vm", &m->vm, j);
	json_end(j);
}

static void put_payload(const struct measure_device *d, struct json *j)
{
	if (!d->name[0]) {
		json_null(j, "payload");
		return;
	}
	json_object(j, "payload");
	json_string(j, "device", d->name);
	json_bool(j, "driven", d->driven);
	json_u64(j, "to_guest_bytes", d->payload.to_guest);
	json_u64(j, "from_guest_bytes", d->payload.from_guest);
	json_u64(j, "host_errors", d->payload.host_errors);
	json_end(j);
}

static void put_devices(const struct report *r, struct json *j)
{
	const struct console_stats *c = &r->measures.console;

	json_array(j, "devices");
	for (size_t i = 0; i < r->measures.nr_devices; i++) {
		const struct measure_device *d = &r->measures.device[i];

		json_object(j, NULL);
		json_string(j, "name", board_part_name(d->part.kind));
		json_u64(j, "index", d->part.index);
		json_string(j, "space", d->part.space == BOARD_PIO ? "port" : "memory");
		json_u64(j, "base", d->part.base);
		json_u64(j, "reads", d->reads);
		json_u64(j, "writes", d->writes);
		json_u64(j, "register_bytes", d->bytes);
		put_payload(d, j);
		json_end(j);
	}
	json_end(j);
	json_object(j, "console");
	json_u64(j, "bytes_out", c->taken);
	json_u64(j, "bytes_written", c->written);
	json_u64(j, "bytes_lost", c->lost);
	json_u64(j, "bytes_in", c->input);
	json_end(j);
}

static void put_memory(const struct report *r, struct json *j)
{
	const struct memory_use *u = &r->measures.memory;

	if (!r->measures.memory_known) {
		json_null(j, "memory");
	} else {
		json_object(j, "memory");
		json_u64(j, "rss_bytes", u->rss);
		json_u64(j, "pss_bytes", u->pss);
		json_u64(j, "guest_ram_bytes", r->measures.ram_bytes);
		json_u64(j, "guest_rss_bytes", u->guest_rss);
		json_u64(j, "guest_pages_touched", u->guest_rss / (4 * KIB));
		json_u64(j, "overhead_bytes", u->private);
		json_end(j);
	}
	host_facts_json_process(&r->files, j, "process");
}

static void put_sandbox(const struct report *r, struct json *j)
{
	json_object(j, "sandbox");
	json_array(j, "stages");
	for (size_t i = 0; i < r->recorder.nr; i++)
		if (r->recorder.record[i].event == TRACE_EV_sandbox_stage)
			json_string(j, NULL, r->recorder.record[i].strings + r->recorder.record[i].arg[0]);
	json_end(j);
	if (r->sandbox) {
		json_string(j, "mode", sandbox_mode_name(r->sandbox->mode));
		json_i64(j, "landlock_abi", r->sandbox->landlock_abi);
		json_string(j, "landlock_cannot_deny", r->sandbox->unhandled);
		json_bool(j, "seccomp", r->sandbox->seccomp);
		json_bool(j, "no_capabilities", r->sandbox->no_capabilities);
		json_bool(j, "not_dumpable", r->sandbox->not_dumpable);
		json_bool(j, "own_users", r->sandbox->userns);
		json_bool(j, "own_network", r->sandbox->netns);
		json_bool(j, "own_root", r->sandbox->own_root);
		json_bool(j, "own_cgroup", r->sandbox->cgroup);
		json_string(j, "missing", r->sandbox->missing);
	}
	host_facts_json_sandbox(&r->files, j);
	json_end(j);
}

static void put_dropped(const struct report *r, struct json *j)
{
	json_object(j, "dropped");
	json_u64(j, "events", report_dropped(r));
	json_u64(j, "marks", r->measures.marks_lost);
	json_object(j, "suppressed");
	for (size_t i = 0; i < TRACE_EV_COUNT; i++) {
		uint64_t n = trace_suppressed(r->trace, (enum trace_event)i);

		if (n)
			json_u64(j, trace_defs[i].name, n);
	}
	json_end(j);
	json_end(j);
}

int report_json(const struct report *r, const struct report_end *end, FILE *out)
{
	struct json j;

	json_begin(&j, out);
	j.line_depth = LINE_DEPTH;
	json_object(&j, NULL);
	json_string(&j, "schema", "vmm-report");
	json_i64(&j, "version", REPORT_VERSION);
	put_outcome(r, end, &j);
	put_program(r, &j);
	put_configuration(r->info, &j);
	put_kernel(r, &j);
	host_facts_json_host(&r->files, r->measures.kvm_api, &j, "host");
	put_startup(r, &j);
	put_phases(r, &j);
	put_guest(r, &j);
	put_exits(r, &j);
	put_devices(r, &j);
	put_memory(r, &j);
	put_sandbox(r, &j);
	put_dropped(r, &j);
	put_events(r, &j);
	json_end(&j);
	return json_finish(&j);
}
