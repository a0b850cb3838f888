// SPDX-License-Identifier: Apache-2.0
/*
 * clockwatch STOP: a thread on each CPU reads CLOCK_MONOTONIC without a pause, until the file STOP exists. Then it
 * prints
 *
 *	clock: N CPUs, M million readings, B backwards, longest step S ms
 *
 * B counts readings before one that another thread, or the same, had finished; S is the longest time between two of
 * them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CPUS 64

static _Atomic uint64_t latest, readings, backwards, longest;
static atomic_bool stop;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note_step(uint64_t step)
{
	uint64_t was = atomic_load(&longest);

	while (step > was && !atomic_compare_exchange_weak(&longest, &was, step))
		;
}

static void read_once(void)
{
	uint64_t before = atomic_load(&latest), t = now();

	if (t < before) {
		atomic_fetch_add(&backwards, 1);
		return;
	}
	/* Of two threads, the one that moves it on sees the step. */
	while (before < t && !atomic_compare_exchange_weak(&latest, &before, t))
		;
	if (before < t)
		note_step(t - before);
}

static void *watch(void *arg)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)(uintptr_t)arg, &one);
	sched_setaffinity(0, sizeof(one), &one);
	while (!atomic_load(&stop)) {
		read_once();
		atomic_fetch_add(&readings, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread[CPUS];

	if (argc != 2 || cpus < 1 || cpus > CPUS)
		return 2;
	atomic_store(&latest, now());
	for (long i = 0; i < cpus; i++)
		if (pthread_create(&thread[i], NULL, watch, (void *)(uintptr_t)i))
			return 1;
	while (access(argv[1], F_OK))
		usleep(20000);
	atomic_store(&stop, true);
	for (long i = 0; i < cpus; i++)
		pthread_join(thread[i], NULL);
	printf("clock: %ld CPUs, %.1f million readings, %llu backwards, longest step %llu ms\n", cpus,
		(double)readings / 1e6, (unsigned long long)backwards, (unsigned long long)(longest / 1000000));
	return 0;
}
