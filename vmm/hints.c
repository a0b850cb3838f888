// SPDX-License-Identifier: Apache-2.0
#include "vmm/hints.h"

#include <string.h>

#include "vmm/board.h"
#include "vmm/machine_internal.h"

/* What an operator asks for, and who drives it in Linux. */
static const struct {
	uint32_t id;
	const char *option;
	const char *driver;
} drivers[] = {
	{VIRTIO_ID_BLOCK, "--disk", "virtio_blk"},
	{VIRTIO_ID_NET, "--net", "virtio_net"},
	{VIRTIO_ID_CONSOLE, "--console virtio", "virtio_console"},
	{VIRTIO_ID_VSOCK, "--vsock", "vmw_vsock_virtio_transport"},
	{VIRTIO_ID_BALLOON, "--balloon", "virtio_balloon"},
};

/* Whether a word of the kernel's command line begins so. */
static bool has_word(const char *line, const char *start)
{
	for (const char *at = strstr(line, start); at; at = strstr(at + 1, start))
		if (at == line || at[-1] == ' ')
			return true;
	return false;
}

static bool ended_well(const struct verdict *v)
{
	return v->outcome == OUTCOME_POWEROFF || v->outcome == OUTCOME_RESET || v->outcome == OUTCOME_DEBUG_EXIT;
}

static void say_silence(const struct machine *m, const char *line, FILE *out)
{
	fprintf(out, "vmm: the guest wrote nothing to its console: ");
	if (!has_word(line, "console=") && !has_word(line, "earlycon") && !has_word(line, "earlyprintk"))
		fprintf(out, "no console= is on its command line; --append console=ttyS0 adds it\n");
	else if (!has_word(line, "console=ttyS0") && !has_word(line, "console=uart") && !has_word(line, "earl") &&
		!(m->config->console_virtio && has_word(line, "console=hvc0")))
		fprintf(out, "this machine has %s, and the command line names another console\n",
			m->config->console_virtio ? "console=ttyS0 and console=hvc0" : "console=ttyS0");
	else
		fprintf(out,
			"it ended before its kernel had one, or that has no driver for the serial port; "
			"--append earlyprintk=ttyS0 shows more\n");
}

/* The devices of one kind that no driver has started, and what a guest needs for them. */
static void say_unused(const struct machine *m, size_t kind, FILE *out)
{
	const struct virtio_slots *s = m->virtio;
	unsigned nr = 0;

	for (unsigned i = 0; i < s->nr; i++) {
		const struct virtio_device *dev = s->slot[i].mmio.device;

		if (dev->id == drivers[kind].id && !dev->driven)
			fprintf(out, "%s%s", nr++ ? ", " : "vmm: no driver in the guest started ", dev->name);
	}
	if (nr)
		fprintf(out, " (%s): its kernel or initrd needs virtio_mmio%s and %s\n", drivers[kind].option,
			m->board.virtio_on_cmdline ? " with CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES" : "",
			drivers[kind].driver);
}

void machine_hints(struct machine *m, const struct verdict *v, FILE *out)
{
	CLEANUP_FREE char *line = board_cmdline(m->config, &m->board, 0);
	struct console_stats console;

	if (!line || v->outcome == OUTCOME_CRASH || v->outcome == OUTCOME_FAILURE)
		return;
	console_stats(m->console, &console);
	if (!console.taken) {
		if (!ended_well(v) || !has_word(line, "quiet"))
			say_silence(m, line, out);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		say_unused(m, i, out);
}
