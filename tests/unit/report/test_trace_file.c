// SPDX-License-Identifier: Apache-2.0
/* The file of --trace, read back: what stands on which line, from when and for how long. */
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/util.h"
#include "vmm/report/internal.h"

#define ZERO_NS 1000000
#define MAIN    7
#define VCPU    8

static void add(struct report *r, enum trace_event ev, uint64_t t_ns, const char *name, uint64_t a1, uint64_t a2)
{
	struct trace_record rec = {.event = ev, .tid = MAIN, .t_ns = t_ns, .arg = {0, a1, a2, 5}};

	snprintf(rec.strings, sizeof(rec.strings), "%s", name);
	r->recorder.sink.record(&r->recorder.sink, &rec);
}

/* The event of this name, of which there is one; fails when there is none or another. */
static const struct json_node *find(const struct json_doc *d, const char *phase, const char *name)
{
	const struct json_node *list = json_get(d, d->node, "traceEvents"), *found = NULL;

	for (const struct json_node *n = json_first(d, list); n; n = json_next(d, list, n))
		if (!strcmp(json_text(json_get(d, n, "name"), ""), name) &&
			!strcmp(json_text(json_get(d, n, "ph"), ""), phase)) {
			assert_null(found);
			found = n;
		}
	if (!found)
		fail_msg("no %s", name);
	return found;
}

static void check(const struct json_doc *d, const struct json_node *n, int pid, int tid, double ts, double dur)
{
	const struct json_node *took = json_get(d, n, "dur");

	assert_int_equal(json_count(json_get(d, n, "pid")), pid);
	assert_int_equal(json_count(json_get(d, n, "tid")), tid);
	if (json_get(d, n, "ts")->number != ts || (took ? took->number : -1) != dur)
		fail_msg("%s: at %f us for %f us", json_text(json_get(d, n, "name"), ""), json_get(d, n, "ts")->number,
			took ? took->number : -1);
}

static void fill(struct report *r, struct exit_trace *log)
{
	add(r, TRACE_EV_start, 0, "", 0, 0);
	add(r, TRACE_EV_config_ready, 3000, "", 0, 0);
	add(r, TRACE_EV_slow_ioctl, 5000, "KVM_CREATE_VM", 1500, 0);
	/* One that began before time zero is cut off there. */
	add(r, TRACE_EV_ioctl, 6000, "KVM_CHECK_EXTENSION", 9000, 0);
	/* Without the guest's clock: it ended when its line came. */
	add(r, TRACE_EV_initcall, 9000, "acpi_init", 0, 2000);
	add(r, TRACE_EV_mark, 9500, "shell", 0, 0);
	recorder_sort(&r->recorder);
	phases_of(&r->recorder, &r->phases);
	log->entry[0] = (struct exit_trace_entry){
		.enter_ns = ZERO_NS + 7000, .leave_ns = ZERO_NS + 7500, .what = VCPU_PIO, .write = true, .addr = 0x3f8};
	log->entry[1] = (struct exit_trace_entry){
		.enter_ns = ZERO_NS + 8500, .leave_ns = ZERO_NS + 8750, .what = VCPU_MMIO, .addr = 0xd0000000};
	log->nr = 2;
	log->lost = 3;
}

static void where_each_event_is(void **state)
{
	static struct report r;
	struct exit_trace_entry entry[2];
	struct exit_trace log = {.tid = VCPU, .cpu = 1, .entry = entry}, *logs[] = {&log};
	const struct report_info info = {.version = "1.2.3"};
	struct json_doc d;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	r = (struct report){
		.info = &info, .main_tid = MAIN, .measures = {.cpus = 1, .exit_trace = logs, .marks_lost = 2}};
	assert_int_equal(trace_new(ZERO_NS, &r.trace), 0);
	assert_int_equal(recorder_init(&r.recorder), 0);
	fill(&r, &log);
	assert_int_equal(report_trace(&r, out), 0);
	fclose(out);
	assert_int_equal(json_read(text, size, &d, NULL), 0);
	check(&d, find(&d, "X", "KVM_CREATE_VM"), 1, MAIN, 3.5, 1.5);
	check(&d, find(&d, "X", "KVM_CHECK_EXTENSION"), 1, MAIN, 0, 9);
	check(&d, find(&d, "X", "acpi_init"), 2, 6, 7, 2);
	check(&d, find(&d, "i", "shell"), 2, 0, 9.5, -1);
	check(&d, find(&d, "X", "pio write 0x3f8"), 1, VCPU, 7.5, 1);
	/* The last one: its duration is unknown. */
	check(&d, find(&d, "X", "mmio read 0xd0000000"), 1, VCPU, 8.75, 0);
	check(&d, find(&d, "X", "read the options"), 1, MAIN, 0, 3);
	assert_int_equal(json_count(json_get(&d, json_get(&d, d.node, "otherData"), "dropped_exits")), 3);
	assert_int_equal(json_count(json_get(&d, json_get(&d, d.node, "otherData"), "dropped_marks")), 2);
	json_doc_destroy(&d);
	free(text);
	recorder_destroy(&r.recorder);
	trace_free(r.trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_each_event_is),
	};

	return run_group(tests);
}
