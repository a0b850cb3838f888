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
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "vmm/base/clock.h"
#include "vmm/base/wake.h"
#include "vmm/debug/gdb/stub_internal.h"

#define STOP_NS  NSEC_PER_SEC
#define RETRY_NS (200 * NSEC_PER_MSEC)

/* --- The control loop ------------------------------------------------------------------------------------------ */

static void on_control(struct loop_source *s, uint32_t events)
{
	struct gdb_stub *g = container_of(s, struct gdb_stub, control);
	bool hold, release, core, retry;
	unsigned parked = 0;
	enum gdb_end end;

	wake_take(g->control_fd);
	pthread_mutex_lock(&g->lock);
	release = g->want_release;
	core = g->want_core;
	retry = g->want_retry;
	end = g->want_end;
	if (release) {
		parked = g->parked;
		g->parked = 0;
	}
	hold = g->want_hold || g->parked;
	g->want_hold = g->want_release = g->want_core = g->want_retry = false;
	g->want_end = GDB_END_NONE;
	pthread_mutex_unlock(&g->lock);
	if (core)
		g->env.ops->core(g->env.owner);
	if (retry)
		loop_timer_set(&g->retry, RETRY_NS, 0);
	if (release)
		g->env.ops->release(g->env.owner);
	for (; parked; parked--)
		crew_resume(g->env.crew);
	if (hold)
		g->env.ops->hold(g->env.owner);
	if (end != GDB_END_NONE)
		g->env.ops->end(g->env.owner, end);
}

/* Not a timer of the client's thread, whose filter would need a call more for it. */
static void on_retry(struct loop_timer *t)
{
	struct gdb_stub *g = container_of(t, struct gdb_stub, retry);

	pthread_mutex_lock(&g->lock);
	g->accepts = true;
	pthread_mutex_unlock(&g->lock);
	wake_send(g->told_fd);
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

/* --- The client's thread --------------------------------------------------------------------------- */

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
		gdb_stub_let_go(g, NULL);
	} else {
		g->leaving = true;
		gdb_stub_ask(g, &g->want_hold);
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

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* Out of descriptors or memory: the connection would be reported over and over. */
		loop_modify(source, 0);
		gdb_stub_ask(g, &g->want_retry);
		return;
	}
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
		gdb_stub_ask(g, &g->want_hold);
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
		gdb_stub_let_go(g, NULL);
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
		gdb_stub_ask(g, &g->want_hold);
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
	bool held, accepts;

	wake_take(g->told_fd);
	pthread_mutex_lock(&g->lock);
	held = g->held;
	accepts = g->accepts;
	g->accepts = false;
	memcpy(late, g->late, sizeof(late));
	g->late[0] = '\0';
	memcpy(cored, g->cored, sizeof(cored));
	g->cored[0] = '\0';
	pthread_mutex_unlock(&g->lock);
	if (accepts)
		loop_modify(&g->listen, EPOLLIN);
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
	g->target.ops = &gdb_stub_target_ops;
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
		r = loop_timer_init(env->loop, &g->retry, on_retry);
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
		loop_timer_destroy(&g->retry);
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
