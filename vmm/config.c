// SPDX-License-Identifier: Apache-2.0
#include "vmm/config.h"

#include <stdlib.h>

#include "vmm/base/clock.h"
#include "vmm/base/util.h"

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
		.panic_text = 1,
		.rng = true,
		.grace_ns = 5 * NSEC_PER_SEC,
		.log_level = TRACE_WARN,
		.sandbox = SANDBOX_STRICT,
	};
}

const char *backing_name(enum backing b)
{
	static const char *const names[] = {
		[BACKING_ANON] = "anonymous",
		[BACKING_THP] = "transparent huge pages",
		[BACKING_HUGE_2M] = "2M huge pages",
		[BACKING_HUGE_1G] = "1G huge pages",
	};

	return names[b];
}

const char *config_cmdline(const struct config *c)
{
	if (c->cmdline)
		return c->cmdline;
	if (c->root && c->console == CONSOLE_NULL)
		return CONFIG_DEFAULT_CMDLINE_COMMAND;
	return c->console_virtio ? CONFIG_DEFAULT_CMDLINE_HVC : CONFIG_DEFAULT_CMDLINE;
}

static void destroy_words(char **word, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(word[i]);
	free(word);
}

static void destroy_ports(struct config_ports *p)
{
	destroy_words(p->spec, p->nr);
}

struct sandbox_as config_as(const struct config *c)
{
	return (struct sandbox_as){.mode = c->sandbox, .user = c->user, .uid = c->uid, .gid = c->gid};
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
	free(c->report);
	free(c->trace);
	free(c->gdb);
	free(c->core);
	free(c->snapshot);
	free(c->word);
	free(c->working_set);
	free(c->config_file);
	for (size_t i = 0; i < c->nr_disks; i++) {
		free(c->disk[i].path);
		free(c->disk[i].id);
	}
	free(c->disk);
	for (size_t i = 0; i < c->nr_shares; i++) {
		free(c->share[i].path);
		free(c->share[i].tag);
	}
	free(c->share);
	destroy_words(c->command, c->nr_command);
	destroy_words(c->env, c->nr_env);
	free(c->root);
	free(c->out);
	free(c->modules);
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
