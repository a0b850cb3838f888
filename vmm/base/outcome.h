/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a run ended, what detected it, and the exit status for it. One table, which cmd/, the manual and the tests read.
 */
#ifndef VMM_BASE_OUTCOME_H
#define VMM_BASE_OUTCOME_H

#include <stdint.h>

#include "vmm/base/err.h"

/* OUTCOME(id, name, exit status (-1: computed from the value), what it means) */
#define OUTCOMES(X)                                                                                                    \
	X(POWEROFF, "poweroff", 0, "the guest powered off")                                                            \
	X(RESET, "reset", 32, "the guest reset itself")                                                                \
	X(PANIC, "panic", 34, "the guest panicked")                                                                    \
	X(CRASH, "crash", 36, "the guest crashed: triple fault, KVM internal error")                                   \
	X(HALT, "halt", 38, "the guest halted for good: every CPU in HLT with interrupts off")                         \
	X(DEBUG_EXIT, "debug-exit", -1,                                                                                \
		"2N+1: the guest wrote N (0 to 61) to the debug-exit port; a larger N ends in 123")                    \
	X(SNAPSHOT, "snapshot", 0, "a snapshot was written, and the run was to end with it")                           \
	X(ANSWERED, "answered", -1, "each line of --each-line was answered: the first status that is not 0, or 0")     \
	X(COMMAND, "command", -1, "N: the command of --root ended with N; 255: its guest ended without a status")      \
	X(TIMEOUT, "timeout", 124, "the time limit ran out")                                                           \
	X(FAILURE, "failure", 125, "the VMM or its host failed")                                                       \
	X(SIGNAL, "signal", -1, "128+S: ended by signal S")

/* DETECTOR(id, what the report says) */
#define DETECTORS(X)                                                                                                   \
	X(NONE, "none")                                                                                                \
	X(ACPI, "ACPI register")                                                                                       \
	X(I8042, "8042 keyboard controller")                                                                           \
	X(PVPANIC, "pvpanic device")                                                                                   \
	X(CONSOLE, "console text")                                                                                     \
	X(TRIPLE_FAULT, "triple fault")                                                                                \
	X(INTERNAL_ERROR, "KVM internal error")                                                                        \
	X(ENTRY_FAILED, "KVM could not enter the guest")                                                               \
	X(HLT, "HLT with interrupts off")                                                                              \
	X(PROGRAM, "HLT of a flat program")                                                                            \
	X(FAULT, "exception of a flat program")                                                                        \
	X(DEBUG_PORT, "debug-exit port")                                                                               \
	X(TIMER, "time limit")                                                                                         \
	X(SIGNAL, "signal")                                                                                            \
	X(TERMINAL, "Ctrl-A X on the terminal")                                                                        \
	X(INIT, "init of the command")                                                                                 \
	X(GDB, "gdb")                                                                                                  \
	X(VMM, "the VMM")

enum outcome {
	OUTCOME_NONE,
#define X(id, name, status, text) OUTCOME_##id,
	OUTCOMES(X)
#undef X
};

enum detector {
#define X(id, text) DETECTOR_##id,
	DETECTORS(X)
#undef X
};

#define EXIT_USAGE           2
#define EXIT_FAILED          125
#define EXIT_DEBUG_TOO_LARGE 123
#define EXIT_REGRESSION      40 /* of `vmm bench boot` alone; even, so that no guest can cause it */
#define EXIT_UNDECIDED       41 /* the same; nothing that is booted hands its status on */
#define DEBUG_EXIT_MAX       61

/**
 * struct verdict - how a run ended
 * @outcome: OUTCOME_NONE while it runs
 * @by: what detected it
 * @value: what the guest wrote (DEBUG_EXIT), the signal number (SIGNAL), the status (ANSWERED, COMMAND), else 0
 */
struct verdict {
	enum outcome outcome;
	enum detector by;
	uint64_t value;
};

/** outcome_name(), outcome_text(), detector_text() - static texts from the tables above */
const char *outcome_name(enum outcome o);
const char *outcome_text(enum outcome o);
const char *detector_text(enum detector d);

/**
 * err_exit_status() - of a command that failed with @e: EXIT_USAGE if it is an error of the operator, else EXIT_FAILED
 */
int err_exit_status(const struct err *e);

/** verdict_exit_status() - 0 to 255, from the table; OUTCOME_NONE is a bug and gives EXIT_FAILED */
int verdict_exit_status(const struct verdict *v);

#endif
