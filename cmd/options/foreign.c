// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/foreign.h"

#include <stdio.h>
#include <string.h>

#include "cmd/options/options.h"

#define APPEND    "--append STRING"
#define CMDLINE   "--cmdline STRING, or --append STRING, which adds to the default one"
#define CPUS      "--cpus N"
#define DISK      "--disk path=FILE"
#define INITRD    "--initrd FILE"
#define IS_READ   " a guest can only read what is shared; leave it out"
#define LOGGED    "--log-level debug"
#define NET       "--net tap=NAME, or --net passt, which needs no privileges"
#define QUIET     "--log-level error"
#define SIZE      "--mem SIZE"
#define STDIO     "--console stdio, which is the default"
#define TIMEOUT   "--timeout TIME"
#define DEVICES   " each device has its own option: --disk, --share, --net, --vsock, --rng, --balloon, --debug-exit"
#define IS_DIRECT " there is no firmware: --kernel FILE is entered directly"
#define IS_DONE   " there is no such choice; leave it out"
#define IS_KVM    " vmm always runs on KVM, and its machine has one kind; leave it out"
#define IS_ONCE   " a reset ends the run anyhow, with status 32; leave it out"
#define NO_API    " vmm has no API and no monitor: signals, keys and --gdb are what there is"
#define NO_SCREEN " there is no display; the guest's console is on standard output"
#define SHARE     "--share PATH"

const struct foreign_word foreign_words[] = {
	{"D", " what vmm says goes to standard error: 2>FILE"},
	{"M", IS_KVM},
	{"S", "--gdb unix:PATH,wait"},
	{"accel", IS_KVM},
	{"api-sock", NO_API},
	{"append-cmdline", APPEND},
	{"args", CMDLINE},
	{"bios", IS_DIRECT},
	{"boot", IS_DIRECT},
	{"boot-args", CMDLINE},
	{"boot_args", CMDLINE},
	{"c", CPUS},
	{"cdrom", DISK ",ro"},
	{"chardev", "--console WHERE"},
	{"cmd", CMDLINE},
	{"command-line", CMDLINE},
	{"config-file", "--config FILE, a file of vmm's own (vmm.conf(5))"},
	{"cores", CPUS},
	{"cpu", " the model is the host's (vmm cpuid shows it), and --cpus N says how many"},
	{"d", DISK},
	{"daemonize", " it stays in the foreground; & or a service manager puts it elsewhere"},
	{"debug", LOGGED},
	{"device", DEVICES},
	{"display", NO_SCREEN},
	{"drive", DISK},
	{"enable-kvm", IS_KVM},
	{"firmware", IS_DIRECT},
	{"fs", SHARE},
	{"hda", DISK},
	{"i", INITRD},
	{"image", DISK},
	{"initramfs", INITRD},
	{"isa-debug-exit", "--debug-exit"},
	{"k", "--kernel FILE"},
	{"kernel-cmdline", CMDLINE},
	{"log-file", " what vmm says goes to standard error: 2>FILE"},
	{"m", SIZE},
	{"machine", IS_KVM},
	{"memory", SIZE},
	{"monitor", NO_API},
	{"n", NET},
	{"netdev", NET},
	{"network", NET},
	{"nic", NET},
	{"no-api", NO_API},
	{"no-kvm", IS_KVM},
	{"no-reboot", IS_ONCE},
	{"no-sandbox", "--sandbox off"},
	{"no-seccomp", "--sandbox off"},
	{"no-shutdown", " a guest that powers off ends the run with status 0"},
	{"nodefaults", IS_DONE},
	{"nographic", STDIO},
	{"p", APPEND},
	{"params", APPEND},
	{"q", QUIET},
	{"qmp", NO_API},
	{"quiet", QUIET},
	{"ram", SIZE},
	{"rootfs", DISK},
	{"s", "--gdb tcp:1234"},
	{"seccomp", "--sandbox MODE"},
	{"serial", "--console WHERE"},
	{"shared-dir", SHARE},
	{"smp", CPUS},
	{"tap", "--net tap=NAME"},
	{"time-limit", TIMEOUT},
	{"tty", STDIO},
	{"v", LOGGED},
	{"verbose", LOGGED},
	{"vga", NO_SCREEN},
	{"virtfs", SHARE},
	{"virtiofs", SHARE},
	{"vnc", NO_SCREEN},
	{"balloon=target", "size"},
	{"disk=direct", "cache=none"},
	{"disk=file", "path"},
	{"disk=if", " virtio is what each disk is; leave it out"},
	{"disk=index", IS_DONE},
	{"disk=media", IS_DONE},
	{"disk=read-only", "ro"},
	{"disk=readonly", "ro"},
	{"disk=rw", " a disk can be written unless ro is there; leave it out"},
	{"disk=serial", "id"},
	{"disk=snapshot", "overlay"},
	{"net=bridge", " a bridge of the host takes a TAP interface: tap=NAME"},
	{"net=hostfwd", "tcp"},
	{"net=id", IS_DONE},
	{"net=ifname", "tap"},
	{"net=macaddr", "mac"},
	{"net=model", IS_DONE},
	{"net=nic", IS_DONE},
	{"net=none", " without --net there is no network; leave it out"},
	{"net=user", "passt"},
	{"share=mount_tag", "tag"},
	{"share=readonly", IS_READ},
	{"share=ro", IS_READ},
	{"share=rw", IS_READ},
	{"share=source", "path"},
	{"vsock=guest-cid", "cid"},
	{"vsock=socket", "path"},
	{"vsock=uds_path", "path"},
	{"=boot", "run"},
	{"=create", "run"},
	{"=doctor", "check"},
	{"=info", "check"},
	{"=measure", "bench"},
	{"=start", "run"},
	{"=version", "--version"},
	{NULL, NULL},
};

const char *foreign_find(const char *list, const char *word, size_t len)
{
	size_t prefix = list ? strlen(list) + 1 : 0;

	for (const struct foreign_word *f = foreign_words; f->theirs; f++)
		if (strlen(f->theirs) == prefix + len && !memcmp(f->theirs + prefix, word, len) &&
			(!list || (!strncmp(f->theirs, list, prefix - 1) && f->theirs[prefix - 1] == '=')))
			return f->ours;
	return NULL;
}

const char *foreign_hint(const char *ours, char *buf, size_t size)
{
	snprintf(buf, size, *ours == ' ' ? ";%s" : "; did you mean %s?", ours);
	return buf;
}

unsigned edit_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned limit)
{
	/* Three rows of the table of all prefixes; no name that we compare with is near this long. */
	unsigned rows[3][64], *before = rows[0], *above = rows[1], *row = rows[2];

	if (blen >= ARRAY_SIZE(rows[0]) || (alen > blen ? alen - blen : blen - alen) > limit)
		return limit + 1;
	for (unsigned j = 0; j <= blen; j++)
		above[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *t;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = MIN(row[j], above[j] + 1);
			row[j] = MIN(row[j], row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		t = before;
		before = above;
		above = row;
		row = t;
	}
	return MIN(above[blen], limit + 1);
}

const struct option_def *option_nearest(const char *name, size_t len)
{
	const struct option_def *nearest = NULL;
	unsigned best;

	if (len > 3 && !memcmp(name, "no-", 3)) {
		name += 3;
		len -= 3;
	}
	/* More than a third of the letters wrong is another word. */
	best = (unsigned)MAX(1, MIN(len / 3, 3));
	for_each_option(o) {
		unsigned d = edit_distance(name, len, o->name, strlen(o->name), best);

		if (d < best || (d == best && !nearest)) {
			best = d;
			nearest = o;
		}
	}
	/* An abbreviation or the opposite: "pre" for "prefault", "memory" for "mem". */
	for_each_option(o)
		if (!nearest && len >= 2 && !strncmp(o->name, name, MIN(len, strlen(o->name))))
			nearest = o;
	return nearest;
}
