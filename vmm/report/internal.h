/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of struct report, shared by report.c, report_json.c and report_trace.c.
 */
#ifndef VMM_REPORT_INTERNAL_H
#define VMM_REPORT_INTERNAL_H

#include "vmm/host/outfile.h"
#include "vmm/kvm/exit_trace.h"
#include "vmm/machine/measure.h"
#include "vmm/report/phases.h"
#include "vmm/report/recorder.h"
#include "vmm/report/report.h"

#define REPORT_BUFFER_BYTES 65536

/**
 * struct report
 * @out: of --report, @trace_out: of --trace; closed: not requested. With buffers, since writing must not need further
 *       system calls.
 * @started: time zero in UTC
 * @kernel_fd, @kernel_size: the kernel's file, read when all is over; -1: none that can be read
 * @sandbox: the restrictions in force; NULL: unknown
 * @measured: report_collect() was called
 */
struct report {
	const struct config *config;
	const struct report_info *info;
	struct trace *trace;
	struct outfile out;
	struct outfile trace_out;
	char buffer[REPORT_BUFFER_BYTES];
	char trace_buffer[REPORT_BUFFER_BYTES];
	int main_tid;
	char started[32];
	const struct sandbox_achieved *sandbox;
	struct host_facts files;
	int kernel_fd;
	uint64_t kernel_size;
	struct recorder recorder;
	struct phases phases;
	bool measured;
	struct measures measures;
};

/** report_clock_zero() - when the guest's clock was 0, in ns since time zero; false: unknown */
bool report_clock_zero(const struct report *r, int64_t *ret);

/** report_initcall_start() - start of a TRACE_EV_initcall, on our clock */
uint64_t report_initcall_start(const struct report *r, const struct trace_record *rec);

/** report_dropped() - number of events that are in neither file */
uint64_t report_dropped(const struct report *r);

/** report_json(), report_trace() - write the document and flush. Return: 0 or a negative errno. */
int report_json(const struct report *r, const struct report_end *end, FILE *out);
int report_trace(const struct report *r, FILE *out);

#endif
