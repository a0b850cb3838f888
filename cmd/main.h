/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_MAIN_H
#define CMD_MAIN_H

#include <stdint.h>

/** main_entry_ns() - CLOCK_MONOTONIC at the entry of main: time zero of the log, the report and the time limit */
uint64_t main_entry_ns(void);

#endif
