// SPDX-License-Identifier: Apache-2.0
/*
 * What no machine can be, whoever filled the configuration. What concerns one part stands with that part.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/host/listener.h"
#include "vmm/host/net.h"
#include "vmm/kvm/memory.h"
#include "vmm/machine/board.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/virtio/misc.h"

static int check_disks(const struct config *c, struct err *e)
{
	for (size_t i = 0; i < c->nr_disks; i++) {
		const struct config_disk *d = &c->disk[i];

		if (d->id && strlen(d->id) > CONFIG_DISK_ID_MAX)
			return err_set(e, -EINVAL, "--disk path=%s: id=%s is longer than %d characters", d->path, d->id,
				CONFIG_DISK_ID_MAX);
		if (d->overlay && d->cache == DISK_CACHE_NONE)
			return err_set(e, -EINVAL,
				"--disk path=%s: an overlay cannot have cache=none: what it keeps is no longer than "
				"the machine",
				d->path);
		if (d->overlay && d->ro)
			return err_set(e, -EINVAL,
				"--disk path=%s: ro and overlay: nothing would be written to the overlay; choose one",
				d->path);
	}
	return 0;
}

/* Two devices cannot share one interface, and two that have one address cannot talk to each other. */
static int check_nets(const struct config *c, struct err *e)
{
	static const uint8_t unset[6];

	for (size_t i = 0; i < c->nr_nets; i++) {
		const struct config_net *a = &c->net[i];

		if (a->kind == CONFIG_NET_NONE)
			return err_set(
				e, -EINVAL, "--net: connected to nothing; give it tap=NAME, fd=N or passt[=SOCKET]");
		if (a->kind == CONFIG_NET_TWO)
			return err_set(e, -EINVAL, "--net: connected twice; choose one of tap=, fd= and passt");
		if (net_check(a, e) < 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			const struct config_net *b = &c->net[j];

			if (memcmp(a->mac, unset, sizeof(unset)) && !memcmp(a->mac, b->mac, sizeof(a->mac)))
				return err_set(e, -EINVAL, "--net: two devices have the same mac=; give each its own");
			if (a->kind != b->kind)
				continue;
			if (a->kind == CONFIG_NET_FD && a->fd == b->fd)
				return err_set(e, -EINVAL, "--net fd=%d: given for two devices", a->fd);
			if (a->kind == CONFIG_NET_TAP && !strcmp(a->name, b->name))
				return err_set(e, -EINVAL, "--net tap=%s: given for two devices", a->name);
		}
	}
	return 0;
}

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
	if (c->console == CONSOLE_SOCKET && listener_check("--console socket", c->console_path, e) < 0)
		return -EINVAL;
	if (c->discovery == DISCOVERY_ACPI && !c->acpi)
		return err_set(e, -EINVAL, "--discovery acpi: there is no ACPI with --no-acpi; choose cmdline or auto");
	r = check_disks(c, e);
	if (r == 0)
		r = check_nets(c, e);
	if (r == 0)
		r = virtio_misc_check(c, e);
	if (r < 0)
		return r;
	/* Draws nothing that is kept: whether the parts fit is the board's to say. */
	return board_draw(c, &board, e);
}
