/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum of firmware tables: the bytes of a table, including its checksum, add up to 0 modulo 256. ACPI 6.5,
 * 5.2.6; MultiProcessor Specification 1.4, section 4.
 */
#ifndef BOOT_TABLES_CHECKSUM_H
#define BOOT_TABLES_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/** byte_sum() - the sum of @n bytes, modulo 256; 0 for a valid table */
static inline uint8_t byte_sum(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return sum;
}

/** checksum() - the value for the checksum byte, which must still be 0 */
static inline uint8_t checksum(const uint8_t *p, size_t n)
{
	return (uint8_t)-byte_sum(p, n);
}

#endif
