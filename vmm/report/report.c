// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/path.h"
#include "vmm/base/util.h"
#include "vmm/report/internal.h"

/* With our own buffer: to allocate one stdio would call fstat(). */
static int open_out(const struct report *owner, const char *option, const char *path, char *buffer, struct outfile *ret,
	struct err *e)
{
	const struct sandbox_as as = config_as(owner->config);
	int r = outfile_open(option, path, &as, ret, e);

	if (r == 0)
		setvbuf(ret->out, buffer, _IOFBF, REPORT_BUFFER_BYTES);
	return r;
}

/* Done now, before the sandbox: the C library reads the time zone file even for UTC. */
static void note_start(struct report *r)
{
	struct timespec ts;
	uint64_t ns;
	struct tm tm;
	time_t s;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	ns = timespec_to_ns(ts) - trace_elapsed_ns(r->trace);
	s = (time_t)(ns / NSEC_PER_SEC);
	gmtime_r(&s, &tm);
	n = strftime(r->started, sizeof(r->started), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(r->started + n, sizeof(r->started) - n, ".%06uZ", (unsigned)(ns % NSEC_PER_SEC / NSEC_PER_USEC));
}

/* From now on */
static int record(struct report *r, struct trace *trace)
{
	r->trace = trace;
	r->main_tid = gettid();
	note_start(r);
	if (recorder_init(&r->recorder) < 0)
		return -ENOMEM;
	trace_add_sink(trace, &r->recorder.sink);
	return 0;
}

int report_new(const struct config *c, const struct report_info *info, struct trace *trace, struct report **ret)
{
	struct report *r;

	if (!c->report && !c->trace) {
		*ret = NULL;
		return 0;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->config = c;
	r->info = info;
	r->files = (struct host_facts){.thp = -1, .smaps = -1, .status = -1, .stat = -1};
	r->out = r->trace_out = OUTFILE_CLOSED;
	r->kernel_fd = -1;
	if (trace && record(r, trace) < 0) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

int report_adopt(struct report *r, struct trace *trace)
{
	if (!r)
		return 0;
	cleanup_fd(&r->files.smaps);
	cleanup_fd(&r->files.status);
	cleanup_fd(&r->files.stat);
	return record(r, trace);
}

/* What cannot be opened has no identity; that it cannot be booted either, the loader reports. */
static void open_kernel(struct report *r)
{
	CLEANUP_FD int fd = r->config->kernel ? path_open(r->config->kernel, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	r->kernel_size = (uint64_t)st.st_size;
	r->kernel_fd = TAKE_FD(fd);
}

int report_open(struct report *r, struct err *e)
{
	int code = 0;

	if (!r)
		return 0;
	if (r->config->report)
		code = open_out(r, "--report", r->config->report, r->buffer, &r->out, e);
	if (code == 0 && r->config->trace)
		code = open_out(r, "--trace", r->config->trace, r->trace_buffer, &r->trace_out, e);
	if (code < 0)
		return code;
	host_facts_open(&r->files);
	open_kernel(r);
	trace_report_ready(r->trace);
	return 0;
}

void report_collect(struct report *r, struct machine *m)
{
	if (!r || !m)
		return;
	machine_measure(m, &r->files, &r->measures);
	r->measured = true;
}

void report_begin(struct report *r)
{
	if (!r)
		return;
	outfile_begin(&r->out);
	outfile_begin(&r->trace_out);
}

int report_write(struct report *r, const struct report_end *end, struct err *e)
{
	struct err other = {};
	int code = 0, second = 0;

	if (!r)
		return 0;
	/* For a run that did not start. */
	report_begin(r);
	trace_drain(r->trace);
	recorder_sort(&r->recorder);
	phases_of(&r->recorder, &r->phases);
	r->sandbox = end->sandbox;
	if (r->out.out) {
		code = report_json(r, end, r->out.out);
		code = outfile_commit(&r->out, code, e);
	}
	if (r->trace_out.out) {
		second = report_trace(r, r->trace_out.out);
		second = outfile_commit(&r->trace_out, second, code < 0 ? &other : e);
	}
	return code < 0 ? code : second;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	outfile_close(&r->out);
	outfile_close(&r->trace_out);
	host_facts_close(&r->files);
	if (r->kernel_fd >= 0)
		close(r->kernel_fd);
	measures_destroy(&r->measures);
	recorder_destroy(&r->recorder);
	free(r);
}

bool report_clock_zero(const struct report *r, int64_t *ret)
{
	if (!r->measures.console.clock.lines)
		return false;
	*ret = r->measures.console.clock.zero_ns - (int64_t)trace_zero_ns(r->trace);
	return true;
}

uint64_t report_initcall_start(const struct report *r, const struct trace_record *rec)
{
	uint64_t guest = rec->arg[1], took = rec->arg[2];
	int64_t zero, at;

	if (!guest || !report_clock_zero(r, &zero))
		return rec->t_ns > took ? rec->t_ns - took : 0;
	at = zero + (int64_t)guest;
	return at > 0 ? (uint64_t)at : 0;
}

uint64_t report_dropped(const struct report *r)
{
	uint64_t n = r->recorder.lost;

	for (size_t i = 0; i < TRACE_EV_COUNT; i++)
		n += trace_suppressed(r->trace, (enum trace_event)i);
	return n;
}
