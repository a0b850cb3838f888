// SPDX-License-Identifier: Apache-2.0
/*
 * Restores a machine from a snapshot: RAM is mapped privately from the file, CPUs keep their CPUID, and
 * machine_restore() reads the rest.
 *
 * The file is locked (flock) while it is mapped, but flock is only advisory. A change of the file in place changes RAM
 * that the guest has not written, and an access to a part that was truncated faults: so the file is watched by inotify,
 * and a change ends the run, which takes precedence over whatever it did to the guest. Stores through another program's
 * mapping are not detected.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "vmm/base/fdpath.h"
#include "vmm/cpuid/fits.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/reset.h"
#include "vmm/machine/saved.h"
#include "vmm/snapshot/working_set.h"

int machine_restore_cpuid(struct machine *m, struct cpuid_set *cpuid, struct err *e)
{
	const struct cpuid_set *saved = m->facts.restore->cpuid;
	int r = cpuid_fits(saved, cpuid, e);

	if (r < 0)
		return err_operator(e, err_wrap(e, r, "this host cannot run the guest of the snapshot"));
	*cpuid = *saved;
	return 0;
}

int machine_map_snapshot(const struct config *c, const struct snapshot *s, struct memory *ret, struct err *e)
{
	if (s->facts.mem_bytes != c->mem_bytes || s->facts.cpus != c->cpus)
		return err_operator(
			e, err_set(e, -EINVAL, "the snapshot's settings do not fit its memory and its CPUs"));
	if (flock(s->fd, LOCK_SH | LOCK_NB) < 0)
		return err_operator(e, err_sys(e, -errno, "the snapshot is locked by another program"));
	return memory_map(c->mem_bytes, s->fd, s->ram_at, s->extent, s->facts.nr_extents, ret, e);
}

void machine_inherit(struct machine *m, const struct memory *ram, uint32_t clone, uint32_t clones)
{
	m->facts.ram = ram;
	m->facts.clone = clone;
	m->facts.clones = clones;
}

static int populate(struct machine *m, const struct working_set *w, struct err *e)
{
	int r = memory_populate(&m->vm.memory, w->range, w->nr, e);

	if (r == 0)
		trace_working_set(m->trace, working_set_bytes(w), w->nr);
	return r;
}

int machine_restore_memory(struct machine *m, struct err *e)
{
	int r = 0;

	if (m->facts.ram)
		m->vm.memory = *m->facts.ram;
	else
		r = machine_map_snapshot(m->config, m->facts.restore, &m->vm.memory, e);
	if (r == 0 && m->config->prefault)
		r = memory_prefault(&m->vm.memory, e);
	if (r == 0 && m->facts.working_set)
		r = populate(m, m->facts.working_set, e);
	if (r < 0)
		return r;
	trace_memory_ready(m->trace, m->config->mem_bytes, "snapshot");
	return 0;
}

int machine_working_set(const struct machine *m, int pagemap, struct working_set *ret)
{
	return working_set_find(pagemap, m->vm.memory.host, m->vm.memory.size, ret);
}

/* RAM goes back to what the file has, by a second mapping of it. */
static COLD int begin_reset(struct machine *m, struct err *e)
{
	const struct snapshot *s = m->facts.restore;
	CLEANUP(memory_destroy) struct memory base = {0};
	int r = memory_map(m->config->mem_bytes, s->fd, s->ram_at, s->extent, s->facts.nr_extents, &base, e);

	if (r == 0)
		r = machine_reset_init(m, &base, e);
	return r;
}

int machine_restore_state(struct machine *m, struct err *e)
{
	const struct snapshot *s = m->facts.restore;
	struct state_reader r = {.data = s->state, .size = s->facts.state_bytes};
	int ret = machine_saved_init(m, e);

	if (ret == 0 && m->facts.resets)
		ret = begin_reset(m, e);
	if (ret == 0)
		ret = machine_restore(m, &r, m->config->clock, e);
	if (ret == 0 && r.at != r.size)
		ret = err_set(e, -EINVAL, "cannot restore the guest: the snapshot has more state than the machine");
	if (ret < 0)
		return ret == -EINVAL || ret == -ENOTSUP ? err_operator(e, ret) : ret;
	ret = m->facts.resets ? machine_reset_mark(m, e) : 0;
	if (ret == 0)
		ret = machine_unique(m, e);
	if (ret < 0)
		return ret;
	trace_restored(m->trace, s->facts.ram_bytes, s->facts.nr_extents);
	return 0;
}

static void on_changed(struct loop_source *s, uint32_t events)
{
	machine_restore_changed(container_of(s, struct machine, restored));
}

int machine_watch_snapshot(const struct snapshot *s, int *ret, struct err *e)
{
	CLEANUP_FD int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[FD_PATH_SIZE];

	fd_path(s->fd, path);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return err_sys(e, -errno, "cannot watch the snapshot's file (inotify)");
	*ret = TAKE_FD(fd);
	return 0;
}

int machine_restore_open(struct machine *m, struct err *e)
{
	m->restored.ready = on_changed;
	if (m->facts.watch_fd <= 0)
		return machine_watch_snapshot(m->facts.restore, &m->restored.fd, e);
	m->restored.fd = m->facts.watch_fd;
	return 0;
}

int machine_restore_watch(struct machine *m, struct err *e)
{
	int r = loop_add(m->loop, &m->restored, EPOLLIN);

	return r < 0 ? err_sys(e, r, "cannot watch the snapshot's file") : 0;
}

/* Looked at and not read: other machines may share it. */
void machine_restore_changed(struct machine *m)
{
	struct pollfd p = {.fd = m->restored.fd, .events = POLLIN};

	if (m->restored.fd >= 0 && ppoll(&p, 1, &(struct timespec){0}, NULL) > 0)
		machine_failed(m, "the snapshot's file was cut or changed while the guest had it mapped");
}

void machine_restore_forget(struct machine *m)
{
	loop_remove(&m->restored);
	if (m->restored.fd >= 0)
		close(m->restored.fd);
}
