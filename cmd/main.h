/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_MAIN_H
#define CMD_MAIN_H

#include <stdint.h>

/** main_entry_ns() - CLOCK_MONOTONIC at the entry of main: time zero of the log, the report and the time limit */
uint64_t main_entry_ns(void);

/* In the environment: the moment of our exec, CLOCK_MONOTONIC in ns, decimal, where who started us tells it. */
#define MAIN_EXEC_ENV "VMM_EXEC_NS"

/** main_exec_ns() - that moment; 0: not told, or it cannot be */
uint64_t main_exec_ns(void);

#endif
