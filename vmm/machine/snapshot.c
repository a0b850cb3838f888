// SPDX-License-Identifier: Apache-2.0
/*
 * Makes snapshots of a machine, which then continues or ends; vmm/snapshot/snapshot.h describes the format.
 *
 * Theory of operation. A snapshot is requested by a signal, a key, or a mark or text of the guest. The request reaches
 * the control loop, which holds the machine, reads the state in KVM and in the devices, and passes it to the thread of
 * newfile.h; that thread reads RAM and writes the file. Marks and text are detected by the thread that forwards the
 * guest's output, usually a vCPU's, which wakes the loop and continues: so the guest runs on a little before it is
 * held.
 *
 * Everything of known size is allocated in BUILD: malloc() in the loop may make no system call but mmap().
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/clock.h"
#include "vmm/base/wake.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/newfile.h"
#include "vmm/machine/saved.h"
#include "vmm/machine/snapshot_option.h"
#include "vmm/snapshot/snapshot.h"

#define STOP_NS NSEC_PER_SEC

static_assert(SNAPSHOT_MEM_MAX == CONFIG_MEM_MAX, "what a machine can have can be in a snapshot, and no more");

static const struct newfile_kind snapshot_kind = {.what = "snapshot", .option = "--snapshot"};

/**
 * struct machine_snapshot - opened in OPEN, the rest made in BUILD
 * @watch: sees the guest's output; @seen: bytes of the text that the output so far ends with; @back: of each beginning
 *         of the text, how much of it is also its end (Knuth, Morris, Pratt)
 * @found: wakes the control loop: a mark or a text was seen; @armed: whether one that is seen counts
 * @waited: the guest has asked for one, which has not been written yet
 * @busy: a snapshot was requested and has not been written yet
 * @disk: of the machine; @state: buffer for machine_save()
 * @taken: number of snapshots written
 * @ended: the run has ended
 * @end: a message for the operator at the end of the run, or NULL
 */
struct machine_snapshot {
	struct machine *m;
	struct snapshot_option option;
	struct newfile file;
	const struct machine_facts *facts;
	struct console_watch watch;
	size_t seen;
	uint8_t back[SNAPSHOT_TEXT_MAX + 1];
	struct loop_source found;
	_Atomic bool armed;
	_Atomic bool waited;
	bool busy, ended;
	struct hold hold;
	struct snapshot_writer *writer;
	struct snapshot_source disk[SNAPSHOT_DISKS_MAX];
	uint8_t *state;
	uint64_t asked_ns, bytes;
	unsigned taken;
	const char *end;
};

/* --- What asks for one ------------------------------------------------------------------------------------------- */

static void found(struct machine_snapshot *s)
{
	if (!s->option.every && !atomic_exchange_explicit(&s->armed, false, memory_order_relaxed))
		return;
	atomic_store_explicit(&s->waited, true, memory_order_relaxed);
	wake_send(s->found.fd);
}

/* Called by any thread that forwards the guest's output, one at a time. */
static void on_text(struct console_watch *w, const uint8_t *data, size_t n)
{
	struct machine_snapshot *s = container_of(w, struct machine_snapshot, watch);
	const char *text = s->option.text;

	if (s->option.on != SNAPSHOT_ON_CONSOLE)
		return;
	for (size_t i = 0; i < n; i++) {
		while (s->seen && (!text[s->seen] || (uint8_t)text[s->seen] != data[i]))
			s->seen = s->back[s->seen - 1];
		s->seen += (uint8_t)text[s->seen] == data[i];
		if (!text[s->seen])
			found(s);
	}
}

static void on_console_mark(struct console_watch *w, const char *name)
{
	machine_snapshot_mark(container_of(w, struct machine_snapshot, watch)->m, name);
}

void machine_snapshot_mark(struct machine *m, const char *name)
{
	struct machine_snapshot *s = m->snapshot;

	machine_rounds_mark(m);
	if (s && s->option.on == SNAPSHOT_ON_MARK && (!s->option.text || !strcmp(s->option.text, name)))
		found(s);
}

void machine_snapshot_ready(struct machine *m)
{
	struct machine_snapshot *s = m->snapshot;

	if (s && s->option.on == SNAPSHOT_ON_READY)
		found(s);
}

bool machine_snapshot_waits(const struct machine *m)
{
	return m->snapshot && atomic_load_explicit(&m->snapshot->waited, memory_order_relaxed);
}

static void find_back(struct machine_snapshot *s)
{
	const char *text = s->option.text;
	uint8_t k = 0;

	for (size_t i = 1; s->option.on == SNAPSHOT_ON_CONSOLE && text[i]; i++) {
		while (k && text[i] != text[k])
			k = s->back[k - 1];
		k += text[i] == text[k];
		s->back[i] = k;
	}
}

/* --- In the control loop ----------------------------------------------------------------------------------------- */

static void done(struct machine_snapshot *s, const char *path, const char *why)
{
	const struct machine_facts *f = s->facts;

	s->busy = false;
	atomic_store_explicit(&s->waited, false, memory_order_relaxed);
	s->taken += path != NULL;
	if (path)
		trace_snapshot_written(s->m->trace, path, s->bytes, trace_now_ns() - s->asked_ns);
	else
		trace_snapshot_failed(s->m->trace, why);
	if (f->snapshot_done)
		f->snapshot_done(f->arg, path, why);
	if (s->ended)
		return;
	if (s->option.exit)
		machine_end(s->m, path ? OUTCOME_SNAPSHOT : OUTCOME_FAILURE, DETECTOR_VMM, 0);
	machine_release(s->m, &s->hold);
}

static int save(struct machine_snapshot *s, struct err *e)
{
	struct machine *m = s->m;
	struct state_writer w = {.data = s->state, .size = machine_saved_size(m)};
	struct snapshot_parts parts = {
		.version = s->facts->version,
		.facts = s->facts->snapshot,
		.cpuid = m->cpuid,
		.settings = s->facts->settings,
		.state = s->state,
		.disk = s->disk,
		.nr_disks = machine_snapshot_disks(m, s->disk),
	};
	int r = machine_save(m, &w, e);

	if (r < 0)
		return r;
	parts.state_bytes = w.used;
	parts.facts.created_ns = clock_ns(CLOCK_REALTIME);
	parts.facts.mem_bytes = m->config->mem_bytes;
	parts.facts.cpus = m->vm.nr_vcpus;
	parts.facts.tsc_khz = m->saved->tsc_khz;
	r = snapshot_prepare(s->writer, &parts);
	return r < 0 ? err_sys(e, r, "no room for the state of the machine") : 0;
}

static void on_held(struct hold *h)
{
	struct machine_snapshot *s = container_of(h, struct machine_snapshot, hold);
	struct err e = {};

	newfile_name(&s->file, NULL);
	if (save(s, &e) < 0)
		done(s, NULL, e.text);
	else
		newfile_ask(&s->file);
}

static void on_refused(struct hold *h, const char *late)
{
	done(container_of(h, struct machine_snapshot, hold), NULL, "no snapshot: the guest cannot be held still");
}

static void on_found(struct loop_source *source, uint32_t events)
{
	struct machine_snapshot *s = container_of(source, struct machine_snapshot, found);

	if (wake_take(source->fd))
		machine_snapshot(s->m);
}

void machine_snapshot(struct machine *m)
{
	struct machine_snapshot *s = m->snapshot;

	if (!s || s->busy || s->ended)
		return;
	s->busy = true;
	s->asked_ns = trace_now_ns();
	machine_hold(m, &s->hold);
}

static int write_snapshot(struct newfile *f, int fd)
{
	struct machine_snapshot *s = container_of(f, struct machine_snapshot, file);

	return snapshot_write(s->writer, &s->m->vm.memory.gmem, fd, &f->stop, &s->bytes);
}

static void on_written(struct newfile *f)
{
	struct machine_snapshot *s = container_of(f, struct machine_snapshot, file);
	char text[PATH_MAX + 128];

	if (f->error == 0)
		newfile_path(f, text, sizeof(text));
	else
		newfile_failure(f, text, sizeof(text));
	done(s, f->error == 0 ? text : NULL, f->error == 0 ? NULL : text);
}

static const struct newfile_ops snapshot_ops = {.write = write_snapshot, .written = on_written};

/* --- Its life ---------------------------------------------------------------------------------------------------- */

int machine_snapshot_check(const struct config *c, struct err *e)
{
	struct snapshot_option o = {0};
	int r = snapshot_option_parse(c->snapshot, &o, e);
	bool ready = o.on == SNAPSHOT_ON_READY;

	snapshot_option_destroy(&o);
	if (r < 0)
		return r;
	if (c->root && !ready)
		return err_set(e, -EINVAL,
			"--snapshot: with --root it takes on=ready: a guest without a command, which `vmm restore` "
			"gives it");
	if (!c->root && ready)
		return err_set(e, -EINVAL, "--snapshot: on=ready: for what a command is ready: --root has its files");
	if (c->nested)
		return err_set(e, -EINVAL, "--snapshot: not with --nested: a guest's own guests cannot be saved");
	if (c->backing == BACKING_HUGE_2M || c->backing == BACKING_HUGE_1G)
		return err_set(e, -EINVAL, "--snapshot: not with --hugepages: memory is mapped from a file later");
	return 0;
}

char *machine_snapshot_path(const char *words)
{
	struct snapshot_option o = {0};

	if (snapshot_option_parse(words, &o, NULL) < 0 || !newfile_is_plain(o.path)) {
		snapshot_option_destroy(&o);
		return NULL;
	}
	free(o.text);
	return o.path;
}

uint64_t machine_snapshot_largest(const struct config *c)
{
	return snapshot_largest(c->mem_bytes);
}

int machine_snapshot_open(struct machine *m, struct err *e)
{
	struct machine_snapshot *s;
	int r;

	if (!m->config->snapshot)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_sys(e, -ENOMEM, "--snapshot");
	m->snapshot = s;
	s->m = m;
	s->file = NEWFILE_CLOSED;
	s->found.fd = -1;
	s->armed = true;
	s->hold = (struct hold){.held = on_held, .refused = on_refused};
	s->watch = (struct console_watch){.text = on_text, .mark = on_console_mark};
	r = snapshot_option_parse(m->config->snapshot, &s->option, e);
	if (r < 0)
		return r;
	find_back(s);
	return newfile_open(&s->file, &snapshot_kind, &snapshot_ops, s->option.path, e);
}

const char *machine_snapshot_dir(const struct machine *m)
{
	return m->snapshot && m->snapshot->file.dir >= 0 ? m->snapshot->file.rule : NULL;
}

static int allocate(struct machine_snapshot *s, struct err *e)
{
	struct machine *m = s->m;
	int r = machine_saved_init(m, e);

	if (r < 0)
		return err_wrap(e, r, "--snapshot");
	s->state = malloc(machine_saved_size(m));
	r = s->state ? snapshot_writer_new(m->config->mem_bytes, &s->writer) : -ENOMEM;
	return r < 0 ? err_sys(e, r, "--snapshot") : 0;
}

int machine_snapshot_init(struct machine *m, struct err *e)
{
	struct machine_snapshot *s = m->snapshot;
	int r;

	if (!s)
		return 0;
	s->facts = &m->facts;
	r = allocate(s, e);
	if (r == 0)
		r = newfile_init(&s->file, m->loop, e);
	if (r < 0)
		return r;
	s->found.ready = on_found;
	s->found.fd = wake_open();
	r = s->found.fd < 0 ? s->found.fd : loop_add(m->loop, &s->found, EPOLLIN);
	if (r < 0)
		return err_sys(e, r, "--snapshot");
	if (s->option.on != SNAPSHOT_ON_SIGNAL)
		console_set_watch(m->console, &s->watch);
	return 0;
}

int machine_snapshot_start(struct machine *m, struct err *e)
{
	return m->snapshot ? newfile_start(&m->snapshot->file, m->sandbox, e) : 0;
}

void machine_snapshot_finish(struct machine *m)
{
	struct machine_snapshot *s = m->snapshot;

	if (!s)
		return;
	s->ended = true;
	atomic_store_explicit(&s->file.stop, true, memory_order_relaxed);
	if (s->busy && newfile_is_idle(&s->file))
		s->end = "no snapshot: the guest had ended when it was to be held still";
	else if (!s->taken && s->option.on == SNAPSHOT_ON_CONSOLE && s->armed)
		s->end = "no snapshot: the guest never printed the text of --snapshot";
	else if (!s->taken && s->option.on == SNAPSHOT_ON_MARK && s->armed)
		s->end = "no snapshot: the guest never set the mark of --snapshot";
	else if (!s->taken && s->option.on == SNAPSHOT_ON_READY && s->armed)
		s->end = "no snapshot: the guest was never ready for a command";
	if (!newfile_stop(&s->file, trace_now_ns() + STOP_NS))
		trace_device_hangs(m->trace, s->file.worker.name);
}

const char *machine_snapshot_end(const struct machine *m)
{
	return m->snapshot ? m->snapshot->end : NULL;
}

bool machine_snapshot_destroy(struct machine_snapshot *s)
{
	if (!s)
		return true;
	if (!newfile_destroy(&s->file))
		return false;
	loop_remove(&s->found);
	wake_close(&s->found.fd);
	snapshot_writer_free(s->writer);
	snapshot_option_destroy(&s->option);
	free(s->state);
	free(s);
	return true;
}
