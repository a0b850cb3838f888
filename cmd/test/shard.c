// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/shard.h"

#include <errno.h>
#include <string.h>

#include "vmm/results/record.h"

#define LONGEST_S 1e9  /* of a test */
#define EACH_US   1000 /* what each test costs besides, so that many of no duration are shared out too */

/* Digits alone, no sign. Return: the first byte after them; NULL: none, or too large. */
static const char *take_number(const char *s, unsigned *ret)
{
	unsigned n = 0;
	const char *begin = s;

	for (; *s >= '0' && *s <= '9' && n <= RECORD_SHARDS_MAX; s++)
		n = 10 * n + (unsigned)(*s - '0');
	*ret = n;
	return s > begin && n && n <= RECORD_SHARDS_MAX ? s : NULL;
}

int shard_parse(const char *text, struct shard *ret, struct err *e)
{
	struct shard s;
	const char *at = take_number(text, &s.k);

	at = at && *at == '/' ? take_number(at + 1, &s.of) : NULL;
	if (!at || *at || s.k > s.of)
		return err_set(e, -EINVAL, "--shard %.40s: K/N, the shards of a run are 1/N to N/N, N at most %d", text,
			RECORD_SHARDS_MAX);
	*ret = s;
	return 0;
}

/* A test of the run: its number, and how long it will take. */
struct load {
	size_t nr;
	uint64_t us;
};

static int longest_first(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	if (x->us != y->us)
		return x->us > y->us ? -1 : 1;
	return x->nr < y->nr ? -1 : 1;
}

/* Whole microseconds, so that each machine has the same sums. */
static void find_loads(struct load *load, const struct runner_job *job, size_t nr, const struct earlier *durations)
{
	uint64_t sum = 0;
	size_t known = 0;
	double s;

	for (size_t i = 0; i < nr; i++) {
		load[i] = (struct load){.nr = i, .us = UINT64_MAX};
		if (!earlier_seconds(durations, job[i].name, job[i].kernel, &s))
			continue;
		load[i].us = s > 0 ? (uint64_t)(MIN(s, LONGEST_S) * 1e6) : 0;
		sum += load[i].us;
		known++;
	}
	for (size_t i = 0; i < nr; i++)
		load[i].us = EACH_US + (load[i].us == UINT64_MAX ? (known ? sum / known : 0) : load[i].us);
}

int shard_assign(const struct runner_job *job, size_t nr, const struct earlier *durations, unsigned of, unsigned *ret)
{
	CLEANUP_FREE struct load *load = calloc(nr + 1, sizeof(*load));
	CLEANUP_FREE uint64_t *has = calloc(of, sizeof(*has));

	if (!load || !has)
		return -ENOMEM;
	find_loads(load, job, nr, durations);
	qsort(load, nr, sizeof(*load), longest_first);
	for (size_t i = 0; i < nr; i++) {
		unsigned least = 0;

		for (unsigned k = 1; k < of; k++)
			if (has[k] < has[least])
				least = k;
		has[least] += load[i].us;
		ret[load[i].nr] = least + 1;
	}
	return 0;
}
