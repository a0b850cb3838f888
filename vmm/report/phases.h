/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a run: they are contiguous, each ends with an event, and their times add up to the total.
 */
#ifndef VMM_REPORT_PHASES_H
#define VMM_REPORT_PHASES_H

#include "vmm/report/recorder.h"

#define PHASES_MAX      48
#define PHASE_NAME_SIZE 48

enum phase_group { PHASE_SETUP, PHASE_GUEST, PHASE_END };

/**
 * struct phase - from the end of the one before (the first: from main) to @end_ns
 * @name: of the event that ends it; stable, since reports are compared by it
 * @label: description
 * @cpu_ns: CPU time of the whole process in it
 */
struct phase {
	char name[PHASE_NAME_SIZE];
	char label[PHASE_NAME_SIZE];
	enum phase_group group;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t cpu_ns;
};

/**
 * struct phases
 */
struct phases {
	struct phase phase[PHASES_MAX];
	size_t nr;
};

/** phases_of() - from records in order of time (recorder_sort()) */
void phases_of(const struct recorder *r, struct phases *ret);

/** phase_group_name() - "setup", "guest", "end" */
const char *phase_group_name(enum phase_group g);

#endif
