// SPDX-License-Identifier: Apache-2.0
#include "vmm/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "vmm/base/units.h"
#include "vmm/host/listener.h"
#include "vmm/host/net.h"
#include "vmm/machine/board.h"
#include "vmm/machine/virtio/misc.h"

void config_init(struct config *ret)
{
	*ret = (struct config){
		.kernel_load = KERNEL_LOAD_READ,
		.mem_bytes = 128 * MIB,
		.backing = BACKING_ANON,
		.cpus = 1,
		.acpi = true,
		.console = CONSOLE_STDIO,
		.console_cap_bytes = 256 * MIB,
		.pvpanic = true,
		.rng = true,
		.grace_ns = UINT64_C(5000000000),
		.log_level = TRACE_WARN,
		.sandbox = SANDBOX_STRICT,
	};
}

const char *config_cmdline(const struct config *c)
{
	if (c->cmdline)
		return c->cmdline;
	return c->console_virtio ? CONFIG_DEFAULT_CMDLINE_HVC : CONFIG_DEFAULT_CMDLINE;
}

static void destroy_ports(struct config_ports *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->spec[i]);
	free(p->spec);
}

void config_destroy(struct config *c)
{
	if (!c)
		return;
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	free(c->append);
	free(c->console_path);
	free(c->vsock.path);
	free(c->vsock.dir);
	free(c->report);
	free(c->trace);
	free(c->config_file);
	for (size_t i = 0; i < c->nr_disks; i++) {
		free(c->disk[i].path);
		free(c->disk[i].id);
	}
	free(c->disk);
	for (size_t i = 0; i < c->nr_nets; i++) {
		free(c->net[i].name);
		destroy_ports(&c->net[i].tcp);
		destroy_ports(&c->net[i].udp);
	}
	free(c->net);
	free(c->chroot);
	free(c->netns);
	free(c->cgroup);
	*c = (struct config){0};
}

/* RAM and swap in bytes; 0 when the host does not tell. */
static uint64_t host_memory(void)
{
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return 0;
	return ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
}

static int check_memory(const struct config *c, struct err *e)
{
	uint64_t host = host_memory(), page = CONFIG_MEM_STEP;
	char mem[UNITS_TEXT_MAX], other[UNITS_TEXT_MAX];

	format_size(c->mem_bytes, mem);
	if (c->mem_bytes < CONFIG_MEM_MIN)
		return err_set(
			e, -EINVAL, "--mem %s: a machine needs at least %s", mem, format_size(CONFIG_MEM_MIN, other));
	if (c->mem_bytes > CONFIG_MEM_MAX)
		return err_set(e, -EINVAL, "--mem %s: at most %s is possible", mem, format_size(CONFIG_MEM_MAX, other));
	if (c->backing == BACKING_HUGE_2M)
		page = 2 * MIB;
	else if (c->backing == BACKING_HUGE_1G)
		page = GIB;
	if (!is_aligned(c->mem_bytes, page))
		return err_set(e, -EINVAL, "--mem %s: not a multiple of %s, the size of its pages", mem,
			format_size(page, other));
	if (host && c->mem_bytes > host)
		return err_set(
			e, -EINVAL, "--mem %s: this host has %" PRIu64 "M of RAM and swap together", mem, host / MIB);
	return 0;
}

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

int config_check(const struct config *c, struct err *e)
{
	struct board board;
	int r;

	r = check_memory(c, e);
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
