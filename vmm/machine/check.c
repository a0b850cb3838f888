// SPDX-License-Identifier: Apache-2.0
/*
 * Refuses invalid configurations, wherever they come from. Checks of a single part are in that part's file.
 */
#include <errno.h>

#include "vmm/debug/gdb/address.h"
#include "vmm/host/broker.h"
#include "vmm/kvm/memory.h"
#include "vmm/machine/board.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/virtio/kinds.h"

int machine_check(const struct config *c, struct err *e)
{
	struct board board;
	int r;

	r = memory_check(c->mem_bytes, c->backing, e);
	if (r < 0)
		return r;
	if (!c->cpus || c->cpus > BOARD_CPUS_MAX)
		return err_set(e, -EINVAL, "--cpus %u: 1 to %u are possible", c->cpus, BOARD_CPUS_MAX);
	if ((c->console == CONSOLE_FILE || c->console == CONSOLE_SOCKET) && (!c->console_path || !*c->console_path))
		return err_set(e, -EINVAL, "--console: a file or socket needs a path");
	if (c->console == CONSOLE_SOCKET && broker_check("--console socket", c->console_path, e) < 0)
		return -EINVAL;
	if (c->discovery == DISCOVERY_ACPI && !c->acpi)
		return err_set(e, -EINVAL, "--discovery acpi: there is no ACPI with --no-acpi; choose cmdline or auto");
	if (c->gdb && gdb_check(c->gdb, e) < 0)
		return -EINVAL;
	if (c->core && machine_core_check(c->core, e) < 0)
		return -EINVAL;
	if (c->snapshot && machine_snapshot_check(c, e) < 0)
		return -EINVAL;
	r = virtio_kinds_check(c, e);
	if (r < 0)
		return r;
	/* The board is only made to find out whether the parts fit. */
	return board_draw(c, &board, e);
}
