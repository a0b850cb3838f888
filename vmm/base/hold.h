/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who wants a guest held still: see machine_hold() and flat_hold().
 */
#ifndef VMM_BASE_HOLD_H
#define VMM_BASE_HOLD_H

#include <stdbool.h>

/**
 * struct hold - somebody who wants the guest held still; zeroed but for the callbacks, alive until it is off
 * @held: the guest stands still: all CPUs have stopped between two instructions, its RAM does not change
 * @refused: @late, borrowed for the call, has not finished within 5 s; the hold is off, and the guest goes on
 * @on: it is asked for, or held
 *
 * Both in the loop, perhaps at once. They may take back their own hold.
 */
struct hold {
	void (*held)(struct hold *h);
	void (*refused)(struct hold *h, const char *late);
	bool on;
	struct hold *next;
};

#endif
