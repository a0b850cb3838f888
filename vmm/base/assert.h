/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assert(): a condition that only a bug in vmm can violate, checked in release builds too. A failure prints the
 * location and traps. Each use takes one string and one call, a third of the size of the C library's assert(), and
 * needs no system call but write(), which every filter allows; abort() needs others.
 */
#ifndef VMM_BASE_ASSERT_H
#define VMM_BASE_ASSERT_H

/* For static_assert. */
#include <assert.h>

#undef assert
#define ASSERT_TEXT_(line) #line
#define ASSERT_TEXT(line)  ASSERT_TEXT_(line)
#define assert(condition)  ((condition) ? (void)0 : assert_failed(__FILE__ ":" ASSERT_TEXT(__LINE__)))

/** assert_failed() - write "vmm: bug at @where" to standard error and end the process by SIGILL; any thread */
_Noreturn void assert_failed(const char *where) __attribute__((cold));

#endif
