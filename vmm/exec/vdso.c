// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The page of the time holds for SPAN_NS from the moment when it was written, counted by the TSC.
 * The program's function that finds it older makes the system call, whose answer writes it anew: so no timer keeps it
 * current, a program that does not ask costs nothing, and nothing writes while the program runs. What is wrong with
 * the length of a tick, or happens to the host's clock, matters for SPAN_NS: at 500 ppm, the most that the host's clock
 * is slewed by, half a microsecond, however long the program runs.
 *
 * The time never goes back: the reading of the clock is the older one, so that the page lags by the time between both;
 * and a page begins no earlier than the one before ended.
 */
#include "vmm/exec/vdso.h"

#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "vmm/base/clock.h"

#define SPAN_NS       NSEC_PER_MSEC
#define BASELINE_NS   (100 * NSEC_PER_MSEC) /* for the length of a tick; at first SPAN_NS is enough */
#define BASELINE_MAX  (4 * NSEC_PER_SEC)    /* the host's clock may be slewed by now */
#define APART_MAX     UINT64_C(60000)       /* ticks between the two readings; more: we were interrupted */
#define EXIT_MAX      (UINT64_C(1) << 30)   /* ticks from the program's reading to ours */
#define TRIES         4
#define WALL_SLACK_NS 1000 /* between two readings of two clocks */

/* A tick is 1/10 to 10 ns. */
#define MULT_MIN ((UINT64_C(1) << 32) / 10)
#define MULT_MAX (UINT64_C(10) << 32)

_Static_assert(offsetof(struct exec_vvar, seq) == VVAR_SEQ && offsetof(struct exec_vvar, base) == VVAR_BASE &&
		offsetof(struct exec_vvar, span) == VVAR_SPAN && offsetof(struct exec_vvar, mult) == VVAR_MULT &&
		offsetof(struct exec_vvar, mono) == VVAR_MONO && offsetof(struct exec_vvar, wall) == VVAR_WALL,
	"as the image has it");

uint64_t exec_vdso_map(struct exec_task *t)
{
	uint64_t at = space_find(&t->space, 2 * PAGE_4K, t->top), done = 0, image = at + VVAR_SIZE;
	uint8_t *to;
	size_t n;

	if (!at || space_map(&t->space, at, VVAR_SIZE, SPACE_R, AREA_VDSO) < 0 ||
		space_map(&t->space, image, PAGE_4K, SPACE_R | SPACE_X, AREA_VDSO) < 0)
		return 0;
	for (const uint64_t size = (uint64_t)(exec_vdso_end - exec_vdso); done < size; done += n) {
		if (space_window(&t->space, image + done, size - done, 0, &to, &n) < 0)
			return 0;
		memcpy(to, exec_vdso + done, n);
	}
	t->vdso = (struct exec_vdso){.at = at};
	return image;
}

/* --- The time ----------------------------------------------------------------------------------------------- */

/** struct reading - of all clocks at one moment; @tsc: right after the others */
struct reading {
	uint64_t mono, wall, tsc;
};

/* Return: false: there was always an interruption */
static bool read_clocks(struct reading *r)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();

		r->mono = clock_ns(CLOCK_MONOTONIC);
		r->wall = clock_ns(CLOCK_REALTIME) - r->mono;
		r->tsc = __rdtsc();
		if (r->tsc - before <= APART_MAX)
			return true;
	}
	return false;
}

/* How long is a tick? From here on the baseline is long enough, or begins anew. */
static void measure(struct exec_vdso *v, const struct reading *r)
{
	uint64_t ns = r->mono - v->mono0, ticks = r->tsc - v->tsc0;

	if (!v->tsc0 || r->tsc <= v->tsc0) {
		v->mult = 0;
	} else if (ns < (v->mult ? BASELINE_NS : SPAN_NS)) {
		return;
	} else {
		v->mult = (uint64_t)(((unsigned __int128)ns << 32) / ticks);
		if (v->mult < MULT_MIN || v->mult > MULT_MAX)
			v->mult = 0;
		if (v->mult && ns < BASELINE_MAX)
			return;
	}
	v->tsc0 = r->tsc;
	v->mono0 = r->mono;
}

/* The program may have mapped something else there. */
static struct exec_vvar *page_of(struct exec_task *t)
{
	const struct area *a = space_area(&t->space, t->vdso.at);
	uint8_t *page;
	size_t n;

	if (!a || a->start > t->vdso.at || a->kind != AREA_VDSO ||
		space_window(&t->space, t->vdso.at, sizeof(struct exec_vvar), 0, &page, &n) < 0)
		return NULL;
	return (struct exec_vvar *)(void *)page;
}

void exec_vdso_refresh(struct exec_task *t, uint64_t guest_tsc)
{
	struct exec_vdso *v = &t->vdso;
	struct exec_vvar *page;
	struct reading r;

	if (!v->at || __rdtsc() - guest_tsc > EXIT_MAX || !read_clocks(&r))
		return;
	/* Two threads that have found it old: it is new already. */
	if (r.tsc - v->base < v->span)
		return;
	measure(v, &r);
	page = v->mult ? page_of(t) : NULL;
	if (!page)
		return;
	if (r.wall - v->wall + WALL_SLACK_NS > 2 * WALL_SLACK_NS)
		v->wall = r.wall;
	r.mono = MAX(r.mono, v->end);
	v->end = r.mono + SPAN_NS;
	v->base = r.tsc;
	v->span = (SPAN_NS << 32) / v->mult;
	*page = (struct exec_vvar){++v->seq, v->base, v->span, v->mult, r.mono, v->wall};
}
