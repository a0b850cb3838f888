/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error messages of the set-up path. A function that can fail returns 0 or a negative errno; on failure it also writes
 * a message to the caller's `struct err`, and each caller may prepend its own context. cmd/ prints the result once. The
 * run path has no such messages: see trace.h.
 */
#ifndef VMM_BASE_ERR_H
#define VMM_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "vmm/base/util.h"

#define ERR_TEXT_MAX 1024

/**
 * struct err - an error message; lives on the caller's stack and is initialised by `{}`: for `{0}` gcc stores 1 KiB of
 * zeroes in the program, to copy from
 * @text: one line: control characters are replaced by `?`, and a text that is too long is cut in its middle
 * @by_operator: caused by something that the operator named, see err_operator()
 */
struct err {
	char text[ERR_TEXT_MAX];
	bool by_operator;
};

/**
 * err_set() - replace the message, and clear @by_operator
 * @e: NULL: no message is wanted
 * @code: negative errno; it does not appear in the text unless the format includes it
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
 * err_wrap() - prepend context to the message, separated by ": "
 *
 * Return: @code.
 */
int err_wrap(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/**
 * err_operator() - mark the error as the operator's: what they named (a file, a device, a value) is missing or wrong.
 * The exit status is then 2, not 125
 * @e: may be NULL
 * @code: 0 or a negative errno; errors that only the host can cause (out of memory, descriptors or disk space, an
 *        unreadable sector) are not marked
 *
 * Return: @code, which allows `r = err_operator(e, file_open_regular(...))`.
 */
int err_operator(struct err *e, int code);

/**
 * err_no_thread() - explain why a thread could not be started: the limits to look at
 * @code: 0 or a negative errno
 *
 * Return: a text in brackets, preceded by a blank, if @code is -EAGAIN; otherwise empty.
 */
const char *err_no_thread(int code);

/* The analyzer does not read err.c, and would assume that these functions can return 0. */
#ifdef __clang_analyzer__
#define err_set(e, code, ...)  ((err_set)(e, code, __VA_ARGS__), (code))
#define err_sys(e, code, ...)  ((err_sys)(e, code, __VA_ARGS__), (code))
#define err_wrap(e, code, ...) ((err_wrap)(e, code, __VA_ARGS__), (code))
#endif

#endif
