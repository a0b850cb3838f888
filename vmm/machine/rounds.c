// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. What ends a round is noticed by any thread. A vCPU's thread holds itself then, so that its guest
 * does not run on, completes the exit that it is in, and wakes the control loop, which holds the others, resets the
 * machine and undoes these holds. Until the reset the first end counts, and a later one only holds its thread.
 *
 * The guest's clocks go on from the moment when the reset restores them, and KVM's run on while the machine waits for
 * the next input. A machine that has waited for longer than WAITED_NS is therefore reset once more before it goes on.
 */
#include "vmm/machine/rounds.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/base/clock.h"
#include "vmm/base/wake.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/reset.h"

#define WAITED_NS (10 * NSEC_PER_MSEC)

/* What a guest prints to set a mark (vmm/console/timeline.h) */
#define MARK_LINE "vmm-mark="

/**
 * struct machine_rounds
 * @frames: input is a frame
 * @hold: while no round runs
 * @over: wakes the loop: the round has ended; @limit: its timer
 * @began_ns: of the round, 0: none runs; @reset_ns: when the machine was reset last
 * @watch: the guest's output, into @output: @used bytes of ROUND_OUTPUT_MAX; under the console's lock
 * @marked: a line of output was a mark, and is not output; under the console's lock
 * @lock: guards the rest; taken last but for the crew's
 * @ended_ns: 0: it runs
 * @holds: threads that hold themselves
 */
struct machine_rounds {
	struct machine *m;
	const struct rounds_ops *ops;
	void *arg;
	uint64_t limit_ns;
	bool frames;
	struct hold hold;
	struct loop_source over;
	struct loop_timer limit;
	uint64_t began_ns, reset_ns;

	struct console_watch watch;
	uint8_t *output;
	size_t used;
	uint64_t lost;
	bool marked;

	pthread_mutex_t lock;
	struct verdict verdict;
	uint64_t ended_ns;
	unsigned holds;
};

/* --- The end of a round, in any thread ---------------------------------------------------------------------------- */

static void end_round(struct machine_rounds *r, const struct verdict *v)
{
	struct vcpu_thread *self = vcpu_thread_self();
	bool first;

	pthread_mutex_lock(&r->lock);
	first = !r->ended_ns;
	if (first) {
		r->verdict = *v;
		r->ended_ns = trace_now_ns();
	}
	if (self) {
		r->holds++;
		vcpu_thread_hold(self);
		vcpu_request_exit(self->vcpu);
	}
	pthread_mutex_unlock(&r->lock);
	if (first)
		wake_send(r->over.fd);
}

COLD bool machine_rounds_take_end(struct machine *m, const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_NONE:
	case OUTCOME_FAILURE:
	case OUTCOME_SIGNAL:
	case OUTCOME_SNAPSHOT:
	case OUTCOME_ANSWERED:
	case OUTCOME_TIMEOUT: return false; /* that of the whole run */
	default: break;
	}
	if (m->rounds)
		end_round(m->rounds, v);
	return m->rounds;
}

void machine_rounds_mark(struct machine *m)
{
	if (m->rounds)
		end_round(m->rounds, &(struct verdict){.outcome = OUTCOME_NONE});
}

static void on_console_mark(struct console_watch *w, const char *name)
{
	struct machine_rounds *r = container_of(w, struct machine_rounds, watch);

	r->marked = true;
	machine_rounds_mark(r->m);
}

/* The line of the mark, which is the last or, from a device that writes many at once, one of the last @n bytes. */
static void cut_mark(struct machine_rounds *r, size_t n)
{
	size_t from = r->used - n, len = strlen(MARK_LINE);

	while (from && r->output[from - 1] != '\n')
		from--;
	for (size_t at = from; at + len <= r->used; at++)
		if ((at == from || r->output[at - 1] == '\n') && !memcmp(r->output + at, MARK_LINE, len)) {
			r->used = at;
			return;
		}
}

/* After the mark that the same bytes may have. */
static void on_text(struct console_watch *w, const uint8_t *data, size_t n)
{
	struct machine_rounds *r = container_of(w, struct machine_rounds, watch);
	size_t room = ROUND_OUTPUT_MAX - r->used, take = MIN(n, room);
	bool was_marked = r->marked;
	uint64_t ended;

	pthread_mutex_lock(&r->lock);
	ended = r->ended_ns;
	pthread_mutex_unlock(&r->lock);
	if (ended && !was_marked)
		return;
	memcpy(r->output + r->used, data, take);
	r->used += take;
	r->lost += n - take;
	if (was_marked) {
		cut_mark(r, take);
		r->marked = false;
	}
}

/* --- In the control loop ------------------------------------------------------------------------------------------ */

static void on_over(struct loop_source *s, uint32_t events)
{
	struct machine_rounds *r = container_of(s, struct machine_rounds, over);

	if (wake_take(s->fd))
		machine_hold(r->m, &r->hold);
}

static void on_limit(struct loop_timer *t)
{
	end_round(container_of(t, struct machine_rounds, limit),
		&(struct verdict){.outcome = OUTCOME_TIMEOUT, .by = DETECTOR_TIMER});
}

static int reset(struct machine_rounds *r, uint64_t *ret_pages, struct err *e)
{
	int ret = machine_reset(r->m, ret_pages, e);

	if (ret == 0)
		ret = machine_unique(r->m, e);
	if (ret == 0)
		r->reset_ns = trace_now_ns();
	return ret;
}

/* The next guest is another one: nothing that was seen of the last counts for it. */
static void forget(struct machine_rounds *r)
{
	struct machine *m = r->m;

	for (; r->holds; r->holds--)
		crew_resume(&m->crew);
	pthread_mutex_lock(&m->end.lock);
	m->end.panic_ns = 0;
	m->end.failure[0] = '\0';
	pthread_mutex_unlock(&m->end.lock);
	machine_forget_probe(m);
	console_restart(m->console);
}

/* Return: false: the machine is lost. */
static bool finish_round(struct machine_rounds *r)
{
	struct round_end end = {.output = r->output};
	struct err e = {0};
	uint64_t since;

	loop_timer_set(&r->limit, 0, 0);
	end.verdict = r->verdict;
	end.took_ns = r->ended_ns - r->began_ns;
	end.size = r->used;
	end.lost = r->lost;
	since = trace_now_ns();
	if (reset(r, &end.pages, &e) < 0)
		end.refused = e.text;
	else
		forget(r);
	end.reset_ns = end.refused ? 0 : r->reset_ns - since;
	r->began_ns = 0;
	r->ops->ended(r->arg, &end);
	return !end.refused;
}

static void on_held(struct hold *h)
{
	struct machine_rounds *r = container_of(h, struct machine_rounds, hold);

	if (r->began_ns && !finish_round(r))
		r->ops->lost(r->arg);
	else
		r->ops->idle(r->arg);
}

static void on_refused(struct hold *h, const char *late)
{
	machine_failed(container_of(h, struct machine_rounds, hold)->m, "the guest cannot be held still to be reset");
}

uint64_t machine_frame_room(struct machine *m)
{
	uint64_t at;

	return marker_buffer(&m->chips.marker, &at);
}

/* What is not RAM has been refused (marker_buffer()). */
static void give_frame(struct machine *m, const uint8_t *input, size_t n)
{
	uint64_t at, room = marker_buffer(&m->chips.marker, &at);

	n = MIN(n, room);
	gmem_write(&m->vm.memory.gmem, at, input, n);
	marker_give_frame(&m->chips.marker, (uint32_t)n);
}

int machine_round(struct machine *m, const uint8_t *input, size_t n, struct err *e)
{
	struct machine_rounds *r = m->rounds;
	uint64_t pages = 0;
	int ret = trace_now_ns() - r->reset_ns > WAITED_NS ? reset(r, &pages, e) : 0;

	if (ret < 0)
		return ret;
	r->used = 0;
	r->lost = 0;
	r->marked = false;
	r->ended_ns = 0;
	r->began_ns = trace_now_ns();
	if (r->frames)
		give_frame(m, input, n);
	else
		console_feed(m->console, input, n);
	if (r->limit_ns)
		loop_timer_set(&r->limit, r->limit_ns, 0);
	machine_release(m, &r->hold);
	return 0;
}

/* --- Its life ----------------------------------------------------------------------------------------------------- */

int machine_rounds_init(
	struct machine *m, const struct rounds_ops *ops, void *arg, uint64_t limit_ns, bool frames, struct err *e)
{
	struct machine_rounds *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return err_sys(e, -ENOMEM, "no memory for the output of a round");
	m->rounds = r;
	*r = (struct machine_rounds){
		.m = m,
		.ops = ops,
		.arg = arg,
		.limit_ns = limit_ns,
		.frames = frames,
		.hold = {.held = on_held, .refused = on_refused},
		.watch = {.text = on_text, .mark = on_console_mark},
		.over = {.fd = -1, .ready = on_over},
		.output = malloc(ROUND_OUTPUT_MAX),
	};
	pthread_mutex_init(&r->lock, NULL);
	ret = r->output ? loop_timer_init(m->loop, &r->limit, on_limit) : -ENOMEM;
	if (ret == 0)
		ret = r->over.fd = wake_open();
	if (ret >= 0)
		ret = loop_add(m->loop, &r->over, EPOLLIN);
	if (ret < 0)
		return err_sys(e, ret, "cannot set up the rounds of a guest");
	if (frames && !machine_frame_room(m))
		return err_operator(e,
			err_set(e, -EINVAL, "the guest of the snapshot has named no buffer for frames to its marker"));
	console_set_watch(m->console, &r->watch);
	console_feed(m->console, NULL, 0);
	return 0;
}

void machine_rounds_start(struct machine *m)
{
	if (m->rounds)
		machine_hold(m, &m->rounds->hold);
}

void machine_rounds_destroy(struct machine_rounds *r)
{
	if (!r)
		return;
	loop_timer_destroy(&r->limit);
	loop_remove(&r->over);
	wake_close(&r->over.fd);
	pthread_mutex_destroy(&r->lock);
	free(r->output);
	free(r);
}
