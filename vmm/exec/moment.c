// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/moment.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vmm/exec/threads.h"
#include "vmm/exec/timers.h"

/* What of the task goes back. Before it is what does not change or goes back by itself; after it are counters. */
#define FIRST offsetof(struct exec_task, heap)
#define LAST  offsetof(struct exec_task, missing)

static void copy(struct exec_task *to, const struct exec_task *from)
{
	memcpy((char *)to + FIRST, (const char *)from + FIRST, LAST - FIRST);
}

int exec_moment_init(struct exec_task *t)
{
	int r = space_base_init(&t->space);

	return r < 0 ? r : exec_files_base_init(t->files);
}

int exec_moment_mark(struct exec_task *t, struct exec_moment *m)
{
	int r = t->nr_threads == 1 && t->now == &t->main ? exec_thread_save(t, &t->main) : -EBUSY;

	if (r < 0)
		return r;
	space_mark(&t->space);
	exec_files_mark(t->files);
	copy(&m->task, t);
	exec_timers_left(t, m->left);
	return 0;
}

int exec_moment_return(struct exec_task *t, const struct exec_moment *m, const uint64_t *log, uint64_t *ret_pages)
{
	bool timed = t->armed || t->ticking || m->task.armed;
	int r;

	for (unsigned i = 1; i < t->most; i++)
		exec_nth(t, i)->state = EXEC_UNUSED;
	copy(t, &m->task);
	t->end = (struct exec_end){0};
	exec_files_return(t->files);
	*ret_pages = space_return(&t->space, log);
	if (timed)
		exec_timers_again(t, m->left);
	r = exec_thread_load(t, &t->main);
	return r < 0 ? r : t->space.lost;
}
