// SPDX-License-Identifier: Apache-2.0
#include "vmm/bench/lifecycle.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "vmm/bench/lifecycle_internal.h"

/* --- One after the other ------------------------------------------------------------------------------------- */

static int cycle(const struct shared *s, enum lifecycle_who who, uint64_t own, double *ret_us, struct err *e)
{
	uint64_t start = trace_now_ns();
	struct ours g = {.vm.fd = -1};
	struct bare b;
	int r;

	if (who == LIFECYCLE_OURS) {
		r = lifecycle_ours_create(s, own, &g, e);
		if (r == 0)
			r = lifecycle_ours_run(&g, e);
		lifecycle_ours_close(&g);
	} else {
		r = lifecycle_bare_create(s, own, &b, e);
		if (r == 0) {
			r = lifecycle_bare_run(&b, e);
			lifecycle_bare_close(s, &b);
		}
	}
	*ret_us = (double)(trace_now_ns() - start) / 1e3;
	return r;
}

int lifecycle_cycles(struct kvm *kvm, uint64_t own_memory, unsigned count, struct lifecycle_pair *ret, struct err *e)
{
	CLEANUP_FREE double *us = calloc(LIFECYCLE_WHOS * (size_t)count, sizeof(*us));
	CLEANUP(lifecycle_shared_close) struct shared s = {0};
	int r = us ? lifecycle_shared_open(kvm, &s, e) : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned i = 0; r == 0 && i < LIFECYCLE_WHOS * count; i++) {
		/* Who is first changes, too. */
		unsigned n = i / 2, who = (i ^ n) % 2;

		r = cycle(&s, (enum lifecycle_who)who, own_memory, &us[who * count + n], e);
	}
	if (r < 0)
		return r;
	for (unsigned who = 0; who < LIFECYCLE_WHOS; who++)
		ret->who[who] = stats_of(us + who * (size_t)count, count);
	return 0;
}

/* --- Many alive ---------------------------------------------------------------------------------------------- */

static unsigned threads_now(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 2 ? n - 2 : 0;
}

/* A limit of the host is no bug: the message names it. */
static bool is_limit(int code, const struct err *words, unsigned alive, struct err *why)
{
	struct rlimit files = {0};

	switch (code) {
	case -EMFILE:
		getrlimit(RLIMIT_NOFILE, &files);
		err_set(why, code, "no more than %llu open files, and a guest takes two (%s): raise ulimit -Hn",
			(unsigned long long)files.rlim_cur, words->text);
		return true;
	case -ENFILE:
		err_set(why, code, "the host has no more open files than that (%s): see fs.file-max", words->text);
		return true;
	case -ENOMEM:
		err_set(why, code,
			"no more memory or mappings than that (%s): see vm.max_map_count and the host's memory",
			words->text);
		return true;
	case -EAGAIN:
		err_set(why, code, "no more threads than that (%s): KVM starts one for each guest; see ulimit -u",
			words->text);
		return true;
	case -ENOSPC: err_set(why, code, "no more of what KVM has for %u guests (%s)", alive, words->text); return true;
	default: return false;
	}
}

static int revive(const struct shared *s, struct ours *g, struct bare *b, double *ret_us, struct err *e)
{
	uint64_t start = trace_now_ns();
	int r = g ? lifecycle_ours_create(s, 0, g, e) : lifecycle_bare_create(s, 0, b, e);

	if (r == 0)
		r = g ? lifecycle_ours_run(g, e) : lifecycle_bare_run(b, e);
	*ret_us = (double)(trace_now_ns() - start) / 1e3;
	return r;
}

/** struct herd - guests that are closed together; @next is the first pair that nobody has taken */
struct herd {
	const struct shared *s;
	struct ours *ours;
	struct bare *bare;
	unsigned pairs;
	atomic_uint next;
};

static void *close_some(void *arg)
{
	struct herd *h = arg;
	unsigned i;

	while ((i = atomic_fetch_add(&h->next, 1)) < h->pairs) {
		lifecycle_ours_close(&h->ours[i]);
		lifecycle_bare_close(h->s, &h->bare[i]);
	}
	return NULL;
}

/*
 * Whoever closes a VM waits in the kernel for grace periods (SRCU, RCU), some ms of idling for each. They are waited
 * for together when many threads close at once.
 */
static void close_all(struct herd *h)
{
	pthread_t thread[LIFECYCLE_CLOSERS];
	unsigned nr = 0;

	while (nr + 1 < MIN(LIFECYCLE_CLOSERS, h->pairs) && pthread_create(&thread[nr], NULL, close_some, h) == 0)
		nr++;
	close_some(h);
	while (nr > 0)
		pthread_join(thread[--nr], NULL);
}

int lifecycle_alive(struct kvm *kvm, unsigned count, unsigned step,
	void (*row)(const struct lifecycle_row *row, void *arg), void *arg, unsigned *ret_alive, struct err *why,
	uint64_t *close_ns, struct err *e)
{
	unsigned pairs = (count + 1) / 2, threads = threads_now(), alive = 0, fresh[LIFECYCLE_WHOS] = {0};
	CLEANUP_FREE double *us = calloc(LIFECYCLE_WHOS * (size_t)count, sizeof(*us));
	CLEANUP_FREE struct ours *ours = calloc(pairs, sizeof(*ours));
	CLEANUP_FREE struct bare *bare = calloc(pairs, sizeof(*bare));
	CLEANUP(lifecycle_shared_close) struct shared s = {0};
	struct err words = {};
	uint64_t start;
	int r = us && ours && bare ? lifecycle_shared_open(kvm, &s, e) : err_sys(e, -ENOMEM, "cannot set up");

	for (unsigned i = 0; i < pairs && ours && bare; i++) {
		ours[i].vm.fd = -1;
		bare[i] = (struct bare){.vm = -1, .vcpu = -1};
	}
	why->text[0] = '\0';
	start = trace_now_ns();
	while (r == 0 && alive < count) {
		unsigned n = alive / 2, who = (alive ^ n) % 2;
		bool is_ours = who == LIFECYCLE_OURS;

		r = revive(&s, is_ours ? &ours[n] : NULL, &bare[n], &us[who * count + fresh[who]], &words);
		if (r < 0)
			break;
		fresh[who]++;
		alive++;
		if (alive % step && alive != count)
			continue;
		struct lifecycle_row out = {
			.alive = alive, .elapsed_ns = trace_now_ns() - start, .threads = threads_now() - threads};

		for (who = 0; who < LIFECYCLE_WHOS; who++)
			out.pair.who[who] = stats_of(us + who * (size_t)count, fresh[who]);
		memset(fresh, 0, sizeof(fresh));
		row(&out, arg);
	}
	if (r < 0 && words.text[0])
		r = is_limit(r, &words, alive, why) ? 0 : err_set(e, r, "guest %u: %s", alive + 1, words.text);
	start = trace_now_ns();
	if (ours && bare)
		close_all(&(struct herd){.s = &s, .ours = ours, .bare = bare, .pairs = pairs});
	*close_ns = trace_now_ns() - start;
	*ret_alive = alive;
	return r;
}
