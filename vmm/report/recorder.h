/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps trace records in memory for the files that are written after the run.
 */
#ifndef VMM_REPORT_RECORDER_H
#define VMM_REPORT_RECORDER_H

#include <stddef.h>

#include "vmm/base/trace.h"

#define RECORDER_MAX 16384 /* 4 MiB; a boot with initcall_debug makes about 2,000 */

/**
 * struct recorder - a sink; zero-initialise, then recorder_init()
 * @record: @nr of them, owned, in order of arrival; the address space is reserved, pages are allocated when written
 * @lost: records that did not fit
 */
struct recorder {
	struct trace_sink sink;
	struct trace_record *record;
	size_t nr;
	uint64_t lost;
};

/** recorder_init() - every event of every level; then trace_add_sink(&r->sink). Return: 0 or -ENOMEM. */
int recorder_init(struct recorder *r);

/** recorder_sort() - sort by time: some events are emitted late */
void recorder_sort(struct recorder *r);

/** recorder_find() - the first record of an event, or NULL */
const struct trace_record *recorder_find(const struct recorder *r, enum trace_event event);

/** recorder_destroy() - takes a zeroed struct; the trace must no longer use it */
void recorder_destroy(struct recorder *r);

#endif
