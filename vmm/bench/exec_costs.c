// SPDX-License-Identifier: Apache-2.0
#include "vmm/bench/exec_costs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/fdpath.h"
#include "vmm/base/loop.h"
#include "vmm/base/x86.h"
#include "vmm/exec/rounds.h"
#include "vmm/kvm/kvm.h"

#define WARMUP 5
#define MEM    (8 * MIB)

extern const uint8_t exec_costs_guest_start[], exec_costs_guest_end[];

/**
 * struct program - one that is ready
 * @fd: its file, in memory
 */
struct program {
	int fd;
	struct loop *loop;
	struct exec *exec;
};

int exec_costs_api(int *ret, struct err *e)
{
	CLEANUP(kvm_close) struct kvm kvm = {.fd = -1};
	int r = kvm_open(NULL, &kvm, e);

	*ret = kvm.api;
	return r;
}

static void program_close(struct program *p)
{
	exec_destroy(p->exec);
	loop_free(p->loop);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct program){.fd = -1};
}

static int write_program(struct program *p, struct err *e)
{
	size_t size = (size_t)(exec_costs_guest_end - exec_costs_guest_start);

	p->fd = memfd_create("program", MFD_CLOEXEC);
	if (p->fd < 0 || write(p->fd, exec_costs_guest_start, size) != (ssize_t)size)
		return err_sys(e, p->fd < 0 ? -errno : -EIO, "a file in memory");
	return 0;
}

static int program_make(struct program *p, bool keep, struct err *e)
{
	static const struct exec_rounds_ops none;
	static const char *const argv[] = {"program", NULL}, *const envp[] = {NULL};
	char path[FD_PATH_SIZE];
	struct exec_config config = {.path = path,
		.argv = argv,
		.envp = envp,
		.cwd = "/",
		.mem_bytes = MEM,
		.host = {-1, -1, -1},
		.trace_fd = -1,
		.rounds = true};
	int r = loop_new(&p->loop);

	if (r < 0)
		return err_sys(e, r, "cannot set up");
	fd_path(p->fd, path);
	r = exec_open(&config, NULL, p->loop, &p->exec, e);
	if (r == 0)
		r = exec_build(p->exec, e);
	return r == 0 ? exec_rounds_init(p->exec, &none, NULL, 0, keep, e) : r;
}

static double us_since(uint64_t *since)
{
	uint64_t before = *since;

	*since = trace_now_ns();
	return (double)(*since - before) / 1e3;
}

static int open_ready(struct program *p, bool keep, struct err *e)
{
	int r;

	*p = (struct program){.fd = -1};
	r = write_program(p, e);
	if (r == 0)
		r = program_make(p, keep, e);
	if (r == 0)
		r = exec_inline_start(p->exec, e);
	return r == 0 ? exec_inline_mark(p->exec, e) : r;
}

/* --- Life ---------------------------------------------------------------------------------------------------- */

int exec_life_costs(unsigned rounds, struct exec_life *ret, struct err *e)
{
	CLEANUP_FREE double *us = calloc(4 * (size_t)rounds, sizeof(*us));
	int r = us ? 0 : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned i = 0; r == 0 && i < rounds + WARMUP; i++) {
		CLEANUP(program_close) struct program p = {.fd = -1};
		double *to = us + (i < WARMUP ? 0 : i - WARMUP);
		uint64_t at;

		r = write_program(&p, e);
		at = trace_now_ns();
		if (r == 0)
			r = program_make(&p, false, e);
		to[0] = us_since(&at);
		if (r == 0)
			r = exec_inline_start(p.exec, e);
		to[rounds] = us_since(&at);
		if (r == 0)
			r = exec_inline_mark(p.exec, e);
		to[2 * rounds] = us_since(&at);
		program_close(&p);
		to[3 * rounds] = us_since(&at);
	}
	if (r == 0)
		*ret = (struct exec_life){stats_of(us, rounds), stats_of(us + rounds, rounds),
			stats_of(us + 2 * rounds, rounds), stats_of(us + 3 * rounds, rounds)};
	return r;
}

/* --- Calls --------------------------------------------------------------------------------------------------- */

static int answer(struct program *p, uint32_t pages, struct err *e)
{
	return exec_inline_round(p->exec, (const uint8_t *)&pages, sizeof(pages), e);
}

static int go_back(struct program *p, uint32_t least, struct err *e)
{
	uint64_t copied = 0;
	int r = exec_inline_reset(p->exec, &copied, e);

	if (r == 0 && copied < least)
		return err_set(e, -EIO, "%llu pages went back, and %u were written", (unsigned long long)copied, least);
	return r;
}

static int measure_kept(unsigned pages, unsigned rounds, double *us, struct err *e)
{
	CLEANUP(program_close) struct program p;
	int r = open_ready(&p, true, e);

	for (unsigned i = 0; r == 0 && i < rounds + WARMUP; i++) {
		uint64_t at = trace_now_ns();

		r = answer(&p, pages, e);
		us[i < WARMUP ? 0 : i - WARMUP] = us_since(&at);
	}
	return r;
}

static int measure_reset(unsigned pages, unsigned rounds, double *us, struct err *e)
{
	CLEANUP(program_close) struct program p;
	int r = open_ready(&p, false, e);

	for (unsigned i = 0; r == 0 && i < rounds + WARMUP; i++) {
		double *to = us + (i < WARMUP ? 0 : i - WARMUP);
		uint64_t at = trace_now_ns();

		r = answer(&p, pages, e);
		to[0] = us_since(&at);
		if (r == 0)
			r = go_back(&p, pages, e);
		to[rounds] = us_since(&at);
		to[2 * rounds] = to[0] + to[rounds];
	}
	return r;
}

static int measure_floor(unsigned pages, unsigned rounds, double *us, struct err *e)
{
	size_t size = MAX(pages, 1) * PAGE_4K;
	/* As guest memory is: with other offsets in a page, loads would wait for stores to the other one. */
	CLEANUP_FREE uint8_t *from = aligned_alloc(PAGE_4K, size), *to = aligned_alloc(PAGE_4K, size);

	if (!from || !to)
		return err_sys(e, -ENOMEM, "cannot set up");
	memset(from, 1, size);
	memset(to, 0, size);
	for (unsigned i = 0; i < rounds + WARMUP; i++) {
		uint64_t at = trace_now_ns();

		for (unsigned k = 0; k < pages; k++)
			memcpy(to + k * PAGE_4K, from + k * PAGE_4K, PAGE_4K);
		__asm__ volatile("" ::"r"(to) : "memory");
		us[i < WARMUP ? 0 : i - WARMUP] = us_since(&at);
	}
	return 0;
}

int exec_call_costs(unsigned pages, unsigned rounds, struct exec_cost *ret, struct err *e)
{
	CLEANUP_FREE double *us = calloc(5 * (size_t)rounds, sizeof(*us));
	int r = us ? measure_kept(pages, rounds, us, e) : err_sys(e, -ENOMEM, "cannot set up");

	if (r == 0)
		r = measure_reset(pages, rounds, us + rounds, e);
	if (r == 0)
		r = measure_floor(pages, rounds, us + 4 * rounds, e);
	if (r == 0)
		*ret = (struct exec_cost){pages, stats_of(us, rounds), stats_of(us + rounds, rounds),
			stats_of(us + 2 * rounds, rounds), stats_of(us + 3 * rounds, rounds),
			stats_of(us + 4 * rounds, rounds)};
	return r;
}

/* --- Several at once ----------------------------------------------------------------------------------------- */

/** struct worker - @gate: open when it can be locked; @began, @ended: CLOCK_MONOTONIC, ns */
struct worker {
	struct program p;
	pthread_t thread;
	pthread_mutex_t *gate;
	unsigned rounds;
	uint64_t began, ended;
	struct err e;
	int result;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(w->gate);
	pthread_mutex_unlock(w->gate);
	w->began = trace_now_ns();
	for (unsigned i = 0; w->result == 0 && i < w->rounds; i++) {
		w->result = answer(&w->p, 1, &w->e);
		if (w->result == 0)
			w->result = go_back(&w->p, 1, &w->e);
	}
	w->ended = trace_now_ns();
	return NULL;
}

static int run_workers(struct worker *w, unsigned threads, double *ret, struct err *e)
{
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	uint64_t began = UINT64_MAX, ended = 0;
	unsigned started = 0;
	int r = 0;

	pthread_mutex_lock(&gate);
	for (; r == 0 && started < threads; started += r == 0) {
		w[started].gate = &gate;
		r = -pthread_create(&w[started].thread, NULL, work, &w[started]);
		if (r < 0)
			err_sys(e, r, "a thread");
	}
	pthread_mutex_unlock(&gate);
	for (unsigned i = 0; i < started; i++) {
		pthread_join(w[i].thread, NULL);
		began = MIN(began, w[i].began);
		ended = MAX(ended, w[i].ended);
		if (r == 0 && w[i].result < 0) {
			*e = w[i].e;
			r = w[i].result;
		}
	}
	if (r == 0)
		*ret = (double)threads * w->rounds * 1e9 / (double)(ended - began);
	return r;
}

int exec_rate(unsigned threads, unsigned rounds, double *ret, struct err *e)
{
	struct worker w[EXEC_COSTS_THREADS_MAX] = {0};
	unsigned made = 0;
	int r = 0;

	for (; r == 0 && made < threads; made++) {
		w[made].rounds = rounds;
		r = open_ready(&w[made].p, false, e);
	}
	if (r == 0)
		r = run_workers(w, threads, ret, e);
	while (made)
		program_close(&w[--made].p);
	return r;
}
