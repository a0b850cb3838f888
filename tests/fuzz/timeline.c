// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's output, as the timeline reads it. The first byte determines how the rest is split into pieces; feeding it
 * whole and in pieces must give the same events, and every text in them must be printable and terminated.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/console/timeline.h"
#include "vmm/report/recorder.h"

struct reader {
	struct trace *trace;
	struct recorder recorder;
	struct timeline log;
};

static void start(struct reader *r)
{
	memset(r, 0, sizeof(*r));
	if (trace_new(1, &r->trace))
		exit(0);
	recorder_init(&r->recorder);
	trace_add_sink(r->trace, &r->recorder.sink);
	r->log.trace = r->trace;
}

static void check_texts(const struct trace_record *rec)
{
	const struct trace_def *def = &trace_defs[rec->event];

	for (size_t i = 0; def->types[i]; i++)
		for (const char *s = def->types[i] == 'S' ? rec->strings + rec->arg[i] : ""; *s; s++)
			if ((unsigned char)*s <= ' ' || (unsigned char)*s > 0x7e)
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader whole, parts;
	struct guest_clock a, b;
	size_t cut, n;

	if (!size)
		return 0;
	cut = 1 + data[0] % 37;
	data++;
	size--;
	start(&whole);
	start(&parts);
	timeline_feed(&whole.log, data, size, 1000);
	for (size_t at = 0; at < size; at += n) {
		n = size - at < cut ? size - at : cut;
		timeline_feed(&parts.log, data + at, n, 1000);
	}
	if (whole.recorder.nr != parts.recorder.nr || whole.log.marks_lost != parts.log.marks_lost)
		abort();
	for (size_t i = 0; i < whole.recorder.nr; i++) {
		const struct trace_record *x = &whole.recorder.record[i], *y = &parts.recorder.record[i];

		check_texts(x);
		if (x->event != y->event || x->t_ns != y->t_ns || memcmp(x->arg, y->arg, sizeof(x->arg)))
			abort();
	}
	if (timeline_clock(&whole.log, &a) != timeline_clock(&parts.log, &b))
		abort();
	trace_free(whole.trace);
	trace_free(parts.trace);
	recorder_destroy(&whole.recorder);
	recorder_destroy(&parts.recorder);
	return 0;
}
