/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units of time, under the names that Linux uses, and struct timespec. Plain numbers that hold a time are in
 * nanoseconds, and their names end in _ns.
 */
#ifndef VMM_BASE_CLOCK_H
#define VMM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)

/** timespec_to_ns() - @ts as nanoseconds; @ts is not negative */
static inline uint64_t timespec_to_ns(struct timespec ts)
{
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/** ns_to_timespec() - nanoseconds as a struct timespec */
static inline struct timespec ns_to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

/** clock_ns() - read @clock; 0 for a clock that does not exist */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return timespec_to_ns(ts);
}

#endif
