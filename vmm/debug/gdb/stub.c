// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. vmm/debug/gdb/stub.h says who does what. What crosses threads is under `lock`, and is
 * announced by a wake-up: `control` wakes the owner's control loop, `told` the client's thread.
 *
 * A vCPU that has come to a breakpoint adds a hold of its own to its crew before anybody hears of it, so that it stays
 * where it is whatever happens meanwhile. These holds (`parked`) are given back after the owner's when the guest
 * goes on: by then the breakpoints are in memory again.
 *
 * Two CPUs may come to a breakpoint at once, and gdb hears of one. The other has executed nothing and comes there
 * again. A watchpoint is noticed behind the access, which does not come again: it stays pending, and is what the
 * next resume answers.
 */
#include "vmm/debug/gdb/stub.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "vmm/base/clock.h"
#include "vmm/base/wake.h"
#include "vmm/base/x86.h"
#include "vmm/debug/gdb/memory.h"
#include "vmm/host/broker.h"
#include "vmm/host/worker.h"

#define MSR_KERNEL_GS_BASE 0xc0000102 /* SDM 4, table 2-2 */

/* SDM 3, 17.2.3 */
#define DR6_HIT(n) BIT(n)

#define STOP_NS NSEC_PER_SEC

/**
 * struct cpu - a CPU of the guest
 * @debug: what KVM was asked to watch; changed only while the guest is held
 * @stop: why it has stopped, and has not been reported; under the stub's lock
 */
struct cpu {
	struct vcpu_thread *thread;
	struct kvm_guest_debug debug;
	struct gdb_stop stop;
};

/**
 * struct gdb_stub
 * @waiting: nobody has been there yet, and the guest waits for that
 *
 * Of the client's thread: @client to @nr
 * @stopped: the guest is held, and the client may look at it
 * @begun: the client has been served since it came
 * @leaving: breakpoints of one who has gone are still set
 * @buf: bytes of the client, of which those from @at to @nr have not been taken; @sent: of the session's output
 *
 * Under @lock: the rest
 * @held, @late, @cored: what the owner says
 * @parked: CPUs that hold their crew
 * @want_: what the control loop is asked for
 */
struct gdb_stub {
	struct gdb_target target;
	struct gdb_env env;
	bool waiting;
	bool attached;
	struct broker broker;
	int listen_fd;
	struct worker worker;
	struct cpu *cpu;
	int control_fd, told_fd;
	struct loop_source control, told, listen;

	struct loop_source client;
	struct gdb_session *session;
	bool stopped;
	bool begun;
	bool leaving;
	size_t sent, at, nr;
	uint8_t buf[4096];

	pthread_mutex_t lock;
	bool held;
	char late[32];
	char cored[256];
	unsigned parked;
	bool want_hold, want_release, want_core;
	enum gdb_end want_end;
};

/* --- A vCPU's thread ------------------------------------------------------------------------------------------- */

static struct cpu *cpu_of(struct gdb_stub *g, const struct vcpu_thread *t)
{
	struct cpu *c = g->cpu;

	while (c->thread != t)
		c++;
	return c;
}

/* The INT3 that was executed: is it one of ours? Programs share pages, so it is looked for by where it lies. */
static bool is_software(struct gdb_stub *g, struct cpu *c, uint64_t pc)
{
	unsigned n = (unsigned)(c - g->cpu);
	const struct gmem *mem = g->env.ops->memory(g->env.owner, n);
	struct vcpu_regs regs;
	uint64_t gpa;

	return vcpu_peek_regs(c->thread->vcpu, &regs) == 0 && gdb_translate(mem, &regs, pc, &gpa) == 0 &&
		gdb_software_hit(&g->target.breakpoints, mem, gpa);
}

static struct gdb_stop why(struct gdb_stub *g, struct cpu *c, const struct kvm_debug_exit_arch *x)
{
	struct gdb_stop stop = {.cpu = (unsigned)(c - g->cpu)};
	struct gdb_hardware h;

	if (x->exception == VECTOR_BP) {
		if (is_software(g, c, x->pc))
			stop.why = GDB_WHY_SOFTWARE;
		return stop;
	}
	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++) {
		if (!(x->dr6 & DR6_HIT(i)) || !gdb_hardware_hit(&g->target.breakpoints, i, &h))
			continue;
		stop.address = h.address;
		stop.why = h.type == GDB_HARDWARE   ? GDB_WHY_HARDWARE
			: h.type == GDB_WATCH_WRITE ? GDB_WHY_WATCH
						    : GDB_WHY_ACCESS;
		return stop;
	}
	if (c->debug.control & KVM_GUESTDBG_SINGLESTEP)
		stop.why = GDB_WHY_STEP;
	return stop;
}

void gdb_stub_exit(struct gdb_stub *g, struct vcpu_thread *t)
{
	const struct kvm_debug_exit_arch x = t->vcpu->run->debug.arch;
	struct cpu *c = cpu_of(g, t);
	struct gdb_stop stop = why(g, c, &x);

	if (stop.why == GDB_WHY_NONE) {
		struct kvm_guest_debug debug = c->debug;

		debug.control |= x.exception == VECTOR_BP ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB;
		vcpu_set_debug(t->vcpu, &debug);
		return;
	}
	vcpu_thread_hold(t);
	pthread_mutex_lock(&g->lock);
	c->stop = stop;
	g->parked++;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
	vcpu_thread_kicked(t);
}

/* --- The control loop ------------------------------------------------------------------------------------------ */

static void on_control(struct loop_source *s, uint32_t events)
{
	struct gdb_stub *g = container_of(s, struct gdb_stub, control);
	bool hold, release, core;
	unsigned parked = 0;
	enum gdb_end end;

	wake_take(g->control_fd);
	pthread_mutex_lock(&g->lock);
	release = g->want_release;
	core = g->want_core;
	end = g->want_end;
	if (release) {
		parked = g->parked;
		g->parked = 0;
	}
	hold = g->want_hold || g->parked;
	g->want_hold = g->want_release = g->want_core = false;
	g->want_end = GDB_END_NONE;
	pthread_mutex_unlock(&g->lock);
	if (core)
		g->env.ops->core(g->env.owner);
	if (release)
		g->env.ops->release(g->env.owner);
	for (; parked; parked--)
		crew_resume(g->env.crew);
	if (hold)
		g->env.ops->hold(g->env.owner);
	if (end != GDB_END_NONE)
		g->env.ops->end(g->env.owner, end);
}

void gdb_stub_begin(struct gdb_stub *g)
{
	if (g->waiting)
		g->env.ops->hold(g->env.owner);
}

void gdb_stub_held(struct gdb_stub *g)
{
	pthread_mutex_lock(&g->lock);
	g->held = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->told_fd);
}

void gdb_stub_refused(struct gdb_stub *g, const char *late)
{
	pthread_mutex_lock(&g->lock);
	snprintf(g->late, sizeof(g->late), "%s", late);
	pthread_mutex_unlock(&g->lock);
	wake_send(g->told_fd);
}

void gdb_stub_cored(struct gdb_stub *g, const char *text)
{
	pthread_mutex_lock(&g->lock);
	snprintf(g->cored, sizeof(g->cored), "%s\n", text);
	pthread_mutex_unlock(&g->lock);
	wake_send(g->told_fd);
}

void gdb_stub_lift(struct gdb_stub *g)
{
	if (g)
		gdb_lift(&g->target.breakpoints);
}

void gdb_stub_place(struct gdb_stub *g)
{
	if (g)
		gdb_place(&g->target.breakpoints);
}

/* --- The client's thread: the guest ---------------------------------------------------------------------------- */

static void ask(struct gdb_stub *g, bool *what)
{
	pthread_mutex_lock(&g->lock);
	*what = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

static struct vcpu *vcpu_of(struct gdb_target *t, unsigned cpu)
{
	return container_of(t, struct gdb_stub, target)->cpu[cpu].thread->vcpu;
}

static int read_regs(struct gdb_target *t, unsigned cpu, struct gdb_regs *ret)
{
	struct vcpu *v = vcpu_of(t, cpu);
	int r = vcpu_peek_regs(v, &ret->v);

	if (r == 0)
		r = vcpu_peek_fpu(v, &ret->fpu);
	ret->kernel_gs_base = 0;
	if (r == 0)
		vcpu_peek_msr(v, MSR_KERNEL_GS_BASE, &ret->kernel_gs_base);
	return r;
}

static int write_regs(struct gdb_target *t, unsigned cpu, const struct gdb_regs *regs)
{
	struct vcpu *v = vcpu_of(t, cpu);
	int r = vcpu_poke_regs(v, &regs->v);

	if (r == 0)
		r = vcpu_poke_fpu(v, &regs->fpu);
	if (r == 0)
		vcpu_poke_msr(v, MSR_KERNEL_GS_BASE, regs->kernel_gs_base);
	return r;
}

static const struct gmem *memory_of(struct gdb_target *t, unsigned cpu)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	return g->env.ops->memory(g->env.owner, cpu);
}

static const char *state_of(struct gdb_target *t, unsigned cpu)
{
	return vcpu_state_name(vcpu_of(t, cpu));
}

/* What KVM is to watch on a CPU from its next instruction on. */
static void arm(struct gdb_stub *g, struct cpu *c, enum gdb_how how)
{
	struct kvm_guest_debug debug = {0};
	uint64_t registers[8];

	if (gdb_has_software(&g->target.breakpoints))
		debug.control |= KVM_GUESTDBG_USE_SW_BP;
	if (gdb_debug_registers(&g->target.breakpoints, registers)) {
		debug.control |= KVM_GUESTDBG_USE_HW_BP;
		memcpy(debug.arch.debugreg, registers, sizeof(registers));
	}
	if (how == GDB_STEP)
		debug.control |= KVM_GUESTDBG_SINGLESTEP | (g->env.block_irq ? KVM_GUESTDBG_BLOCKIRQ : 0);
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	if (debug.control || c->debug.control)
		vcpu_set_debug(c->thread->vcpu, &debug);
	c->debug = debug;
	vcpu_thread_freeze(c->thread, how == GDB_STAY);
}

static void let_go(struct gdb_stub *g, const uint8_t *how)
{
	for (unsigned i = 0; i < g->target.nr_cpus; i++)
		arm(g, &g->cpu[i], how ? (enum gdb_how)how[i] : GDB_GO);
	g->stopped = false;
	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < g->target.nr_cpus; i++)
		g->cpu[i].stop.why = GDB_WHY_NONE;
	g->held = false;
	g->want_release = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

static bool is_watched(struct gdb_stub *g, const struct gdb_stop *stop)
{
	struct gdb_hardware h;
	bool is = false;

	for (unsigned i = 0; i < GDB_HARDWARE_MAX; i++)
		is |= gdb_hardware_hit(&g->target.breakpoints, i, &h) && h.address == stop->address &&
			h.type != GDB_HARDWARE;
	return is && (stop->why == GDB_WHY_WATCH || stop->why == GDB_WHY_ACCESS);
}

static bool resume(struct gdb_target *t, const uint8_t *how, struct gdb_stop *ret)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	for (unsigned i = 0; i < t->nr_cpus; i++) {
		struct gdb_stop *stop = &g->cpu[i].stop;

		if (how[i] == GDB_STAY || stop->why == GDB_WHY_NONE || !is_watched(g, stop))
			continue;
		*ret = *stop;
		stop->why = GDB_WHY_NONE;
		return true;
	}
	let_go(g, how);
	return false;
}

static void interrupt(struct gdb_target *t)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	ask(g, &g->want_hold);
}

static void write_core(struct gdb_target *t)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	ask(g, &g->want_core);
}

static void end_run(struct gdb_target *t, enum gdb_end end)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, target);

	pthread_mutex_lock(&g->lock);
	g->want_end = end;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->control_fd);
}

static const struct gdb_target_ops target_ops = {
	.read = read_regs,
	.write = write_regs,
	.memory = memory_of,
	.state = state_of,
	.resume = resume,
	.interrupt = interrupt,
	.end = end_run,
	.core = write_core,
};

/* --- The client's thread: the client --------------------------------------------------------------------------- */

static void leave(struct gdb_stub *g)
{
	bool kills = g->session->kills;

	if (g->client.fd < 0)
		return;
	loop_remove(&g->client);
	close(TAKE_FD(g->client.fd));
	g->begun = false;
	trace_gdb_left(g->env.trace);
	if (kills)
		return;
	if (g->stopped) {
		gdb_clear_all(&g->target.breakpoints);
		let_go(g, NULL);
	} else {
		g->leaving = true;
		ask(g, &g->want_hold);
	}
}

/* Return: false when the client has gone. */
static bool flush(struct gdb_stub *g)
{
	struct gdb_writer *w = &g->session->out;

	while (g->sent < w->len) {
		ssize_t n = send(g->client.fd, w->data + g->sent, w->len - g->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			leave(g);
			return false;
		}
		g->sent += (size_t)n;
	}
	g->sent = w->len = 0;
	return true;
}

/* Until there is nothing more, or a reply that does not go out at once; and then waits for more, or for room. */
static void serve(struct gdb_stub *g)
{
	struct gdb_session *s = g->session;

	if (!flush(g))
		return;
	while (!s->out.len && g->at < g->nr) {
		g->at += gdb_session_input(s, g->buf + g->at, g->nr - g->at);
		if (!flush(g))
			return;
		if (s->left) {
			leave(g);
			return;
		}
	}
	loop_modify(&g->client, s->out.len ? EPOLLOUT : EPOLLIN);
}

static void on_client(struct loop_source *source, uint32_t events)
{
	struct gdb_stub *g = container_of(source, struct gdb_stub, client);
	ssize_t n;

	if (!g->session->out.len && g->at == g->nr) {
		n = recv(g->client.fd, g->buf, sizeof(g->buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			leave(g);
			return;
		}
		g->at = 0;
		g->nr = (size_t)n;
	}
	serve(g);
}

static void begin(struct gdb_stub *g)
{
	g->begun = true;
	g->waiting = false;
	g->sent = g->at = g->nr = 0;
	gdb_session_begin(g->session);
	loop_modify(&g->client, EPOLLIN);
}

static void on_listen(struct loop_source *source, uint32_t events)
{
	struct gdb_stub *g = container_of(source, struct gdb_stub, listen);
	int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (g->client.fd >= 0) {
		trace_gdb_refused(g->env.trace);
		close(fd);
		return;
	}
	g->client.fd = fd;
	if (loop_add(g->worker.loop, &g->client, 0) < 0) {
		close(TAKE_FD(g->client.fd));
		return;
	}
	trace_gdb_attached(g->env.trace);
	if (g->stopped)
		begin(g);
	else
		ask(g, &g->want_hold);
}

/* What of several CPUs gdb hears first: the one that it steps, so that it knows the step as done. */
static struct gdb_stop pick(struct gdb_stub *g)
{
	static const enum gdb_why order[] = {
		GDB_WHY_STEP, GDB_WHY_WATCH, GDB_WHY_ACCESS, GDB_WHY_SOFTWARE, GDB_WHY_HARDWARE};
	struct gdb_stop stop = {.why = GDB_WHY_INTERRUPT, .cpu = g->session->stop.cpu};
	bool found = false;

	pthread_mutex_lock(&g->lock);
	for (size_t o = 0; o < ARRAY_SIZE(order); o++) {
		for (unsigned i = 0; i < g->target.nr_cpus && !found; i++) {
			if (g->cpu[i].stop.why != order[o])
				continue;
			stop = g->cpu[i].stop;
			g->cpu[i].stop.why = GDB_WHY_NONE;
			found = true;
		}
	}
	pthread_mutex_unlock(&g->lock);
	return stop;
}

static void on_stopped(struct gdb_stub *g)
{
	struct gdb_stop stop = pick(g);

	g->stopped = true;
	if (g->leaving)
		gdb_clear_all(&g->target.breakpoints);
	g->leaving = false;
	if (g->client.fd < 0 && !g->waiting) {
		let_go(g, NULL);
	} else if (g->client.fd >= 0 && !g->begun) {
		begin(g);
	} else if (g->client.fd >= 0) {
		trace_gdb_stopped(g->env.trace, stop.cpu);
		gdb_session_stopped(g->session, &stop);
		serve(g);
	}
}

static void on_late(struct gdb_stub *g, const char *late)
{
	char text[sizeof(g->late) + 80];
	bool again;

	pthread_mutex_lock(&g->lock);
	again = g->parked || g->leaving || !g->begun;
	pthread_mutex_unlock(&g->lock);
	if (again) {
		ask(g, &g->want_hold);
		return;
	}
	snprintf(text, sizeof(text), "vmm: the guest goes on: %s has not finished what it does\n", late);
	gdb_session_say(g->session, text);
	serve(g);
}

static void on_told(struct loop_source *source, uint32_t events)
{
	struct gdb_stub *g = container_of(source, struct gdb_stub, told);
	char late[sizeof(g->late)], cored[sizeof(g->cored)];
	bool held;

	wake_take(g->told_fd);
	pthread_mutex_lock(&g->lock);
	held = g->held;
	memcpy(late, g->late, sizeof(late));
	g->late[0] = '\0';
	memcpy(cored, g->cored, sizeof(cored));
	g->cored[0] = '\0';
	pthread_mutex_unlock(&g->lock);
	if (cored[0] && g->begun) {
		gdb_session_cored(g->session, cored);
		serve(g);
	}
	if (late[0])
		on_late(g, late);
	else if (held && !g->stopped)
		on_stopped(g);
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

static int listen_unix(struct gdb_stub *g, const struct gdb_address *a, const struct sandbox_as *as, struct err *e)
{
	CLEANUP_FREE char *path = strndup(a->text, a->len);
	int r = path ? broker_start("gdb socket", path, false, as, &g->broker, e) : err_sys(e, -ENOMEM, "--gdb");

	if (r == 0)
		g->listen_fd = g->broker.fd;
	return r;
}

int gdb_stub_open(const char *text, const struct sandbox_as *as, struct gdb_stub **ret, struct err *e)
{
	struct gdb_stub *g = calloc(1, sizeof(*g));
	struct gdb_address a;
	int r = g ? gdb_parse(text, &a, e) : err_sys(e, -ENOMEM, "--gdb");

	if (r < 0) {
		free(g);
		return r;
	}
	g->broker = BROKER_NONE;
	g->listen_fd = g->control_fd = g->told_fd = g->client.fd = -1;
	g->waiting = a.wait;
	g->target.breakpoints = GDB_BREAKPOINTS_NONE;
	pthread_mutex_init(&g->lock, NULL);
	r = a.is_unix ? listen_unix(g, &a, as, e) : gdb_listen_tcp(&a, &g->listen_fd, e);
	if (r < 0) {
		gdb_stub_close(g);
		return err_operator(e, r);
	}
	*ret = g;
	return 0;
}

static int watch(struct loop *loop, struct loop_source *s, int fd, void (*ready)(struct loop_source *, uint32_t))
{
	*s = (struct loop_source){.fd = fd, .ready = ready};
	return fd < 0 ? fd : loop_add(loop, s, EPOLLIN);
}

bool gdb_blocks_irq(struct kvm *kvm)
{
	return kvm_check(kvm, KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ;
}

int gdb_stub_attach(struct gdb_stub *g, const struct gdb_env *env, struct err *e)
{
	struct vcpu_thread *t = env->crew->first;
	int r;

	g->env = *env;
	g->target.ops = &target_ops;
	g->target.nr_cpus = env->crew->nr;
	g->cpu = calloc(g->target.nr_cpus, sizeof(*g->cpu));
	g->session = g->cpu ? gdb_session_new(&g->target) : NULL;
	if (!g->session)
		return err_sys(e, -ENOMEM, "--gdb");
	for (struct cpu *c = g->cpu; t; t = t->next, c++)
		c->thread = t;
	r = worker_init(&g->worker, "gdb", SANDBOX_GDB);
	g->attached = true;
	g->control_fd = wake_open();
	g->told_fd = wake_open();
	g->client.ready = on_client;
	if (r == 0)
		r = watch(env->loop, &g->control, g->control_fd, on_control);
	if (r == 0)
		r = watch(g->worker.loop, &g->told, g->told_fd, on_told);
	if (r == 0)
		r = watch(g->worker.loop, &g->listen, g->listen_fd, on_listen);
	return r < 0 ? err_sys(e, r, "--gdb") : 0;
}

int gdb_stub_start(struct gdb_stub *g, struct sandbox *sandbox, struct err *e)
{
	int r = worker_start(&g->worker, sandbox);

	return r < 0 ? err_sys(e, r, "cannot start the thread of --gdb%s", err_no_thread(r)) : 0;
}

void gdb_stub_stop(struct gdb_stub *g, int status)
{
	struct gdb_writer *w;

	if (!g || !g->attached || !worker_stop(&g->worker, trace_now_ns() + STOP_NS))
		return;
	gdb_stub_lift(g);
	w = &g->session->out;
	if (g->client.fd < 0 || w->len)
		return;
	gdb_session_exited(g->session, (unsigned)status);
	/* A courtesy: a client that does not take it sees its connection end. */
	if (w->len && send(g->client.fd, w->data, w->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
}

void gdb_stub_close(struct gdb_stub *g)
{
	if (!g)
		return;
	if (g->attached) {
		loop_remove(&g->control);
		worker_destroy(&g->worker);
	}
	if (g->client.fd >= 0)
		close(g->client.fd);
	if (g->listen_fd >= 0 && g->listen_fd != g->broker.fd)
		close(g->listen_fd);
	broker_close(&g->broker);
	wake_close(&g->control_fd);
	wake_close(&g->told_fd);
	gdb_session_free(g->session);
	free(g->cpu);
	pthread_mutex_destroy(&g->lock);
	free(g);
}
