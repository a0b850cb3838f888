// SPDX-License-Identifier: Apache-2.0
/*
 * What distinguishes a guest from others that go on from the same snapshot: the VM generation id, and what the marker
 * tells. Random bytes for a machine that is reset are read from a descriptor: the control loop has that call anyway.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vmm/base/path.h"
#include "vmm/base/util.h"
#include "vmm/machine/internal.h"

_Static_assert(MACHINE_WORD_MAX == MARKER_WORD_MAX, "what a guest can be told");

static void on_mark(struct marker_host *h, const char *name)
{
	machine_mark(container_of(h, struct machine, hosts.marker), name, "marker");
}

static bool is_busy(struct marker_host *h)
{
	return machine_snapshot_waits(container_of(h, struct machine, hosts.marker));
}

static bool is_ram(struct marker_host *h, uint64_t gpa, uint64_t size)
{
	return gmem_contains(&container_of(h, struct machine, hosts.marker)->vm.memory.gmem, gpa, size);
}

void machine_unique_init(struct machine *m)
{
	m->hosts.marker = (struct marker_host){.mark = on_mark, .busy = is_busy, .is_ram = is_ram};
}

int machine_unique_open(struct machine *m, struct err *e)
{
	m->random_fd = path_open("/dev/urandom", O_RDONLY, 0);
	return m->random_fd < 0 ? err_sys(e, m->random_fd, "/dev/urandom") : 0;
}

static int draw(const struct machine *m, void *to, size_t n, struct err *e)
{
	ssize_t got = m->random_fd >= 0 ? read(m->random_fd, to, n) : getrandom(to, n, 0);

	return got == (ssize_t)n ? 0 : err_sys(e, got < 0 ? -errno : -EIO, "cannot draw random bytes");
}

/* Where KVM has no read-only memory, reading it exits to the device. */
int machine_new_generation(struct machine *m, struct err *e)
{
	uint8_t *id = m->chips.generation.id;
	void *shown = vm_shown(&m->vm, board_find(&m->board, BOARD_GENERATION, 0)->base);

	int r = draw(m, id, GENERATION_ID_SIZE, e);

	if (r == 0 && shown)
		memcpy(shown, id, GENERATION_ID_SIZE);
	return r;
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
	int r = machine_new_generation(m, e);

	if (r == 0)
		r = draw(m, life.seed, sizeof(life.seed), e);
	if (r < 0)
		return r;
	power_new_generation(&m->chips.power);
	marker_begin(&m->chips.marker, &life);
	explicit_bzero(&life, sizeof(life));
	return 0;
}
