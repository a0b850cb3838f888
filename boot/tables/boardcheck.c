// SPDX-License-Identifier: Apache-2.0
#include "boot/tables/boardcheck.h"

#include <errno.h>
#include <inttypes.h>

#define PORTS 0x10000

static int check_part(const struct board_part *p, struct err *e)
{
	const char *name = board_part_name(p->kind);

	if (!p->size || range_wraps(p->base, p->size - 1) ||
		(p->space == BOARD_PIO && (p->base >= PORTS || p->size > PORTS - p->base)))
		return err_set(e, -EINVAL,
			"%s %u: its registers at 0x%" PRIx64 ", 0x%" PRIx64 " bytes, do not lie in %s space", name,
			p->index, p->base, p->size, p->space == BOARD_PIO ? "port" : "memory");
	if (p->gsi != BOARD_GSI_NONE && p->gsi >= BOARD_GSI_MAX)
		return err_set(e, -EINVAL,
			"%s %u: no interrupt left for it: it has GSI %u, the I/O APIC has 0 to %u; "
			"take a device away",
			name, p->index, p->gsi, BOARD_GSI_MAX - 1);
	return 0;
}

int boardcheck(const struct board *board, struct err *e)
{
	if (!board->cpus || board->cpus > BOARD_CPUS_MAX)
		return err_set(
			e, -EINVAL, "%u CPUs do not fit: 8-bit APIC ids allow 1 to %u", board->cpus, BOARD_CPUS_MAX);
	if (board->nr > BOARD_PARTS_MAX)
		return err_set(e, -EINVAL, "%zu parts do not fit: the board has room for %u; take a device away",
			board->nr, BOARD_PARTS_MAX);
	for_each_part(p, board) {
		int r = check_part(p, e);

		if (r < 0)
			return r;
	}
	return 0;
}
