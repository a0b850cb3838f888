// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/recorder.h"

#include <errno.h>
#include <sys/mman.h>

#define BYTES (RECORDER_MAX * sizeof(struct trace_record))

static void record(struct trace_sink *sink, const struct trace_record *rec)
{
	struct recorder *r = container_of(sink, struct recorder, sink);

	if (r->nr == RECORDER_MAX)
		r->lost++;
	else
		r->record[r->nr++] = *rec;
}

/* Not with realloc(): the filter of the control loop does not allow mremap. */
int recorder_init(struct recorder *r)
{
	void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	*r = (struct recorder){.sink = {.level = TRACE_DETAIL, .record = record}, .record = p};
	return 0;
}

/* Insertion sort: records are out of order by only a few positions, and equal ones keep their order. */
void recorder_sort(struct recorder *r)
{
	for (size_t i = 1; i < r->nr; i++) {
		struct trace_record x = r->record[i];
		size_t k = i;

		for (; k > 0 && r->record[k - 1].t_ns > x.t_ns; k--)
			r->record[k] = r->record[k - 1];
		r->record[k] = x;
	}
}

const struct trace_record *recorder_find(const struct recorder *r, enum trace_event event)
{
	for (size_t i = 0; i < r->nr; i++)
		if (r->record[i].event == event)
			return &r->record[i];
	return NULL;
}

void recorder_destroy(struct recorder *r)
{
	if (r->record)
		munmap(r->record, BYTES);
	*r = (struct recorder){0};
}
