/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for an error on the set-up path. A function that can fail returns 0 or a negative errno; on failure it also
 * leaves a sentence in the caller's `struct err`, and each caller on the way up may put what it was doing in front.
 * cmd/ prints the result once. On the run path there are no words: see trace.h.
 */
#ifndef VMM_BASE_ERR_H
#define VMM_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "vmm/base/util.h"

#define ERR_TEXT_MAX 1024

/**
 * struct err - what went wrong, in words; lives on the caller's stack and starts as `{}`: for `{0}` gcc keeps 1 KiB of
 * zeroes in the program, to copy them from
 * @text: one line: control characters show as `?`, and what is too long loses its middle, not its end
 * @by_operator: what the operator named is missing or wrong, see err_operator()
 */
struct err {
	char text[ERR_TEXT_MAX];
	bool by_operator;
};

/**
 * err_set() - replace the words; whose fault it is is unknown again
 * @e: may be NULL: then only the code counts
 * @code: negative errno; the text does not repeat it unless the format says so
 * @fmt: what failed, on which file or value, why, and what to do about it
 *
 * Return: @code, so that a failing function can end in `return err_set(...)`.
 */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/**
 * err_sys() - as err_set(), with ": " and strerror(-code) appended
 */
int err_sys(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/**
 * err_wrap() - put words in front of those already there, separated by ": "
 *
 * Return: @code.
 */
int err_wrap(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/**
 * err_operator() - what the operator named (a file, a device, a value) is missing or wrong: exit status 2, not 125
 * @e: may be NULL
 * @code: 0 or a negative errno; what only a host can lack (memory, descriptors, room on a disk, a readable sector)
 *        stays the host's failure
 *
 * Return: @code, so that a call can be wrapped: `r = err_operator(e, file_open_regular(...))`.
 */
int err_operator(struct err *e, int code);

/**
 * err_no_thread() - which limits are behind a thread that could not be started, and the way out
 * @code: 0 or a negative errno
 *
 * Return: words in brackets, with a blank in front, where @code is -EAGAIN; otherwise empty.
 */
const char *err_no_thread(int code);

/* The analyzer does not look into err.c, and would follow a failed call as if it had returned 0. */
#ifdef __clang_analyzer__
#define err_set(e, code, ...)  ((err_set)(e, code, __VA_ARGS__), (code))
#define err_sys(e, code, ...)  ((err_sys)(e, code, __VA_ARGS__), (code))
#define err_wrap(e, code, ...) ((err_wrap)(e, code, __VA_ARGS__), (code))
#endif

#endif
