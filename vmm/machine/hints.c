// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/hints.h"

#include <string.h>

#include "vmm/machine/board.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/kernel_args.h"

/**
 * struct said - the consoles on the kernel's command line
 * @console: it names one
 * @ours: it names one of this machine
 */
struct said {
	bool console;
	bool ours;
	bool quiet;
};

static bool begins(const struct kernel_arg *a, const char *start)
{
	return a->value && a->value_len >= strlen(start) && !memcmp(a->value, start, strlen(start));
}

static struct said read_line(const struct machine *m, const char *line)
{
	struct said s = {0};
	struct kernel_arg a;

	while (kernel_arg_next(&line, &a)) {
		bool early = kernel_arg_is(&a, "earlycon", NULL) || kernel_arg_is(&a, "earlyprintk", NULL);

		s.quiet |= kernel_arg_is(&a, "quiet", NULL);
		s.ours |= early;
		if (kernel_arg_is(&a, "console", NULL))
			s.ours |= begins(&a, "ttyS0") || begins(&a, "uart") ||
				(m->config->console_virtio && begins(&a, "hvc0"));
		s.console |= early || kernel_arg_is(&a, "console", NULL);
	}
	return s;
}

static bool ended_well(const struct verdict *v)
{
	return v->outcome == OUTCOME_POWEROFF || v->outcome == OUTCOME_RESET || v->outcome == OUTCOME_DEBUG_EXIT;
}

static void say_silence(const struct machine *m, const struct said *s, FILE *out)
{
	fprintf(out, "vmm: the guest wrote nothing to its console: ");
	if (!s->console)
		fprintf(out, "no console= is on its command line; --append console=ttyS0 adds it\n");
	else if (!s->ours)
		fprintf(out, "this machine has %s, and the command line names another console\n",
			m->config->console_virtio ? "console=ttyS0 and console=hvc0" : "console=ttyS0");
	else
		fprintf(out,
			"it ended before its kernel had one, or that has no driver for the serial port; "
			"--append earlyprintk=ttyS0 shows more\n");
}

void machine_software_kvm(FILE *out)
{
	fprintf(out,
		"this host's processor has neither SVM nor VMX: its KVM emulates, and cannot run a stock kernel. A "
		"host in "
		"QEMU, with its emulated SVM, can.\n");
}

/* Reports devices of one kind that no driver has started, and what a guest needs for them. */
static void say_unused(const struct machine *m, const struct virtio_kind *kind, FILE *out)
{
	const struct virtio_devices *s = m->virtio;
	unsigned nr = 0;

	for (unsigned i = 0; kind->driver && i < s->nr; i++) {
		const struct virtio_device *dev = s->slot[i].mmio.device;

		if (s->slot[i].kind == kind && !dev->driven)
			fprintf(out, "%s%s", nr++ ? ", " : "vmm: no driver in the guest started ", dev->name);
	}
	if (nr)
		fprintf(out, " (%s): its kernel or initrd needs virtio_mmio%s and %s\n", kind->option,
			m->board.virtio_on_cmdline ? " with CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES" : "", kind->driver);
}

void machine_hints(struct machine *m, const struct verdict *v, FILE *out)
{
	CLEANUP_FREE char *line = board_cmdline(m->config, &m->board, 0);
	struct console_stats console;
	struct said said;

	if (!line || m->facts.restore || v->outcome == OUTCOME_SNAPSHOT || v->outcome == OUTCOME_CRASH ||
		v->outcome == OUTCOME_FAILURE)
		return;
	said = read_line(m, line);
	console_stats(m->console, &console);
	if (!console.taken) {
		if (!ended_well(v) || !said.quiet)
			say_silence(m, &said, out);
		if (!ended_well(v) && said.ours && !kvm_hardware()) {
			fprintf(out, "vmm: ");
			machine_software_kvm(out);
		}
		return;
	}
	for_each_virtio_kind(kind) say_unused(m, kind, out);
}
