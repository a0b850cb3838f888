// SPDX-License-Identifier: Apache-2.0
/*
 * Cores of a machine that is held, or whose run has ended: vmm/debug/elfcore.h says what they are.
 *
 * Theory of operation. The control loop reads the registers, which only KVM has, and hands them to a thread that
 * sleeps until then: role SANDBOX_STATE. That reads RAM and writes a new file beside the one that was asked for, under
 * a name of its own, and renames it when it is complete and on the disk. So a core is whole or not there; of a process
 * that is killed meanwhile a file .vmm-core-* is left. A descriptor of the directory is all that it has of the file
 * system: it works where there is no path any more. A file that is there is replaced, and a symbolic link as well:
 * nothing is written through it.
 *
 * @state says whose struct machine_core is: ASKED: the thread's, else the loop's.
 *
 * At the end of a run the loop goes on until the core is there, so that a signal or Ctrl-A X ends that too.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/path.h"
#include "vmm/base/wake.h"
#include "vmm/base/x86.h"
#include "vmm/debug/elfcore.h"
#include "vmm/host/worker.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/internal.h"

#define NAMES_MAX  16 /* temporary names that are tried */
#define NUMBER_MAX 9999
#define STOP_NS    NSEC_PER_SEC

enum core_state { CORE_IDLE, CORE_ASKED, CORE_WRITTEN };

/**
 * struct machine_core - opened in OPEN, the rest made in BUILD
 * @asked: in the thread's loop; @answered: in the control loop
 * @dir, @path: the directory, and what the operator calls it; @format: the name in it, with %s and %n
 * @file: the descriptor of the core that is being written, always the same number, since the filter of the thread lets
 *        it write to no other; another one of @dir while there is none
 * @rule: what names @dir to the sandbox
 * @secret: what temporary names begin with, and @temporaries: how many there were
 * @number: how many cores were begun; @reason: of the last one
 * @request: whom to answer: @own, while the machine is held for @dump; @last, at the end of the run; or another
 * @stop: nobody wants the core that is being written
 * @ended: the run has ended: who would stop it stops this
 * @error, @doing: what the thread could not do
 * @written: the last core, @end: what became of the one of the end of the run, as text; both owned
 */
struct machine_core {
	struct machine *m;
	struct worker worker;
	struct loop_source asked, answered;
	int dir, file;
	char rule[FD_PATH_SIZE];
	char *path;
	const char *format;
	uint64_t secret;
	unsigned temporaries;
	struct core_writer *writer;
	struct core_cpu *cpu;
	unsigned number;
	const char *reason;
	char name[NAME_MAX + 1];
	struct core_request *request, *dump;
	struct core_request own, last;
	struct hold hold;
	_Atomic int state;
	_Atomic bool stop;
	bool ended;
	int error;
	const char *doing;
	uint64_t asked_ns;
	struct core_result result;
	char *written;
	char *end;
};

/* --- The name ---------------------------------------------------------------------------------------------------- */

static const char *name_in(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* Return: how long the name is, or would be; @format has been checked. */
static size_t expand(const char *format, const char *reason, unsigned number, char *buf, size_t size)
{
	size_t len = 0;

	for (const char *p = format; *p; p++) {
		size_t at = MIN(len, size), room = size - at;
		char *to = buf + at;

		if (*p != '%')
			len += (size_t)snprintf(to, room, "%c", *p);
		else if (*++p == 's')
			len += (size_t)snprintf(to, room, "%s", reason);
		else if (*p == 'n')
			len += (size_t)snprintf(to, room, "%u", number);
		else
			len += (size_t)snprintf(to, room, "%%");
	}
	return len;
}

static bool plain(const char *format)
{
	return !strchr(format, '%');
}

int machine_core_check(const char *file, struct err *e)
{
	const char *name = name_in(file);
	char longest[NAME_MAX + 1];

	for (const char *p = strchr(file, '%'); p; p = strchr(p, '%')) {
		if (p < name)
			return err_set(e, -EINVAL, "--core %s: %% may stand in the name of the file only", file);
		if (!p[1] || !strchr("sn%", p[1]))
			return err_set(e, -EINVAL,
				"--core %s: %%%.1s means nothing: %%s is the reason, %%n a number, %%%% a percent sign",
				file, p + 1);
		p += 2;
	}
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(e, -EINVAL, "--core %s: the name of a file is missing", file);
	if (expand(name, CORE_REASON_LONGEST, NUMBER_MAX, longest, sizeof(longest)) > NAME_MAX)
		return err_set(e, -EINVAL, "--core %s: the name is too long: at most %d bytes", file, NAME_MAX);
	return 0;
}

uint64_t machine_core_largest(const struct config *c)
{
	return c->mem_bytes + CORE_HEAD_MAX;
}

/* --- The thread -------------------------------------------------------------------------------------------------- */

static int failed(struct machine_core *c, const char *doing, int error)
{
	c->doing = doing;
	return error;
}

/* Makes @file the new one. */
static int make_temporary(struct machine_core *c, char name[static 48])
{
	int fd = -1, r = 0;

	for (int i = 0; fd < 0 && i < NAMES_MAX; i++) {
		snprintf(name, 48, ".vmm-core-%016" PRIx64 "-%u", c->secret, c->temporaries++);
		fd = openat(c->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		return failed(c, "create", -errno);
	if (dup3(fd, c->file, O_CLOEXEC) < 0)
		r = failed(c, "create", -errno);
	close(fd);
	return r;
}

static int fill(struct machine_core *c)
{
	const struct machine *m = c->m;
	int r = core_write(c->writer, &m->vm.memory.gmem, c->cpu, m->vm.nr_vcpus, c->file, &c->stop, &c->result);

	if (r == 0 && fsync(c->file) < 0)
		r = -errno;
	return r < 0 ? failed(c, "write", r) : 0;
}

static int write_core(struct machine_core *c)
{
	char temporary[48];
	int r = make_temporary(c, temporary);

	if (r < 0)
		return r;
	r = fill(c);
	dup3(c->dir, c->file, O_CLOEXEC);
	if (r == 0 && renameat(c->dir, temporary, c->dir, c->name) < 0)
		r = failed(c, "create", -errno);
	if (r < 0)
		unlinkat(c->dir, temporary, 0);
	/* A file system that cannot do this to a directory does it by itself. */
	else if (fsync(c->dir) < 0 && errno != EINVAL)
		r = failed(c, "store the name of", -errno);
	return r;
}

static void on_asked(struct loop_source *s, uint32_t events)
{
	struct machine_core *c = container_of(s, struct machine_core, asked);

	if (!wake_take(s->fd) || atomic_load_explicit(&c->state, memory_order_acquire) != CORE_ASKED)
		return;
	c->error = write_core(c);
	atomic_store_explicit(&c->state, CORE_WRITTEN, memory_order_release);
	wake_send(c->answered.fd);
}

/* --- Registers --------------------------------------------------------------------------------------------------- */

static struct core_segment segment(const struct kvm_segment *s)
{
	return (struct core_segment){
		.selector = s->selector,
		.limit = s->limit,
		/* SDM 3, 3.4.5: the upper half of a descriptor */
		.flags = (uint32_t)s->type << 8 | (uint32_t)s->s << 12 | (uint32_t)s->dpl << 13 |
			(uint32_t)s->present << 15 | (uint32_t)s->avl << 20 | (uint32_t)s->l << 21 |
			(uint32_t)s->db << 22 | (uint32_t)s->g << 23,
		.base = s->base,
	};
}

static struct core_segment table(const struct kvm_dtable *t)
{
	return (struct core_segment){.limit = t->limit, .base = t->base};
}

/* A CPU whose registers KVM does not give has zeroes. */
static void read_cpu(struct vcpu *v, struct core_cpu *ret)
{
	struct vcpu_msr gs = {.index = MSR_KERNEL_GS_BASE};
	struct vcpu_regs regs = {};
	const struct kvm_sregs *s = &regs.system;
	struct core_registers *c = &ret->regs;

	static_assert(
		offsetof(struct core_registers, cs) - offsetof(struct core_registers, rax) == sizeof(regs.general),
		"KVM and QEMU have them in the same order");
	*ret = (struct core_cpu){};
	if (vcpu_get_regs(v, &regs, NULL) < 0)
		return;
	memcpy((char *)c + offsetof(struct core_registers, rax), &regs.general, sizeof(regs.general));
	c->cs = segment(&s->cs);
	c->ds = segment(&s->ds);
	c->es = segment(&s->es);
	c->fs = segment(&s->fs);
	c->gs = segment(&s->gs);
	c->ss = segment(&s->ss);
	c->ldt = segment(&s->ldt);
	c->tr = segment(&s->tr);
	c->gdt = table(&s->gdt);
	c->idt = table(&s->idt);
	c->cr[0] = s->cr0;
	c->cr[2] = s->cr2;
	c->cr[3] = s->cr3;
	c->cr[4] = s->cr4;
	ret->efer = s->efer;
	if (vcpu_get_msrs(v, &gs, 1, NULL) == 0 && !gs.refused)
		c->kernel_gs_base = gs.value;
}

/* --- In the control loop ----------------------------------------------------------------------------------------- */

static void answer(struct machine_core *c)
{
	struct core_request *q = TAKE_PTR(c->request);
	const char *file = c->m->config->core;
	char path[PATH_MAX], why[PATH_MAX + 128];

	if (c->ended)
		loop_stop(c->m->loop);
	snprintf(path, sizeof(path), "%.*s%s", (int)(name_in(file) - file), file, c->name);
	if (c->error == 0) {
		free(c->written);
		c->written = strdup(path);
		trace_core_written(c->m->trace, path, c->result.bytes, trace_now_ns() - c->asked_ns,
			c->result.vmcoreinfo ? "VMCOREINFO" : "no VMCOREINFO");
		q->done(q, path, NULL);
		return;
	}
	snprintf(why, sizeof(why), "cannot %s the core %s: %s", c->doing, path,
		c->error == -ECANCELED ? "it was stopped" : strerror(-c->error));
	trace_core_failed(c->m->trace, why);
	q->done(q, NULL, why);
}

static void on_answered(struct loop_source *s, uint32_t events)
{
	struct machine_core *c = container_of(s, struct machine_core, answered);

	if (!wake_take(s->fd) || atomic_load_explicit(&c->state, memory_order_acquire) != CORE_WRITTEN)
		return;
	atomic_store_explicit(&c->state, CORE_IDLE, memory_order_relaxed);
	answer(c);
}

int machine_core(struct machine *m, const char *reason, struct core_request *q)
{
	struct machine_core *c = m->core;

	if (!c)
		return -ENOTSUP;
	if (atomic_load_explicit(&c->state, memory_order_acquire) != CORE_IDLE)
		return -EBUSY;
	c->request = q;
	c->asked_ns = trace_now_ns();
	expand(c->format, reason, c->number = MIN(c->number + 1, NUMBER_MAX), c->name, sizeof(c->name));
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++)
		read_cpu(&m->vm.vcpu[i], &c->cpu[i]);
	atomic_store_explicit(&c->state, CORE_ASKED, memory_order_release);
	wake_send(c->asked.fd);
	return 0;
}

/* --- On request, while the guest runs ---------------------------------------------------------------------------- */

static void dump_ends(struct machine_core *c, const char *path, const char *why)
{
	struct core_request *q = TAKE_PTR(c->dump);

	machine_release(c->m, &c->hold);
	q->done(q, path, why);
}

static void on_dumped(struct core_request *q, const char *path, const char *why)
{
	dump_ends(container_of(q, struct machine_core, own), path, why);
}

static void on_held(struct hold *h)
{
	struct machine_core *c = container_of(h, struct machine_core, hold);

	if (machine_core(c->m, CORE_REASON_REQUEST, &c->own) < 0)
		dump_ends(c, NULL, "a core is being written already");
}

static void on_refused(struct hold *h, const char *late)
{
	dump_ends(container_of(h, struct machine_core, hold), NULL, "no core: the guest cannot be held still");
}

void machine_dump(struct machine *m, struct core_request *q)
{
	struct machine_core *c = m->core;

	if (!c || c->dump || c->ended) {
		q->done(q, NULL, c ? "a core is being written already" : "there is no --core FILE to write a core to");
		return;
	}
	c->dump = q;
	machine_hold(m, &c->hold);
}

static void on_last(struct core_request *q, const char *path, const char *why)
{
	struct machine_core *c = container_of(q, struct machine_core, last);

	if (asprintf(&c->end, "%s%s", path ? "core written: " : "", path ? path : why) < 0)
		c->end = NULL;
}

/* --- Its life ---------------------------------------------------------------------------------------------------- */

/* What a rename would replace has to be such a file, or a link: no device, no FIFO. */
static int check_old(const struct machine_core *c, const char *file, struct err *e)
{
	struct stat st;

	if (!plain(c->format) || fstatat(c->dir, c->format, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode) ||
		S_ISLNK(st.st_mode))
		return 0;
	return err_operator(e, err_set(e, -EINVAL, "--core %s: not a regular file, which it would replace", file));
}

int machine_core_open(struct machine *m, struct err *e)
{
	const char *file = m->config->core, *name;
	struct machine_core *c;

	if (!file)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_sys(e, -ENOMEM, "--core");
	m->core = c;
	c->m = m;
	c->asked.fd = c->answered.fd = c->dir = c->file = -1;
	name = name_in(file);
	c->format = name;
	c->path = name == file ? strdup(".") : strndup(file, (size_t)(name - file));
	if (!c->path)
		return err_sys(e, -ENOMEM, "--core");
	c->dir = path_open(c->path, O_RDONLY | O_DIRECTORY, 0);
	if (c->dir < 0)
		return err_operator(e, err_sys(e, c->dir, "--core %s: cannot open the directory %s", file, c->path));
	/* Not its path, which may name another one by now. */
	fd_path(c->dir, c->rule);
	c->file = fcntl(c->dir, F_DUPFD_CLOEXEC, 0);
	if (c->file < 0)
		return err_sys(e, -errno, "--core %s", file);
	if (getrandom(&c->secret, sizeof(c->secret), 0) != sizeof(c->secret))
		return err_sys(e, -EIO, "--core: getrandom");
	c->hold = (struct hold){.held = on_held, .refused = on_refused};
	c->own.done = on_dumped;
	c->last.done = on_last;
	return check_old(c, file, e);
}

const char *machine_core_dir(const struct machine *m)
{
	return m->core ? m->core->rule : NULL;
}

const char *machine_core_path(const struct machine *m)
{
	return m->core ? m->core->written : NULL;
}

const char *machine_core_end(const struct machine *m)
{
	return m->core ? m->core->end : NULL;
}

static int add_wake(struct loop *loop, struct loop_source *s, void (*ready)(struct loop_source *s, uint32_t events))
{
	s->ready = ready;
	s->fd = wake_open();
	return s->fd < 0 ? s->fd : loop_add(loop, s, EPOLLIN);
}

int machine_core_init(struct machine *m, struct err *e)
{
	struct machine_core *c = m->core;
	int r;

	if (!c)
		return 0;
	/* As whom we are now, and with what is left of root's rights. */
	if (faccessat(c->dir, ".", W_OK | X_OK, 0) < 0)
		return err_operator(e,
			err_sys(e, -errno, "--core %s: the user that vmm runs as may not make files in %s",
				m->config->core, c->path));
	c->cpu = calloc(m->vm.nr_vcpus, sizeof(*c->cpu));
	r = c->cpu ? core_writer_new(&c->writer) : -ENOMEM;
	if (r == 0)
		r = worker_init(&c->worker, "state", SANDBOX_STATE);
	c->worker.fds.of[SANDBOX_FD_CORES][0] = c->dir;
	c->worker.fds.of[SANDBOX_FD_CORE][0] = c->file;
	if (r == 0)
		r = add_wake(c->worker.loop, &c->asked, on_asked);
	if (r == 0)
		r = add_wake(m->loop, &c->answered, on_answered);
	return r < 0 ? err_sys(e, r, "--core") : 0;
}

int machine_core_start(struct machine *m, struct err *e)
{
	int r = m->core ? worker_start(&m->core->worker, m->sandbox) : 0;

	return r < 0 ? err_sys(e, r, "cannot start the thread that writes cores%s", err_no_thread(r)) : 0;
}

static const char *reason_of(const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_PANIC: return "panic";
	case OUTCOME_CRASH: return v->by == DETECTOR_INTERNAL_ERROR ? "internal-error" : "crash";
	case OUTCOME_FAILURE: return v->by == DETECTOR_ENTRY_FAILED ? "internal-error" : NULL;
	case OUTCOME_HALT: return "halt";
	case OUTCOME_TIMEOUT: return "timeout";
	default: return NULL;
	}
}

bool machine_core_interrupt(struct machine *m)
{
	if (!m->core || !m->core->ended)
		return false;
	atomic_store_explicit(&m->core->stop, true, memory_order_relaxed);
	loop_stop(m->loop);
	return true;
}

/* Until it is there, or somebody stops it. */
static void wait_for_core(struct machine_core *c)
{
	while (c->request && !atomic_load_explicit(&c->stop, memory_order_relaxed))
		if (loop_run(c->m->loop) < 0)
			break;
}

void machine_core_finish(struct machine *m)
{
	const char *reason = reason_of(&m->end.verdict);
	struct machine_core *c = m->core;

	if (!c)
		return;
	c->ended = true;
	/* Who ended the run has no time for one that was asked for before. */
	if (m->end.verdict.outcome == OUTCOME_SIGNAL)
		atomic_store_explicit(&c->stop, true, memory_order_relaxed);
	wait_for_core(c);
	if (reason && !atomic_load_explicit(&c->stop, memory_order_relaxed) && machine_core(m, reason, &c->last) == 0)
		wait_for_core(c);
	if (!worker_stop(&c->worker, trace_now_ns() + STOP_NS))
		trace_device_hangs(m->trace, c->worker.name);
	else
		on_answered(&c->answered, EPOLLIN);
}

bool machine_core_destroy(struct machine_core *c)
{
	if (!c)
		return true;
	/* As that of a disk: what it uses stays. */
	if (!worker_stop(&c->worker, 0))
		return false;
	loop_remove(&c->answered);
	loop_remove(&c->asked);
	wake_close(&c->answered.fd);
	wake_close(&c->asked.fd);
	worker_destroy(&c->worker);
	core_writer_free(c->writer);
	if (c->dir >= 0)
		close(c->dir);
	if (c->file >= 0)
		close(c->file);
	free(c->cpu);
	free(c->path);
	free(c->written);
	free(c->end);
	free(c);
	return true;
}
