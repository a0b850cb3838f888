// SPDX-License-Identifier: Apache-2.0
/*
 * The timeline in the JSON format of Chrome's trace viewer, which Perfetto reads as well. Two processes: vmm with its
 * threads (phases, events, time in the guest and exits), and the guest according to its console (milestones, marks,
 * initcalls by task), on one time axis.
 *
 * Slices of a thread nest by containment: an X event is inside the one that contains its time. KVM_RUN and the handling
 * of the exit after it alternate.
 */
#include <inttypes.h>
#include <string.h>

#include "vmm/report/internal.h"

#define PID_VMM   1
#define PID_GUEST 2

/* Tracks of the guest that are not tasks. */
#define TID_BOOT 0

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static void head(struct json *j, const char *phase, const char *name, int pid, int64_t tid, uint64_t at_ns)
{
	json_object(j, NULL);
	json_string(j, "ph", phase);
	json_string(j, "name", name);
	json_i64(j, "pid", pid);
	json_i64(j, "tid", tid);
	json_double(j, "ts", us(at_ns));
}

static void slice(struct json *j, const char *name, int pid, int64_t tid, uint64_t start_ns, uint64_t wall_ns)
{
	head(j, "X", name, pid, tid, start_ns);
	json_double(j, "dur", us(wall_ns));
	json_end(j);
}

static void instant(struct json *j, const char *name, int pid, int64_t tid, uint64_t at_ns)
{
	head(j, "i", name, pid, tid, at_ns);
	json_string(j, "s", "t");
	json_end(j);
}

static void title(struct json *j, const char *what, int pid, int64_t tid, const char *name)
{
	head(j, "M", what, pid, tid, 0);
	json_object(j, "args");
	json_string(j, "name", name);
	json_end(j);
	json_end(j);
}

static void put_phases(const struct report *r, struct json *j)
{
	for (size_t i = 0; i < r->phases.nr; i++) {
		const struct phase *p = &r->phases.phase[i];

		if (p->group == PHASE_GUEST)
			slice(j, p->label, PID_GUEST, TID_BOOT, p->start_ns, p->end_ns - p->start_ns);
		else
			slice(j, p->label, PID_VMM, r->main_tid, p->start_ns, p->end_ns - p->start_ns);
	}
}

static void put_record(const struct report *r, const struct trace_record *rec, struct json *j)
{
	char text[256];

	switch (rec->event) {
	case TRACE_EV_initcall:
		slice(j, rec->strings + rec->arg[0], PID_GUEST, (int64_t)rec->arg[3] + 1, report_initcall_start(r, rec),
			rec->arg[2]);
		break;
	case TRACE_EV_mark: instant(j, rec->strings + rec->arg[0], PID_GUEST, TID_BOOT, rec->t_ns); break;
	case TRACE_EV_slow_ioctl:
	case TRACE_EV_ioctl:
		/* Emitted at its end. */
		slice(j, rec->strings + rec->arg[0], PID_VMM, rec->tid,
			rec->t_ns > rec->arg[1] ? rec->t_ns - rec->arg[1] : 0, rec->arg[1]);
		break;
	default: instant(j, trace_format(rec, text, sizeof(text)), PID_VMM, rec->tid, rec->t_ns); break;
	}
}

/* Names each task of the guest that ran an initcall, once, at its first. */
static void put_task_names(const struct report *r, struct json *j)
{
	for (size_t i = 0; i < r->recorder.nr; i++) {
		const struct trace_record *rec = &r->recorder.record[i];
		bool seen = false;
		char name[48];

		if (rec->event != TRACE_EV_initcall)
			continue;
		for (size_t k = 0; k < i && !seen; k++)
			seen = r->recorder.record[k].event == TRACE_EV_initcall &&
				r->recorder.record[k].arg[3] == rec->arg[3];
		if (seen)
			continue;
		snprintf(name, sizeof(name), "initcalls, task %" PRIu64, rec->arg[3]);
		title(j, "thread_name", PID_GUEST, (int64_t)rec->arg[3] + 1, name);
	}
}

static void put_exit(
	const struct exit_trace *l, const struct exit_trace_entry *e, uint64_t end_ns, uint64_t zero_ns, struct json *j)
{
	char name[64];

	slice(j, "KVM_RUN", PID_VMM, l->tid, e->enter_ns - zero_ns, e->leave_ns - e->enter_ns);
	if (e->what == VCPU_PIO || e->what == VCPU_MMIO)
		snprintf(name, sizeof(name), "%s %s 0x%" PRIx64, vcpu_event_name(e->what), e->write ? "write" : "read",
			e->addr);
	else
		snprintf(name, sizeof(name), "%s", vcpu_event_name(e->what));
	slice(j, name, PID_VMM, l->tid, e->leave_ns - zero_ns, end_ns - e->leave_ns);
}

static void put_exits(const struct report *r, struct json *j)
{
	uint64_t zero = trace_zero_ns(r->trace);

	for (unsigned i = 0; i < r->measures.cpus; i++) {
		const struct exit_trace *l = r->measures.exit_trace[i];
		char name[32];

		if (!l)
			continue;
		snprintf(name, sizeof(name), "vCPU %u", l->cpu);
		title(j, "thread_name", PID_VMM, l->tid, name);
		for (size_t k = 0; k < l->nr; k++)
			put_exit(l, &l->entry[k], k + 1 < l->nr ? l->entry[k + 1].enter_ns : l->entry[k].leave_ns, zero,
				j);
	}
}

static uint64_t exits_lost(const struct report *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->measures.cpus; i++)
		n += r->measures.exit_trace[i] ? r->measures.exit_trace[i]->lost : 0;
	return n;
}

int report_trace(const struct report *r, FILE *out)
{
	struct json j;

	json_begin(&j, out);
	j.line_depth = 2;
	json_object(&j, NULL);
	json_string(&j, "displayTimeUnit", "ms");
	json_object(&j, "otherData");
	json_string(&j, "version", r->info->version);
	json_string(&j, "started", r->started);
	json_u64(&j, "dropped_events", report_dropped(r));
	json_u64(&j, "dropped_marks", r->measures.marks_lost);
	json_u64(&j, "dropped_exits", exits_lost(r));
	json_end(&j);
	json_array(&j, "traceEvents");
	title(&j, "process_name", PID_VMM, r->main_tid, "vmm");
	title(&j, "process_name", PID_GUEST, TID_BOOT, "guest, by its console");
	title(&j, "thread_name", PID_VMM, r->main_tid, "main");
	title(&j, "thread_name", PID_GUEST, TID_BOOT, "boot");
	put_task_names(r, &j);
	put_phases(r, &j);
	for (size_t i = 0; i < r->recorder.nr; i++)
		put_record(r, &r->recorder.record[i], &j);
	put_exits(r, &j);
	json_end(&j);
	json_end(&j);
	return json_finish(&j);
}
