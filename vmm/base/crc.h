/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli), which processors with SSE 4.2 compute by an instruction: the checksum of snapshots.
 * Spec: RFC 3720, 12.1 and B.4.
 */
#ifndef VMM_BASE_CRC_H
#define VMM_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/**
 * crc32c() - continue a checksum
 * @sum: of what comes before @data, 0 at the beginning
 *
 * Return: the checksum of both. Context: any thread; makes no system call.
 */
uint32_t crc32c(uint32_t sum, const void *data, size_t size);

/** crc32c_portable() - the same without the instruction; for processors without it, and tests */
uint32_t crc32c_portable(uint32_t sum, const void *data, size_t size);

/**
 * crc32c_4() - of four blocks of @words times 8 bytes that follow one another, each from 0: nearly as fast as of one
 */
void crc32c_4(const void *data, size_t words, uint32_t ret[static 4]);

#endif
