// SPDX-License-Identifier: Apache-2.0
/*
 * Every unit test's eye on locks: a thread gives back only what it has taken, takes nothing twice, and ends with
 * nothing. A forgotten pthread_mutex_lock() would otherwise show only where two threads meet, and a forgotten
 * pthread_mutex_unlock() as a test that hangs.
 *
 * Theory of operation. The linker sends the calls of the program's own objects here (--wrap); those of the C library
 * itself, such as pthread_cond_wait(), which takes the lock again before it returns, are not seen. A key of the thread
 * has a destructor that looks at its end; tests/support/unit.h looks after each test.
 */
#include "tests/support/locks.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 16

static _Thread_local const pthread_mutex_t *held[HELD_MAX];
static _Thread_local unsigned nr_held, nr_taken;

unsigned locks_held(void)
{
	return nr_held;
}

unsigned locks_taken(void)
{
	return nr_taken;
}

static unsigned find(const pthread_mutex_t *m)
{
	unsigned i = 0;

	while (i < nr_held && held[i] != m)
		i++;
	return i;
}

static void broken(const char *what)
{
	fprintf(stderr, "[  FAILED  ] locks: %s\n", what);
	abort();
}

static pthread_key_t at_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_end(void *unused)
{
	if (nr_held)
		broken("kept by a thread that has ended");
}

static void make_key(void)
{
	pthread_key_create(&at_end, on_end);
}

static void taken(const pthread_mutex_t *m)
{
	pthread_once(&once, make_key);
	pthread_setspecific(at_end, held);
	if (nr_held == HELD_MAX)
		broken("more of them than tests/support/locks.c has room for");
	held[nr_held++] = m;
	nr_taken++;
}

int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	int r;

	if (find(m) < nr_held)
		broken("taken by a thread that has it");
	r = __real_pthread_mutex_lock(m);
	if (r == 0)
		taken(m);
	return r;
}

int __real_pthread_mutex_trylock(pthread_mutex_t *m);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *m);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *m)
{
	int r = __real_pthread_mutex_trylock(m);

	if (r == 0)
		taken(m);
	return r;
}

int __real_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	unsigned i = find(m);

	if (i == nr_held)
		broken("given back by a thread that does not have it");
	held[i] = held[--nr_held];
	return __real_pthread_mutex_unlock(m);
}
