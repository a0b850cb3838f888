// SPDX-License-Identifier: Apache-2.0
/*
 * What distinguishes a guest from others that go on from the same snapshot: the marker's part.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/base/util.h"
#include "vmm/machine/internal.h"

static void on_mark(struct marker_host *h, const char *name)
{
	machine_mark(container_of(h, struct machine, hosts.marker), name, "marker");
}

static bool is_busy(struct marker_host *h)
{
	return machine_snapshot_waits(container_of(h, struct machine, hosts.marker));
}

void machine_unique_init(struct machine *m)
{
	m->hosts.marker = (struct marker_host){.mark = on_mark, .busy = is_busy};
}

int machine_unique(struct machine *m, struct err *e)
{
	struct marker_life life = {
		.restored = true,
		.clone = m->facts.clone,
		.clones = m->facts.clones,
		.word = m->facts.word,
		.word_size = m->facts.word_size,
	};

	if (getrandom(life.seed, sizeof(life.seed), 0) != sizeof(life.seed))
		return err_sys(e, -EIO, "getrandom");
	marker_begin(&m->chips.marker, &life);
	explicit_bzero(&life, sizeof(life));
	return 0;
}
