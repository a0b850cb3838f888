// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Regions are few and sorted, so a look-up is a short search. A copy may cross from one region to
 * the next if they are adjacent. RAM that maps the kernel file privately can raise SIGBUS if the file is truncated
 * while the guest runs; copies that touch that window set a per-thread recovery point, to which the signal handler
 * jumps. All other copies only pay for two comparisons.
 */
#include "vmm/base/gmem.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>

#include "vmm/base/util.h"
#include "vmm/base/x86.h"

/* A recovery point belongs to the thread that copies, not to a VM: hence thread-local and not in struct gmem. */
static _Thread_local sigjmp_buf *volatile recovery;

/* A window does not identify its VM: once a file backs RAM of any VM, all copies through windows are guarded. */
static _Atomic bool any_file_window;

COLD int gmem_add(struct gmem *g, const struct gmem_region *r)
{
	size_t at = 0;

	if (!r->size || range_wraps(r->gpa, r->size))
		return -EINVAL;
	if (g->nr == GMEM_REGIONS_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < g->nr; i++)
		if (ranges_overlap(g->region[i].gpa, g->region[i].size, r->gpa, r->size))
			return -EEXIST;
	while (at < g->nr && g->region[at].gpa < r->gpa)
		at++;
	memmove(&g->region[at + 1], &g->region[at], (g->nr - at) * sizeof(g->region[0]));
	g->region[at] = *r;
	g->nr++;
	return 0;
}

/* Return: the bytes from gpa on that are in one region, at most len; 0 when gpa is not RAM. */
static uint64_t window(const struct gmem *g, uint64_t gpa, uint64_t len, uint8_t **ret_host)
{
	for (size_t i = 0; i < g->nr; i++) {
		const struct gmem_region *r = &g->region[i];
		uint64_t offset = gpa - r->gpa;

		if (gpa < r->gpa || offset >= r->size)
			continue;
		*ret_host = (uint8_t *)r->host + offset;
		return MIN(len, r->size - offset);
	}
	return 0;
}

bool gmem_contains(const struct gmem *g, uint64_t gpa, uint64_t len)
{
	uint8_t *host;

	if (range_wraps(gpa, len))
		return false;
	do {
		uint64_t n = window(g, gpa, len ? len : 1, &host);

		if (!n)
			return false;
		if (n >= len)
			return true;
		gpa += n;
		len -= n;
	} while (len);
	return true;
}

uint64_t gmem_size(const struct gmem *g)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < g->nr; i++)
		sum += g->region[i].size;
	return sum;
}

void *gmem_ptr(const struct gmem *g, uint64_t gpa, uint64_t len)
{
	uint8_t *host = NULL;
	uint64_t n = window(g, gpa, len ? len : 1, &host);

	return n && n >= len ? host : NULL;
}

int gmem_iov(const struct gmem *g, uint64_t gpa, uint64_t len, struct iovec *iov, size_t max, size_t *ret_nr)
{
	size_t nr = 0;

	if (range_wraps(gpa, len))
		return -EFAULT;
	while (len) {
		uint8_t *host;
		uint64_t n = window(g, gpa, len, &host);

		if (!n)
			return -EFAULT;
		if (nr == max)
			return -ENOSPC;
		iov[nr++] = (struct iovec){.iov_base = host, .iov_len = n};
		gpa += n;
		len -= n;
	}
	*ret_nr = nr;
	return 0;
}

enum copy_kind { COPY_OUT, COPY_IN, COPY_ZERO };

static void copy_bytes(enum copy_kind kind, uint8_t *host, uint8_t *buf, uint64_t n)
{
	switch (kind) {
	case COPY_OUT: memcpy(buf, host, n); break;
	case COPY_IN: memcpy(host, buf, n); break;
	case COPY_ZERO: memset(host, 0, n); break;
	}
}

static int copy_guarded(enum copy_kind kind, uint8_t *host, uint8_t *buf, uint64_t n)
{
	sigjmp_buf here;

	/* No mask to save: the handler does not return, and runs with nothing blocked (SA_NODEFER). */
	if (sigsetjmp(here, 0)) {
		recovery = NULL;
		return -EFAULT;
	}
	/* The fences keep the compiler from moving the copy out from between the two stores. */
	recovery = &here;
	atomic_signal_fence(memory_order_seq_cst);
	copy_bytes(kind, host, buf, n);
	atomic_signal_fence(memory_order_seq_cst);
	recovery = NULL;
	return 0;
}

static int copy(const struct gmem *g, enum copy_kind kind, uint64_t gpa, uint8_t *buf, uint64_t len)
{
	if (!len)
		return 0;
	if (kind != COPY_OUT && !gmem_contains(g, gpa, len))
		return -EFAULT;
	if (kind != COPY_OUT)
		gmem_mark(g, gpa, len);
	while (len) {
		uint8_t *host;
		uint64_t n = window(g, gpa, len, &host);

		if (!n)
			return -EFAULT;
		if (unlikely(ranges_overlap(gpa, n, g->file_lo, g->file_hi - g->file_lo))) {
			int r = copy_guarded(kind, host, buf, n);

			if (r < 0)
				return r;
		} else {
			copy_bytes(kind, host, buf, n);
		}
		if (buf)
			buf += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

int gmem_read(const struct gmem *g, uint64_t gpa, void *buf, size_t len)
{
	if (range_wraps(gpa, len))
		return -EFAULT;
	return copy(g, COPY_OUT, gpa, buf, len);
}

int gmem_write(const struct gmem *g, uint64_t gpa, const void *buf, size_t len)
{
	/* copy() takes one pointer for both directions; COPY_IN only reads it. */
	return copy(g, COPY_IN, gpa, (uint8_t *)(uintptr_t)buf, len);
}

int gmem_zero(const struct gmem *g, uint64_t gpa, uint64_t len)
{
	return copy(g, COPY_ZERO, gpa, NULL, len);
}

COLD void gmem_mark_pages(const struct gmem *g, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < g->nr && len; i++) {
		const struct gmem_region *r = &g->region[i];
		uint64_t first, last;

		if (!r->written || !ranges_overlap(gpa, len, r->gpa, r->size))
			continue;
		first = (MAX(gpa, r->gpa) - r->gpa) / PAGE_4K;
		last = (MIN(gpa + (len - 1), r->gpa + (r->size - 1)) - r->gpa) / PAGE_4K;
		for (uint64_t n = first; n <= last; n++)
			__atomic_fetch_or(&r->written[n / 64], BIT(n % 64), __ATOMIC_RELAXED);
	}
}

void gmem_window_read(void *buf, const void *window, size_t n)
{
	if (likely(!any_file_window))
		memcpy(buf, window, n);
	else if (copy_guarded(COPY_OUT, (uint8_t *)(uintptr_t)window, buf, n) < 0)
		memset(buf, 0, n);
}

void gmem_window_write(void *window, const void *buf, size_t n)
{
	if (likely(!any_file_window))
		memcpy(window, buf, n);
	else
		copy_guarded(COPY_IN, window, (uint8_t *)(uintptr_t)buf, n);
}

void gmem_window_zero(void *window, size_t n)
{
	if (likely(!any_file_window))
		memset(window, 0, n);
	else
		copy_guarded(COPY_ZERO, window, NULL, n);
}

void gmem_set_file_window(struct gmem *g, uint64_t gpa, uint64_t len)
{
	if (!len)
		return;
	any_file_window = true;
	if (g->file_lo == g->file_hi) {
		g->file_lo = gpa;
		g->file_hi = gpa + len;
		return;
	}
	g->file_lo = MIN(g->file_lo, gpa);
	g->file_hi = MAX(g->file_hi, gpa + len);
}

static COLD void on_sigbus(int sig, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	sigjmp_buf *to = recovery;

	/* A code of 0 or less means that a process sent the signal: it is not a fault of the current copy. */
	if (info->si_code <= 0) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	if (to) {
		/* ThreadSanitizer runs every handler with all signals blocked, in spite of SA_NODEFER. */
		if (WITH_TSAN)
			pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(*to, 1);
	}
	/*
	 * Not a fault of a copy. A sandboxed process may not restore the default action; but a fault whose signal is
	 * blocked ends the process as that action would. So the signal is blocked, and the access repeated.
	 */
	sigaddset(&interrupted->uc_sigmask, sig);
}

COLD int gmem_install_sigbus(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}
