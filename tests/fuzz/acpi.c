// SPDX-License-Identifier: Apache-2.0
/*
 * Arbitrary boards. The input is two bytes (CPUs; room, in units of 257 bytes), then 16 bytes a part: kind, index,
 * space, GSI (255: none), 8 bytes base, 4 bytes size. Tables that come out must be whole; a board that is refused gets
 * words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/tables/acpi.h"
#include "boot/tables/checksum.h"
#include "boot/tables/mptable.h"
#include "tests/support/aml-read.h"
#include "tests/support/fuzz.h"
#include "vmm/base/util.h"

#define PART_SIZE 16

#define require(x)                                                                                                     \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                        \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static void read_board(const uint8_t *data, size_t size, struct board *board, size_t *max)
{
	memset(board, 0, sizeof(*board));
	*max = 0;
	if (size < 2)
		return;
	board->cpus = data[0];
	*max = data[1] * 257; /* up to BOOT_ACPI_SIZE - 1 */
	data += 2;
	size -= 2;
	board->nr = MIN(size / PART_SIZE, BOARD_PARTS_MAX + 1);
	for (size_t i = 0; i < MIN(board->nr, BOARD_PARTS_MAX); i++, data += PART_SIZE)
		board->part[i] = (struct board_part){
			.kind = (enum board_kind)(data[0] % (BOARD_VIRTIO_MMIO + 2)),
			.index = data[1],
			.space = data[2] & 1 ? BOARD_MMIO : BOARD_PIO,
			.gsi = data[3] == 255 ? BOARD_GSI_NONE : data[3],
			.base = le64_get(data + 4),
			.size = le32_get(data + 12),
		};
}

static unsigned expected_devices(const struct board *board)
{
	unsigned n = board->cpus;

	for_each_part(p, board)
		switch (p->kind) {
		case BOARD_UART:
		case BOARD_RTC:
		case BOARD_PVPANIC:
		case BOARD_GENERATION:
		case BOARD_VIRTIO_MMIO: n++; break;
		case BOARD_POWER: n += p->gsi == BOARD_GSI_NONE ? 0 : 2; break;
		case BOARD_I8042:
		case BOARD_PIT:
		case BOARD_PM1:
		case BOARD_PMTIMER:
		case BOARD_DEBUG_EXIT:
		case BOARD_DEBUGCON:
		case BOARD_MARKER:
		case BOARD_BOOT_MARKER: break;
		}
	return n;
}

static void check_acpi(const struct board *board, const struct acpi_blob *b, size_t max)
{
	const uint8_t *rsdp = b->data + (b->rsdp_gpa - b->gpa);

	require(b->size <= max && b->gpa == BOOT_ACPI_START && b->rsdp_gpa == BOOT_ACPI_START && b->nr == 4);
	require(!byte_sum(rsdp, 20) && !byte_sum(rsdp, 36));
	for (size_t i = 0; i < b->nr; i++) {
		const uint8_t *t = b->data + b->table[i].offset;
		struct aml_walk w = {.device = "", .name = ""};

		require(b->table[i].offset <= b->size && b->table[i].size <= b->size - b->table[i].offset);
		require(!memcmp(t, b->table[i].signature, 4) && le32_get(t + 4) == b->table[i].size);
		require(!byte_sum(t, b->table[i].size));
		if (memcmp(t, "DSDT", 4))
			continue;
		require(aml_read_terms((struct aml_span){t + 36, t + b->table[i].size}, "", &w));
		require(w.devices == expected_devices(board));
	}
}

static void check_mptable(const struct board *board, const struct mptable_blob *b, size_t max)
{
	unsigned entries = 0, cpus = 0;
	size_t at = 44;

	require(b->size <= max && le16_get(b->config + 4) == b->size);
	require(!byte_sum(b->floating, sizeof(b->floating)) && !byte_sum(b->config, b->size));
	while (at < b->size) {
		cpus += !b->config[at];
		at += b->config[at] ? 8 : 20;
		entries++;
	}
	require(at == b->size && entries == le16_get(b->config + 34) && cpus == board->cpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(acpi_blob_destroy) struct acpi_blob acpi = {0};
	CLEANUP(mptable_blob_destroy) struct mptable_blob mp = {0};
	struct err ea = {}, em = {};
	struct board board;
	size_t max;
	int a, m;

	read_board(data, size, &board, &max);
	a = acpi_build(&board, BOOT_ACPI_START, max, &acpi, &ea);
	m = mptable_build(&board, BOOT_MPCONFIG_START, max, &mp, &em);
	if (a == 0)
		check_acpi(&board, &acpi, max);
	else
		require((a == -EINVAL || a == -ENOSPC) && ea.text[0] && !acpi.data);
	if (m == 0)
		check_mptable(&board, &mp, max);
	else
		require((m == -EINVAL || m == -ENOSPC) && em.text[0] && !mp.config);
	return 0;
}
