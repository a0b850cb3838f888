// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/foreign.h"

#include <string.h>

#include "cmd/options/options.h"

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
