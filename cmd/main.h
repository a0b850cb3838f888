/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_MAIN_H
#define CMD_MAIN_H

#include <stdint.h>

/** main_entry_ns() - CLOCK_MONOTONIC at the entry of main: time zero of the log, the report and the time limit */
uint64_t main_entry_ns(void);

/** main_exec_ns() - the moment of our exec as LAUNCH_EXEC_ENV has it; 0: it is not there, or it cannot be right */
uint64_t main_exec_ns(void);

#endif
