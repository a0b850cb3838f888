// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/foreign.h"

#include <string.h>

#define CPUS    "--cpus N"
#define DISK    "--disk path=FILE"
#define INITRD  "--initrd FILE"
#define LOGGED  "--log-level debug"
#define NET     "--net tap=NAME, or --net passt, which needs no privileges"
#define QUIET   "--log-level error"
#define SIZE    "--mem SIZE"
#define STDIO   "--console stdio, which is the default"
#define TIMEOUT "--timeout TIME"

const struct foreign_word foreign_words[] = {
	{NULL, "append-cmdline", "--append STRING"},
	{NULL, "c", CPUS},
	{NULL, "cores", CPUS},
	{NULL, "d", DISK},
	{NULL, "debug", LOGGED},
	{NULL, "drive", DISK},
	{NULL, "hda", DISK},
	{NULL, "i", INITRD},
	{NULL, "image", DISK},
	{NULL, "initramfs", INITRD},
	{NULL, "k", "--kernel FILE"},
	{NULL, "m", SIZE},
	{NULL, "memory", SIZE},
	{NULL, "n", NET},
	{NULL, "netdev", NET},
	{NULL, "network", NET},
	{NULL, "nic", NET},
	{NULL, "nographic", STDIO},
	{NULL, "no-sandbox", "--sandbox off"},
	{NULL, "p", "--append STRING"},
	{NULL, "params", "--append STRING"},
	{NULL, "q", QUIET},
	{NULL, "quiet", QUIET},
	{NULL, "ram", SIZE},
	{NULL, "rootfs", DISK},
	{NULL, "serial", "--console WHERE"},
	{NULL, "smp", CPUS},
	{NULL, "tap", "--net tap=NAME"},
	{NULL, "time-limit", TIMEOUT},
	{NULL, "v", LOGGED},
	{NULL, "verbose", LOGGED},
	{"balloon", "target", "size"},
	{"disk", "file", "path"},
	{"disk", "readonly", "ro"},
	{"disk", "snapshot", "overlay"},
	{"net", "ifname", "tap"},
	{"net", "macaddr", "mac"},
	{"net", "user", "passt"},
	{"vsock", "guest-cid", "cid"},
	{"vsock", "socket", "path"},
	{"vsock", "uds_path", "path"},
	{NULL, NULL, NULL},
};

const char *foreign_find(const char *list, const char *word, size_t len)
{
	for (const struct foreign_word *f = foreign_words; f->theirs; f++)
		if (!f->list == !list && (!list || !strcmp(f->list, list)) && strlen(f->theirs) == len &&
			!memcmp(f->theirs, word, len))
			return f->ours;
	return NULL;
}
