// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/holding.h"

#include "vmm/base/trace.h"
#include "vmm/base/util.h"

#define LOOK_FIRST_NS (50 * NSEC_PER_USEC)
#define LOOK_MOST_NS  NSEC_PER_MSEC

static void let_go(struct holding *g, uint64_t stopped_ns)
{
	g->state = HOLDING_NONE;
	g->ops->goes_on(g, stopped_ns);
	crew_resume(g->crew);
}

static void on_held(struct holding *g)
{
	g->held_ns = trace_now_ns();
	g->state = HOLDING_HELD;
	g->ops->stopped(g);
	for (struct hold *h = g->first, *next; h; h = next) {
		next = h->next;
		h->held(h);
	}
}

static void refuse(struct holding *g, const char *late)
{
	struct hold *h = g->first;

	g->first = NULL;
	let_go(g, 0);
	g->ops->refused(g, late);
	while (h) {
		struct hold *next = h->next;

		h->on = false;
		h->refused(h, late);
		h = next;
	}
}

static void look(struct holding *g)
{
	struct vcpu_thread *t = crew_late(g->crew);
	const char *late = t ? g->ops->name(t) : g->ops->late(g);

	if (!late) {
		on_held(g);
	} else if (trace_now_ns() - g->asked_ns >= HOLD_GIVE_UP_NS) {
		refuse(g, late);
	} else {
		loop_timer_set(&g->timer, g->look_ns, 0);
		g->look_ns = MIN(2 * g->look_ns, LOOK_MOST_NS);
	}
}

static void on_timer(struct loop_timer *t)
{
	struct holding *g = container_of(t, struct holding, timer);

	if (g->state == HOLDING_ASKED)
		look(g);
}

int holding_init(struct holding *g, const struct holding_ops *ops, struct crew *crew, struct loop *loop)
{
	g->ops = ops;
	g->crew = crew;
	return loop_timer_init(loop, &g->timer, on_timer);
}

void holding_stop(struct holding *g)
{
	loop_timer_set(&g->timer, 0, 0);
}

void holding_destroy(struct holding *g)
{
	loop_timer_destroy(&g->timer);
}

void holding_ask(struct holding *g, struct hold *h)
{
	if (h->on)
		return;
	h->on = true;
	h->next = g->first;
	g->first = h;
	switch (g->state) {
	case HOLDING_NONE:
		g->state = HOLDING_ASKED;
		g->asked_ns = trace_now_ns();
		g->look_ns = LOOK_FIRST_NS;
		crew_hold(g->crew);
		look(g);
		break;
	case HOLDING_ASKED: break;
	case HOLDING_HELD: h->held(h); break;
	}
}

void holding_release(struct holding *g, struct hold *h)
{
	struct hold **p = &g->first;

	if (!h->on)
		return;
	h->on = false;
	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
	if (!g->first)
		let_go(g, g->state == HOLDING_HELD ? MAX(trace_now_ns() - g->held_ns, 1) : 0);
}
