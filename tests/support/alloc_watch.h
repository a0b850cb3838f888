/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the allocations of a test program. Include it once; the linker wraps the C library's functions with these
 * (-Wl,--wrap=malloc and so on in meson.build).
 */
#ifndef TESTS_SUPPORT_ALLOC_WATCH_H
#define TESTS_SUPPORT_ALLOC_WATCH_H

#include <stddef.h>

static unsigned allocations;

static inline void alloc_watch_count(void)
{
	__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

#define ALLOC_WATCH(type, name, params, args)                                                                          \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params                                                                                      \
	{                                                                                                              \
		alloc_watch_count();                                                                                   \
		return __real_##name args;                                                                             \
	}

ALLOC_WATCH(void *, malloc, (size_t size), (size))
ALLOC_WATCH(void *, calloc, (size_t n, size_t size), (n, size))
ALLOC_WATCH(void *, realloc, (void *p, size_t size), (p, size))
ALLOC_WATCH(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
ALLOC_WATCH(int, posix_memalign, (void **p, size_t align, size_t size), (p, align, size))
ALLOC_WATCH(char *, strdup, (const char *s), (s))

#endif
