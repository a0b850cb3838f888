/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian loads and stores at any alignment, for formats and registers.
 */
#ifndef VMM_BASE_LE_H
#define VMM_BASE_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define LE_ACCESSORS(bits)                                                                                             \
	static inline uint##bits##_t le##bits##_get(const void *p)                                                     \
	{                                                                                                              \
		uint##bits##_t v;                                                                                      \
		memcpy(&v, p, sizeof(v));                                                                              \
		return le##bits##toh(v);                                                                               \
	}                                                                                                              \
	static inline void le##bits##_put(void *p, uint##bits##_t v)                                                   \
	{                                                                                                              \
		v = htole##bits(v);                                                                                    \
		memcpy(p, &v, sizeof(v));                                                                              \
	}

LE_ACCESSORS(16)
LE_ACCESSORS(32)
LE_ACCESSORS(64)
#undef LE_ACCESSORS

#endif
