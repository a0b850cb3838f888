// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The program's thread notices the end of a round, goes back to the moment by itself, holds its
 * crew of one, wakes the control loop, and is held. So what one of the two writes the other one reads only while the
 * thread is held; @expired alone is for both.
 */
#include "vmm/exec/rounds.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "vmm/base/wake.h"
#include "vmm/exec/internal.h"
#include "vmm/exec/moment.h"
#include "vmm/kvm/dirty.h"

/**
 * struct exec_rounds
 * @slot: of KVM's log, which is @log, a bit for each page of the program's memory
 * @is_inline: there is neither a loop nor a thread of the program's
 * @ready: the program has called vmm_next(); @buf, @room: the last time
 * @out: where the arguments of a function are
 * @expired: the round has taken too long
 * @over: wakes the loop: the program waits; @limit: the timer of a round
 * @function: that the round calls, NULL: it has an input
 * @began_ns: of the round; 0: none has begun yet
 */
struct exec_rounds {
	struct exec *x;
	const struct exec_rounds_ops *ops;
	void *arg;
	uint64_t limit_ns;
	bool keep;
	struct dirty_slot slot[GMEM_REGIONS_MAX];
	size_t nr_slots;
	uint64_t *log;
	struct exec_moment moment;
	struct exec_output output;

	bool is_inline;
	bool ready;
	uint64_t buf;
	uint64_t room;
	uint64_t out[FUNCTION_ARGS_MAX];
	_Atomic bool expired;
	struct loop_source over;
	struct loop_timer limit;
	const uint8_t *input;
	size_t size;
	struct exec_function *function;
	uint64_t began_ns;
	struct exec_round_end end;
	char words[EXEC_WORDS_MAX];
};

/* --- The program's thread ---------------------------------------------------------------------------------- */

static int collect(struct exec_rounds *r, struct err *e)
{
	uint64_t *to = r->log;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < r->nr_slots; i++) {
		ret = dirty_log_collect(r->x->vm.kvm, r->x->vm.fd, &r->slot[i], to, e);
		to += dirty_words(&r->slot[i]);
	}
	return ret;
}

static void unready(struct exec *x, const char *why, unsigned n, const char *then)
{
	x->how = EXEC_UNREADY;
	snprintf(x->words, sizeof(x->words), why, n, then);
}

static void get_ready(struct exec *x)
{
	struct exec_rounds *r = x->rounds;
	struct err e = {0};
	int ret = exec_moment_mark(&x->task, &r->moment);

	if (ret == -EBUSY) {
		unready(x, "called vmm_next() with %u threads%s", x->task.nr_threads, ": it must have one then");
		return;
	}
	if (ret == 0)
		ret = collect(r, &e);
	if (ret < 0)
		exec_failed(x, "cannot keep the program's state: ", strerror(-ret), "");
	r->ready = true;
}

/* All of it has a page from now on. */
static int check_buffer(struct exec_task *t, uint64_t buf, uint64_t size)
{
	int r = size && buf + size > buf ? 0 : -EINVAL;

	for (uint64_t at = buf; r == 0 && at < buf + size; at = align_down(at, PAGE_4K) + PAGE_4K)
		r = space_fault(&t->space, at, SPACE_W);
	return r == -EACCES ? -EFAULT : r;
}

void exec_next(struct exec *x, uint64_t buf, uint64_t size)
{
	struct exec_rounds *r = x->rounds;
	uint64_t room = MIN(size, EXEC_ROUND_INPUT_MAX);
	int ret = r ? check_buffer(&x->task, buf, room) : 0;

	if (x->task.space.empty)
		exec_kill_for_memory(&x->task);
	exec_cpu_return(&x->cpu, (uint64_t)ret);
	if (!r || ret < 0)
		return;
	x->asks = true;
	r->buf = buf;
	r->room = room;
}

static void go_back(struct exec *x)
{
	struct exec_rounds *r = x->rounds;
	uint64_t since = trace_now_ns();
	struct err e = {0};
	int ret = collect(r, &e);

	if (ret == 0)
		ret = exec_moment_return(&x->task, &r->moment, r->log, &r->end.pages);
	if (ret < 0)
		exec_failed(x, "cannot take the program back: ", strerror(-ret), "");
	r->end.reset_ns = trace_now_ns() - since;
}

static void finish(struct exec *x, enum exec_how how)
{
	struct exec_rounds *r = x->rounds;

	r->end = (struct exec_round_end){
		.how = how,
		.value = x->value,
		.words = r->words,
		.took_ns = trace_now_ns() - r->began_ns,
		.output = r->output.data,
		.size = r->output.used,
		.lost = r->output.lost,
	};
	memcpy(r->words, x->words, sizeof(r->words));
	x->how = EXEC_RUNNING;
	x->value = 0;
	x->words[0] = '\0';
	if (!r->keep || how != EXEC_ANSWERED || x->task.nr_threads > 1)
		go_back(x);
}

/* vmm_next() returns. */
static void give_input(struct exec_rounds *r, struct exec_regs *regs)
{
	int written = space_write(&r->x->task.space, r->buf, r->input, r->size);

	regs->rax = written < 0 ? (uint64_t)written : r->size;
}

/*
 * A function is called where the program stands, below what the ABI lets it use below its stack pointer. It returns to
 * an address that nothing can be mapped at. System V ABI, AMD64 supplement, 3.2
 */
static int give_call(struct exec_rounds *r, struct exec_regs *regs)
{
	uint64_t *const to[FUNCTION_ARGS_MAX] = {&regs->rdi, &regs->rsi, &regs->rdx, &regs->rcx, &regs->r8, &regs->r9};
	const struct exec_function *f = r->function;
	struct space *s = &r->x->task.space;
	uint64_t at = regs->rsp - 128, back = SPACE_HIGH;
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < f->nr; i++) {
		const struct exec_arg *a = &f->arg[i];

		at = align_down(at - a->size, 16);
		r->out[i] = at;
		*to[i] = a->size ? at : a->number;
		ret = space_write(s, at, a->data, a->size);
	}
	at = align_down(at, 16) - sizeof(back);
	if (ret == 0)
		ret = space_write(s, at, &back, sizeof(back));
	regs->rax = regs->rbp = 0;
	regs->rsp = at;
	regs->flags = 0;
	regs->rip = f->address + r->x->task.bias;
	return ret;
}

static void begin(struct exec *x)
{
	struct exec_rounds *r = x->rounds;
	struct exec_regs regs;
	int ret = exec_cpu_get_regs(&x->cpu, &regs);

	x->asks = false;
	if (ret == 0 && r->function)
		ret = give_call(r, &regs);
	else if (ret == 0)
		give_input(r, &regs);
	if (ret == 0)
		ret = exec_cpu_set_regs(&x->cpu, &regs);
	if (ret < 0)
		exec_failed(x, "cannot begin a call: ", strerror(-ret), "");
}

bool exec_returned(struct exec *x, const struct exec_exit *at)
{
	struct exec_rounds *r = x->rounds;
	struct exec_regs regs;

	if (!r->function || at->vector != VECTOR_PF || at->rip != SPACE_HIGH || at->address != SPACE_HIGH ||
		exec_cpu_get_regs(&x->cpu, &regs) < 0)
		return false;
	r->function->result = regs.rax;
	for (unsigned i = 0; i < r->function->nr; i++) {
		const struct exec_arg *a = &r->function->arg[i];

		/* What it has unmapped stays as it was. */
		if (a->shown)
			(void)space_read(&x->task.space, r->out[i], a->data, a->size);
	}
	x->asks = true;
	return true;
}

static void wait(struct exec *x)
{
	vcpu_thread_hold(&x->thread);
	wake_send(x->rounds->over.fd);
	vcpu_thread_kicked(&x->thread);
	if (!crew_stopping(&x->crew))
		begin(x);
}

void exec_rounds_step(struct exec *x, const struct exec_exit *at)
{
	struct exec_rounds *r = x->rounds;
	bool expired = r->ready && !at->between && atomic_load(&r->expired);

	if (r->is_inline)
		return;
	/* Of a program whose functions are called, the end of main() is the moment, too. */
	if (x->how == EXEC_EXITED && !r->ready && x->config.calls) {
		trace_call_main_ended(x->trace, x->value);
		x->how = EXEC_RUNNING;
		x->task.end = (struct exec_end){0};
		x->asks = true;
	}
	if (x->how == EXEC_EXITED && !r->ready)
		unready(x, "ended with status %u%s", x->value, " before it called vmm_next()");
	if (x->how == EXEC_RUNNING && !r->ready && x->asks) {
		get_ready(x);
		if (x->how == EXEC_RUNNING)
			wait(x);
		return;
	}
	if (!r->ready || (x->how == EXEC_RUNNING && !x->asks && !expired))
		return;
	if (x->how != EXEC_RUNNING && x->how != EXEC_EXITED && x->how != EXEC_SIGNALED)
		return;
	finish(x, x->how != EXEC_RUNNING ? x->how : x->asks ? EXEC_ANSWERED : EXEC_TIMEOUT);
	if (x->how == EXEC_RUNNING)
		wait(x);
}

/* --- The loop's thread ------------------------------------------------------------------------------------- */

static void on_over(struct loop_source *s, uint32_t events)
{
	struct exec_rounds *r = container_of(s, struct exec_rounds, over);

	if (!wake_take(s->fd))
		return;
	loop_timer_set(&r->limit, 0, 0);
	if (r->began_ns)
		r->ops->ended(r->arg, &r->end);
	r->ops->idle(r->arg);
}

/* A kick before a call that waits would be lost: another one follows. */
static void on_limit(struct loop_timer *t)
{
	struct exec_rounds *r = container_of(t, struct exec_rounds, limit);

	atomic_store(&r->expired, true);
	atomic_store(&r->x->halt, true);
	vcpu_thread_kick(&r->x->thread);
}

uint64_t exec_round_room(const struct exec *x)
{
	return x->rounds->room;
}

static void start(struct exec *x)
{
	struct exec_rounds *r = x->rounds;

	r->output.used = 0;
	r->output.lost = 0;
	atomic_store(&r->expired, false);
	atomic_store(&x->halt, false);
	if (r->limit_ns)
		loop_timer_set(&r->limit, r->limit_ns, EXEC_KICK_AGAIN);
	r->began_ns = trace_now_ns();
	crew_resume(&x->crew);
}

void exec_round(struct exec *x, const uint8_t *input, size_t n)
{
	x->rounds->input = input;
	x->rounds->size = n;
	x->rounds->function = NULL;
	start(x);
}

void exec_round_call(struct exec *x, struct exec_function *f)
{
	x->rounds->function = f;
	start(x);
}

/* --- Without the loop -------------------------------------------------------------------------------------- */

static int inline_error(const struct exec *x, struct err *e)
{
	if (x->how == EXEC_RUNNING)
		return 0;
	return err_set(e, -EIO, "the program has ended (%d)%s%s", x->how, *x->words ? ": " : "", x->words);
}

static int run_inline(struct exec *x, struct err *e)
{
	while (x->how == EXEC_RUNNING && !x->asks) {
		int r = exec_step(x);

		if (r < 0)
			return err_sys(e, r, "KVM_RUN");
	}
	return inline_error(x, e);
}

int exec_inline_start(struct exec *x, struct err *e)
{
	x->rounds->is_inline = true;
	return run_inline(x, e);
}

int exec_inline_mark(struct exec *x, struct err *e)
{
	get_ready(x);
	return inline_error(x, e);
}

int exec_inline_round(struct exec *x, const uint8_t *input, size_t n, struct err *e)
{
	x->rounds->input = input;
	x->rounds->size = n;
	begin(x);
	return run_inline(x, e);
}

int exec_inline_reset(struct exec *x, uint64_t *ret_pages, struct err *e)
{
	go_back(x);
	*ret_pages = x->rounds->end.pages;
	return inline_error(x, e);
}

/* --- Its life ---------------------------------------------------------------------------------------------- */

static int track(struct exec_rounds *r, struct err *e)
{
	const struct gmem *g = &r->x->vm.memory.gmem;
	int ret = 0;

	r->log = calloc(space_base_words(&r->x->task.space), sizeof(*r->log));
	if (!r->log)
		return err_sys(e, -ENOMEM, "no memory to note written pages");
	for (size_t i = 0; ret == 0 && i < g->nr; i++) {
		r->slot[i] = (struct dirty_slot){.slot = (uint32_t)i,
			.gpa = g->region[i].gpa,
			.size = g->region[i].size,
			.host = g->region[i].host};
		r->nr_slots = i + 1;
		ret = dirty_track(r->x->vm.kvm, r->x->vm.fd, &r->slot[i], true, e);
	}
	return ret;
}

static int reserve_output(struct exec_rounds *r)
{
	/* What is not touched takes no memory. */
	void *p = mmap(NULL, EXEC_ROUND_OUTPUT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	r->output = (struct exec_output){.data = p, .room = EXEC_ROUND_OUTPUT_MAX};
	r->x->task.output = &r->output;
	return exec_moment_init(&r->x->task);
}

int exec_rounds_init(
	struct exec *x, const struct exec_rounds_ops *ops, void *arg, uint64_t limit_ns, bool keep, struct err *e)
{
	struct exec_rounds *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return err_sys(e, -ENOMEM, "cannot set up");
	x->rounds = r;
	r->x = x;
	r->ops = ops;
	r->arg = arg;
	r->limit_ns = limit_ns;
	r->keep = keep;
	r->over = (struct loop_source){.fd = -1, .ready = on_over};
	ret = reserve_output(r);
	if (ret == 0)
		ret = loop_timer_init(x->loop, &r->limit, on_limit);
	if (ret == 0)
		ret = r->over.fd = wake_open();
	if (ret >= 0)
		ret = loop_add(x->loop, &r->over, EPOLLIN);
	return ret < 0 ? err_sys(e, ret, "cannot set up the rounds of a program") : track(r, e);
}

void exec_rounds_destroy(struct exec *x)
{
	struct exec_rounds *r = x->rounds;

	if (!r)
		return;
	loop_timer_destroy(&r->limit);
	if (r->over.fd >= 0)
		loop_remove(&r->over);
	wake_close(&r->over.fd);
	if (r->output.data)
		munmap(r->output.data, EXEC_ROUND_OUTPUT_MAX);
	free(r->log);
	free(r);
}
